"""The widget in a real Glance: docs/glance.yml and docs/glance.Caddyfile as they are, in Debian's Chromium."""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.browser.serving import Sidecar
from tests.glance.page import FRAMES, choose_theme, frames, wait_until_frames_follow
from tests.glance.site import glance_site
from tests.processes import free_port
from tests.web import boards

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def glance(sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with glance_site(free_port(), sidecar.address, tmp_path_factory.mktemp("glance")) as address:
        yield address


@pytest.fixture
def page(browser: Browser, glance: str, sidecar: Sidecar) -> Iterator[Page]:
    """Glance's first page on a bad morning; nobody may have complained by the end of the test."""
    sidecar.show(boards.bad_morning)
    opened = browser.new_context(viewport={"width": 1600, "height": 1200}).new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(glance)
    frames(opened)
    yield opened
    assert complaints == []
    opened.context.close()


def test_both_frames_say_how_things_stand(page: Page) -> None:
    services, calendar = frames(page)

    expect(services.locator("h1")).to_have_text("3 of 12 need you", use_inner_text=True)
    expect(services.locator(".row", has_text="paperless")).to_be_visible()
    expect(calendar.locator("h2", has_text="November 2026")).to_be_visible()


@pytest.mark.parametrize(
    ("viewport", "full", "small"),
    [(1920, 924, 300), (1600, 924, 300), (1440, 764, 300), (1280, 604, 300), (1191, 515, 300), (390, 370, 370), (320, 300, 300)],
)  # fmt: skip
def test_frames_are_as_wide_as_we_lay_out_for(page: Page, viewport: int, full: int, small: int) -> None:
    page.set_viewport_size({"width": viewport, "height": 900})
    for column, expected in enumerate((full, small)):
        if viewport < 1191:  # Narrower than that one column is shown at a time, the full one at first.
            page.locator(".mobile-navigation-pill").nth(column + 1).click()
        shown = page.locator(FRAMES).nth(column)
        shown.wait_for(state="visible")

        assert shown.evaluate("frame => frame.clientWidth") == expected
        assert frames(page)[column].evaluate("document.documentElement.scrollWidth") <= expected


def test_a_frame_is_as_high_as_we_say_and_leaves_no_gap_below(page: Page) -> None:
    for number in range(2):
        frame = page.locator(FRAMES).nth(number)
        around = page.locator(".widget-type-iframe .widget-content").nth(number)

        assert frame.evaluate("frame => frame.offsetHeight") == 1100
        assert around.evaluate("around => around.offsetHeight") == 1100


def test_there_is_no_white_box_around_the_card(page: Page) -> None:
    """The corners of a frame lie outside of the rounded card: there Glance's own ground must show, or its very colour."""
    assert corner_colours(page) == {ground(page)} == {(21, 21, 25)}


def test_our_card_looks_like_glances(page: Page) -> None:
    services, _ = frames(page)
    style = """card => {
      const found = getComputedStyle(card);
      return [found.backgroundColor, found.borderTopColor, found.borderTopWidth, found.borderTopLeftRadius,
              found.padding, found.fontSize, found.lineHeight, found.fontFamily.split(",")[0]];
    }"""
    theirs = page.locator(".widget-type-bookmarks .widget-content").evaluate(style)

    assert services.locator("main.card").evaluate(style) == theirs


def test_the_theme_picker_reaches_the_frames(page: Page) -> None:
    for name, colour in (("default-light", (241, 241, 244)), ("default", (21, 21, 25))):
        choose_theme(page, name)
        wait_until_frames_follow(page)

        assert corner_colours(page) == {ground(page)} == {colour}


def corner_colours(page: Page) -> set[tuple[int, ...]]:
    """The colours of the upper corners of both frames, as they are seen."""
    colours = set()
    for number in range(2):
        box = page.locator(FRAMES).nth(number).bounding_box()
        assert box is not None
        colours |= {colour_at(page, x, box["y"]) for x in (box["x"], box["x"] + box["width"] - 1)}
    return colours


def ground(page: Page) -> tuple[int, ...]:
    """The colour between two columns."""
    box = page.locator(FRAMES).first.bounding_box()
    assert box is not None
    return colour_at(page, box["x"] - 10, box["y"] + 5)


def colour_at(page: Page, x: float, y: float) -> tuple[int, ...]:
    """Red, green and blue of one pixel of the page, read from a picture of it alone."""
    picture = page.screenshot(clip={"x": round(x), "y": round(y), "width": 1, "height": 1}, animations="disabled")
    return tuple(zlib.decompress(b"".join(_image_data(picture)))[1:4])


def _image_data(png: bytes) -> Iterator[bytes]:
    place = 8
    while place < len(png):
        length, kind = int.from_bytes(png[place : place + 4], "big"), png[place + 4 : place + 8]
        if kind == b"IDAT":
            yield png[place + 8 : place + 8 + length]
        place += length + 12


def test_glances_own_widgets_go_on_as_ever(page: Page) -> None:
    for kind in ("clock", "calendar", "bookmarks", "monitor"):
        expect(page.locator(f".widget-type-{kind}")).to_be_visible()
    expect(page.locator(".widget-type-calendar .calendar-date")).to_have_count(42)
    expect(page.locator(".widget-type-monitor").get_by_text("OK")).to_be_visible()


def test_what_a_row_says_is_reached_by_keyboard_through_glance(page: Page) -> None:
    services, _ = frames(page)
    services.locator(".row", has_text="forgejo").locator("summary").focus()
    page.keyboard.press("Enter")

    expect(services.locator(".row", has_text="forgejo").locator(".opened")).to_be_visible()
    assert page.locator(FRAMES).first.evaluate("frame => frame === document.activeElement")


def test_the_fragment_is_shown_as_glances_own(page: Page, glance: str) -> None:
    open_fragments(page, glance)
    shown = page.locator(".widget-type-extension")

    assert shown.locator("h2").all_inner_texts() == ["BACKUPS", "NEXT BACKUPS"]
    expect(shown.first.get_by_text("3 of 12 need you")).to_be_visible()
    expect(shown.first.get_by_text(boards.MISSED.reason or "", exact=False)).to_be_visible()
    expect(shown.locator("pre")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def open_fragments(page: Page, glance: str) -> None:
    """Glance's second page, with both fragments."""
    page.goto(f"{glance}/backups")
    page.locator(".widget-type-extension").nth(1).wait_for()


def test_hostile_names_stay_words_in_glances_own_page(
    browser: Browser, sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A Glance of its own: it keeps a fragment for a minute."""
    sidecar.show(boards.hostile)
    with glance_site(free_port(), sidecar.address, tmp_path_factory.mktemp("hostile")) as address:
        page = browser.new_page()
        alerts: list[str] = []

        def note(dialog: Dialog) -> None:
            alerts.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", note)
        open_fragments(page, address)

        expect(page.locator(".widget-type-extension").first.get_by_text("<script>", exact=False).first).to_be_visible()
        expect(page.locator(".widget-type-extension script, .widget-type-extension [onerror]")).to_have_count(0)
        assert alerts == []
        page.close()


def test_behind_glances_login_the_page_is_the_same(
    browser: Browser, sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sidecar.show(boards.bad_morning)
    key = b64encode(bytes(range(64))).decode()
    login = f"auth:\n  secret-key: {key}\n  users:\n    ann:\n      password: a-long-password\n"
    with glance_site(free_port(), sidecar.address, tmp_path_factory.mktemp("login"), settings=login) as address:
        page = browser.new_page()
        page.goto(address)
        assert page.url == f"{address}/login"
        # Glance puts the cursor there a moment after the page is shown, wherever somebody is typing.
        page.locator("#username:focus").wait_for()
        page.locator("#username").fill("ann")
        page.locator("#password").fill("a-long-password")
        page.locator("#login-button").click()

        expect(frames(page)[0].locator("h1")).to_have_text("3 of 12 need you", use_inner_text=True)
        page.close()
