"""The pages in Debian's Firefox: the ten things that another engine could do otherwise than Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sidecar.web.theme import Theme, colours
from tests.browser import printed
from tests.browser.firefox.browser import Firefox
from tests.browser.firefox.preferences import ALWAYS, AS_THE_SYSTEM, FORCED_COLOURS, NO_PREFERENCE, REDUCED_MOTION, REST
from tests.browser.firefox.tab import ENTER, TAB, Tab
from tests.browser.layout import FAULTS
from tests.browser.serving import Sidecar
from tests.web import boards

pytestmark = pytest.mark.browser

VIEWS = ["view=table", "view=calendar&day=2026-11-12", "view=history", "view=all"]

#: Glance's small and full column, a phone, and one width for each layout between.
WIDTHS = [300, 370, 604, 764, 924, 1247]

_OPEN_ALL = "document.querySelectorAll('summary').forEach(e => { if (e.checkVisibility()) e.click(); })"

VAULTWARDEN = ".row:nth-of-type(2)"


@pytest.fixture(autouse=True)
def bad_morning(sidecar: Sidecar) -> None:
    sidecar.show(boards.bad_morning)


def test_it_loads_in_the_colours_and_the_font_of_glance(tab: Tab, sidecar: Sidecar) -> None:
    tab.open(f"{sidecar.address}/widget")
    styles = tab.evaluate(
        "[getComputedStyle(document.querySelector('main')), getComputedStyle(document.documentElement)]"
        ".map(style => style.backgroundColor)"
    )
    fonts = tab.evaluate("[...document.fonts].filter(font => font.status === 'loaded').map(font => font.family)")
    table = colours(Theme())

    assert tab.evaluate("document.title") == "Backups: 3 of 12 need you"
    assert tab.text("h1") == "3 of 12 need you"
    assert styles == [f"rgb{table[f'color-{name}']}" for name in ("widget-background", "background")]
    assert {name.strip('"') for name in fonts} == {"JetBrains Mono"}


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_cut_overlaps_or_is_too_small_to_touch(tab: Tab, sidecar: Sidecar, view: str) -> None:
    tab.open(f"{sidecar.address}/widget?{view}")
    tab.evaluate(_OPEN_ALL)
    faults = {}
    for width in WIDTHS:
        tab.resize(width)
        faults[width] = tab.evaluate(f"({FAULTS})()")

    assert {width: found for width, found in faults.items() if found} == {}


def test_the_table_has_columns_below_each_other_and_its_roles(tab: Tab, sidecar: Sidecar) -> None:
    tab.open(f"{sidecar.address}/widget")
    lefts = {
        column: set(
            tab.evaluate(f"[...document.querySelectorAll('.row .{column}')].map(e => e.getBoundingClientRect().{side})")
        )
        for side, columns in (("left", ("name", "state", "parts")), ("right", ("last", "kept", "next")))
        for column in columns
    }

    assert {column: len(edges) for column, edges in lefts.items()} == dict.fromkeys(lefts, 1)
    assert tab.texts(".columns th") == ["service", "state", "parts", "last", "kept", "next"]
    assert tab.texts(".row .state")[:3] == ["failed", "missed", "never"]


def test_a_row_opens_under_the_mouse_and_shows_its_exact_times(tab: Tab, sidecar: Sidecar) -> None:
    tab.open(f"{sidecar.address}/widget")
    opened = f"document.querySelector({VAULTWARDEN!r} + ' .opened').checkVisibility()"
    exact = f"document.querySelector({VAULTWARDEN!r} + ' .exact').checkVisibility()"

    assert [tab.evaluate(opened), tab.evaluate(exact)] == [False, False]
    tab.click(f"{VAULTWARDEN} .state")
    tab.wait_until(opened)
    assert "mariadb-main/vaultwarden, daily 02:00" in tab.text(f"{VAULTWARDEN} .opened")
    tab.hover(f"{VAULTWARDEN} .last time")
    tab.wait_until(exact)
    assert tab.text(f"{VAULTWARDEN} .exact").startswith("last Sun 22 Nov 2026 04:07:00 CET next Tue 24 Nov")


def test_the_calendar_has_square_days_with_their_marks_and_opens_one(tab: Tab, sidecar: Sidecar) -> None:
    tab.open(f"{sidecar.address}/widget?view=calendar")
    days = tab.evaluate("[...document.querySelectorAll('.day')].map(e => e.getBoundingClientRect())")
    marks = tab.evaluate("[...document.querySelectorAll('.day .run')].map(e => e.getBoundingClientRect().width)")

    assert {(round(day["width"]), round(day["height"])) for day in days} == {(36, 36)}
    assert len(marks) > 60
    assert set(marks) == {8}
    tab.follow(".day[href*='day=2026-11-12']")
    assert tab.text(".due h3") == "Thu 12 Nov"
    assert "Nothing ran. Good again Fri 13 Nov 04:00." in tab.text(".due")


@pytest.mark.parametrize(("width", "days"), [(370, 30), (604, 60), (924, 90), (1247, 365)])
def test_the_history_shows_as_many_days_as_have_room(tab: Tab, sidecar: Sidecar, width: int, days: int) -> None:
    tab.resize(width)
    tab.open(f"{sidecar.address}/widget?view=history")
    cells = tab.evaluate(
        "[...document.querySelectorAll('.past-row:nth-of-type(2) td[title]')].filter(e => e.checkVisibility())"
        ".map(e => [e.title, e.getBoundingClientRect().width])"
    )
    marks = tab.evaluate("[...document.querySelectorAll('.past-row .run')].map(e => e.getBoundingClientRect().width)")

    assert len(cells) == days
    assert cells[-1][0].startswith("Mon 23 Nov: ")
    assert min(wide for _, wide in cells) >= 8
    assert {size for size in marks if size} == {8}


def test_the_keyboard_reaches_all_in_the_order_of_the_page_outlined_and_opens_a_row(tab: Tab, sidecar: Sidecar) -> None:
    tab.open(f"{sidecar.address}/widget")
    shown = tab.texts("a, summary")
    reached, outlines = [], set()
    for _ in shown:
        tab.press(TAB)
        words, outline = tab.evaluate(_FOCUSED)
        reached.append(words)
        outlines.add(outline)

    assert reached == shown
    assert outlines == {"2px"}
    tab.open(f"{sidecar.address}/widget")
    tab.evaluate(f"document.querySelector({VAULTWARDEN!r} + ' summary').focus()")
    tab.press(ENTER)
    tab.wait_until(f"document.querySelector({VAULTWARDEN!r} + ' .opened').checkVisibility()")


#: What has the focus, and the width of the line around it.
_FOCUSED = """(focused => [
  focused.innerText.trim().replace(/\\s+/g, " "),
  [null, "::after"].map(part => getComputedStyle(focused, part)).find(style => style.outlineStyle === "solid")?.outlineWidth,
])(document.activeElement)"""


@pytest.fixture
def forced_colours(running_firefox: Firefox) -> Iterator[None]:
    running_firefox.prefer(FORCED_COLOURS, ALWAYS)
    yield
    running_firefox.prefer(FORCED_COLOURS, AS_THE_SYSTEM)


@pytest.mark.usefixtures("forced_colours")
def test_with_forced_colours_marks_are_drawn_in_the_colour_of_text(tab: Tab, sidecar: Sidecar) -> None:
    tab.open(f"{sidecar.address}/widget?view=all")
    drawn = tab.evaluate(
        "[document.body, ...document.querySelectorAll('.mark, .run')].map(e => getComputedStyle(e).color)"
    )

    assert tab.evaluate("matchMedia('(forced-colors: active)').matches")
    assert set(drawn) == {drawn[0]}
    assert tab.evaluate("getComputedStyle(document.querySelector('.today .day')).borderTopStyle") == "solid"


def test_nothing_moves_for_those_who_asked_for_rest(tab: Tab, running_firefox: Firefox, sidecar: Sidecar) -> None:
    moving = {}
    for asked in (NO_PREFERENCE, REST):
        running_firefox.prefer(REDUCED_MOTION, asked)
        tab.open(f"{sidecar.address}/widget")
        moving[asked] = tab.evaluate("document.getAnimations().length") > 0
    running_firefox.prefer(REDUCED_MOTION, NO_PREFERENCE)

    assert moving == {NO_PREFERENCE: True, REST: False}


@pytest.mark.parametrize("path", [*(f"widget?{view}" for view in VIEWS), "widget?view=calender"])
def test_the_policy_allows_all_that_a_page_needs(tab: Tab, sidecar: Sidecar, path: str) -> None:
    tab.open(f"{sidecar.address}/{path}")
    tab.evaluate(_OPEN_ALL)

    assert tab.complaints() == []


def test_what_the_policy_does_not_allow_is_noticed(tab: Tab, sidecar: Sidecar) -> None:
    """The looking itself."""
    tab.open(f"{sidecar.address}/widget")
    tab.evaluate("document.body.setAttribute('style', 'color: red')")

    (complaint,) = tab.complaints()
    assert "Content-Security-Policy" in complaint


def test_a_page_that_comes_to_the_front_is_refreshed_in_place(
    tab: Tab, running_firefox: Firefox, sidecar: Sidecar
) -> None:
    sidecar.show(boards.good_morning)
    tab.open(f"{sidecar.address}/widget")
    tab.evaluate("window.mine = true")
    tab.click(".row .state")
    other = running_firefox.new_tab()
    sidecar.show(boards.bad_morning)
    tab.to_front()
    tab.wait_until("document.querySelector('h1').innerText === '3 of 12 need you'")
    other.close()

    assert tab.evaluate("window.mine")
    assert tab.evaluate("document.querySelectorAll('.row details[open]').length") == 1


def test_what_is_printed_is_black_on_white_and_below_each_other(tab: Tab, sidecar: Sidecar) -> None:
    """Over several pages: with every row opened."""
    tab.open(f"{sidecar.address}/widget")
    tab.evaluate(_OPEN_ALL)
    pdf = tab.printed()
    pieces = printed.words(pdf)

    assert "mariadb-main/vaultwarden, daily 02:00" in printed.text(pdf)
    assert printed.pale(pieces) == []
    assert printed.out_of_order(pieces, ["3 of 12 need you", *tab.texts(".row .name"), "main"]) == []
