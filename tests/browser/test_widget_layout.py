"""The page in Debian's Chromium at the widths that Glance gives its columns (GL-4)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import Sidecar
from tests.web import boards

pytestmark = pytest.mark.browser

WIDTHS = [300, 370, 604, 924]


def open_page(browser: Browser, sidecar: Sidecar, width: int, *, height: int = 640) -> Page:
    opened = browser.new_page(viewport={"width": width, "height": height})
    opened.goto(f"{sidecar.address}/widget")
    return opened


@pytest.mark.parametrize("width", WIDTHS)
def test_problem_rows_show_reason_action_and_link_without_opening(
    browser: Browser, sidecar: Sidecar, width: int
) -> None:
    sidecar.board = boards.bad_morning()
    page = open_page(browser, sidecar, width)
    for name, verdict in (("paperless", boards.FAILED), ("vaultwarden", boards.MISSED), ("n8n", boards.NEVER)):
        row = page.locator(".row", has=page.locator(".name", has_text=name))
        assert verdict.reason is not None
        assert verdict.action is not None
        assert verdict.link is not None
        expect(row.get_by_text(verdict.reason)).to_be_visible()
        expect(row.get_by_text(verdict.action)).to_be_visible()
        expect(row.get_by_role("link", name=verdict.link.label)).to_be_visible()
        expect(row.locator(".opened")).to_be_hidden()
    page.close()


def test_a_row_opens_and_closes_by_keyboard(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.board = boards.good_morning()
    page = open_page(browser, sidecar, 924)
    opened = page.locator(".row").first.locator(".opened")
    for _ in ("services", "calendar", "history", "report", "the first row"):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").split()[0] == "vaultwarden"
    page.keyboard.press("Enter")
    expect(opened).to_be_visible()
    expect(opened).to_contain_text("mariadb-main/vaultwarden, daily 02:00", use_inner_text=True)
    page.keyboard.press("Space")
    expect(opened).to_be_hidden()
    page.close()


def test_calm_rows_fold_only_when_it_is_narrow(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.board = boards.good_morning()
    narrow = open_page(browser, sidecar, 300)
    expect(narrow.locator(".row:visible")).to_have_count(5)
    narrow.get_by_text("show 7 more").click()
    expect(narrow.locator(".row:visible")).to_have_count(12)
    narrow.get_by_text("show less").click()
    expect(narrow.locator(".row:visible")).to_have_count(5)
    narrow.close()
    wide = open_page(browser, sidecar, 604)
    expect(wide.locator(".row:visible")).to_have_count(12)
    wide.close()


def test_groups_of_a_long_page_open_by_keyboard_at_any_width_without_a_script(
    browser: Browser, sidecar: Sidecar
) -> None:
    sidecar.board = boards.crowded(200, 3)
    for width in (300, 604, 924):
        context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 640})
        page = context.new_page()
        page.goto(f"{sidecar.address}/widget")
        expect(page.locator(".row:visible")).to_have_count(3)
        expect(page.locator(".row.is-missed:visible")).to_have_count(3)
        page.locator(".row summary").nth(2).focus()
        for key in ("Tab", "Tab", "Enter"):  # past the link of the last row
            page.keyboard.press(key)
        expect(page.locator(".group > summary", has_text="service-003 – service-051")).to_be_visible()
        expect(page.locator(".row:visible")).to_have_count(3)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator(".row:visible")).to_have_count(52)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        expect(page.locator(".row:has-text('service-003') .opened")).to_be_visible()
        page.locator(".group > summary", has_text="197 ok").click()
        expect(page.locator(".row:visible")).to_have_count(3)
        context.close()


def test_columns_stand_below_each_other(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.board = boards.bad_morning()
    page = open_page(browser, sidecar, 764)
    for column in ("name", "state", "parts"):
        assert (
            len(
                set(page.locator(f".row .{column}").evaluate_all("all => all.map(e => e.getBoundingClientRect().left)"))
            )
            == 1
        )
    for column in ("last", "kept", "next"):
        rights = page.locator(f".row .{column}").evaluate_all("all => all.map(e => e.getBoundingClientRect().right)")
        assert len(set(rights)) == 1
    page.close()


def test_the_card_fills_the_frame_and_paints_its_own_ground(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.board = boards.empty()
    page = open_page(browser, sidecar, 300, height=700)
    assert page.evaluate("document.querySelector('main').getBoundingClientRect().height") == 700
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(21, 21, 25)"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.close()
