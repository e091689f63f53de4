"""Glance's theme numbers → the colours of the page.

The names of the parameters are those of glance.yml; the formulae are facts about Glance 0.8 (GL-3). The inks
are ours: a theme's own colour is moved towards the text colour until it can be read on a card.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

Rgb = tuple[int, int, int]

#: WCAG contrast that words need on a card, and that marks need on the background of today.
WORDS_CONTRAST = 4.5
MARKS_CONTRAST = 3.0


class ThemeError(ValueError):
    """A theme parameter can't be used. The message names it and says what it may be."""


@dataclass(frozen=True, slots=True)
class Hsl:
    """A colour as glance.yml writes it: hue 0–360, saturation and lightness 0–100."""

    hue: float
    saturation: float
    lightness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """The numbers of a Glance theme; the default is Glance's own dark one. ``positive`` is None: like ``primary``."""

    background: Hsl = Hsl(240, 8, 9)
    primary: Hsl = Hsl(43, 50, 70)
    positive: Hsl | None = None
    negative: Hsl = Hsl(0, 70, 70)
    light: bool = False
    contrast_multiplier: float = 1.0
    text_saturation_multiplier: float = 1.0


#: What is printed, whatever is on the screen: black on white, since browsers print no grounds unless they are told to.
PAPER = Theme(
    background=Hsl(0, 0, 99),
    primary=Hsl(230, 100, 30),
    negative=Hsl(0, 70, 50),
    light=True,
    contrast_multiplier=1.3,
)


def parse_theme(parameters: Mapping[str, str], base: Theme | None = None) -> Theme:
    """``base`` with the given parameters, named as in glance.yml. Raises ThemeError for a wrong name or value."""
    changes: dict[str, Hsl | bool | float] = {}
    for name, text in parameters.items():
        if name not in _PARAMETERS:
            raise ThemeError(f"{name} is no theme parameter; there are {', '.join(_PARAMETERS)}.")
        field, parse = _PARAMETERS[name]
        changes[field] = parse(name, text)
    return replace(base or Theme(), **changes)  # type: ignore[arg-type]


def colours(theme: Theme) -> dict[str, Rgb]:
    """Every colour of the page by its name, without the leading ``--``."""
    table = _glance_colours(theme)
    card, today, highlight = (
        table[f"color-{name}"] for name in ("widget-background", "popover-border", "text-highlight")
    )
    for name, source in _INKS.items():
        table[f"ink-{name}"] = ink(table[source], highlight, card, today)
    return table


def stylesheet(theme: Theme) -> str:
    """The style sheet that gives the page its colours, on the screen and on paper.

    color-scheme is dark also for a light theme: Glance's own document always declares dark, and a frame that declares
    another scheme gets an opaque white canvas (GL-1).
    """
    return f"{_rule('dark', theme)}\n@media print {{\n{_rule('light', PAPER)}}}\n"


def _rule(scheme: str, theme: Theme) -> str:
    lines = [f"  --{name}: rgb({red} {green} {blue});" for name, (red, green, blue) in colours(theme).items()]
    return "\n".join([":root {", f"  color-scheme: {scheme};", *lines, "}", ""])


def ink(colour: Rgb, highlight: Rgb, card: Rgb, today: Rgb) -> Rgb:
    """``colour`` mixed with ``highlight`` by the smallest of 0, 5, … 100 % that can be read on both backgrounds."""
    for percent in range(0, 101, 5):
        mixed = _mix(colour, highlight, percent)
        if contrast(mixed, card) >= WORDS_CONTRAST and contrast(mixed, today) >= MARKS_CONTRAST:
            return mixed
    return highlight


