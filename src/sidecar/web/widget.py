"""Page → HTML. The words come from page.py and rows.py; the template only places and escapes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from .assets import Asset
from .page import Page

#: An open page asks again after so many seconds: there is no script that could.
REFRESH_SECONDS = 60


class WidgetTemplate:
    """The template of the page, compiled once."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self._template = _template()
        self._links = {name: f"static/{assets[name].name}" for name in ("widget.css", "icon.svg")}

    def render(self, page: Page, theme_query: str) -> bytes:
        """The page as UTF-8. All its links are relative, so that it works under any prefix."""
        html = self._template.render(
            page=page, links=self._links, theme_query=theme_query, refresh_seconds=REFRESH_SECONDS
        )
        # Upstreams may send halves of characters, which UTF-8 does not know.
        return html.encode(errors="replace")


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("widget.html")
