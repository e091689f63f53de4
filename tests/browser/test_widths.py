"""Every view at every width that Glance gives a column (GL-4): nothing scrolls sideways, is cut or too small."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import Browser

from tests.browser.layout import FAULTS
from tests.browser.serving import Sidecar
from tests.web import boards, calendars

pytestmark = pytest.mark.browser

#: Glance's widths, one of a column beside a scroll bar, and both sides of every place where the layout changes.
WIDTHS = [289, 300, 360, 361, 370, 515, 560, 561, 604, 700, 701, 764, 859, 860, 924, 1099, 1100, 1247, 1890]

VIEWS = {
    "table": "",
    "search": "?q=e",
    "line": "?view=line",
    "calendar": "?view=calendar",
    "day": "?view=calendar&day=2026-11-12",
    "history": "?view=history",
    "all": "?view=all",
}


def faults(browser: Browser, address: str, widths: Sequence[int]) -> dict[int, list[str]]:
    """What is wrong with a page in which everything is opened, by width."""
    page = browser.new_page(viewport={"width": 300, "height": 640})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.locator("summary:visible").evaluate_all("all => all.forEach(summary => summary.click())")
    by_width: dict[int, list[str]] = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 640})
        by_width[width] = page.evaluate(FAULTS)
    page.close()
    return {width: measured + complaints for width, measured in by_width.items() if measured + complaints}


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_scrolls_sideways_is_cut_overlaps_or_is_too_small_to_touch(
    browser: Browser, sidecar: Sidecar, view: str
) -> None:
    sidecar.show(boards.bad_morning)

    assert faults(browser, f"{sidecar.address}/widget{VIEWS[view]}", WIDTHS) == {}


def test_the_history_fits(browser: Browser, sidecar: Sidecar) -> None:
    """Of two services: each has 365 days."""
    sidecar.show(lambda: boards.only("vaultwarden", "nextcloud"))

    assert (
        faults(browser, f"{sidecar.address}/widget?view=history", [300, 370, 560, 561, 859, 860, 1099, 1100, 1890])
        == {}
    )


@pytest.mark.parametrize("name", sorted(boards.ALL.keys() - {"bad_morning"}))
def test_any_board_fits_with_its_calendar(browser: Browser, sidecar: Sidecar, name: str) -> None:
    sidecar.show(boards.ALL[name], calendars.hostile(boards.NOW) if name == "hostile" else None)

    assert faults(browser, f"{sidecar.address}/widget?view=all", WIDTHS) == {}


def test_long_names_and_many_parts_fit(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(lambda: boards.many(30))

    assert faults(browser, f"{sidecar.address}/widget", WIDTHS) == {}


def test_a_page_that_does_not_fit_is_detected(browser: Browser) -> None:
    """The looking itself: each fault in one small page."""
    line = "<p class=entry><span style='position:absolute'>over</span>under</p>"
    wide = "<div style='width:9px;white-space:nowrap'>too long</div>"
    body = (
        f"<main style='width:100px;font:13px/1.6 monospace'>{line}{wide}<a href=x>x</a></main><hr style='width:999px'>"
    )

    (complaints,) = faults(browser, f"data:text/html,{body}", [300]).values()

    assert [complaint for complaint in complaints if complaint != "DIV"] == [
        "scrolls sideways",
        "over on under",
        "small: x",
    ]
    assert "DIV" in complaints
