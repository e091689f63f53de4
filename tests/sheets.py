"""``python -m tests.sheets docs``: a sheet for each view, with three widths, dark and light; and the report on paper.

The views are those of tests/pictures.py. docs/views.md shows the sheets.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page

from tests.browser.reporting import HEADERS, reporting
from tests.browser.serving import Sidecar, chromium, serving
from tests.glance.smaller import few_colours
from tests.pictures import FRAME, Scene, mornings, open_row
from tests.web import boards, calendars, months, themes

#: A small column of Glance on a phone, its full column, a frame as wide as a desk.
WIDTHS = (370, 924, 1600)

THEMES = ("default-dark", "default-light")

#: What is below this is cut off.
HEIGHT = 1000

#: How much smaller the pictures stand on the sheet.
SCALE = 0.6

#: The most bytes of one sheet, and of all together.
MOST_OF_ONE, MOST_OF_ALL = 200_000, 1_500_000

#: A page of a thousand services takes its time on a busy machine: milliseconds.
_PATIENCE = 180_000

#: Sheets of the report that are shown, and their points per inch: that of a page on a screen of today.
_PAGES, _DENSITY = 2, 88


@dataclass(frozen=True)
class Sheet:
    """A sheet. ``frame``: the height of the frame; ``group``: what is opened on a page with groups."""

    name: str
    scene: Scene
    frame: int = FRAME
    group: str = ""


def main() -> None:
    """Writes view-*.png; fails where they are larger than they may be."""
    parser = argparse.ArgumentParser(prog="python -m tests.sheets", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where to write them")
    parser.add_argument("--only", default="", help="sheets whose name has this in it")
    given = parser.parse_args()
    shown = [sheet for sheet in sheets() if given.only in sheet.name]
    with serving() as sidecar, chromium() as browser:
        for sheet in shown:
            picture = together(browser, drawn(browser, sidecar, sheet))
            write(browser, given.folder / f"view-{sheet.name}.png", picture)
        if given.only in "report":
            write(browser, given.folder / "view-report.png", on_paper(browser))
    sizes = {path.name: path.stat().st_size for path in sorted(given.folder.glob("view-*.png"))}
    for name, size in sizes.items():
        sys.stdout.write(f"{name}: {size / 1000:.0f} kB\n")
    sys.exit(max(sizes.values()) > MOST_OF_ONE or sum(sizes.values()) > MOST_OF_ALL)


def sheets() -> Iterator[Sheet]:
    """What stands in docs/views.md."""
    scenes = {scene.name: scene for scene in mornings()}
    yield Sheet("services", scenes["table-bad"])
    yield Sheet("services-good", scenes["table-good"])
    yield Sheet("service-opened", Scene("", scenes["row-opened"].views, query="&service=paperless", opened="paperless"))
    yield Sheet("many-services", Scene("", (boards.crowded(1_000, 3), calendars.month(boards.NOW))), group="ok")
    yield Sheet("calendar", scenes["calendar"])
    yield Sheet("day-opened", scenes["day-opened"])
    yield Sheet("history", scenes["history"])
    yield Sheet("line", Scene("", scenes["table-bad"].views, query="&view=line"), frame=80)


def drawn(browser: Browser, sidecar: Sidecar, sheet: Sheet) -> dict[tuple[str, int], bytes]:
    """Its pictures by theme and width."""
    sidecar.board, sidecar.timeline = sheet.scene.views
    made = {}
    for theme in THEMES:
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": sheet.frame})
            page.set_default_timeout(_PATIENCE)
            page.goto(f"{sidecar.address}/widget?{sheet.scene.query.lstrip('&')}{themes.query(theme)}")
            open_row(page, sheet.scene.opened)
            if sheet.group:
                page.locator(f"[data-group='{sheet.group}'] > summary").press("Enter")
            page.mouse.move(0, 0)
            page.evaluate("document.activeElement?.blur(); document.fonts.ready.then(() => 0)")
            made[theme, width] = page.screenshot(full_page=True, clip=_top(page, width), animations="disabled")
            page.close()
    return made


def _top(page: Page, width: int) -> FloatRect:
    height = page.evaluate("document.documentElement.scrollHeight")
    return FloatRect(x=0, y=0, width=width, height=min(height, HEIGHT))


def together(browser: Browser, pictures: dict[tuple[str, int], bytes]) -> bytes:
    """All of them on one sheet: the widest above the others, light below dark."""
    figures = [
        f"<figure><figcaption>{width} px</figcaption>"
        f'<img width="{round(width * SCALE)}" src="data:image/png;base64,{b64encode(picture).decode()}"></figure>'
        for (_, width), picture in sorted(pictures.items(), key=lambda each: (each[0][0], -each[0][1]))
    ]
    page = browser.new_page(viewport={"width": round(max(WIDTHS) * SCALE) + 40, "height": 100})
    page.set_content(f"<!doctype html><style>{_STYLE}</style>{''.join(figures)}")
    page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    picture = page.screenshot(full_page=True)
    page.close()
    return picture


_STYLE = """
body { display: flex; flex-wrap: wrap; align-items: start; gap: 16px 20px; }
body { margin: 0; padding: 12px 20px 20px; background: #62626c; }
figure { margin: 0; }
figcaption { font: 14px/22px sans-serif; color: #fff; }
img { display: block; }
"""


def on_paper(browser: Browser) -> bytes:
    """The first sheets of the report as Chromium prints them, beside each other."""
    context = browser.new_context(extra_http_headers=HEADERS)
    with reporting(months.homelab()) as address:
        page = context.new_page()
        page.goto(address)
        pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    context.close()
    with tempfile.TemporaryDirectory() as scratch:
        command: list[str | Path] = [
            "pdftoppm",
            "-png",
            "-r",
            str(_DENSITY),
            "-l",
            str(_PAGES),
            "-",
            Path(scratch, "page"),
        ]
        subprocess.run(command, input=pdf, check=True)
        pages = [path.read_bytes() for path in sorted(Path(scratch).glob("page*.png"))]
    page = browser.new_page(viewport={"width": 1520, "height": 100})
    images = "".join(f'<img src="data:image/png;base64,{b64encode(each).decode()}">' for each in pages)
    page.set_content(f"<!doctype html><style>{_STYLE}</style>{images}")
    page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    picture = page.screenshot(full_page=True)
    page.close()
    return picture


def write(browser: Browser, path: Path, picture: bytes) -> None:
    """The picture in few colours."""
    blank = browser.new_page()
    path.write_bytes(few_colours(blank, picture))
    blank.close()


if __name__ == "__main__":
    main()
