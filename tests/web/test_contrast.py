"""AA contrast, computed for each theme that Glance documents, and for paper: words 4.5:1, marks 3:1, on every ground.

``python -m tests.web.test_contrast`` prints the table for the documentation.
"""

from __future__ import annotations

import re
import sys

import pytest

from sidecar.web.assets import load_assets
from sidecar.web.theme import MARKS_CONTRAST, PAPER, WORDS_CONTRAST, Rgb, colours, contrast, parse_theme
from tests.web import themes

CARD, POPOVER, TODAY = "color-widget-background", "color-popover-background", "color-popover-border"

#: What the style sheets write with, and on which ground: banner and exact times stand on the popover's, marks on today's.
WORDS = [
    ("color-text-highlight", CARD),
    ("color-text-paragraph", CARD),
    ("ink-base", CARD),
    ("ink-primary", CARD),
    ("ink-negative", CARD),
    ("color-text-highlight", POPOVER),
    ("color-text-paragraph", POPOVER),
    ("ink-primary", POPOVER),
    ("color-text-highlight", TODAY),
]
MARKS = [
    ("ink-base", TODAY),
    ("ink-primary", TODAY),
    ("ink-positive", TODAY),
    ("ink-negative", TODAY),
    ("ink-positive", CARD),
    ("color-text-highlight", POPOVER),
    # What is cut out of a mark shows the ground.
    (CARD, "ink-negative"),
    (TODAY, "ink-negative"),
    (TODAY, "color-text-highlight"),
    # The outline of what has the focus.
    ("ink-primary", CARD),
]


#: Bullets, and the bar of a datastore, beside which stands how full it is: they say nothing that words don't say.
DECORATION = {"color-text-subdue", "color-progress-value"}

TABLES: dict[str, dict[str, Rgb]] = {
    **{name: colours(parse_theme(parameters)) for name, parameters in themes.ALL.items()},
    "on paper": colours(PAPER),
}


def ratio(theme: str, colour: str, other: str) -> float:
    return contrast(TABLES[theme][colour], TABLES[theme][other])


def test_fourteen_themes_are_documented() -> None:
    assert len(themes.DOCUMENTED) == 14


@pytest.mark.parametrize("theme", TABLES)
def test_words_can_be_read_on_every_ground(theme: str) -> None:
    low = {pair: ratio(theme, *pair) for pair in WORDS if ratio(theme, *pair) < WORDS_CONTRAST}

    assert low == {}


@pytest.mark.parametrize("theme", TABLES)
def test_marks_can_be_seen_on_every_ground(theme: str) -> None:
    low = {pair: ratio(theme, *pair) for pair in MARKS if ratio(theme, *pair) < MARKS_CONTRAST}

    assert low == {}


def used(properties: str) -> set[str]:
    """The colours that our own page's style sheets give to these properties. In an extension they are Glance's."""
    sheets = "\n".join(asset.content.decode() for asset in load_assets().values() if asset.media_type == "text/css")
    return set(re.findall(rf"(?<![-\w])(?:{properties}): [^;]*?var\(--([\w-]+)\)", sheets))


def test_the_style_sheets_write_and_draw_with_no_other_colour() -> None:
    drawn = used("color|fill|stroke|outline")

    assert drawn - DECORATION == {colour for colour, _ in WORDS + MARKS}


def test_nothing_stands_on_another_ground() -> None:
    """The ground of the page lies behind the card."""
    assert used("background|background-color") - {"color-background"} == {CARD, POPOVER, TODAY}


def table() -> str:
    """The lowest contrast of what is written and drawn, by theme and ground, as a table in Markdown."""
    heads = (
        "theme",
        "words on the card",
        "words on the banner",
        "today's number",
        "marks on the card",
        "marks on today",
    )
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    for theme in TABLES:
        lowest = [
            *(min(ratio(theme, *pair) for pair in WORDS if pair[1] == ground) for ground in (CARD, POPOVER, TODAY)),
            *(min(ratio(theme, *pair) for pair in MARKS if pair[1] == ground) for ground in (CARD, TODAY)),
        ]
        # Rounded down: 4.499 is not 4.5.
        lines.append(f"| {theme} | " + " | ".join(f"{int(ratio * 100) / 100:.2f}" for ratio in lowest) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
