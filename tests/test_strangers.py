"""Upstreams that repeat every secret they can think of, in every text: no page, no JSON, no log and no ledger shows one."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidecar.board_keeper import BoardKeeper
from sidecar.config import load
from sidecar.credentials import Credentials
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.logs import Redacting
from sidecar.wiring import make_sources
from tests.ledgers import written
from tests.product import Product
from tests.web.asking import app_for, ask

#: Fields with texts that people wrote, or that programs wrote for people.
TEXTS = {
    "comment",
    "notes",
    "name",
    "error_message",
    "displayMessage",
    "t",
    "last-run-state",
    "message",
    "pool",
    "tags",
}
KINDS = ("pbs", "pve", "databasement", "backrest")
HIDDEN = "\u202e\x1b[2J"


def written_otherwise(secret: str) -> Iterator[str]:
    yield secret
    yield secret.upper()
    yield quote(secret, safe="")
    yield html.escape(secret)
    yield "".join(f"&#{ord(letter)};" for letter in secret)
    yield "".join(f"\\u{ord(letter):04x}" for letter in secret)
    for before in ("", "x", "user:"):
        yield base64.b64encode(f"{before}{secret}!".encode()).decode()


class Parrot:
    """Adds secrets to the texts of an upstream's answers, a few forms at a time; and some answers are nothing else."""

    def __init__(self, secrets: list[str]) -> None:
        self.forms = [form for secret in secrets for form in written_otherwise(secret)]
        self.said = 0
        self.refused: tuple[str, ...] = ()

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        status = 200

        async def collect(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            body.extend(message.get("body", b""))

        await app(scope, receive, collect)
        answer: Response = PlainTextResponse(f"no: {self._more()}", 500)
        if not any(part in scope["path"] for part in self.refused):
            answer = JSONResponse(self._with_more(json.loads(bytes(body))), status)
        await answer(scope, receive, send)

    def _more(self) -> str:
        start = self.said * 3 % len(self.forms)
        self.said += 1
        return f"{HIDDEN} {' '.join(self.forms[start : start + 3])}"

    def _with_more(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._with_more(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: f"{item} {self._more()}" if key in TEXTS and isinstance(item, str) else self._with_more(item)
            for key, item in value.items()
        }


Told = Callable[[Parrot], dict[str, str]]


@pytest.fixture
def told(product: Product, tmp_path: Path) -> Told:
    """What is shown and kept, by place, after all upstreams were read."""

    def tell(parrot: Parrot) -> dict[str, str]:
        for kind in KINDS:
            product.rack.break_answer(kind, "/", parrot)
        product.rack.break_answer("backrest", "/v1.Authentication/", _as_it_is)
        product.rack.write_config(product.config)
        config = load.load(product.config)
        credentials, stream = Credentials(None), StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(Redacting(credentials.known))
        logging.getLogger().addHandler(handler)
        ledger = Ledger(tmp_path, product.now)
        keeper = BoardKeeper(config.to_settings(), lambda: product.now, ledger)

        async def read() -> None:
            async with make_sources(config, credentials) as sources:
                for source in [*sources, *sources]:
                    keeper.record(await source.read(lambda: product.now))

        try:
            asyncio.run(read())
            logging.getLogger("sidecar").error("%s", parrot.forms, exc_info=ValueError(f"{HIDDEN} {parrot.forms}"))
        finally:
            logging.getLogger().removeHandler(handler)
        written(ledger)
        ledger.close()
        board = keeper.board
        app = app_for(lambda: board, now=product.now)
        pages = {path: ask(app, path).text for path in ("/widget", "/widget?view=all", "/extension", "/api/v1/status")}
        kept = {path.name: path.read_bytes().decode("latin-1") for path in tmp_path.glob(f"{FILE}*")}
        return {**pages, **kept, "the log": stream.getvalue()}

    return tell


async def _as_it_is(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


@pytest.mark.parametrize(
    "refused", [(), ("/tasks", "/snapshots", "/jobs", "GetOperations"), ("/permissions", "health")]
)
def test_whatever_upstreams_repeat_is_withheld_everywhere(
    product: Product, told: Told, refused: tuple[str, ...]
) -> None:
    secrets = [product.rack.token(kind) for kind in KINDS]
    parrot = Parrot(secrets)
    parrot.refused = refused

    places = told(parrot)

    assert parrot.said > 5
    assert "[withheld]" in places["/api/v1/status"]
    assert r"\u202e" in places["/widget"]
    for place, text in places.items():
        low = text.lower()
        for secret in secrets:
            parts = [secret[start : start + 12] for start in range(len(secret) - 11)] if len(secret) >= 16 else [secret]
            assert [part for part in parts if part.lower() in low] == [], place
        for form in parrot.forms:
            assert form not in text, place
        assert "\u202e" not in text, place
        assert "\x1b" not in text or place.startswith(FILE), place
