"""What is seen when the sidecar is dead: Caddy's own page, in the configured theme, and never a white box."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from sidecar.web.app import create_app
from sidecar.web.theme import colours, contrast, parse_theme
from tests.caddy import running_caddy, sidecar
from tests.web import boards, themes
from tests.web.asking import nothing_due

pytestmark = pytest.mark.browser

THEMES = ("default-dark", "default-light", "peachy")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page, as wide as Glance's small column; the policy must allow all that the page needs."""
    opened = browser.new_page(viewport={"width": 300, "height": 400})
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    yield opened
    opened.close()
    assert [text for text in complaints if "status of 502" not in text] == []


@pytest.mark.parametrize("theme", THEMES)
def test_the_page_of_a_dead_sidecar_is_a_card_in_the_configured_theme(page: Page, tmp_path: Path, theme: str) -> None:
    with running_caddy(tmp_path, try_for="100ms", theme=themes.ALL[theme]) as caddy:
        page.goto(f"http://localhost:{caddy.port}/widget")
        assert page.locator("main").inner_text().split("\n")[0] == "backup-glance doesn't answer"
        expect(page.locator("main")).to_contain_text("tries again in 30s", use_inner_text=True)
        assert page.evaluate("document.documentElement.scrollWidth") == 300
        styles = page.evaluate("""() => {
            const seen = (selector, property) => getComputedStyle(document.querySelector(selector))[property];
            return [seen("html", "backgroundColor"), seen("body", "backgroundColor"), seen("body", "borderTopColor"),
                seen("h1", "color"), seen("p", "color"), seen("svg", "stroke"), seen("html", "colorScheme")];
        }""")
    table = colours(parse_theme(themes.ALL[theme]))
    names = ["background", "widget-background", "widget-content-border"]
    names += ["text-highlight", "text-paragraph", "text-highlight"]
    assert styles == [*[f"rgb{table[f'color-{name}']}" for name in names], "dark"]
    for name in ("text-highlight", "text-paragraph"):
        assert contrast(table[f"color-{name}"], table["color-widget-background"]) >= 4.5


def test_a_page_that_was_open_says_so_itself_and_is_true_again_afterwards(page: Page, tmp_path: Path) -> None:
    """Through a real Caddy: 502 while the sidecar is gone."""
    page.clock.install()
    board = boards.good_morning()
    app = create_app(
        timeline=nothing_due, board=lambda: board, ready=lambda: True, keys=["right"], clock=lambda: board.at
    )
    with running_caddy(tmp_path, try_for="100ms") as caddy:
        with sidecar(app, caddy.upstream):
            page.goto(f"http://localhost:{caddy.port}/widget")
            expect(page.locator("h1")).to_have_text("All 12 backed up", use_inner_text=True)
        _until(page, "backup-glance hasn't answered since 07:26")
        with sidecar(app, caddy.upstream):
            _until(page, "")


def _until(page: Page, banner: str) -> None:
    for _ in range(60):
        shown = page.locator(".banner")
        if shown.count() == bool(banner) and banner in "".join(shown.all_text_contents()):
            return
        page.clock.run_for(5_000)
        page.wait_for_timeout(200)
    raise AssertionError(page.locator("main").inner_text())
