"""Page → HTML. The words come from page.py and rows.py; the template only places and escapes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from .assets import Asset
from .calendar_page import CalendarPage
from .page import Page
from .query import WidgetQuery


class WidgetTemplate:
    """The template of the page, compiled once. An open page looks again every ``refresh``."""

    def __init__(self, assets: Mapping[str, Asset], refresh: timedelta) -> None:
        environment = _environment()
        self._refresh_seconds = int(refresh.total_seconds())
        self._table = environment.get_template("widget.html")
        self._calendar = environment.get_template("calendar.html")
        self._links = {name: f"static/{assets[name].name}" for name in ("widget.css", "calendar.css", "icon.svg")}

    def render(self, page: Page, query: WidgetQuery) -> bytes:
        """The page as UTF-8. All its links are relative, so that it works under any prefix."""
        return self._render(self._table, page, query)

    def render_calendar(self, page: CalendarPage, query: WidgetQuery) -> bytes:
        """The calendar, likewise."""
        return self._render(self._calendar, page, query)

    def _render(self, template: Template, page: Page | CalendarPage, query: WidgetQuery) -> bytes:
        views = (
            ("services", query.address(), query.view == "table"),
            ("calendar", query.address(view="calendar"), query.view == "calendar"),
        )
        html = template.render(
            page=page,
            views=views,
            links=self._links,
            theme_query=query.theme_query,
            refresh_seconds=self._refresh_seconds,
        )
        # Upstreams may send halves of characters, which UTF-8 does not know.
        return html.encode(errors="replace")


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
