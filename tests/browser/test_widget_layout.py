"""The page in Debian's Chromium at the widths that Glance gives its columns (glance.md §8)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.types import Receive, Scope, Send

from sidecar.core.model import Board
from sidecar.web.app import create_app
from tests.web import boards
from tests.web.asking import KEY

pytestmark = pytest.mark.browser

WIDTHS = [300, 370, 604, 924]


@dataclass
class Sidecar:
    """The real application on loopback, with the key added to each request, as Caddy does."""

    board: Board = field(default_factory=boards.bad_morning)
    address: str = ""

    def __post_init__(self) -> None:
        self._app = create_app(
            board=lambda: self.board, ready=lambda: True, keys=(KEY,), clock=lambda: boards.NOW, options=None
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


@pytest.fixture
def complaints() -> list[str]:
    """What the browser wrote to its console: violations of the policy, files not found."""
    return []


def open_page(browser: Browser, sidecar: Sidecar, width: int, complaints: list[str], *, height: int = 640) -> Page:
    opened = browser.new_page(viewport={"width": width, "height": height})
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(f"{sidecar.address}/widget")
    return opened


@pytest.mark.parametrize("width", [*WIDTHS, 289, 515, 560, 561, 764, 1247])
@pytest.mark.parametrize("name", boards.ALL)
def test_nothing_scrolls_sideways_is_cut_or_breaks_the_policy(
    browser: Browser, sidecar: Sidecar, complaints: list[str], name: str, width: int
) -> None:
    sidecar.board = boards.ALL[name]()
    page = open_page(browser, sidecar, width, complaints)
    for summary in page.locator("summary:visible").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(_CUT) == []
    assert complaints == []
    page.close()


#: Text that reaches out of the card. What is only said, not shown, doesn't count.
_CUT = """() => {
  const card = document.querySelector("main").getBoundingClientRect();
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  const range = document.createRange(), cut = [];
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (!text.data.trim() || text.parentElement.closest(".vh, .unit, svg")) continue;
    range.selectNodeContents(text);
    if ([...range.getClientRects()].some(box => box.width && (box.left < card.left || box.right > card.right)))
      cut.push(text.data.slice(0, 40));
  }
  return cut;
}"""


@pytest.mark.parametrize("width", WIDTHS)
def test_problem_rows_show_reason_action_and_link_without_opening(
    browser: Browser, sidecar: Sidecar, complaints: list[str], width: int
) -> None:
    sidecar.board = boards.bad_morning()
    page = open_page(browser, sidecar, width, complaints)
    for name, verdict in (("paperless", boards.FAILED), ("vaultwarden", boards.MISSED), ("n8n", boards.NEVER)):
        row = page.locator(".row", has=page.locator(".name", has_text=name))
        assert verdict.reason is not None
        assert verdict.action is not None
        assert verdict.link is not None
        assert row.get_by_text(verdict.reason).is_visible()
        assert row.get_by_text(verdict.action).is_visible()
        assert row.get_by_role("link", name=verdict.link.label).is_visible()
        assert row.locator(".opened").is_hidden()
    page.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_what_can_be_touched_is_high_enough(
    browser: Browser, sidecar: Sidecar, complaints: list[str], width: int
) -> None:
    sidecar.board = boards.hostile() if width == 604 else boards.bad_morning()
    page = open_page(browser, sidecar, width, complaints)
    boxes = [target.bounding_box() for target in page.locator("a:visible, summary:visible").all()]
    assert len(boxes) > 3
    assert min(box["height"] for box in boxes if box) >= 24
    page.close()


def test_a_row_opens_and_closes_by_keyboard(browser: Browser, sidecar: Sidecar, complaints: list[str]) -> None:
    sidecar.board = boards.good_morning()
    page = open_page(browser, sidecar, 924, complaints)
    opened = page.locator(".row").first.locator(".opened")
    for _ in ("services", "calendar", "the first row"):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").split()[0] == "vaultwarden"
    page.keyboard.press("Enter")
    assert opened.is_visible()
    assert "mariadb-main/vaultwarden, 0 2 * * *" in opened.inner_text()
    page.keyboard.press("Space")
    assert opened.is_hidden()
    page.close()


def test_calm_rows_fold_only_when_it_is_narrow(browser: Browser, sidecar: Sidecar, complaints: list[str]) -> None:
    sidecar.board = boards.good_morning()
    narrow = open_page(browser, sidecar, 300, complaints)
    assert narrow.locator(".row:visible").count() == 5
    narrow.get_by_text("show 7 more").click()
    assert narrow.locator(".row:visible").count() == 12
    narrow.get_by_text("show less").click()
    assert narrow.locator(".row:visible").count() == 5
    narrow.close()
    wide = open_page(browser, sidecar, 604, complaints)
    assert wide.locator(".row:visible").count() == 12
    wide.close()


def test_columns_stand_below_each_other(browser: Browser, sidecar: Sidecar, complaints: list[str]) -> None:
    sidecar.board = boards.bad_morning()
    page = open_page(browser, sidecar, 764, complaints)
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


def test_the_card_fills_the_frame_and_paints_its_own_ground(
    browser: Browser, sidecar: Sidecar, complaints: list[str]
) -> None:
    sidecar.board = boards.empty()
    page = open_page(browser, sidecar, 300, complaints, height=700)
    assert page.evaluate("document.querySelector('main').getBoundingClientRect().height") == 700
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(21, 21, 25)"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.close()
