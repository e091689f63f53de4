"""Page → HTML. The words come from page.py and rows.py; the template only places and escapes them."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Template

from .assets import Asset
from .calendar_page import CalendarPage
from .page import Page
from .query import WidgetQuery
from .templating import environment

#: An open page asks again after so many seconds: there is no script that could.
REFRESH_SECONDS = 60


class WidgetTemplate:
    """The template of the page, compiled once."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        templates = environment()
        self._table = templates.get_template("widget.html")
        self._calendar = templates.get_template("calendar.html")
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
            refresh_seconds=REFRESH_SECONDS,
        )
        # Upstreams may send halves of characters, which UTF-8 does not know.
        return html.encode(errors="replace")
