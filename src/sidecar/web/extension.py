"""Page and calendar → a Glance extension: a piece of HTML that Glance puts into its own document.

There it has Glance's classes, colours and font, live with the theme picker; scripts don't run. Every class and id that is
ours begins with ``bg-``, because the document belongs to others (glance.md §2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from .calendar_page import CalendarPage
from .page import Page
from .query import ExtensionQuery
from .rendered import Rendered, rendered, respond
from .rows import Row, is_calm
from .templating import environment

#: The path, which answers with a fragment whatever happens.
PATH = "/extension"

#: What Glance reads. The first title that it gets stays until Glance restarts, so there are no news in it (glance.md §2).
HEADERS = {"Widget-Title": "Backups", "Widget-Content-Type": "html"}

_PREFIX = "bg-"


class ExtensionTemplate:
    """The template of the fragment, compiled once."""

    def __init__(self) -> None:
        templates = environment()
        templates.filters["prefixed"] = prefixed
        templates.filters["unix"] = _unix
        self._fragment = templates.get_template("extension.html")
        self._apology = templates.get_template("extension_apology.html")

    def render(
        self, query: ExtensionQuery, table: Page, calendar: CalendarPage | None, as_of: datetime | None
    ) -> bytes:
        """What was asked for, as UTF-8. ``as_of`` is when everything in it was read."""
        html = self._fragment.render(
            page=table,
            table=table if query.view != "calendar" else None,
            calendar=calendar,
            collapse_after=collapse_after(table.rows, query.fold),
            read_at=int(as_of.timestamp()) if as_of else None,
        )
        # Upstreams may send halves of characters, which UTF-8 does not know.
        return html.encode(errors="replace")

    def apologise(self, problem: str) -> Rendered:
        """The fragment that says why there is nothing to show."""
        return rendered(self._apology.render(problem=problem).encode(errors="replace"), "text/html")


def respond_to_glance(request: Request, answer: Rendered) -> Response:
    """The answer with the headers that make Glance show it as HTML."""
    response = respond(request, answer)
    response.headers.update(HEADERS)
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


@lru_cache(maxsize=256)
def prefixed(drawing: Markup) -> Markup:
    """A drawing from marks.html with our prefix at its classes, its ids and its references.

    There are few drawings, and each of them stands on a board many times.
    """
    return Markup(_NAMES.sub(lambda found: f'{found[1]}="{found[2]}{_with_prefix(found[3])}"', drawing))  # noqa: S704 - stays markup


def _with_prefix(names: str) -> str:
    return " ".join(f"{_PREFIX}{name}" for name in names.split())


_NAMES = re.compile(r'\b(class|id|href)="(#?)([^"]*)"')


def _unix(iso: str) -> int:
    """Seconds since 1970, from which Glance writes "3h" and keeps it true."""
    return int(datetime.fromisoformat(iso).timestamp())
