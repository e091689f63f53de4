"""The heights of frames in docs/glance.md: high enough for the documented rows, and not much higher."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from sidecar.core.model import Board, ServiceRow
from tests.browser.serving import Sidecar
from tests.web import boards

pytestmark = pytest.mark.browser

_TEXT = (Path(__file__).parent.parent.parent / "docs" / "glance.md").read_text()

WIDTHS = (300, 604, 924)

#: What is left free below the content at most.
_ROOM = 30


def documented(table: str) -> dict[str, Sequence[int]]:
    """The rows of a table of heights by their first cell."""
    _, _, rest = _TEXT.partition(f"| {table} | 300 px | 604 px | 924 px |\n")
    lines = rest.partition("\n\n")[0].splitlines()[1:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: [int(height) for height in heights] for name, *heights in rows}


def quiet(number: int) -> Board:
    morning = boards.good_morning().services
    rows = [replace(morning[place % 12], name=f"{morning[place % 12].name}-{place}") for place in range(number)]
    return boards.board(rows)


def troubled(number: int) -> Board:
    needing: list[ServiceRow] = [
        boards.service("paperless", boards.guest(104, boards.FAILED), boards.dump("postgres-main/paperless")),
        boards.service("vaultwarden", boards.guest(101, boards.MISSED), boards.dump("mariadb-main/vaultwarden")),
    ]
    return boards.board([*needing, *quiet(number).services[2:]])


@pytest.mark.parametrize(("table", "made"), [("all is well", quiet), ("two need you", troubled)])
def test_documented_heights_fit_the_services(
    browser: Browser, sidecar: Sidecar, table: str, made: Callable[[int], Board]
) -> None:
    rows = documented(table)
    assert list(rows) == ["8 services", "15 services", "30 services"]
    for name, heights in rows.items():
        sidecar.show(partial(made, int(re.sub(r"\D", "", name))))
        _assert_fitting(browser, f"{sidecar.address}/widget", heights)


def test_documented_heights_fit_the_calendar(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(boards.good_morning)
    _assert_fitting(browser, f"{sidecar.address}/widget?view=calendar", documented("the calendar")["any number"])


def _assert_fitting(browser: Browser, address: str, heights: Sequence[int]) -> None:
    for width, height in zip(WIDTHS, heights, strict=True):
        page = browser.new_page(viewport={"width": width, "height": 100})
        page.goto(address)
        needed = page.locator("main").evaluate("card => card.getBoundingClientRect().height")
        assert height - _ROOM <= needed <= height, (address, width, height, needed)
        page.close()
