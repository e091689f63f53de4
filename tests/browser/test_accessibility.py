"""Accessible: axe-core finds nothing, the keyboard reaches all of it, and no meaning hangs on colour or motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sidecar.core.model import State
from sidecar.web.theme import Theme, colours
from tests.browser import axe
from tests.browser.serving import Sidecar
from tests.web import boards, themes

pytestmark = pytest.mark.browser

#: Glance's own two, and three of those it documents: dark with saturated colours, and two light ones.
THEMES = ["default-dark", "default-light", "catppuccin-mocha", "catppuccin-latte", "peachy"]

VIEWS = {
    "table": "view=table",
    "search": "q=paper",
    "line": "view=line",
    "calendar with a day opened": "view=calendar&day=2026-11-12",
    "history": "view=history",
}


def open_page(browser: Browser, address: str, width: int = 924, **context: Any) -> Page:
    page = browser.new_context(viewport={"width": width, "height": 640}, **context).new_page()
    page.goto(address)
    return page


def open_everything(page: Page) -> None:
    page.locator("summary").evaluate_all("all => all.filter(e => e.checkVisibility()).forEach(e => e.click())")


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "history"])
def test_axe_finds_nothing(browser: Browser, sidecar: Sidecar, view: str) -> None:
    """A bad morning has all of a good one but the headline and the folded rows."""
    sidecar.show(boards.bad_morning)

    assert violations(browser, f"{sidecar.address}/widget?{VIEWS[view]}") == []


def test_axe_finds_nothing_on_a_good_morning(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(boards.good_morning)

    assert violations(browser, f"{sidecar.address}/widget") == []


def test_axe_finds_nothing_in_the_history(browser: Browser, sidecar: Sidecar) -> None:
    """Of two services: each has 365 days, and axe-core looks at every one."""
    sidecar.show(lambda: boards.only("vaultwarden", "nextcloud"))

    assert violations(browser, f"{sidecar.address}/widget?view=history", widths=[300, 924, 1247]) == []


def test_days_that_were_not_kept_are_named_for_the_keyboard(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(lambda: boards.only("vaultwarden"))
    page = open_page(browser, f"{sidecar.address}/widget?view=history")
    day = page.get_by_text("Sat 14 Nov: failed, 1 of 2 runs kept").last

    expect(day).to_be_hidden()
    page.locator(".past-bad summary").press("Enter")
    expect(day).to_be_visible()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_load_state("networkidle")
    expect(day).to_be_visible()
    page.context.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("view", VIEWS)
def test_text_can_be_read_in_each_theme(browser: Browser, sidecar: Sidecar, view: str, theme: str) -> None:
    """A theme changes colours and nothing else, and colours are the same at any width."""
    sidecar.show(boards.bad_morning if view != "history" else lambda: boards.only("vaultwarden", "nextcloud"))

    address = f"{sidecar.address}/widget?{VIEWS[view]}{themes.query(theme)}"
    assert violations(browser, address, rules="color-contrast", widths=[924]) == []


@pytest.mark.parametrize("name", ["stale", "empty", "hostile"])
def test_axe_finds_nothing_on_a_page_that_shows_all(browser: Browser, sidecar: Sidecar, name: str) -> None:
    sidecar.show(boards.ALL[name])

    assert violations(browser, f"{sidecar.address}/widget?view=all") == []


def test_axe_finds_nothing_on_a_page_with_many_services(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(lambda: boards.crowded(66, 2))

    page = open_page(browser, f"{sidecar.address}/widget", 300)
    assert axe.violations(page) == []
    page.set_viewport_size({"width": 924, "height": 640})
    page.locator(".group > summary", has_text="64 ok").click()
    page.locator(".group > summary", has_text="service-002 – service-033").click()
    assert axe.violations(page) == []
    page.context.close()


@pytest.mark.parametrize("address", ["widget?view=calender", "widget?service=nobody", "no/where"])
def test_axe_finds_nothing_on_the_page_of_an_error(browser: Browser, sidecar: Sidecar, address: str) -> None:
    assert violations(browser, f"{sidecar.address}/{address}") == []


@pytest.mark.parametrize("theme", THEMES)
def test_an_error_can_be_read_in_each_theme(browser: Browser, sidecar: Sidecar, theme: str) -> None:
    address = f"{sidecar.address}/widget?view=calender{themes.query(theme)}"
    assert violations(browser, address, rules="color-contrast", widths=[924]) == []


@pytest.mark.parametrize("width", [300, 924])
@pytest.mark.parametrize("address", ["widget?view=calender", "no//where"])
def test_an_error_is_a_card_that_leads_back_to_the_services(
    browser: Browser, sidecar: Sidecar, address: str, width: int
) -> None:
    sidecar.show(boards.bad_morning)
    page = browser.new_context(viewport={"width": width, "height": 400}).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{sidecar.address}/{address}")
    ground = page.locator("main").evaluate("e => getComputedStyle(e).backgroundColor")
    box = page.locator("svg.mark").bounding_box()

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert (ground, box and box["width"]) == (f"rgb{colours(Theme())['color-widget-background']}", 26)
    assert [text for text in complaints if "status of 4" not in text] == []
    page.get_by_role("link", name="show all services").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("3 of 12 need you", use_inner_text=True)
    page.context.close()


def test_axe_finds_text_that_can_not_be_read(browser: Browser) -> None:
    """The looking itself."""
    page = "<html lang=en><title>x</title><main><h1 style='color:%23999;background:%23888'>grey</h1></main>"

    assert [violation.split(":")[1].strip() for violation in violations(browser, f"data:text/html,{page}")] == [
        "color-contrast"
    ] * 2


def violations(
    browser: Browser, address: str, rules: str | None = None, widths: Sequence[int] = (300, 924)
) -> list[str]:
    """The violations that axe-core finds on a page with everything opened, at the widths of Glance's small and full column.

    ``rules``: only these.
    """
    page, complaints = open_page(browser, address), []
    open_everything(page)
    for width in widths:
        page.set_viewport_size({"width": width, "height": 640})
        complaints += [f"{width}: {violation}" for violation in axe.violations(page, rules=rules)]
    page.context.close()
    return complaints


# --- keyboard -----------------------------------------------------------------------------------------------------------


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim().replace(/\\s+/g, ' ')"))


def tab_through(page: Page) -> list[str]:
    """Everything that the Tab key comes to, from the top, once around."""
    elements: list[str] = []
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            return elements
        elements.append(focused(page))
    raise AssertionError("no way out")


#: How much there is to touch in a view that has little: a line has nothing, and one service is found.
FEWEST = {"line": 0, "search": 6, "history": 6}


@pytest.mark.parametrize("width", [300, 924])
@pytest.mark.parametrize("view", VIEWS)
def test_the_keyboard_reaches_whatever_can_be_touched_in_the_order_of_the_page(
    browser: Browser, sidecar: Sidecar, view: str, width: int
) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, f"{sidecar.address}/widget?{VIEWS[view]}", width)
    reached = tab_through(page)
    shown = page.locator("a, summary, input, button").evaluate_all(
        "all => all.filter(e => e.checkVisibility()).map(e => e.textContent.trim().replace(/\\s+/g, ' '))"
    )

    assert reached == shown
    assert len(reached) >= FEWEST.get(view, 16)
    page.context.close()


@pytest.mark.parametrize("view", VIEWS)
def test_what_has_the_focus_is_outlined(browser: Browser, sidecar: Sidecar, view: str) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, f"{sidecar.address}/widget?{VIEWS[view]}")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        drawn = page.evaluate(
            """() => [null, "::after"].map(part => getComputedStyle(document.activeElement, part))
                 .filter(style => style.outlineStyle === "solid").map(style => style.outlineWidth)"""
        )
        assert drawn == ["2px"], focused(page)
    page.context.close()


@pytest.mark.parametrize("width", [300, 604, 924])
def test_the_exact_times_of_a_row_come_up_on_hover_and_on_focus(browser: Browser, sidecar: Sidecar, width: int) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, f"{sidecar.address}/widget", width)
    row = page.locator(".row", has=page.locator(".name", has_text="vaultwarden"))
    exact = row.locator(".exact")

    expect(exact).to_be_hidden()
    row.locator(".last time").hover()
    expect(exact).to_contain_text("last Sun 22 Nov 2026 04:07:00 CET", use_inner_text=True)
    expect(exact).to_contain_text("next Tue 24 Nov 2026 02:00:00 CET", use_inner_text=True)
    page.mouse.move(0, 0)
    expect(exact).to_be_hidden()
    row.locator("summary").press("Shift")
    expect(exact).to_be_visible()
    box = exact.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] >= 0
    assert box["height"] < 60, "one line for each"
    page.context.close()


def test_the_keyboard_goes_over_the_days_to_the_list(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, f"{sidecar.address}/widget?view=calendar&day=2026-11-12")
    page.get_by_role("link", name="month after").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "skip the days"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert focused(page) == "back to today"
    page.context.close()


# --- for eyes, ears and those whom motion bothers -------------------------------------------------------------------------


def test_services_are_a_table_with_headers(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(boards.bad_morning)
    for width in (300, 924):
        page = open_page(browser, f"{sidecar.address}/widget", width)
        table = page.get_by_role("table", name="services")
        heads = [head.text_content() for head in table.get_by_role("columnheader").all()]
        row = table.get_by_role("row").filter(has=page.get_by_role("rowheader").filter(has_text="paperless"))

        assert heads == ["service", "state", "parts", "last", "kept", "next"]
        expect(row).to_have_count(1)
        expect(row.get_by_role("cell").first).to_have_text("failed", use_inner_text=True)
        page.context.close()


def test_headings_lead_through_the_page(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, f"{sidecar.address}/widget?view=all")
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(e => [e.tagName, e.textContent])")

    assert [text for tag, text in levels if tag == "H1"] == ["3 of 12 need you"]
    assert [text for tag, text in levels if tag == "H2"] == [
        "Besides the services",
        "Services",
        "November 2026",
        "Today and the next 24 hours",
        "Schedule",
    ]
    page.context.close()


def test_every_mark_of_a_row_has_its_word_beside_it(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(boards.every_state)
    page = open_page(browser, f"{sidecar.address}/widget")
    marks = page.locator(".row").evaluate_all(
        """rows => rows.map(row => [row.querySelector("use").getAttribute("href").slice(1),
                                    row.querySelector(".state").textContent])"""
    )

    assert [mark for mark, _ in marks] == [word for _, word in marks] == [str(state) for state in State]
    page.context.close()


@pytest.mark.parametrize(("asked", "moving"), [("reduce", False), ("no-preference", True)])
def test_nothing_moves_for_those_who_asked_for_rest(
    browser: Browser, sidecar: Sidecar, asked: str, *, moving: bool
) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, f"{sidecar.address}/widget?view=all", reduced_motion=asked)

    assert bool(page.evaluate("document.getAnimations().length")) is moving
    page.context.close()


def test_with_forced_colours_marks_are_drawn_in_the_colour_of_text(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, f"{sidecar.address}/widget?view=all", forced_colors="active")
    colours = page.evaluate(
        """() => [document.body, ...document.querySelectorAll(".mark, .run")].map(e => getComputedStyle(e).color)"""
    )
    today = page.locator(".today .day")

    assert set(colours) == {colours[0]}
    assert today.evaluate("e => getComputedStyle(e).borderTopStyle") == "solid"
    page.context.close()
