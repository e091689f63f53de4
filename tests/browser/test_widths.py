"""Every view at every width that Glance gives a column (GL-4): nothing scrolls sideways, is cut or too small."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import Browser

from tests.browser.serving import Sidecar
from tests.web import boards, calendars

pytestmark = pytest.mark.browser

#: Glance's widths, one of a column beside a scroll bar, and both sides of every place where the layout changes.
WIDTHS = [289, 300, 360, 361, 370, 515, 560, 561, 604, 700, 701, 764, 859, 860, 924, 1099, 1100, 1247, 1890]

VIEWS = {"table": "", "calendar": "?view=calendar", "day": "?view=calendar&day=2026-11-12", "all": "?view=all"}

#: What is not visible text: it is only read aloud, or it is drawn.
_UNSEEN = """const unseen = element => {
  for (let one = element; one; one = one.parentElement)
    if (one.matches("svg") || getComputedStyle(one).clipPath === "inset(50%)") return true;
  return !element.checkVisibility();
};
const written = within => {
  const texts = document.createTreeWalker(within, NodeFilter.SHOW_TEXT), range = document.createRange(), found = [];
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (!text.data.trim() || unseen(text.parentElement)) continue;
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) if (box.width > 1) found.push([box, text.data.trim().slice(0, 40)]);
  }
  return found;
};"""

#: Text outside of the card, and whatever is wider than its box. The grid of days hangs over by its own gap of 2 px.
_CUT = f"""() => {{ {_UNSEEN}
  const card = document.querySelector("main"), edge = card.getBoundingClientRect();
  const outside = written(card).filter(([box]) => box.left < edge.left || box.right > edge.right).map(([_, text]) => text);
  const wide = [...card.querySelectorAll("*:not(svg, svg *)")].filter(element =>
    !["inline", "contents"].includes(getComputedStyle(element).display) && !unseen(element)
    && element.scrollWidth > element.clientWidth + 2);
  return [...outside, ...wide.map(element => element.className || element.tagName)];
}}"""

#: Text that lies on other text of the same row, entry, line of the schedule.
_OVERLAPS = f"""() => {{ {_UNSEEN}
  const overlaps = [];
  for (const group of document.querySelectorAll(".headline, .tally, .row, .entry, .schedule li, footer, .legend")) {{
    const boxes = written(group);
    boxes.forEach(([box, text], place) => boxes.slice(place + 1).forEach(([other, also]) => {{
      const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
      const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
      if (across > 1 && down > 4) overlaps.push(`${{text}} on ${{also}}`);
    }}));
  }}
  return overlaps;
}}"""

#: What is smaller than 24 × 24 px and can be touched. A row is touched anywhere on its line.
_SMALL = f"""() => {{ {_UNSEEN}
  return [...document.querySelectorAll("a, summary")].filter(target => !unseen(target)).filter(target => {{
    const box = (target.closest(".line") || target).getBoundingClientRect();
    return Math.min(box.width, box.height) < 24;
  }}).map(target => `small: ${{target.textContent.trim().slice(0, 30)}}`);
}}"""

_SCROLLS = "() => document.documentElement.scrollWidth > innerWidth ? ['scrolls sideways'] : []"


def faults(browser: Browser, address: str, widths: Sequence[int]) -> dict[int, list[str]]:
    """What is wrong with a page in which everything is opened, by width."""
    page = browser.new_page(viewport={"width": 300, "height": 640})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    for summary in page.locator("summary:visible").all():
        summary.click(position={"x": 2, "y": 2})
    by_width: dict[int, list[str]] = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 640})
        by_width[width] = [fault for look in (_SCROLLS, _CUT, _OVERLAPS, _SMALL) for fault in page.evaluate(look)]
    page.close()
    return {width: measured + complaints for width, measured in by_width.items() if measured + complaints}


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_scrolls_sideways_is_cut_overlaps_or_is_too_small_to_touch(
    browser: Browser, sidecar: Sidecar, view: str
) -> None:
    sidecar.show(boards.bad_morning)

    assert faults(browser, f"{sidecar.address}/widget{VIEWS[view]}", WIDTHS) == {}


@pytest.mark.parametrize("name", sorted(boards.ALL.keys() - {"bad_morning"}))
def test_any_board_fits_with_its_calendar(browser: Browser, sidecar: Sidecar, name: str) -> None:
    sidecar.show(boards.ALL[name], calendars.hostile(boards.NOW) if name == "hostile" else None)

    assert faults(browser, f"{sidecar.address}/widget?view=all", WIDTHS) == {}


def test_long_names_and_many_parts_fit(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(lambda: boards.many(30))

    assert faults(browser, f"{sidecar.address}/widget", WIDTHS) == {}


def test_a_page_that_does_not_fit_is_detected(browser: Browser) -> None:
    """The looking itself: each fault in one small page."""
    line = "<p class=entry><span style='position:absolute'>over</span>under</p>"
    wide = "<div style='width:9px;white-space:nowrap'>too long</div>"
    body = (
        f"<main style='width:100px;font:13px/1.6 monospace'>{line}{wide}<a href=x>x</a></main><hr style='width:999px'>"
    )

    (complaints,) = faults(browser, f"data:text/html,{body}", [300]).values()

    assert [complaint for complaint in complaints if complaint != "DIV"] == [
        "scrolls sideways",
        "over on under",
        "small: x",
    ]
    assert "DIV" in complaints
