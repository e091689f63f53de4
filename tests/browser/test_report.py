"""The report of a month in Chromium: on paper, on a phone, for who can't see, and without anything that the page may not do."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

from tests.browser import axe
from tests.browser.reporting import HEADERS, reporting
from tests.web import months

pytestmark = pytest.mark.browser

#: A4 in points.
A4 = (595, 842)


def opened(browser: Browser, address: str, width: int = 924, **context: Any) -> Page:
    page = browser.new_context(
        viewport={"width": width, "height": 800}, extra_http_headers=HEADERS, **context
    ).new_page()
    page.goto(address)
    return page


def paper(page: Page) -> list[str]:
    """The text of each page as Chromium prints it; every page is A4, upright."""
    pages = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True, print_background=True))).pages
    assert {(int(each.mediabox.width), int(each.mediabox.height)) for each in pages} <= {A4, (594, 841), (595, 841)}
    return [re.sub(r"\s+", " ", each.extract_text()) for each in pages]


def test_on_paper_it_is_complete_and_says_what_it_is(browser: Browser) -> None:
    with reporting(months.homelab()) as address:
        pages = paper(opened(browser, address, color_scheme="dark"))

    text = " ".join(pages)
    assert "Backup report November 2026 1 Nov 2026 00:00 to 1 Dec 2026 00:00" in pages[0]
    assert all(f"page {number} of 2" in page for number, page in enumerate(pages, 1))
    assert "Not everything was observed: pbs for 33 h" in pages[0]
    for said in ("paperless", "9 Nov 04:11", "14 Nov 22:00 – 16 Nov 07:00 (33 h)", "PBS prune daily", "can't prove"):
        assert said in text
    assert "save as one file" not in text
    assert len(pages) == 2


def test_a_long_table_has_its_head_on_each_page(browser: Browser) -> None:
    with reporting(months.large(60)) as address:
        pages = paper(opened(browser, address))

    assert len(pages) > 3
    for name in ("Services", "Incidents"):
        rows = r"service-\d{3} 22 22" if name == "Services" else r"3 Nov 04:20 4 Nov 04:20"
        holding = [text for text in pages if re.search(rows, text)]
        assert len(holding) > 1
        assert all(f"{name}, November 2026" in text for text in holding)
    assert sum(len(re.findall(r"service-\d{3} 22 22", text)) for text in pages) == 60


@pytest.mark.parametrize("width", [370, 924, 1600])
@pytest.mark.parametrize("name", ["homelab", "hostile"])
def test_nothing_is_cut_off_and_the_browser_complains_of_nothing(
    browser: Browser, complaints: list[str], name: str, width: int
) -> None:
    with reporting({"homelab": months.homelab, "hostile": months.hostile}[name]()) as address:
        page = browser.new_context(viewport={"width": width, "height": 800}, extra_http_headers=HEADERS).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"

    assert complaints == []


@pytest.mark.parametrize("width", [370, 924])
def test_axe_finds_nothing(browser: Browser, width: int) -> None:
    with reporting(months.homelab()) as address:
        assert axe.violations(opened(browser, address, width, bypass_csp=True)) == []


def test_the_saved_file_looks_the_same_without_the_sidecar(browser: Browser) -> None:
    with reporting(months.homelab()) as address:
        served = paper(opened(browser, address))
        file = opened(browser, address).request.get(f"{address}&download=true", headers=HEADERS).text()
    page = browser.new_context(offline=True).new_page()
    page.set_content(file)

    assert paper(page) == served
