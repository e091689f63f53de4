"""The web side put together: routes, key, headers and errors. Everything it needs is handed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sidecar.core.history.history import EMPTY
from sidecar.core.model import Board, ServiceRow
from sidecar.core.settings import Settings
from sidecar.core.timeline.timeline import Timeline, TooManyError, timeline

from . import extension, openapi, views
from .assets import load_assets
from .auth import RequireKey
from .calendar_page import calendar_page
from .extension import ExtensionTemplate, respond_to_glance
from .page import page, page_of_service
from .problem import UNFORESEEN, for_any_exception, for_http_exception, problem
from .query import (
    ExtensionQuery,
    QueryError,
    WidgetQuery,
    parse_calendar_query,
    parse_extension_query,
    parse_theme,
    parse_widget_query,
    unique,
)
from .rendered import RenderedAnswers, rendered, respond
from .security_headers import SecurityHeaders
from .stale_board import RENEWED_WITHIN, doubtful, is_overdue
from .theme import Theme, stylesheet
from .widget import WidgetTemplate
from .words import Clock

_HTML = "text/html"
_JSON = "application/json"
_CSS = "text/css"
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class WidgetOptions:
    """``widget:`` of the configuration.

    Attributes:
        frame_ancestors: origins that may frame the page, as in Content-Security-Policy.
        theme: the colours, unless the address of the page names others; see theme.parse_theme for glance.yml's names.
        refresh: how often an open page looks again; whole seconds.
        stale_after: age from which what was read proves nothing; an open page without an answer keeps to it too.
    """

    frame_ancestors: tuple[str, ...] = ("'self'",)
    theme: Theme = field(default_factory=Theme)
    refresh: timedelta = timedelta(minutes=1)
    stale_after: timedelta = timedelta(minutes=20)


def nothing_due(now: datetime) -> Timeline:
    """The timeline of a house without any job."""
    return timeline({}, EMPTY, Settings(ZoneInfo("UTC"), ()), now)


def create_app(
    *,
    board: Callable[[], Board],
    ready: Callable[[], bool],
    keys: Sequence[str],
    clock: Callable[[], datetime],
    options: WidgetOptions | None = None,
    timeline: Callable[[datetime], Timeline] = nothing_due,
) -> ASGIApp:
    """The ASGI application.

    Args:
        board: the present board, swapped by reference.
        ready: whether every source was tried since start.
        keys: accepted sidecar keys; without any, every answer but /healthz is 401. Raises ValueError for an empty one.
        clock: the present moment; a board that stopped being renewed shows nothing as ok.
        timeline: what is due at any time, as it is known at a moment.
    """
    options = options or WidgetOptions()
    handlers = Handlers(board, ready, clock, options, timeline)
    app = Starlette(
        routes=routes(handlers),
        exception_handlers={
            HTTPException: for_http_exception,
            QueryError: _unprocessable,
            Exception: handlers.unforeseen,
        },
    )
    # A redirect to the path with or without a slash would name a host and lose the prefix under which we are reached.
    app.router.redirect_slashes = False
    return SecurityHeaders(RequireKey(app, keys), options.frame_ancestors)


def routes(handlers: Handlers) -> list[Route]:
    """Every path there is. GET brings HEAD with it."""
    return [
        Route("/healthz", handlers.healthz),
        Route("/readyz", handlers.readyz),
        Route("/widget", handlers.widget),
        Route(extension.PATH, handlers.extension),
        Route("/theme.css", handlers.theme_css),
        Route("/static/{name}", handlers.static),
        Route("/api/v1/status", handlers.status),
        # Names of services may hold slashes: "nas (pbs:main/ns/host/nas)".
        Route("/api/v1/services/{name:path}", handlers.service),
        Route("/api/v1/calendar", handlers.calendar),
        Route("/openapi.json", handlers.openapi),
    ]


class Handlers:
    """What answers each path."""

    def __init__(
        self,
        board: Callable[[], Board],
        ready: Callable[[], bool],
        clock: Callable[[], datetime],
        options: WidgetOptions,
        timeline: Callable[[datetime], Timeline] = nothing_due,
    ) -> None:
        self._latest_board = board
        self._ready = ready
        self._clock = clock
        self._options = options
        self._timeline = timeline
        self._answers = RenderedAnswers()
        self._assets = load_assets()
        self._assets_by_name = {asset.name: asset for asset in self._assets.values()}
        self._template = WidgetTemplate(self._assets, options.refresh, min(options.stale_after, RENEWED_WITHIN))
        self._fragment = ExtensionTemplate()
        self._openapi = rendered(json.dumps(openapi.document()).encode(), _JSON)

    async def healthz(self, _request: Request) -> Response:
        """The process answers; it says nothing about backups."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        if not self._ready():
            return problem(503, "Not every source was tried since start.", {"Retry-After": "5"})
        return JSONResponse({"status": "ready"})

    async def widget(self, request: Request) -> Response:
        query = parse_widget_query(request.query_params.multi_items(), self._options.theme)
        board = self._board()
        answer = self._answers.get(board, query, lambda: self._render_widget(board, query), _HTML)
        return respond(request, answer)

    async def extension(self, request: Request) -> Response:
        """Always 200: Glance shows whatever comes, so what is wrong comes as a fragment too."""
        try:
            query, board = parse_extension_query(request.query_params.multi_items()), self._board()
            answer = self._answers.get(board, query, lambda: self._render_extension(board, query), _HTML)
        except QueryError as error:
            answer = self._fragment.apologise(str(error))
        except HTTPException as error:
            answer = self._fragment.apologise(error.detail)
        return respond_to_glance(request, answer)

    async def theme_css(self, request: Request) -> Response:
        theme = parse_theme(unique(request.query_params.multi_items()), self._options.theme)
        return respond(request, rendered(stylesheet(theme).encode(), _CSS))

    async def static(self, request: Request) -> Response:
        asset = self._assets_by_name.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        return Response(asset.content, headers={"Cache-Control": _FOR_EVER}, media_type=asset.media_type)

    async def status(self, request: Request) -> Response:
        board = self._board()
        answer = self._answers.get(board, "status", lambda: _json_bytes(views.status(board)), _JSON)
        return respond(request, answer)

    async def service(self, request: Request) -> Response:
        row = _service(self._board(), request.path_params["name"])
        return respond(request, rendered(_json_bytes(views.service_with_runs(row)), _JSON))

    async def calendar(self, request: Request) -> Response:
        """Not kept: there are too many windows that could be asked for."""
        query, board = parse_calendar_query(request.query_params.multi_items()), self._board()
        try:
            found = self._timeline(board.at).occurrences(query.start, query.end)
        except TooManyError as error:
            raise QueryError(f"There are {error}; ask for a shorter time.") from None
        document = views.calendar(found, query.start, query.end, board.at)
        return respond(request, rendered(_json_bytes(document), _JSON))

    async def openapi(self, request: Request) -> Response:
        return respond(request, self._openapi)

    def unforeseen(self, request: Request, error: Exception) -> Response:
        """What nobody foresaw. The server logs it; Glance gets a fragment that says so."""
        if request.url.path != extension.PATH:
            return for_any_exception(request, error)
        return respond_to_glance(request, self._fragment.apologise(UNFORESEEN))

    def _board(self) -> Board:
        board, now = self._latest_board(), self._clock()
        return doubtful(board, now) if is_overdue(board, now) else board

    def _render_widget(self, board: Board, query: WidgetQuery) -> bytes:
        clock = Clock(board.at, ZoneInfo(board.timezone))
        made = clock.moment(board.at, clock.time(board.at))
        calendar = None if query.view == "table" else calendar_page(board, self._timeline(board.at), query)
        if query.view == "calendar":
            return self._template.render(query, None, calendar, made)
        table = page(board) if query.service is None else page_of_service(board, _service(board, query.service))
        return self._template.render(query, table, calendar, made)

    def _render_extension(self, board: Board, query: ExtensionQuery) -> bytes:
        table = page(board) if query.service is None else page_of_service(board, _service(board, query.service))
        month = WidgetQuery(view="calendar")
        calendar = None if query.view == "table" else calendar_page(board, self._timeline(board.at), month)
        return self._fragment.render(query, table, calendar, board.as_of)


def _service(board: Board, name: str) -> ServiceRow:
    row = next((row for row in board.services if row.name == name), None)
    if row is None:
        raise HTTPException(404, "There is no service of this name. /api/v1/status lists all of them.")
    return row


def _json_bytes(document: views.Json) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _unprocessable(_request: Request, error: Exception) -> Response:
    return problem(422, str(error))
