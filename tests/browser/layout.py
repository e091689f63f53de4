"""What can be wrong with the layout of a page, as one function for the browser: it answers with a list of faults."""

from __future__ import annotations

#: What is not visible text: it is only read aloud, or it is drawn. Of each element that is found out once for all looks.
_UNSEEN = """
  const known = new Map();
  const isApart = element => {
    if (!element) return false;
    if (!known.has(element)) known.set(element,
      element.matches("svg") || getComputedStyle(element).clipPath === "inset(50%)" || isApart(element.parentElement));
    return known.get(element);
  };
  const unseen = element => isApart(element) || !element.checkVisibility();
  const written = within => {
    const texts = document.createTreeWalker(within, NodeFilter.SHOW_TEXT), range = document.createRange(), found = [];
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      if (!text.data.trim() || unseen(text.parentElement)) continue;
      range.selectNodeContents(text);
      for (const box of range.getClientRects()) if (box.width > 1) found.push([box, text.data.trim().slice(0, 40)]);
    }
    return found;
  };"""

_SCROLLS = """
  const scrolls = () => document.documentElement.scrollWidth > innerWidth ? ["scrolls sideways"] : [];"""

#: Text outside of the card, and whatever is wider than its box. The grid of days hangs over by its own gap of 2 px, and
#: a date above the history has room to its right.
_CUT = """
  const cut = () => {
    const card = document.querySelector("main"), edge = card.getBoundingClientRect();
    const outside = written(card).filter(([box]) => box.left < edge.left || box.right > edge.right);
    const wide = [...card.querySelectorAll("*:not(svg, svg *, .past-heads th, .past-months li)")].filter(element =>
      element.scrollWidth > element.clientWidth + 2 && !unseen(element)
      && !["inline", "contents"].includes(getComputedStyle(element).display));
    return [...outside.map(([_, text]) => text), ...wide.map(element => element.className || element.tagName)];
  };"""

#: Text that lies on other text of the same row, entry, line of the schedule.
_OVERLAPS = """
  const overlaps = () => {
    const found = [];
    for (const group of document.querySelectorAll(".headline, .tally, .row, .entry, .schedule li, footer, .legend")) {
      const boxes = written(group);
      boxes.forEach(([box, text], place) => boxes.slice(place + 1).forEach(([other, also]) => {
        const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (across > 1 && down > 4) found.push(`${text} on ${also}`);
      }));
    }
    return found;
  };"""

#: What is smaller than 24 × 24 px and can be touched. A row is touched anywhere on its line.
_SMALL = """
  const small = () => [...document.querySelectorAll("a, summary")].filter(target => !unseen(target)).filter(target => {
    const box = (target.closest(".line") || target).getBoundingClientRect();
    return Math.min(box.width, box.height) < 24;
  }).map(target => `small: ${target.textContent.trim().slice(0, 30)}`);"""

FAULTS = f"""() => {{ {_UNSEEN} {_SCROLLS} {_CUT} {_OVERLAPS} {_SMALL}
  return [...scrolls(), ...cut(), ...overlaps(), ...small()];
}}"""
