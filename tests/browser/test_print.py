"""Whoever prints a page gets all of it, black on white, whatever the theme. Firefox: tests/browser/firefox/."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from sidecar.web.theme import MARKS_CONTRAST, contrast
from tests.browser import printed
from tests.browser.serving import Sidecar
from tests.web import boards, themes

pytestmark = pytest.mark.browser


def opened(browser: Browser, address: str) -> Page:
    page = browser.new_page()
    page.goto(address)
    return page


def print_(page: Page) -> bytes:
    return page.pdf(format="A4", margin=printed.MARGINS)


@pytest.mark.parametrize("theme", ["default-dark", "peachy"])
def test_words_are_black_on_white_and_below_each_other(browser: Browser, sidecar: Sidecar, theme: str) -> None:
    sidecar.show(boards.bad_morning)
    page = opened(browser, f"{sidecar.address}/widget?view=all{themes.query(theme)}")
    names = page.locator(".row .name").all_inner_texts()
    pieces = printed.words(print_(page))
    page.close()

    assert printed.pale(pieces) == []
    assert printed.out_of_order(pieces, ["3 of 12 need you", *names, "November 2026", "daily", "main"]) == []


def test_all_services_are_printed_and_no_controls(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(lambda: boards.crowded(60, 2))
    page = opened(browser, f"{sidecar.address}/widget?fold=3")
    text = printed.text(print_(page))
    page.close()

    assert [place for place in range(60) if f"service-{place:03}" not in text] == []
    assert "show 55 more" not in text
    assert "calendar" not in text


def test_of_groups_their_lines_are_printed_and_what_is_open(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(lambda: boards.crowded(130, 2))
    page = opened(browser, f"{sidecar.address}/widget")
    closed = printed.text(print_(page))
    page.locator(".group > summary", has_text="128 ok").click()
    page.locator(".group > summary", has_text="service-002 – service-043").click()
    read = printed.text(print_(page))
    page.close()

    assert "128 ok" in closed
    assert [place for place in range(130) if f"service-{place:03}" in closed] == [0, 1]
    assert [place for place in range(44) if f"service-{place:03}" not in read] == []
    assert "service-060" not in read


def test_marks_can_be_seen_on_paper(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(boards.every_state)
    page = browser.new_page()
    page.emulate_media(media="print")
    page.goto(f"{sidecar.address}/widget?view=all")
    colours = page.evaluate(
        """() => [...document.querySelectorAll(".mark, .run")].map(e => getComputedStyle(e).color.match(/\\d+/g).map(Number))"""
    )
    page.close()

    assert len(colours) > 100
    assert [seen for seen in colours if contrast(tuple(seen), printed.PAPER) < MARKS_CONTRAST] == []
