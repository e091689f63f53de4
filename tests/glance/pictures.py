"""``python -m tests.glance.pictures docs``: the pictures of the documentation, taken of the demo in a real Glance."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Frame, Locator, Page, ViewportSize

from tests.browser.serving import chromium
from tests.glance.page import FRAMES, choose_theme, frames, wait_until_frames_follow
from tests.glance.smaller import smaller
from tests.processes import free_port, running

_ROOT = Path(__file__).parent.parent.parent

#: As wide as Glance's page gets: columns of 300, 924 and 300 px.
VIEWPORT = ViewportSize(width=1600, height=900)

#: What the widget has in the middle column.
_WIDGET_ALONE = ViewportSize(width=924, height=600)


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo while it runs: the addresses of Glance and of the widget alone."""

    glance: str
    widget: str


def main() -> None:
    """Writes glance-*.png and widget-*.png."""
    parser = argparse.ArgumentParser(prog="python -m tests.glance.pictures", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where to write them")
    folder: Path = parser.parse_args().folder
    with chromium() as browser:
        with demo("good") as good:
            take(open_glance(browser, good), folder / "glance-good.png")
            take(open_widget(browser, good, "history"), folder / "widget-history.png")
        with demo("bad") as bad:
            take_bad_morning(open_glance(browser, bad), folder)
            take_opened_row(open_widget(browser, bad, "table"), folder / "widget-opened.png")
    for path in sorted([*folder.glob("glance-*.png"), *folder.glob("widget-*.png")]):
        sys.stdout.write(f"{path}: {path.stat().st_size / 1000:.0f} kB\n")


@contextmanager
def demo(morning: str) -> Iterator[Demo]:
    """What ``make demo GLANCE=1`` shows, on free ports."""
    port = free_port(neighbours=1)
    command: list[str | Path] = [sys.executable, "-m", "tests.demo", "--glance"]
    command += ["--port", str(port), "--morning", morning]
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    environment = {"PYTHONPATH": str(_ROOT), "XDG_CACHE_HOME": cache}
    with (
        tempfile.TemporaryDirectory() as scratch,
        running("the demo", command, port=port + 1, folder=Path(scratch), environment=environment),
    ):
        yield Demo(f"http://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port}/widget")


def open_glance(browser: Browser, shown: Demo) -> Page:
    """Glance's first page, once every source was read. Its clock and calendar show the hour of the demo."""
    page = browser.new_context(viewport=VIEWPORT, timezone_id="Europe/Berlin").new_page()
    wait_until_all_is_read(page, shown)
    page.goto(shown.glance)
    frames(page)
    return page


def open_widget(browser: Browser, shown: Demo, view: str) -> Page:
    """A view of the widget alone."""
    page = browser.new_context(viewport=_WIDGET_ALONE, timezone_id="Europe/Berlin").new_page()
    wait_until_all_is_read(page, shown)
    page.goto(f"{shown.widget}?view={view}")
    return page


def wait_until_all_is_read(page: Page, shown: Demo) -> None:
    """Returns once the sidecar says that every source was tried."""
    ready = shown.widget.replace("/widget", "/readyz")
    for _ in range(120):
        answer = page.goto(ready)
        if answer is not None and answer.ok:
            return
        page.wait_for_timeout(500)
    raise TimeoutError(f"{ready} does not answer that all was read")


def take_bad_morning(page: Page, folder: Path) -> None:
    """Every picture of it from one page, as a reader would come to it."""
    services, small = frames(page)
    take(page, folder / "glance-dark.png")
    show(services, "calendar")
    take(page, folder / "glance-calendar.png")
    show(services, "services")
    show(small, "services")
    take(page, folder / "glance-small-column.png", only=page.locator(FRAMES).last)
    show(small, "calendar")
    choose_theme(page, "default-light")
    wait_until_frames_follow(page)
    take(page, folder / "glance-light.png")


def take_opened_row(page: Page, path: Path) -> None:
    """The row of a service with everything that is known of it."""
    row = page.locator("tbody.row", has_text="vaultwarden").first
    row.locator("summary").press("Enter")
    take(page, path, only=row)


def show(frame: Frame, view: str) -> None:
    """Go to a view by its own link. By keyboard: a pointer would rest on something, and colour it."""
    frame.locator(".views a:visible", has_text=view).press("Enter")
    frame.locator(f".views a[aria-current]:visible:text-is('{view}')").wait_for()


def take(page: Page, path: Path, only: Locator | None = None) -> None:
    """A picture of the whole page or of one thing on it, once every frame has its font."""
    for frame in page.frames:
        frame.evaluate("document.activeElement?.blur(); scrollTo(0, 0); document.fonts.ready.then(() => 0)")
    picture = only.screenshot() if only else page.screenshot(full_page=True, animations="disabled")
    # The widget's own page may not draw what is not its own.
    blank = page.context.new_page()
    path.write_bytes(smaller(blank, picture))
    blank.close()


if __name__ == "__main__":
    main()
