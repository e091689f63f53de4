"""The calendar view in Debian's Chromium at the widths that Glance gives its columns (glance.md §8)."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.types import Receive, Scope, Send

from sidecar.core.model import Board
from sidecar.core.timeline import Timeline
from sidecar.web.app import create_app
from tests.web import boards, calendars
from tests.web.asking import KEY

pytestmark = pytest.mark.browser

WIDTHS = [289, 300, 370, 515, 560, 561, 604, 700, 701, 764, 924, 1247]


@dataclass
class Sidecar:
    """The real application on loopback, with the key added to each request, as Caddy does."""

    board: Board = field(default_factory=boards.good_morning)
    timeline: Timeline = field(default_factory=lambda: calendars.month(boards.NOW))
    address: str = ""

    def __post_init__(self) -> None:
        self._app = create_app(
            board=lambda: self.board,
            ready=lambda: True,
            keys=(KEY,),
            clock=lambda: boards.NOW,
            timeline=lambda _: self.timeline,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = (b"authorization", f"Bearer {KEY}".encode())
        await self._app({**scope, "headers": [*scope["headers"], key]}, receive, send)


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    served = Sidecar()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(served, fd=listener.fileno(), log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield served
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield started
        started.close()


def open_page(browser: Browser, sidecar: Sidecar, width: int, query: str = "", *, script: bool = True) -> Page:
    context = browser.new_context(viewport={"width": width, "height": 640}, java_script_enabled=script)
    opened = context.new_page()
    opened.goto(f"{sidecar.address}/widget?view=calendar{query}")
    return opened


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found is not None
    return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["good", "hostile"])
def test_nothing_scrolls_sideways_or_breaks_the_policy(
    browser: Browser, sidecar: Sidecar, name: str, width: int
) -> None:
    sidecar.board = boards.hostile() if name == "hostile" else boards.good_morning()
    sidecar.timeline = calendars.hostile(boards.NOW) if name == "hostile" else calendars.month(boards.NOW)
    complaints: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 640})
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{sidecar.address}/widget?view=calendar")

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    page.close()


@pytest.fixture
def calm(sidecar: Sidecar) -> Sidecar:
    sidecar.board = boards.good_morning()
    sidecar.timeline = calendars.month(boards.NOW)
    return sidecar


@pytest.mark.parametrize("width", WIDTHS)
def test_a_day_is_a_cell_of_36_pixels_from_561_up_and_no_smaller_in_a_small_column(
    browser: Browser, calm: Sidecar, width: int
) -> None:
    page = open_page(browser, calm, width)
    day = box(page, ".day")

    assert day["height"] == 36
    assert round(day["width"]) == 36 if width >= 561 else day["width"] >= 34
    assert box(page, ".month")["width"] <= 350
    page.close()


@pytest.mark.parametrize(("width", "across"), [(300, 1), (604, 2), (764, 2), (1247, 3)])
def test_month_list_and_schedule_stand_where_there_is_room(
    browser: Browser, calm: Sidecar, width: int, across: int
) -> None:
    page = open_page(browser, calm, width)
    month, due, schedule = (box(page, f".{name}") for name in ("month", "due", "schedule"))
    beside = [one for one in (due, schedule) if abs(one["y"] - month["y"]) < 40]

    assert len(beside) + 1 == across
    assert (schedule in beside) is (width in (604, 1247))
    assert due["y"] <= schedule["y"] or width == 604
    page.close()


@pytest.mark.parametrize("width", [300, 604, 924])
def test_what_can_be_touched_is_high_enough(browser: Browser, calm: Sidecar, width: int) -> None:
    page = open_page(browser, calm, width, "&day=2026-11-12")
    boxes = [target.bounding_box() for target in page.locator("a:visible").all()]

    assert len(boxes) > 35
    assert min(one["height"] for one in boxes if one) >= 24
    page.close()


@pytest.mark.parametrize("width", [300, 924])
def test_days_months_and_views_are_reached_without_script(browser: Browser, calm: Sidecar, width: int) -> None:
    page = open_page(browser, calm, width, script=False)
    page.locator("td a", has_text=re.compile(r"Thu 12 Nov")).click()
    assert page.locator(".due").inner_text().splitlines()[0] == "Thu 12 Nov"
    assert page.get_by_text("Nothing ran. Good again Fri 13 Nov 04:00.").is_visible()
    page.get_by_text("back to today").click()
    assert page.get_by_text("now 07:26").is_visible()
    page.get_by_role("link", name="month after").click()
    assert page.locator("h2").inner_text() == "December 2026"
    page.locator(".views a:visible", has_text="services").click()
    assert page.locator(".row").first.is_visible()
    page.locator(".views a:visible", has_text="calendar").click()
    assert page.locator("h2").inner_text() == "November 2026"
    page.context.close()


@pytest.mark.parametrize(("width", "visible"), [(300, False), (370, True), (604, False), (924, True)])
def test_how_far_away_the_next_run_is_drops_out_where_it_is_narrow(
    browser: Browser, calm: Sidecar, width: int, *, visible: bool
) -> None:
    page = open_page(browser, calm, width)

    assert (box(page, ".schedule .ahead")["width"] > 2) is visible
    page.close()
