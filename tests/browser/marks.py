"""All marks of the page beside each other, as pixels."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

from sidecar.web.theme import Rgb, contrast
from tests.browser.pixels import pixels

#: Marks of one set stand in the same place, and must not be mistaken for each other.
SETS = ("state", "square", "disc", "bar", "history")

#: Puts every mark into a box of its own, and answers with their names and boxes. The names: "square-failed", "state-ok".
_LAY_OUT = """() => {
  const ids = [...document.querySelectorAll("symbol")].map(symbol => symbol.id)
    .filter(id => !["chevron", "away", "left", "right"].includes(id) && !id.endsWith("-kind"));
  const history = [...document.querySelectorAll(".past-legend li")]
    .map(entry => [`history-${entry.textContent.trim()}`, entry.firstChild]);
  const drawn = ids.map(id => {
    const [, kind, state] = /^(?:(square|disc|bar)-)?(.+)$/.exec(id);
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    mark.setAttribute("class", `${kind ? "run" : "mark"} is-${state}`);
    mark.append(document.createElementNS("http://www.w3.org/2000/svg", "use"));
    mark.firstChild.setAttribute("href", `#${id}`);
    return [`${kind ?? "state"}-${state}`, mark];
  });
  const card = document.querySelector("main");
  card.replaceChildren(...[...drawn, ...history].map(([name, mark], place) => {
    const box = document.createElement("div");
    box.className = "past-legend";
    Object.assign(box.style, { position: "absolute", width: "24px", height: "24px", padding: "6px",
      left: `${20 + place % 10 * 24}px`, top: `${20 + Math.floor(place / 10) * 24}px` });
    const days = /^(square|disc|bar)-/.test(name) && document.createElement("span");
    if (days) {
      days.className = "day-marks";
      days.append(document.createElement("i"));
      days.firstChild.append(mark);
    }
    box.append(days || mark);
    return box;
  }));
  return [...drawn, ...history].map(([name]) => name);
}"""


#: A mark's box, and how many stand beside each other.
_BOX, _ACROSS, _EDGE = 24, 10, 20


#: How much of each pixel is covered, row by row, from 0 to 1.
Shape = tuple[float, ...]


@dataclass(frozen=True)
class Mark:
    """A mark's pixels, row by row, and its ground."""

    ground: Rgb
    drawn: tuple[Rgb, ...]

    def contrast(self) -> float:
        """Of its strongest pixel."""
        return max(contrast(pixel, self.ground) for pixel in set(self.drawn))

    def shape(self) -> Shape:
        """Without its colour."""
        distances = [sum(abs(a - b) for a, b in zip(pixel, self.ground, strict=True)) for pixel in self.drawn]
        return tuple(distance / max(distances) for distance in distances)


def difference(one: Shape, other: Shape) -> float:
    """How much of the larger of two shapes is not in both: 0 for the same one, 1 and more where nothing is."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / max(sum(one), sum(other))


def lay_out(page: Page) -> list[str]:
    """Shows nothing but the marks; answers with their names: the set, and the state."""
    names: list[str] = page.evaluate(_LAY_OUT)
    return names


def seen(page: Page, names: list[str]) -> dict[str, Mark]:
    """Every mark as it is drawn at the moment, one device pixel for each of CSS."""
    blank = page.context.new_page()
    width, _, rgba = pixels(blank, page.screenshot())
    blank.close()

    def pixel(x: int, y: int) -> Rgb:
        start = (y * width + x) * 4
        return rgba[start], rgba[start + 1], rgba[start + 2]

    def mark(place: int) -> Mark:
        left, top = _EDGE + place % _ACROSS * _BOX, _EDGE + place // _ACROSS * _BOX
        box = [pixel(left + x, top + y) for y in range(_BOX) for x in range(_BOX)]
        return Mark(box[0], tuple(box))

    return {name: mark(place) for place, name in enumerate(names)}
