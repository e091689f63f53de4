"""Errors for people: a page in the look of the widget instead of a problem document, where a browser shows a page."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from .assets import Asset
from .looks import WIDGET
from .problem import MEDIA_TYPE, Problem, problem, title
from .query import QueryError, WidgetQuery, parse_theme, unique
from .templating import drawn, environment
from .theme import PARAMETER_NAMES

#: What only programs ask for: they get problem documents, whatever they accept.
_FOR_PROGRAMS = ("/api/", "/proxy/")

_HEADINGS = {
    404: "Not found",
    405: "Not allowed",
    422: "This address has a mistake",
    500: "Internal error",
}

#: Where a reader may have wanted to go, and the query of it.
_WAYS: tuple[tuple[str, dict[str, str]], ...] = (
    ("show all services", {}),
    ("calendar", {"view": "calendar"}),
    ("both", {"view": "all"}),
    ("history", {"view": "history"}),
    ("only the headline", {"view": "line"}),
)

#: Steps in a path from which relative links lead back to the top; nobody writes more.
_MOST_STEPS = 30


class ProblemPage:
    """The page of an error, compiled once."""

    def __init__(self, assets: Mapping[str, Asset], title: str) -> None:
        self._title = title
        self._template = environment().get_template("problem.html")
        self._names = {name: asset.name for name, asset in assets.items()}

    def answer(self, request: Request, wrong: Problem) -> Response:
        """The problem in the form that the reader wants, and for caches, that it depends on that."""
        if request.url.path.startswith(_FOR_PROGRAMS):
            return problem(wrong.status, wrong.detail, wrong.headers)
        headers = {**(wrong.headers or {}), "Vary": "Accept"}
        if not prefers_html(request.headers.get("accept", "")):
            return problem(wrong.status, wrong.detail, headers)
        return Response(self._drawn(request, wrong), wrong.status, headers, "text/html")

    def _drawn(self, request: Request, wrong: Problem) -> bytes:
        top = _way_to_the_top(request)
        theme = _theme(request)
        page = drawn(
            self._template,
            look=WIDGET,
            heading=_HEADINGS.get(wrong.status, title(wrong.status)),
            detail=wrong.detail,
            top=top,
            links={name: f"{top}static/{served}" for name, served in self._names.items()},
            theme_query=theme.theme_query,
            called=self._title,
            ways=tuple((words, f"{top}widget{theme.address(**own)}") for words, own in _WAYS),
        )
        return b"".join(page)


def prefers_html(accept: str) -> bool:
    """Whether HTML is asked for by name and no form of JSON is wanted as much (RFC 9110 §12.5.1). ``*/*`` asks for nothing."""
    wanted = dict(_quality(piece) for piece in accept.split(","))
    html = wanted.get("text/html", 0.0)
    return html > max(wanted.get(name, 0.0) for name in ("application/json", MEDIA_TYPE))


def _quality(piece: str) -> tuple[str, float]:
    """A media range with its weight; 0 where that can't be read."""
    name, *parameters = (part.strip().lower() for part in piece.split(";"))
    weight = next((part.partition("=")[2].strip() for part in parameters if part.startswith("q")), "1")
    return name, float(weight) if weight.isascii() and weight.replace(".", "", 1).isdigit() else 0.0


def _way_to_the_top(request: Request) -> str:
    """ "" for /widget, "../" for /a/b: links stay relative, because nobody knows the prefix under which we are reached."""
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return "../" * min(path.partition(b"?")[0].count(b"/") - 1, _MOST_STEPS)


def _theme(request: Request) -> WidgetQuery:
    """The theme parameters of the address, unless one of them is what is wrong."""
    pairs = [(name, value) for name, value in request.query_params.multi_items() if name in PARAMETER_NAMES]
    try:
        parameters = unique(pairs)
        parse_theme(parameters)
    except QueryError:
        return WidgetQuery()
    return WidgetQuery(theme=tuple(sorted(parameters.items())))
