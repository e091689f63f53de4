"""Nobody needs colours: in the eyes of those who see fewer, every mark stands out, and no two shapes are alike."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import pytest
from playwright.sync_api import Browser, Page

from sidecar.web.theme import MARKS_CONTRAST
from tests.browser.marks import SETS, Mark, difference, lay_out, seen
from tests.browser.serving import Sidecar
from tests.web import themes

pytestmark = pytest.mark.browser

#: Without red, green or blue; without any colour.
EYES = ["protanopia", "deuteranopia", "tritanopia", "achromatopsia"]

#: How much two shapes differ at least. The nearest are a circle with and without the hands of a clock, late and new.
APART = 0.15


@pytest.fixture
def page(browser: Browser, sidecar: Sidecar) -> Page:
    return browser.new_context(viewport={"width": 300, "height": 200}, reduced_motion="reduce").new_page()


@pytest.mark.parametrize("theme", ["default-dark", "default-light"])
def test_every_mark_stands_out_and_has_a_shape_of_its_own(page: Page, sidecar: Sidecar, theme: str) -> None:
    page.goto(f"{sidecar.address}/widget?view=history{themes.query(theme)}")
    names = lay_out(page)
    eyes = page.context.new_cdp_session(page)
    for kind in EYES:
        eyes.send("Emulation.setEmulatedVisionDeficiency", {"type": kind})
        marks = seen(page, names)

        assert {name: mark.contrast() for name, mark in marks.items() if mark.contrast() < MARKS_CONTRAST} == {}, kind
        assert alike(marks) == [], kind
    page.context.close()


def test_all_marks_are_looked_at(page: Page, sidecar: Sidecar) -> None:
    page.goto(f"{sidecar.address}/widget?view=history")
    names = lay_out(page)

    assert {name.partition("-")[0] for name in names} == set(SETS)
    assert len(names) > 40
    page.context.close()


def test_two_marks_that_differ_in_colour_only_are_alike() -> None:
    """The looking itself."""
    dark, red, green = (0, 0, 0), (200, 0, 0), (0, 200, 0)
    marks = {"bar-failed": Mark(dark, (dark, red, red)), "bar-ok": Mark(dark, (dark, green, green))}

    assert alike(marks) == ["bar-failed and bar-ok"]


def alike(marks: Mapping[str, Mark]) -> list[str]:
    """The pairs that are too near to each other."""
    shapes = {name: mark.shape() for name, mark in marks.items()}
    return [
        f"{one} and {other}"
        for kind in SETS
        for one, other in combinations([name for name in shapes if name.startswith(f"{kind}-")], 2)
        if difference(shapes[one], shapes[other]) < APART
    ]
