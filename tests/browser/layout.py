"""What can be wrong with the layout of a page, as functions for the browser: each answers with a list of faults."""

from __future__ import annotations

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

#: Text outside of the card, and whatever is wider than its box. The grid of days hangs over by its own gap of 2 px, and
#: a date above the history has room to its right.
CUT = f"""() => {{ {_UNSEEN}
  const card = document.querySelector("main"), edge = card.getBoundingClientRect();
  const outside = written(card).filter(([box]) => box.left < edge.left || box.right > edge.right).map(([_, text]) => text);
  const wide = [...card.querySelectorAll("*:not(svg, svg *, .past-heads th, .past-months li)")].filter(element =>
    !["inline", "contents"].includes(getComputedStyle(element).display) && !unseen(element)
    && element.scrollWidth > element.clientWidth + 2);
  return [...outside, ...wide.map(element => element.className || element.tagName)];
}}"""

#: Text that lies on other text of the same row, entry, line of the schedule.
OVERLAPS = f"""() => {{ {_UNSEEN}
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
SMALL = f"""() => {{ {_UNSEEN}
  return [...document.querySelectorAll("a, summary")].filter(target => !unseen(target)).filter(target => {{
    const box = (target.closest(".line") || target).getBoundingClientRect();
    return Math.min(box.width, box.height) < 24;
  }}).map(target => `small: ${{target.textContent.trim().slice(0, 30)}}`);
}}"""

SCROLLS = "() => document.documentElement.scrollWidth > innerWidth ? ['scrolls sideways'] : []"
