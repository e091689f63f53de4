"""Static files: their names, their kinds, and how the font finds its way."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from sidecar.web.assets import load_assets
from tests.web.asking import app_for, ask

ASSETS = load_assets()


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("widget.css", "text/css; charset=utf-8"),
        ("live.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("jetbrains-mono-latin.woff2", "font/woff2"),
    ],
)
def test_a_file_is_served_as_what_it_is_under_a_name_that_changes_with_it(name: str, media_type: str) -> None:
    asset = ASSETS[name]
    answer = ask(app_for(), f"/static/{asset.name}")
    assert (answer.content, answer.headers["content-type"]) == (asset.content, media_type)
    assert re.fullmatch(r"[\w-]+\.[0-9a-f]{12}\.\w+", asset.name)


def test_the_style_sheet_of_the_font_leads_to_files_that_are_there() -> None:
    named = re.findall(r"url\((.*?)\)", ASSETS["font.css"].content.decode())
    assert len(named) == 2
    for name in named:
        answer = ask(app_for(), f"/static/{name}")
        assert answer.content.startswith(b"wOF2")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_the_licence_of_the_font_comes_with_it() -> None:
    licence = files("sidecar.web").joinpath("static", "jetbrains-mono-OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "The JetBrains Mono Project Authors" in licence


def test_scripts_and_font_stay_small() -> None:
    assert sum(len(ASSETS[name].content) for name in ("theme.js", "live.js")) < 10_000
    assert len(ASSETS["jetbrains-mono-latin.woff2"].content) < 22_000
