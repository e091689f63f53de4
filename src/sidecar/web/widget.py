"""Page → HTML. The words come from page.py and rows.py; the template only places and escapes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from urllib.parse import quote, urlencode

from .assets import Asset
from .calendar_page import CalendarPage
from .history_page import HistoryPage
from .looks import WIDGET
from .page import Page, Top
from .query import LONGEST_SEARCH, WidgetQuery
from .templating import drawn, environment
from .words import Moment


class WidgetTemplate:
    """The template of every view, compiled once.

    An open page looks again every ``refresh``; without an answer it shows nothing as ok after ``good_for``.
    """

    def __init__(self, assets: Mapping[str, Asset], refresh: timedelta, good_for: timedelta, title: str) -> None:
        self._template = environment().get_template("widget.html")
        self._refresh_seconds = int(refresh.total_seconds())
        self._good_for_seconds = int(good_for.total_seconds())
        self._title = title
        self._links = {name: f"static/{asset.name}" for name, asset in assets.items()}

    def render(
        self,
        query: WidgetQuery,
        table: Page | None,
        calendar: CalendarPage | None,
        history: HistoryPage | None,
        line: Page | Top | None,
        made: Moment,
    ) -> Iterator[bytes]:
        """The view that was asked for, as UTF-8 in pieces: table, calendar, both, history, or only the headline of ``line``.

        ``made`` is its moment.

        All its links are relative, so that it works under any prefix.
        """
        return drawn(
            self._template,
            look=WIDGET,
            page=table or calendar or history or line,
            only_line=line is not None,
            table=table,
            calendar=calendar,
            history=history,
            title=self._title,
            kept=query.beside_search,
            all_services=f"?{urlencode(query.beside_search, quote_via=quote)}",
            longest_search=LONGEST_SEARCH,
            views=_ways(query),
            links=self._links,
            theme_query=query.theme_query,
            made=made,
            refresh_seconds=self._refresh_seconds,
            good_for_seconds=self._good_for_seconds,
        )


def _ways(query: WidgetQuery) -> tuple[tuple[str, str, bool], ...]:
    """(name, address, is the present one) of the other views; where all is shown there is nowhere to go, in a line no room."""
    if query.view in ("all", "line"):
        return ()
    return (
        ("services", query.address(), query.view == "table"),
        ("calendar", query.address(view="calendar"), query.view == "calendar"),
        ("history", query.address(view="history"), query.view == "history"),
    )