def contrast(first: Rgb, second: Rgb) -> float:
    """Contrast ratio of WCAG 2, from 1 to 21."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


_INKS = {
    "base": "color-text-base",
    "primary": "color-primary",
    "positive": "color-positive",
    "negative": "color-negative",
}


def _glance_colours(theme: Theme) -> dict[str, Rgb]:
    """The table of GL-3, with Glance's names."""
    background, away = theme.background, -1 if theme.light else 1
    multiplier = theme.contrast_multiplier

    def shade(lightness: float, *, saturation: float = 0) -> Rgb:
        return _rgb(replace(background, saturation=background.saturation + saturation, lightness=lightness))

    def tinted(lightness: float) -> Rgb:
        saturation = background.saturation * theme.text_saturation_multiplier
        return _rgb(Hsl(background.hue, saturation, lightness))

    def text(lightness: float) -> Rgb:
        scaled = lightness * multiplier
        return tinted(100 - scaled if theme.light else scaled)

    level = background.lightness
    return {
        "color-background": shade(level),
        "color-widget-background": shade(level + 1),
        "color-separator": shade(level + away * 4 * multiplier),
        "color-widget-content-border": shade(level + away * 4),
        "color-popover-background": shade(level + 3, saturation=3),
        "color-popover-border": shade(level + away * 12),
        "color-progress-border": shade(level + away * 10 * multiplier),
        "color-progress-value": tinted(level + away * 26 * multiplier),
        "color-text-highlight": text(85),
        "color-text-paragraph": text(73),
        "color-text-base": text(58),
        "color-text-base-muted": text(52),
        "color-text-subdue": text(35),
        "color-primary": _rgb(theme.primary),
        "color-positive": _rgb(theme.positive or theme.primary),
        "color-negative": _rgb(theme.negative),
    }


def _rgb(colour: Hsl) -> Rgb:
    """HSL → sRGB bytes; saturation and lightness are clamped, as browsers do."""
    saturation, lightness = (min(max(value, 0), 100) / 100 for value in (colour.saturation, colour.lightness))
    reach = saturation * min(lightness, 1 - lightness)

    def channel(offset: int) -> int:
        position = (offset + colour.hue / 30) % 12
        return _byte(lightness - reach * max(-1, min(position - 3, 9 - position, 1)))

    return channel(0), channel(8), channel(4)


def _byte(share: float) -> int:
    # The tiny step makes exact halves, which floating point puts just below, round up as they do in browsers.
    return math.floor(share * 255 + 0.5 + 1e-9)


def _mix(first: Rgb, second: Rgb, percent: int) -> Rgb:
    red, green, blue = (math.floor(a + (b - a) * percent / 100 + 0.5) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(value) for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parse_hsl(name: str, text: str) -> Hsl:
    words = text.replace("%", "").split()
    if len(words) != 3:
        raise ThemeError(f'{name} must be three numbers "H S L" such as "240 8 9", not {_quoted(text)}.')
    hue, saturation, lightness = (
        _number(name, word, limit) for word, limit in zip(words, (360, 100, 100), strict=True)
    )
    return Hsl(hue, saturation, lightness)


def _parse_light(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise ThemeError(f"{name} must be true or false, not {_quoted(text)}.")
    return text == "true"


def _parse_multiplier(name: str, text: str) -> float:
    return _number(name, text, 10)


def _number(name: str, text: str, limit: int) -> float:
    # Digits and one point only: float() would also take "nan", "1e9", "1_0" and digits of other scripts.
    if not (text.isascii() and text.replace(".", "", 1).isdigit() and len(text) <= 10 and float(text) <= limit):
        raise ThemeError(f"{name}: {_quoted(text)} is not a number from 0 to {limit}.")
    return float(text)


def _quoted(text: str) -> str:
    return f'"{text if len(text) <= 40 else text[:40] + "…"}"'


_PARAMETERS: dict[str, tuple[str, Callable[[str, str], Hsl | bool | float]]] = {
    "background-color": ("background", _parse_hsl),
    "primary-color": ("primary", _parse_hsl),
    "positive-color": ("positive", _parse_hsl),
    "negative-color": ("negative", _parse_hsl),
    "light": ("light", _parse_light),
    "contrast-multiplier": ("contrast_multiplier", _parse_multiplier),
    "text-saturation-multiplier": ("text_saturation_multiplier", _parse_multiplier),
}

PARAMETER_NAMES = frozenset(_PARAMETERS)
