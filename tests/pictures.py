"""``python -m tests.pictures DIR``: every view × theme × width as a picture, to be looked at.

The data is the simulated homelab's, on a good and on a bad Monday morning, read by the product's own sources; states
that it does not reach come from the boards of the tests.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Browser, Page

from sidecar.core.model import Board
from sidecar.core.timeline.timeline import Timeline
from tests.browser.serving import Sidecar, chromium, serving
from tests.product import opened
from tests.simulators import PBS_ONLY, PVE_ONLY, demo_faults
from tests.simulators.faults import ClientSilent
from tests.web import boards, calendars, themes

WIDTHS = (300, 370, 515, 604, 764, 924, 1247, 1890)
THEMES = ("default-dark", "default-light", "catppuccin-mocha", "catppuccin-latte", "gruvbox", "peachy")

#: A day on which nothing is wrong.
NOON = datetime.fromisoformat("2026-11-25T12:00:00+01:00")

#: Frames of this height are drawn at least to their end, as in Glance.
FRAME = 640


@dataclass(frozen=True)
class Scene:
    """Something to look at: what the sidecar knows, the query, and what is opened by hand."""

    name: str
    views: tuple[Board, Timeline]
    query: str = ""
    opened: str = ""
    week_start: str = "monday"


def main() -> None:
    """Writes the pictures; prints their number."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=main.__doc__)
    parser.add_argument("directory", type=Path, help="the folder to write to")
    parser.add_argument("--only", default="", help="scenes whose name has this in it")
    parser.add_argument("--themes", nargs="+", default=THEMES, choices=themes.ALL)
    parser.add_argument("--widths", nargs="+", default=WIDTHS, type=int)
    given = parser.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    shown = [scene for scene in (*mornings(), *houses(), *cases(), *clock_changes()) if given.only in scene.name]
    with serving() as sidecar, chromium() as browser:
        for scene in shown:
            draw(scene, sidecar, browser, given.directory, given.themes, given.widths)
    sys.stdout.write(f"{len(shown) * len(given.themes) * len(given.widths)} pictures in {given.directory}\n")


def mornings() -> Iterator[Scene]:
    """Every view of the homelab."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as product:
        good = product.board_and_timeline()
        product.rack.faults = demo_faults()
        product.rack.settle()
        bad = product.board_and_timeline()
    yield Scene("table-good", good)
    yield Scene("table-bad", bad)
    yield Scene("row-opened", bad, opened="paperless")
    yield Scene("copies-enough", good, opened="databasement")
    yield Scene("copies-lacking", bad, opened="n8n")
    yield Scene("calendar", bad, query="&view=calendar")
    yield Scene("calendar-good", good, query="&view=calendar")
    yield Scene("day-opened", bad, query="&view=calendar&day=2026-11-23")
    yield Scene("history", bad, query="&view=history")
    yield Scene("all", bad, query="&view=all")


def houses() -> Iterator[Scene]:
    """Houses of which only the PBS is known, or only the cluster."""
    silent = (ClientSilent("nas", datetime.fromisoformat("2026-11-21T00:00:00+01:00")),)
    for name, homelab, opened_row in (("pbs-only", PBS_ONLY, "nas"), ("pve-only", PVE_ONLY, "nextcloud")):
        with tempfile.TemporaryDirectory() as folder, opened(Path(folder), NOON, homelab) as product:
            yield Scene(name, product.board_and_timeline(), query="&view=all", opened=opened_row)
            product.rack.faults = silent
            yield Scene(f"{name}-late", product.board_and_timeline(), opened=opened_row)


def cases() -> Iterator[Scene]:
    """What is hard to draw."""
    ordinary = calendars.month(boards.NOW)
    yield Scene("table-stale", (boards.stale(), ordinary))
    yield Scene("table-empty", (boards.empty(), ordinary))
    yield Scene("table-first", (boards.first_reading(), ordinary))
    yield Scene("states", (boards.bad_morning(), ordinary))
    yield Scene("many", (boards.many(30), ordinary))
    yield Scene("hostile", (boards.hostile(), calendars.hostile(boards.NOW)), query="&view=all", opened="ok")
    yield Scene("sunday-first", (boards.good_morning(), ordinary), query="&view=calendar", week_start="sunday")


def clock_changes() -> Iterator[Scene]:
    """The homelab on the two days of the year that have another length, opened in the calendar."""
    for day in ("2026-03-29", "2026-10-25"):
        noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        with tempfile.TemporaryDirectory() as folder, opened(Path(folder), noon) as product:
            yield Scene(f"clock-change-{day}", product.board_and_timeline(), query=f"&view=calendar&day={day}")


def draw(
    scene: Scene, sidecar: Sidecar, browser: Browser, folder: Path, names: Sequence[str], widths: Sequence[int]
) -> None:
    """All pictures of one scene: ``table-good.gruvbox.0300.png``."""
    sidecar.begin_weeks_on(scene.week_start)
    sidecar.board, sidecar.timeline = scene.views
    page = browser.new_page()
    for theme in names:
        for width in widths:
            page.set_viewport_size({"width": width, "height": FRAME})
            page.goto(f"{sidecar.address}/widget?{scene.query.lstrip('&')}{themes.query(theme)}")
            open_row(page, scene.opened)
            page.screenshot(path=folder / f"{scene.name}.{theme}.{width:04}.png", full_page=True)
    page.close()


def open_row(page: Page, name: str) -> None:
    """By a click on its line; nothing without a name."""
    if name:
        page.locator(".row:visible", has=page.locator(".name", has_text=name)).first.locator("summary").click()


if __name__ == "__main__":
    main()
