"""/api/v1/changes: what a program gets that asks what has changed since it looked last."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.types import ASGIApp

from sidecar.change_history import ChangeHistory
from sidecar.core.history.change_page import ChangePage, Position
from sidecar.core.history.verdict_log import VerdictChange
from sidecar.core.model import State
from sidecar.web.app import create_app
from sidecar.web.change_list import Changes
from tests.web.asking import KEY, app_for, ask, nothing_due
from tests.web.boards import HOSTILE, NOW, bad_morning

BEGAN = NOW - timedelta(hours=12)


def change(minutes: int, member: str = "guest:pve:101", **fields: Any) -> VerdictChange:
    """So many minutes after the process began."""
    given: dict[str, Any] = {
        "member": member,
        "job": "pve/backup/backup-critical",
        "destination": "pbs:main",
        "at": BEGAN + timedelta(minutes=minutes, microseconds=7),
        "state_from": State.LATE,
        "state_to": State.MISSED,
        "cause": "nothing_started",
        "reason": "Due today 04:00, nothing had started by 04:30.",
    }
    return VerdictChange(**{**given, **fields})


def app_with(*changes: VerdictChange) -> ASGIApp:
    history = ChangeHistory(None, BEGAN)
    history.add(changes)
    return app_of(history)


def app_of(changes: Changes) -> ASGIApp:
    board = bad_morning()
    return create_app(
        board=lambda: board, timeline=nothing_due, ready=lambda: True, keys=(KEY,), clock=lambda: NOW, changes=changes
    )


def changes_since(app: ASGIApp, **query: object) -> httpx.Response:
    return ask(app, f"/api/v1/changes?{urlencode({'since': '2026-11-01T00:00:00Z', **query})}")


def test_an_answer_has_what_changed_and_where_to_go_on() -> None:
    answer = changes_since(
        app_with(change(60), change(90, "upkeep:pbs:prune/x", job="", destination="", state_from=None))
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "version": 1,
        "since": "2026-11-01T00:00:00.000000Z",
        "until": "2026-11-23T06:26:00Z",
        "known_since": "2026-11-22T18:26:00Z",
        "changes": [
            {
                "at": "2026-11-22T19:26:00Z",
                "service": "vaultwarden",
                "member": "guest:pve:101",
                "job": "pve/backup/backup-critical",
                "destination": "pbs:main",
                "state_from": "late",
                "state_to": "missed",
                "cause": "nothing_started",
                "reason": "Due today 04:00, nothing had started by 04:30.",
            },
            {
                "at": "2026-11-22T19:56:00Z",
                "service": None,
                "member": "upkeep:pbs:prune/x",
                "job": None,
                "destination": None,
                "state_from": None,
                "state_to": "missed",
                "cause": "nothing_started",
                "reason": "Due today 04:00, nothing had started by 04:30.",
            },
        ],
        "more": False,
        "next": {"since": "2026-11-22T19:56:00.000007Z", "skip": 1},
    }


def test_pages_are_gone_through_with_next() -> None:
    app = app_with(*(change(60 + number // 4, f"guest:pve:{number}") for number in range(10)))
    query: dict[str, object] = {}
    seen, pages = [], 0
    while True:
        answer = changes_since(app, limit=3, **query).json()
        seen += [each["member"] for each in answer["changes"]]
        query, pages = answer["next"], pages + 1
        if not answer["more"]:
            break

    assert seen == [f"guest:pve:{number}" for number in range(10)]
    assert pages == 4
    assert changes_since(app, **query).json()["changes"] == []


def test_no_answer_lists_more_than_a_thousand() -> None:
    app = app_with(*(change(60, f"guest:pve:{number}") for number in range(1_500)))

    assert len(changes_since(app).json()["changes"]) == 100
    assert len(changes_since(app, limit=1000).json()["changes"]) == 1000


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "since is missing"),
        ("since=yesterday", 'since: "yesterday" is not a time'),
        ("since=2026-11-01T00:00:00", "is not a time"),
        ("since=2026-11-01T00:00:00Z&limit=0", 'limit: "0" is not a whole number from 1 to 1000'),
        ("since=2026-11-01T00:00:00Z&limit=1001", "from 1 to 1000"),
        ("since=2026-11-01T00:00:00Z&limit=%D9%A3", "from 1 to 1000"),
        ("since=2026-11-01T00:00:00Z&skip=-1", "skip"),
        ("since=2026-11-01T00:00:00Z&skip=100000", "from 0 to 99999"),
        ("since=2026-11-01T00:00:00Z&since=2026-11-01T00:00:00Z", "given twice"),
        ("since=2026-11-01T00:00:00Z&until=x", 'Unknown parameter "until"; use since, skip, limit.'),
    ],
)
def test_a_query_that_makes_no_sense_is_422_with_words(query: str, words: str) -> None:
    answer = ask(app_with(), f"/api/v1/changes?{query}")

    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_nothing_older_than_400_days_is_asked_for() -> None:
    asked: list[Position] = []

    class Listening(ChangeHistory):
        def page(self, position: Position, until: datetime, most: int) -> ChangePage:
            asked.append(position)
            return super().page(position, until, most)

    answer = changes_since(app_of(Listening(None, NOW)), since="2000-01-01T00:00:00Z", skip=7).json()

    assert asked == [Position(NOW - timedelta(days=400))]
    assert answer["since"] == "2025-10-19T06:26:00.000000Z"


def test_from_the_future_on_nothing_has_changed() -> None:
    answer = changes_since(app_with(change(60)), since="2030-01-01T00:00:00Z").json()

    assert (answer["changes"], answer["more"]) == ([], False)


def test_while_nothing_changes_the_answer_is_304() -> None:
    app = app_with(change(60))
    tag = changes_since(app).headers["etag"]

    assert ask(app, "/api/v1/changes?since=2026-11-01T00:00:00Z", headers={"If-None-Match": tag}).status_code == 304


def test_hostile_reasons_are_only_text() -> None:
    answer = changes_since(app_with(change(60, reason=HOSTILE)))

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["changes"][0]["reason"] == HOSTILE


def test_an_application_that_judges_nothing_knows_of_no_change() -> None:
    answer = changes_since(app_for()).json()

    assert (answer["changes"], answer["known_since"]) == ([], answer["until"])


def test_a_slow_disk_keeps_nobody_from_the_page_and_few_may_wait_for_it() -> None:
    disk = threading.Event()

    class Slow(ChangeHistory):
        def page(self, position: Position, until: datetime, most: int) -> ChangePage:
            disk.wait(30)
            return super().page(position, until, most)

    async def asked() -> tuple[httpx.Response, list[httpx.Response]]:
        transport = httpx.ASGITransport(app=app_of(Slow(None, NOW)))
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://sidecar", headers=headers) as client:
            path = "/api/v1/changes?since=2026-11-01T00:00:00Z"
            waiting = [asyncio.create_task(client.get(path)) for _ in range(10)]
            page = await client.get("/widget")
            disk.set()
            return page, [await answer for answer in waiting]

    page, answers = asyncio.run(asked())
    refused = [answer for answer in answers if answer.status_code == 503]
    assert page.status_code == 200
    assert (len(answers), len(refused)) == (10, 2)
    assert all(answer.headers["retry-after"] == "5" for answer in refused)
