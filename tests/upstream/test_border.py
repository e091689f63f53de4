"""What comes in from an upstream: no text of its answers keeps our secrets or hides a character, and its names still work."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import pytest

from sidecar.texts.known_secrets import WITHHELD, KnownSecrets
from sidecar.upstream.border import Border
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Upstream
from tests.replies import Replies

SECRET = "5f0c1b2e-77aa-4d3e-9c1f-8ab2d4e6f001"
OTHER = "0123456789abcdef-of-another"
LIST = Call("GET", "/list")
ITEM = Call("GET", "/item/{name}", frozenset({"ns"}))


async def headers(_fresh: bool) -> dict[str, str]:
    return {"Authorization": f"PBSAPIToken=monitor@pbs!glance:{SECRET}"}


def answering(document: object) -> tuple[Upstream, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=document)

    known = KnownSecrets([OTHER])
    return Upstream("pbs", "https://pbs.lan", Trust(), (LIST, ITEM), headers, None, Replies(answer), known), seen


def test_every_text_of_an_answer_is_made_harmless_wherever_it_is_nested() -> None:
    hostile = f"\u202ea {SECRET} b {OTHER[4:17].upper()}\x1b"
    row = {
        "name": hostile,
        "list": [hostile, [hostile, {"deep": hostile}], 1, None],
        hostile: {"/x": hostile},
        "ok": True,
    }
    upstream, _ = answering({"data": [row, hostile]})

    documents: list[Any] = [asyncio.run(upstream.get(LIST)), asyncio.run(upstream.rows(LIST))]
    for document in documents:
        text = json.dumps(document, ensure_ascii=False)
        assert text.count(WITHHELD) == 14
        assert text.isprintable()
        assert SECRET[:12] not in text
        assert "56789" not in text
        assert r"\\u202ea" in text


def test_a_name_is_asked_for_as_the_upstream_wrote_it() -> None:
    names = ["nas\u200b", f"store-{SECRET}", "plain", r"nas\u200b"]
    upstream, seen = answering({"data": names})

    async def ask() -> list[str]:
        listed: list[str] = await upstream.rows(LIST)
        for name in listed:
            await upstream.get(ITEM, {"ns": name}, name=name)
        return listed

    listed = asyncio.run(ask())

    assert listed == [r"nas\u200b", f"store-{WITHHELD}", "plain", r"nas\\u200b"]
    assert [request.url.params["ns"] for request in seen[1:]] == names
    assert [request.url.path for request in seen[1:]] == [f"/item/{name}" for name in names]


def test_by_a_name_that_two_share_nothing_is_asked_for() -> None:
    border = Border(KnownSecrets([SECRET]))
    first, second = border.row([f"a {SECRET}", f"a {SECRET.upper()}"])

    assert first == second == border.as_sent(first) == f"a {WITHHELD}"


def test_what_was_harmless_is_looked_at_again_once_another_secret_is_known() -> None:
    known = KnownSecrets()
    border = Border(known)
    assert border.row([f"a {SECRET}"]) == [f"a {SECRET}"]

    known.add(SECRET)

    assert border.row([f"a {SECRET}"]) == [f"a {WITHHELD}"]


@pytest.mark.parametrize("piece", [f"{SECRET[:11]}%41", "\\u0041", "\u202e", "x"])
def test_no_row_takes_long(piece: str) -> None:
    border = Border(KnownSecrets([SECRET]))
    rows: list[Any] = [[f"{number}{piece * (4000 // len(piece))}" for number in range(250)] for _ in range(3)]
    for row in rows:
        before = time.thread_time()
        border.row(row)
        assert time.thread_time() - before < 0.5


def test_a_deep_answer_is_no_trouble() -> None:
    deep: Any = "end"
    for _ in range(50_000):
        deep = [deep]

    assert isinstance(Border().row(deep), list)
