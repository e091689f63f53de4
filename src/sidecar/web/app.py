"""The web side put together: routes, key, headers and errors. Everything it needs is handed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sidecar.core.model import Board, ServiceRow
from sidecar.core.past.members import Members, ServiceMembers
from sidecar.core.past.month import Month, MonthReport
from sidecar.core.past.present import Present, nobody_present
from sidecar.core.past.records import Records
from sidecar.core.timeline.timeline import TooManyError
from sidecar.proxy.refusals import nothing_passed_on
from sidecar.tokens.accepted import Accepted, nobody

from . import extension, openapi, proxied, views
from .answers import Answers
from .assets import load_assets
from .auth import RequireKey
from .calendar_feed import calendar_feed
from .calendar_page import WEEKDAYS, CalendarPage, calendar_page
from .change_list import Changes, DiskReader, NoChanges, change_list
from .counts import Counts
from .dues import Dues
from .extension import TITLE, ExtensionTemplate, respond_to_glance
from .history_page import UNREADABLE, WITHOUT_LEDGER, HistoryPage, history_page
from .icalendar_text import icalendar_text
from .known import Known, Question, Whole, needs_past
from .month_reports import MonthReports, ReadRecords, last_month, nothing_remembered
from .page import Page, Top, Wanted, page, page_of_service, top
from .past_reader import NoPast, PastReader, PastRecords
from .problem import problem, problem_of
from .problem_page import ProblemPage
from .query import (
    CalendarQuery,
    ExtensionQuery,
    QueryError,
    WidgetQuery,
    parse_calendar_query,
    parse_changes_query,
    parse_extension_query,
    parse_report_data_query,
    parse_report_query,
    parse_theme,
    parse_widget_query,
    unique,
)
from .readers_first import ReadersFirst
from .rendered import Rendered, rendered, respond
from .report_csv import report_csv
from .report_json import report_json
from .report_page import ReportTemplate
from .security_headers import SecurityHeaders
from .stale_board import RENEWED_WITHIN, StaleTimeline, is_stale, stale_board
from .theme import Theme, stylesheet
from .widget import WidgetTemplate
from .words import TimeFormat

_HTML = "text/html"
_JSON = "application/json"
_CSS = "text/css"
_CALENDAR = "text/calendar"
_CSV = "text/csv"
_A_MINUTE = timedelta(minutes=1)
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetOptions:
    """``widget:`` of the configuration.

    Attributes:
        frame_ancestors: origins that may frame the page, as in Content-Security-Policy.
        theme: the colours, unless the address of the page names others; see theme.parse_theme for glance.yml's names.
        refresh: how often an open page looks again; whole seconds.
        stale_after: age from which what was read proves nothing; an open page without an answer keeps to it too.
        week_start: the weekday in the first column of the calendar, in full and in lower case.
        title: what the page is called where a browser or Glance shows its name.
        hidden, receivers: see page.Wanted.
    """

    frame_ancestors: tuple[str, ...] = ("'self'",)
    theme: Theme = field(default_factory=Theme)
    refresh: timedelta = timedelta(minutes=1)
    stale_after: timedelta = timedelta(minutes=20)
    week_start: str = "monday"
    title: str = TITLE
    hidden: frozenset[str] = frozenset()
    receivers: int = 0


def create_app(
    *,
    board: Callable[[], Board],
    timeline: Callable[[], Dues],
    ready: Callable[[], bool],
    keys: Sequence[str],
    clock: Callable[[], datetime],
    options: WidgetOptions | None = None,
    changes: Changes | None = None,
    past: PastRecords | None = None,
    records: ReadRecords = nothing_remembered,
    members: Callable[[], tuple[ServiceMembers, ...]] = tuple,
    former: Callable[[frozenset[str]], tuple[ServiceMembers, ...]] = lambda _: (),
    present: Callable[[Records], Present] = nobody_present,
    accepted: Callable[[], Accepted] = nobody,
    pass_on: proxied.PassOn = nothing_passed_on,
) -> ASGIApp:
    """The ASGI application. It shows what was judged already; no request causes a judgement.

    Args:
        board: the present board, swapped by reference.
        timeline: what is due at any time, as it was known when that board was made.
        ready: whether every source was tried since start.
        keys: accepted sidecar keys; without any, every answer but /healthz is 401. Raises ValueError for an empty one.
        clock: the present moment; a board that stopped being renewed shows nothing as ok.
        changes: which verdicts changed when.
        past: what is remembered, day by day.
        records: what was judged in a month.
        members: whose past is whose service's.
        former: what no service has any more, among the members that are remembered.
        present: whose the records of a month are.
        accepted: the tokens of programs that are accepted at present.
        pass_on: asks an upstream for a program.
    """
    handlers = Handlers(
        known=lambda: Known(board=board(), timeline=timeline, members=members, former=former, present=present),
        ready=ready,
        clock=clock,
        options=options or WidgetOptions(),
        changes=changes,
        past=past,
        records=records,
        pass_on=pass_on,
    )
    return app_of(handlers, keys, accepted)


def app_of(handlers: Handlers, keys: Sequence[str], accepted: Callable[[], Accepted] = nobody) -> ASGIApp:
    """The application around its handlers; see create_app."""
    app = Starlette(
        routes=routes(handlers),
        exception_handlers={
            HTTPException: handlers.error,
            QueryError: handlers.error,
            Exception: handlers.error,
        },
    )
    # A redirect to the path with or without a slash would name a host and lose the prefix under which we are reached.
    app.router.redirect_slashes = False
    return handlers.readers_first.around(
        SecurityHeaders(RequireKey(app, keys, accepted), handlers.options.frame_ancestors)
    )


def routes(handlers: Handlers) -> list[Route]:
    """Every path there is. GET brings HEAD with it."""
    return [
        Route("/", handlers.root),
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
        Route("/metrics", handlers.metrics),
        Route("/api/v1/changes", handlers.changes),
        Route("/report", handlers.report),
        Route("/api/v1/report", handlers.report_data),
        Route("/calendar.ics", handlers.calendar_feed),
        Route("/openapi.json", handlers.openapi),
        Route("/proxy/{source}/{path:path}", handlers.proxied),
    ]


class Handlers:
    """What answers each path.

    Attributes:
        answers: those that are kept; whoever shows a new board has the last questions answered before.
        readers_first: what is drawn lets answers go first.
    """

    def __init__(
        self,
        *,
        known: Callable[[], Known],
        ready: Callable[[], bool],
        clock: Callable[[], datetime],
        options: WidgetOptions,
        worker: Executor | None = None,
        counts: Counts | None = None,
        changes: Changes | None = None,
        past: PastRecords | None = None,
        records: ReadRecords = nothing_remembered,
        pass_on: proxied.PassOn = nothing_passed_on,
    ) -> None:
        self.options = options
        self.readers_first = ReadersFirst()
        self.answers = Answers(
            self._render, worker or ThreadPoolExecutor(1, "pages"), ThreadPoolExecutor(1, "stale pages")
        )
        self._stale: tuple[Board, Known] | None = None
        self._present = known
        self._ready = ready
        self._clock = clock
        self._counts = counts or Counts()
        self._changes = changes or NoChanges()
        self._disk = DiskReader()
        self._past = PastReader(past or NoPast())
        self._reports = MonthReports(records, self._disk, self.answers)
        self._pass_on = pass_on
        self._assets = load_assets()
        self._assets_by_name = {asset.name: asset for asset in self._assets.values()}
        self._template = WidgetTemplate(
            self._assets, options.refresh, min(options.stale_after, RENEWED_WITHIN), options.title
        )
        self._report_template = ReportTemplate(self._assets)
        self._fragment = ExtensionTemplate()
        self._problem_page = ProblemPage(self._assets, options.title)
        self._openapi = rendered(json.dumps(openapi.document()).encode(), _JSON)

    async def root(self, request: Request) -> Response:
        """To the page, under whatever prefix we are reached. Not for ever: browsers would never ask again."""
        query = request.url.query
        return RedirectResponse(f"./widget?{query}" if query else "./widget", 307)

    async def healthz(self, _request: Request) -> Response:
        """The process answers; this is no statement about backups."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        if not self._ready():
            return problem(503, "Not every source has been tried since the start.", {"Retry-After": "5"})
        return JSONResponse({"status": "ready"})

    async def widget(self, request: Request) -> Response:
        query = parse_widget_query(request.query_params.multi_items(), self.options.theme)
        return respond(request, await self._answer(query))

    async def extension(self, request: Request) -> Response:
        """Always 200: Glance shows whatever it gets, so an error is sent as a fragment too."""
        try:
            query = parse_extension_query(request.query_params.multi_items())
            answer = await self._answer(query)
        except QueryError as error:
            answer = self._fragment.problem(str(error))
        except HTTPException as error:
            answer = self._fragment.problem(error.detail)
        return respond_to_glance(request, answer, self.options.title)

    async def _answer(self, query: WidgetQuery | ExtensionQuery) -> Rendered:
        known = self._known()
        if needs_past(query):
            known = replace(known, history=await self._past.history(known))
        if isinstance(query, WidgetQuery) and query.search is not None:
            # Not kept: there is no end to what may be searched for.
            return await self.answers.made(lambda: self._render(known, query), known)
        return await self.answers.answer(known, query)

    async def theme_css(self, request: Request) -> Response:
        theme = parse_theme(unique(request.query_params.multi_items()), self.options.theme)
        return respond(request, rendered(stylesheet(theme).encode(), _CSS))

    async def static(self, request: Request) -> Response:
        asset = self._assets_by_name.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        return Response(asset.content, headers={"Cache-Control": _FOR_EVER}, media_type=asset.media_type)

    async def status(self, request: Request) -> Response:
        return respond(request, await self.answers.answer(self._known(), Whole.STATUS))

    async def service(self, request: Request) -> Response:
        row = _service(self._known().board, request.path_params["name"])
        return respond(request, rendered(_json_bytes(views.service_with_runs(row)), _JSON))

    async def calendar(self, request: Request) -> Response:
        """Not kept: there are too many windows that could be asked for."""
        query, known = parse_calendar_query(request.query_params.multi_items()), self._known()
        try:
            answer = await self.answers.made(lambda: _calendar_json(known, query), known)
        except TooManyError as error:
            raise QueryError(f"There are {error}; ask for a shorter period.") from None
        return respond(request, answer)

    async def metrics(self, request: Request) -> Response:
        return respond(request, await self.answers.answer(self._known(), Whole.METRICS))

    async def changes(self, request: Request) -> Response:
        query, board = parse_changes_query(request.query_params.multi_items()), self._known().board
        answer = await self._disk.read(lambda: rendered(_json_bytes(change_list(self._changes, query, board)), _JSON))
        return respond(request, answer)

    async def report(self, request: Request) -> Response:
        """Not kept: nobody asks often."""
        query, known = parse_report_query(request.query_params.multi_items()), self._known()
        month = query.month or last_month(known.board)

        def draw(report: MonthReport) -> Rendered:
            stale = known.stale_since is not None
            return rendered(self._report_template.render(report, stale=stale, download=query.download), _HTML)

        answer = respond(request, await self._reports.answer(known, month, draw))
        return _saved(answer, month, "html") if query.download else answer

    async def report_data(self, request: Request) -> Response:
        query, known = parse_report_data_query(request.query_params.multi_items()), self._known()
        month = query.month or last_month(known.board)

        def draw(report: MonthReport) -> Rendered:
            stale = known.stale_since is not None
            if query.format == "csv":
                return rendered(report_csv(report, stale=stale), _CSV)
            return rendered(_json_bytes(report_json(report, stale=stale)), _JSON)

        answer = respond(request, await self._reports.answer(known, month, draw))
        return _saved(answer, month, "csv") if query.format == "csv" else answer

    async def calendar_feed(self, request: Request) -> Response:
        return respond(request, await self.answers.answer(self._known(), Whole.CALENDAR_FEED))

    async def openapi(self, request: Request) -> Response:
        return respond(request, self._openapi)

    async def proxied(self, request: Request) -> Response:
        return await proxied.answer(request, self._pass_on)

    def error(self, request: Request, error: Exception) -> Response:
        """Whatever was raised. The server logs what nothing else handles; of that Glance gets a fragment with the message."""
        wrong = problem_of(request, error)
        if request.url.path == extension.PATH and wrong.status == 500:
            return respond_to_glance(request, self._fragment.problem(wrong.detail), self.options.title)
        return self._problem_page.answer(request, wrong)

    def _known(self) -> Known:
        """What was judged last; if that is too long ago, what of it still holds."""
        known, now = self._present(), self._clock()
        if not is_stale(known.board, now):
            self._stale = None
            return known
        # The same for a minute, as other boards: what was drawn of it is drawn once.
        if self._stale is None or self._stale[0] is not known.board or abs(now - self._stale[1].board.at) >= _A_MINUTE:
            self._stale = known.board, _what_still_holds(known, now)
        return self._stale[1]

    def _render(self, known: Known, question: Question) -> Rendered:
        """Runs in the worker."""
        if question is Whole.METRICS:
            return self._render_metrics(known)
        if question is Whole.CALENDAR_FEED:
            return rendered(icalendar_text(calendar_feed(known.board, known.timeline())), _CALENDAR)
        if isinstance(question, Whole):
            return rendered(_json_bytes(views.status(known.board)), _JSON)
        if isinstance(question, WidgetQuery):
            return rendered(self.readers_first.between(self._render_widget(known, question)), _HTML)
        return rendered(self.readers_first.between(self._render_extension(known, question)), _HTML)

    def _render_metrics(self, known: Known) -> Rendered:
        # It loads a library that nobody else needs.
        from .exposition import MEDIA_TYPE, exposition

        return rendered(exposition(known, self._counts), MEDIA_TYPE)

    def _render_widget(self, known: Known, query: WidgetQuery) -> Iterator[bytes]:
        board = known.board
        times = TimeFormat(board.at, ZoneInfo(board.timezone))
        made = times.moment(board.at, times.time(board.at))
        calendar = self._calendar(known, query) if query.view in ("calendar", "all") else None
        table = self._table(board, query.service, query) if query.view in ("table", "all") else None
        history = self._history(known, query.service) if query.view == "history" else None
        line = _line(board, query.service) if query.view == "line" else None
        return self._template.render(query, table, calendar, history, line, made)

    def _render_extension(self, known: Known, query: ExtensionQuery) -> Iterator[bytes]:
        calendar = self._calendar(known, None) if query.view in ("calendar", "all") else None
        history = self._history(known, query.service) if query.view == "history" else None
        table = self._table(known.board, query.service)
        return self._fragment.render(query, table, calendar, history, known.board.as_of)

    def _table(self, board: Board, service: str | None, query: WidgetQuery | None = None) -> Page:
        if service is not None:
            return page_of_service(board, _service(board, service))
        search, fold = (query.search, query.fold) if query else (None, None)
        return page(board, Wanted(fold, search, self.options.hidden, self.options.receivers))

    def _calendar(self, known: Known, query: WidgetQuery | None) -> CalendarPage:
        return calendar_page(known.board, known.timeline(), query, self.options.week_start)

    def _history(self, known: Known, service: str | None) -> HistoryPage:
        if service is not None:
            _service(known.board, service)
        return history_page(
            known.board,
            known.history,
            Members(known.members(), known.former),
            WEEKDAYS.index(self.options.week_start),
            missing=UNREADABLE if self._past.is_kept else WITHOUT_LEDGER,
            service=service,
        )


def _what_still_holds(known: Known, now: datetime) -> Known:
    return replace(
        known,
        board=stale_board(known.board, now),
        timeline=lambda: StaleTimeline(known.timeline(), now),
        stale_since=known.board.at,
    )


def _line(board: Board, service: str | None) -> Page | Top:
    return top(board) if service is None else page_of_service(board, _service(board, service))


def _service(board: Board, name: str) -> ServiceRow:
    row = next((row for row in board.services if row.name == name), None)
    if row is None:
        raise HTTPException(404, "No service has this name. /api/v1/status lists all services.")
    return row


def _calendar_json(known: Known, query: CalendarQuery) -> Rendered:
    occurrences = known.timeline().occurrences(query.start, query.end)
    return rendered(_json_bytes(views.calendar(occurrences, query.start, query.end, known.board.at)), _JSON)


def _saved(answer: Response, month: Month, suffix: str) -> Response:
    """The same as a file to be saved."""
    answer.headers["Content-Disposition"] = f'attachment; filename="backup-report-{month}.{suffix}"'
    return answer


def _json_bytes(document: views.Json) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
