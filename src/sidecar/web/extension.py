"""Page and calendar → a Glance extension: a piece of HTML that Glance puts into its own document.

There it has Glance's classes, colours and font, live with the theme picker; scripts don't run. It is drawn by the same
macros as the page of the widget, with another look (looks.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from .calendar_page import CalendarPage
from .history_page import HistoryPage
from .looks import GLANCE
from .page import Page
from .query import ExtensionQuery
from .rendered import Rendered, rendered, respond
from .rows import Row, is_calm
from .templating import drawn, environment

#: The path, which answers with a fragment whatever happens.
PATH = "/extension"

#: What the board is called unless somebody says otherwise.
TITLE = "Backups"

#: What makes Glance show the answer as HTML.
HEADERS = {"Widget-Content-Type": "html"}


class ExtensionTemplate:
    """The template of the fragment, compiled once."""

    def __init__(self) -> None:
        templates = environment()
        self._fragment = templates.get_template("extension.html")
        self._problem = templates.get_template("extension_problem.html")

    def render(
        self,
        query: ExtensionQuery,
        table: Page,
        calendar: CalendarPage | None,
        history: HistoryPage | None,
        as_of: datetime | None,
    ) -> Iterator[bytes]:
        """What was asked for, as UTF-8, in pieces. ``as_of`` is when everything in it was read."""
        return drawn(
            self._fragment,
            look=GLANCE,
            page=table,
            table=table if query.view in ("table", "all") else None,
            only_line=query.view == "line",
            calendar=calendar,
            history=history,
            collapse_after=-1 if table.groups else collapse_after(table.rows, query.fold),
            read_at=int(as_of.timestamp()) if as_of else None,
        )

    def problem(self, detail: str) -> Rendered:
        """The fragment with the reason why there is nothing to show."""
        return rendered(drawn(self._problem, look=GLANCE, problem=detail), "text/html")


def respond_to_glance(request: Request, answer: Rendered, title: str) -> Response:
    """The answer with the headers that make Glance show it as HTML.

    The first title that Glance gets stays until it restarts, so there are no news in it (GL-2). It is sent as UTF-8.
    """
    response = respond(request, answer)
    response.headers.update(HEADERS)
    response.headers["Widget-Title"] = title.encode(errors="replace").decode("latin-1")
    return response


def collapse_after(rows: Sequence[Row], fold: int) -> int:
    """How many rows stay in sight: all that need words, and at least ``fold`` of the others. -1: nothing is folded.

    One row alone is not worth a fold.
    """
    if fold < 0:
        return -1
    needed = max((place for place, row in enumerate(rows, 1) if not is_calm(row)), default=0)
    calm = sum(is_calm(row) for row in rows[:needed])
    shown = needed + max(fold - calm, 0)
    return shown if len(rows) > shown + 1 else -1
