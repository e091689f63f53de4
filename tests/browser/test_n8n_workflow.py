"""The workflow for n8n, executed: its request goes through Caddy to the sidecar, a browser evaluates its expressions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from sidecar.core.model import HARMLESS, Board, State
from sidecar.web import views
from tests.n8n import Evaluate, Item, N8n
from tests.web import boards
from tests.whole_house import WholeHouse, whole_house

pytestmark = pytest.mark.browser

TRIGGERS = ["Every morning", "By hand"]
LAST = "Your message"
#: Nobody knows this password: n8n gets in by its token alone.
NOBODY = {"name": "nobody", "password_hash": "$2a$04$qxFC/c7j.aj0CADcv5AcV.hBAIQFLeL8KPaxrvEgh2H3rt498RR02"}


@pytest.fixture(scope="module")
def evaluate(browser: Browser) -> Iterator[Evaluate]:
    page = browser.new_page()

    def evaluated(expression: str, item: Item) -> Any:
        return page.evaluate(
            "([expression, item]) => new Function('$json', `return (${expression})`)(item)", [expression, dict(item)]
        )

    yield evaluated
    page.close()


def at_caddy(house: WholeHouse) -> Callable[[httpx.Request], httpx.Response]:
    """Sends what is for backup.lan to this Caddy."""

    def send(request: httpx.Request) -> httpx.Response:
        assert (request.url.scheme, request.url.host) == ("https", "backup.lan")
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        return house.caddy.client.request(request.method, request.url.raw_path.decode(), headers=headers)

    return send


def wait_until_all_is_read(house: WholeHouse, header: tuple[str, str]) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while True:
        status = dict(house.caddy.client.get("/api/v1/status", headers=dict([header])).json())
        if all(source["as_of"] for source in status["sources"]):
            return status
        assert time.monotonic() < deadline
        time.sleep(0.05)


def needs_you(status: dict[str, Any]) -> list[str]:
    """Who is not well, but jobs only where no service shows them."""
    upkeep = [row for row in status["jobs"] if row["kind"] not in ("backup", "dump", "plan")]
    rows = [*status["services"], *upkeep, *status["sources"], *status["datastores"]]
    return [row.get("title") or row["name"] for row in rows if row["state"] not in HARMLESS]


def test_the_workflow_tells_what_the_real_board_says(browser: Browser, evaluate: Evaluate, tmp_path: Path) -> None:
    with whole_house(tmp_path, {"n8n": ["api"]}, caddy={"users": [NOBODY]}) as house:
        header = ("X-Backup-Glance-Token", house.tokens["n8n"])
        status = wait_until_all_is_read(house, header)
        n8n = N8n(header=header, send=at_caddy(house), evaluate=evaluate)
        for trigger in TRIGGERS:
            name, message = n8n.execute(trigger)[-1]

            assert name == LAST
            assert message["title"] == status["overall"]["headline"]
            assert [line.partition(": ")[0] for line in message["text"].splitlines()] == needs_you(status)[:20]
        wrong = N8n(header=(header[0], header[1][:-1] + "x"), send=at_caddy(house), evaluate=evaluate)

        assert [name for name, _ in wrong.execute("By hand")][-2:] == ["No answer", LAST]


def reached(board: Board | dict[str, Any], evaluate: Evaluate) -> list[tuple[str, Item]]:
    answer = board if isinstance(board, dict) else json.loads(json.dumps(views.status(board)))

    def send(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answer, request=request)

    return N8n(header=("X-Backup-Glance-Token", "fake"), send=send, evaluate=evaluate).execute("By hand")


def test_nobody_is_told_that_all_is_well(evaluate: Evaluate) -> None:
    assert reached(boards.good_morning(), evaluate)[-1][0] == "Is something wrong?"


@pytest.mark.parametrize("state", [*State, "a later state", None])
def test_only_a_harmless_state_keeps_it_quiet(state: str | None, evaluate: Evaluate) -> None:
    status = json.loads(json.dumps(views.status(boards.good_morning())))
    status["overall"]["state"] = state

    assert (reached(status, evaluate)[-1][0] == LAST) == (state not in HARMLESS)


def test_the_message_has_one_line_for_each_row_and_is_never_long(evaluate: Evaluate) -> None:
    bad = reached(boards.bad_morning(), evaluate)[-1][1]["text"].splitlines()
    many = reached(boards.crowded(300, 300), evaluate)[-1][1]["text"].splitlines()

    assert len(many) == 20
    assert bad[0].startswith("paperless: ")
    assert len(bad) == len(set(bad))


@pytest.mark.parametrize("answer", [{}, {"hello": 1}, {"overall": None, "services": None}])
def test_an_answer_of_somebody_else_is_told(answer: dict[str, Any], evaluate: Evaluate) -> None:
    assert reached(answer, evaluate)[-1] == (LAST, {"title": "This answer is not from backup-glance", "text": ""})


def test_who_can_not_be_reached_is_told(evaluate: Evaluate) -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    n8n = N8n(header=("X-Backup-Glance-Token", "fake"), send=nobody, evaluate=evaluate)

    assert n8n.execute("By hand")[-1] == (
        LAST,
        {
            "title": "backup-glance did not answer",
            "text": "Whether the backups are well is not known. This execution in n8n shows the error.",
        },
    )
