"""The extension, and the recipe for custom-api, in a real Glance: at every width of its columns, and in its themes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import axe
from tests.browser.serving import Sidecar
from tests.glance.site import glance_site
from tests.processes import free_port
from tests.web import boards

pytestmark = pytest.mark.browser

_RECIPE = Path(__file__).parent.parent.parent / "docs" / "custom-api.yml"

#: Both columns full of it; fetched anew by every test that waits a second.
_EXTENSION = """
          - type: extension
            url: ${BACKUP_GLANCE}/extension?view=all&fold=0
            allow-potentially-dangerous-html: true
            cache: 1s"""

PAGES = f"""
pages:
  - name: Extension
    columns:
      - size: full
        widgets: {_EXTENSION}
      - size: small
        widgets: {_EXTENSION}
  - name: Recipe
    columns:
      - size: full
        widgets:
          $include: {_RECIPE}
      - size: small
        widgets:
          $include: {_RECIPE}
"""

OURS = ".backup-glance"

#: Of the browser's window: on both sides of where Glance shows one column only, and where it makes letters smaller.
WIDTHS = [320, 390, 550, 551, 1190, 1191, 1280, 1440, 1600, 1920]

#: Text that reaches out of the widget that holds it, unless nobody sees it.
_CUT = """() => [...document.querySelectorAll(".backup-glance")].filter(one => one.checkVisibility()).flatMap(ours => {
  const edge = ours.getBoundingClientRect(), range = document.createRange(), found = [];
  const texts = document.createTreeWalker(ours, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (!text.data.trim() || !text.parentElement.checkVisibility() || text.parentElement.closest(".visually-hidden, .bg-unit"))
      continue;
    range.selectNodeContents(text);
    for (const box of range.getClientRects())
      if (box.width > 1 && (box.left < edge.left - 1 || box.right > edge.right + 1)) found.push(text.data.trim().slice(0, 40));
  }
  return found;
})"""

_SCROLLS = "() => document.documentElement.scrollWidth > innerWidth ? ['scrolls sideways'] : []"

#: What can be touched and is not 24 px high.
_SMALL = """() => [...document.querySelectorAll(".backup-glance :is(a, summary)")].filter(one => one.checkVisibility())
  .filter(one => one.getBoundingClientRect().height < 24).map(one => one.textContent.trim().slice(0, 40))"""


def pages_of(sidecar: Sidecar, folder: Path) -> Iterator[str]:
    with glance_site(free_port(), sidecar.address, folder, pages=PAGES) as address:
        yield address


@pytest.fixture(scope="module")
def bad(sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Glance on a bad morning."""
    yield from pages_of(sidecar, tmp_path_factory.mktemp("bad"))


def open_page(browser: Browser, address: str, width: int = 1600, *, name: str = "extension", theme: str = "") -> Page:
    context = browser.new_context(viewport={"width": width, "height": 900})
    if theme:
        context.add_cookies([{"name": "theme", "value": theme, "url": address}])
    page = context.new_page()
    page.goto(f"{address}/{name}")
    page.locator(".page.content-ready").wait_for()
    return page


@pytest.mark.parametrize("name", ["bad_morning", "hostile"])
def test_nothing_is_cut_scrolls_sideways_or_is_too_small_to_touch(
    browser: Browser, sidecar: Sidecar, bad: str, name: str
) -> None:
    sidecar.show(boards.ALL[name])
    page = open_page(browser, bad)
    page.wait_for_timeout(1100)  # What another test has seen is kept for a second.
    page.reload()
    page.locator(OURS).first.wait_for()
    page.evaluate("document.querySelectorAll('.backup-glance details').forEach(one => { one.open = true })")
    faults: dict[int, list[str]] = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        faults[width] = [fault for look in (_CUT, _SMALL, _SCROLLS) for fault in page.evaluate(look)]

    assert {width: complaints for width, complaints in faults.items() if complaints} == {}
    page.context.close()


def test_columns_stand_below_each_other(browser: Browser, sidecar: Sidecar, bad: str) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, bad)
    wide = page.locator(OURS).first
    for cell, edge in ((".bg-name", "left"), (".bg-parts", "left"), (".bg-last", "right")):
        places = wide.locator(f".bg-row:visible {cell}").evaluate_all(
            f"all => all.map(one => one.getBoundingClientRect().{edge})"
        )
        assert len({round(place) for place in places}) == 1
    heads = wide.locator(".bg-columns > span").evaluate_all("all => all.map(one => one.getBoundingClientRect().left)")
    assert round(heads[1]) == round(
        wide.locator(".bg-name").first.evaluate("element => element.getBoundingClientRect().left")
    )
    page.context.close()


def test_glance_folds_what_needs_no_words_and_opens_a_row(browser: Browser, sidecar: Sidecar, bad: str) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, bad)
    wide = page.locator(OURS).first
    shown = wide.locator(".bg-row:visible").count()
    wide.get_by_role("button", name="show more").click()
    expect(wide.locator(".bg-row:visible")).not_to_have_count(shown)

    row = wide.locator(".bg-row", has_text="forgejo")
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(row.locator(".bg-opened")).to_be_visible()
    expect(row.locator(".bg-opened")).to_contain_text("105, daily 04:00", use_inner_text=True)
    page.context.close()


@pytest.mark.parametrize("theme", ["", "default-light"])
@pytest.mark.parametrize("width", [320, 1600])
def test_axe_finds_nothing(browser: Browser, sidecar: Sidecar, bad: str, width: int, theme: str) -> None:
    sidecar.show(boards.bad_morning)
    page = open_page(browser, bad, width, theme=theme)
    page.locator(OURS).first.wait_for()
    page.locator(f"{OURS} summary:visible").first.click()
    page.wait_for_timeout(600)  # Glance moves and fades things in.
    assert axe.violations(page, context=OURS) == []
    page.context.close()


@pytest.mark.parametrize("name", ["bad_morning", "hostile"])
def test_the_recipe_shows_the_board_as_text(
    browser: Browser, sidecar: Sidecar, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """A Glance of its own: it keeps what it drew for a minute."""
    sidecar.show(boards.ALL[name])
    for address in pages_of(sidecar, tmp_path_factory.mktemp(name)):
        page = open_page(browser, address, name="recipe")
        shown = page.locator(".widget-type-custom-api").first
        failed = next(row for row in sidecar.board.services if row.verdict.state == "failed")
        expect(shown.get_by_text("need you")).to_be_visible()
        expect(shown.get_by_text(failed.verdict.reason or "", exact=True).first).to_be_visible()
        expect(shown.locator("script, img, [onerror], a[href^='javascript']")).to_have_count(0)
        expect(page.get_by_text("ERROR", exact=True)).to_have_count(0)
        page.context.close()
