"""Theme numbers → colours. The expected colours were measured in Glance itself (GL-3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.web.theme import Hsl, Theme, ThemeError, colours, contrast, parse_theme, stylesheet

DEFAULT_LIGHT = {
    "light": "true",
    "background-color": "240 13 95",
    "primary-color": "230 100 30",
    "negative-color": "0 70 50",
    "contrast-multiplier": "1.3",
    "text-saturation-multiplier": "0.5",
}
DRACULA = {
    "background-color": "231 15 21",
    "primary-color": "265 89 79",
    "contrast-multiplier": "1.2",
    "positive-color": "135 94 66",
    "negative-color": "0 100 67",
}
GRUVBOX = {
    "background-color": "0 0 16",
    "primary-color": "43 59 81",
    "positive-color": "61 66 44",
    "negative-color": "6 96 59",
}

MEASURED = {
    "color-background": ((21, 21, 25), (241, 241, 244)),
    "color-widget-background": ((23, 23, 28), (243, 243, 246)),
    "color-separator": ((30, 30, 36), (226, 226, 232)),
    "color-widget-content-border": ((30, 30, 36), (229, 229, 235)),
    "color-popover-background": ((27, 27, 34), (249, 249, 251)),
    "color-popover-border": ((49, 49, 58), (206, 206, 217)),
    "color-progress-border": ((45, 45, 52), (203, 203, 215)),
    "color-progress-value": ((82, 82, 96), (150, 150, 162)),
    "color-text-highlight": ((214, 214, 220), (0, 0, 0)),
    "color-text-paragraph": ((181, 181, 192), (12, 12, 14)),
    "color-text-base": ((139, 139, 156), (59, 59, 67)),
    "color-text-base-muted": ((123, 123, 142), (77, 77, 88)),
    "color-text-subdue": ((82, 82, 96), (131, 131, 147)),
    "color-primary": ((217, 195, 140), (0, 26, 153)),
    "color-negative": ((232, 125, 125), (217, 38, 38)),
}


@pytest.mark.parametrize("name", MEASURED)
def test_colours_are_glances(name: str) -> None:
    dark, light = MEASURED[name]
    assert colours(Theme())[name] == dark
    assert colours(parse_theme(DEFAULT_LIGHT))[name] == light


@pytest.mark.parametrize(
    ("theme", "percent"), [({}, 0), (DEFAULT_LIGHT, 5), (DRACULA, 15), (GRUVBOX, 25)], ids=["dark", "light", "d", "g"]
)
def test_an_ink_moves_no_further_than_it_must(theme: dict[str, str], percent: int) -> None:
    table = colours(parse_theme(theme))
    own, highlight = table["color-negative"], table["color-text-highlight"]
    mixed = tuple(round(a + (b - a) * percent / 100) for a, b in zip(own, highlight, strict=True))
    assert all(abs(a - b) <= 1 for a, b in zip(table["ink-negative"], mixed, strict=True))


@pytest.mark.parametrize("theme", [{}, DEFAULT_LIGHT, DRACULA, GRUVBOX], ids=["dark", "light", "dracula", "gruvbox"])
def test_inks_can_be_read(theme: dict[str, str]) -> None:
    table = colours(parse_theme(theme))
    for name in ("ink-base", "ink-primary", "ink-positive", "ink-negative"):
        assert contrast(table[name], table["color-widget-background"]) >= 4.5
        assert contrast(table[name], table["color-popover-border"]) >= 3


def test_positive_is_primary_unless_it_is_given() -> None:
    assert colours(parse_theme({"primary-color": "10 50 50"}))["color-positive"] == (191, 85, 64)
    assert parse_theme({"positive-color": "120 50 50"}).positive == Hsl(120, 50, 50)


def test_parameters_add_to_the_configured_theme() -> None:
    base = parse_theme(DRACULA)
    assert parse_theme({"light": "true"}, base).primary == base.primary


def test_the_style_sheet_declares_dark_also_for_a_light_theme() -> None:
    assert "color-scheme: dark;" in stylesheet(parse_theme(DEFAULT_LIGHT))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("background-color", "240 8"),
        ("background-color", "240 8 9 1"),
        ("background-color", "361 8 9"),
        ("background-color", "#151519"),
        ("background-color", "240 8 9;}body{display:none"),
        ("primary-color", "-1 8 9"),
        ("primary-color", "٣ 8 9"),
        ("light", "True"),
        ("light", ""),
        ("contrast-multiplier", "1e3"),
        ("contrast-multiplier", "inf"),
        ("text-saturation-multiplier", "1.2.3"),
        ("custom-css-file", "/x.css"),
    ],
)
def test_wrong_values_are_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ThemeError, match=name):
        parse_theme({name: value})


NUMBER = st.floats(0, 100).map(lambda value: f"{value:.2f}")


@given(st.tuples(NUMBER, NUMBER, NUMBER), st.booleans(), st.floats(0, 10).map(lambda value: f"{value:.2f}"))
def test_any_valid_theme_gives_a_style_sheet(hsl: tuple[str, str, str], light: bool, multiplier: str) -> None:
    parameters = {
        "background-color": " ".join(hsl),
        "light": str(light).lower(),
        "contrast-multiplier": multiplier,
        "text-saturation-multiplier": multiplier,
    }
    table = colours(parse_theme(parameters))
    assert all(0 <= channel <= 255 for colour in table.values() for channel in colour)


@given(st.text(max_size=30))
def test_no_text_gets_into_the_style_sheet(text: str) -> None:
    try:
        sheet = stylesheet(parse_theme({"background-color": text}))
    except ThemeError:
        return
    assert sheet.count("{") == sheet.count("}") == 1
