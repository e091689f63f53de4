"""The themes that Glance's documentation shows (docs/themes.md), and its two own, under the names of glance.yml."""

from __future__ import annotations

from urllib.parse import quote, urlencode

#: What a theme of glance.yml is made of.
Parameters = dict[str, str]


def query(name: str) -> str:
    """The theme parameters of a page in this theme, as the end of a query."""
    return "".join(f"&{urlencode({key: value}, quote_via=quote)}" for key, value in ALL[name].items())


def _theme(background: str, primary: str, positive: str = "", negative: str = "", contrast: str = "") -> Parameters:
    named = {
        "background-color": background,
        "primary-color": primary,
        "positive-color": positive,
        "negative-color": negative,
        "contrast-multiplier": contrast,
    }
    return {name: value for name, value in named.items() if value}


_LIGHT = {"light": "true"}

OWN: dict[str, Parameters] = {
    "default-dark": {},
    "default-light": _LIGHT
    | _theme("240 13 95", "230 100 30", negative="0 70 50", contrast="1.3")
    | {"text-saturation-multiplier": "0.5"},
}

DOCUMENTED: dict[str, Parameters] = {
    "teal-city": _theme("225 14 15", "157 47 65", contrast="1.1"),
    "catppuccin-frappe": _theme("229 19 23", "222 74 74", "96 44 68", "359 68 71", "1.2"),
    "catppuccin-macchiato": _theme("232 23 18", "220 83 75", "105 48 72", "351 74 73", "1.2"),
    "catppuccin-mocha": _theme("240 21 15", "217 92 83", "115 54 76", "347 70 65", "1.2"),
    "camouflage": _theme("186 21 20", "97 13 80", contrast="1.2"),
    "gruvbox": _theme("0 0 16", "43 59 81", "61 66 44", "6 96 59"),
    "kanagawa-dark": _theme("240 13 14", "51 33 68", negative="358 100 68", contrast="1.2"),
    "tucan": _theme("50 1 6", "24 97 58", negative="209 88 54"),
    "dracula": _theme("231 15 21", "265 89 79", "135 94 66", "0 100 67", "1.2"),
    "shades-of-purple": _theme("243 33 25", "50 100 49", "98 82 71", "12 77 52", "1.2"),
    "neon-pink": _theme("240 27 11", "321 100 71", "165 78 51", "360 100 71", "1.5"),
    "catppuccin-latte": _LIGHT | _theme("220 23 95", "220 91 54", "109 58 40", "347 87 44", "1.0"),
    "peachy": _LIGHT
    | _theme("28 40 77", "155 100 20", negative="0 100 60", contrast="1.1")
    | {"text-saturation-multiplier": "0.5"},
    "zebra": _LIGHT | _theme("0 0 95", "0 0 10", negative="0 90 50"),
}

ALL = OWN | DOCUMENTED
