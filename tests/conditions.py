"""``python -m tests.conditions DIR``: every view as it looks to those who see, hold or print it otherwise, to be looked at.

In Chromium and in Firefox: in colours of the reader's own, without motion, at a zoom of 200 %, on a phone, on paper.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser.firefox.browser import Firefox, firefox
from tests.browser.firefox.preferences import (
    ALWAYS,
    AS_THE_SYSTEM,
    FORCED_COLOURS,
    NO_PREFERENCE,
    REDUCED_MOTION,
    REST,
)
from tests.browser.printed import MARGINS
from tests.browser.serving import chromium, serving
from tests.pictures import FRAME, Scene, mornings


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How somebody sees a page. The width is in CSS pixels; density is device pixels for each."""

    name: str
    width: int = 924
    density: int = 1
    forced_colours: bool = False
    reduced_motion: bool = False
    touch: bool = False


CONDITIONS = (
    Condition(name="as-it-is"),
    Condition(name="forced-colours", forced_colours=True),
    Condition(name="reduced-motion", reduced_motion=True),
    Condition(name="zoom-200", width=462, density=2),
    Condition(name="phone", width=370, density=2, touch=True),
)


def main() -> None:
    """Writes a picture of each view in each condition, and its print on A4; says how many there are."""
    parser = argparse.ArgumentParser(prog="python -m tests.conditions", description=main.__doc__)
    parser.add_argument("directory", type=Path, help="the folder to write to")
    parser.add_argument("--only", default="", help="views whose name has this in it")
    given = parser.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    shown = [scene for scene in mornings() if given.only in scene.name]
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving() as sidecar,
        chromium() as first,
        firefox(Path(scratch)) as second,
    ):
        for scene in shown:
            sidecar.board, sidecar.timeline = scene.views
            for condition in CONDITIONS:
                path = given.directory / f"{scene.name}.{condition.name}"
                in_chromium(first, sidecar.address, scene, condition, path)
                in_firefox(second, sidecar.address, scene, condition, path)
    sys.stdout.write(f"{len(list(given.directory.iterdir()))} files in {given.directory}\n")


def in_chromium(browser: Browser, address: str, scene: Scene, condition: Condition, path: Path) -> None:
    """The picture, and what is printed where nothing is special."""
    context: dict[str, Any] = {
        "viewport": {"width": condition.width, "height": FRAME},
        "device_scale_factor": condition.density,
        "forced_colors": "active" if condition.forced_colours else "none",
        "reduced_motion": "reduce" if condition.reduced_motion else "no-preference",
        "has_touch": condition.touch,
        "is_mobile": condition.touch,
    }
    page = browser.new_context(**context).new_page()
    page.goto(_place(address, scene))
    page.evaluate(_open(scene.opened))
    page.screenshot(path=path.with_suffix(f"{path.suffix}.chromium.png"), full_page=True)
    if condition == CONDITIONS[0]:
        page.pdf(path=path.with_suffix(".print.chromium.pdf"), format="A4", margin=MARGINS)
    page.context.close()


def in_firefox(browser: Firefox, address: str, scene: Scene, condition: Condition, path: Path) -> None:
    """The same. A finger is a mouse here."""
    browser.prefer(FORCED_COLOURS, ALWAYS if condition.forced_colours else AS_THE_SYSTEM)
    browser.prefer(REDUCED_MOTION, REST if condition.reduced_motion else NO_PREFERENCE)
    tab = browser.tab
    tab.resize(condition.width, FRAME, density=condition.density)
    tab.open(_place(address, scene))
    tab.evaluate(_open(scene.opened))
    path.with_suffix(f"{path.suffix}.firefox.png").write_bytes(tab.picture())
    if condition == CONDITIONS[0]:
        path.with_suffix(".print.firefox.pdf").write_bytes(tab.printed())


def _place(address: str, scene: Scene) -> str:
    return f"{address}/widget?{scene.query.lstrip('&')}"


def _open(name: str) -> str:
    """What opens the row of a service; nothing without a name."""
    rows = "[...document.querySelectorAll('.row')]"
    row = f"{rows}.find(row => row.querySelector('.name').textContent === {json.dumps(name)})"
    return f"void {row}?.querySelector('summary').click()"


if __name__ == "__main__":
    main()
