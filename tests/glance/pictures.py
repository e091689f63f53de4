"""``python -m tests.glance.pictures docs``: the pictures of the documentation, taken of a real Glance.

The data is the simulated homelab's on the morning after a bad night, read by the product's own sources.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Frame, Locator, Page, ViewportSize

from sidecar.core.model import Board
from sidecar.core.timeline.timeline import Timeline
from tests.browser.serving import chromium, serving
from tests.glance.page import FRAMES, choose_theme, frames, wait_until_frames_follow
from tests.glance.site import glance_site
from tests.glance.smaller import smaller
from tests.processes import free_port
from tests.product import MORNING, opened
from tests.simulators import demo_faults

#: As wide as Glance's page gets: columns of 300, 924 and 300 px.
VIEWPORT = ViewportSize(width=1600, height=900)


def main() -> None:
    """Writes glance-dark.png, glance-light.png, glance-calendar.png and glance-small-column.png."""
    parser = argparse.ArgumentParser(prog="python -m tests.glance.pictures", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where to write them")
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch, serving() as sidecar:
        sidecar.board, sidecar.timeline = bad_morning(Path(scratch))
        with glance_site(free_port(), sidecar.address, Path(scratch)) as address, chromium() as browser:
            take_pictures(open_glance(browser, address), folder)
    for path in sorted(folder.glob("glance-*.png")):
        sys.stdout.write(f"{path}: {path.stat().st_size / 1000:.0f} kB\n")


def bad_morning(folder: Path) -> tuple[Board, Timeline]:
    """What the demo shows."""
    with opened(folder / "homelab") as product:
        product.rack.faults = demo_faults()
        product.rack.settle()
        return product.board_and_timeline()


def open_glance(browser: Browser, address: str) -> Page:
    """Glance's first page at the hour of the data: its clock and calendar are the browser's."""
    page = browser.new_context(viewport=VIEWPORT, timezone_id="Europe/Berlin").new_page()
    page.clock.set_fixed_time(MORNING)
    page.goto(address)
    return page


def take_pictures(page: Page, folder: Path) -> None:
    """Every picture from one page, as a reader would come to it."""
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


def show(frame: Frame, view: str) -> None:
    """Go to a view by its own link. By keyboard: a pointer would rest on something, and colour it."""
    frame.locator(".views a:visible", has_text=view).press("Enter")
    frame.locator(f".views a[aria-current]:visible:text-is('{view}')").wait_for()


def take(page: Page, path: Path, only: Locator | None = None) -> None:
    """A picture of the whole page or of one thing on it, once every frame has its font."""
    for frame in page.frames:
        frame.evaluate("document.activeElement?.blur(); scrollTo(0, 0); document.fonts.ready.then(() => 0)")
    picture = only.screenshot() if only else page.screenshot(full_page=True, animations="disabled")
    path.write_bytes(smaller(page, picture))


if __name__ == "__main__":
    main()
