"""The calendar view in Debian's Chromium at the widths that Glance gives its columns (GL-4)."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import Sidecar
from tests.web import boards

pytestmark = pytest.mark.browser

WIDTHS = [289, 300, 370, 515, 560, 561, 604, 700, 701, 764, 924, 1247]


def open_page(browser: Browser, sidecar: Sidecar, width: int, query: str = "", *, script: bool = True) -> Page:
    context = browser.new_context(viewport={"width": width, "height": 640}, java_script_enabled=script)
    opened = context.new_page()
    opened.goto(f"{sidecar.address}/widget?view=calendar{query}")
    return opened


def box(page: Page, selector: str) -> dict[str, float]:
    rectangle = page.locator(selector).first.bounding_box()
    assert rectangle is not None
    return {"x": rectangle["x"], "y": rectangle["y"], "width": rectangle["width"], "height": rectangle["height"]}


@pytest.fixture
def calm(sidecar: Sidecar) -> Sidecar:
    sidecar.show(boards.good_morning)
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
    beside = [rectangle for rectangle in (due, schedule) if abs(rectangle["y"] - month["y"]) < 40]

    assert len(beside) + 1 == across
    assert (schedule in beside) is (width in (604, 1247))
    assert due["y"] <= schedule["y"] or width == 604
    page.close()


@pytest.mark.parametrize("width", [300, 924])
def test_days_months_and_views_are_reached_without_script(browser: Browser, calm: Sidecar, width: int) -> None:
    page = open_page(browser, calm, width, script=False)
    page.locator("td a", has_text=re.compile(r"Thu 12 Nov")).click()
    expect(page.locator(".due h3")).to_have_text("Thu 12 Nov", use_inner_text=True)
    expect(page.get_by_text("Nothing ran. Good again Fri 13 Nov 04:00.")).to_be_visible()
    page.get_by_text("back to today").click()
    expect(page.get_by_text("now 07:26")).to_be_visible()
    page.get_by_role("link", name="month after").click()
    expect(page.locator(".month h2")).to_have_text("December 2026", use_inner_text=True)
    page.locator(".views a:visible", has_text="services").click()
    expect(page.locator(".row").first).to_be_visible()
    page.locator(".views a:visible", has_text="calendar").click()
    expect(page.locator(".month h2")).to_have_text("November 2026", use_inner_text=True)
    page.context.close()


@pytest.mark.parametrize(("width", "visible"), [(300, False), (370, True), (604, False), (924, True)])
def test_how_far_away_the_next_run_is_drops_out_where_it_is_narrow(
    browser: Browser, calm: Sidecar, width: int, *, visible: bool
) -> None:
    page = open_page(browser, calm, width)

    assert (box(page, ".schedule .ahead")["width"] > 2) is visible
    page.close()
