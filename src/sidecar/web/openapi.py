"""The OpenAPI 3.1 description of everything that is served. Its shapes stand in openapi_schemas.py."""

from __future__ import annotations

from typing import Any

from sidecar.proxy.shared_answers import KEPT_FOR

from . import extension, programs, theme
from .openapi_schemas import SCHEMAS, TIME, Schema, object_of, ref
from .query import (
    LONGEST_SEARCH,
    MOST_CHANGES,
    MOST_SKIPPED,
    MOST_UNFOLDED,
    REPORT_FORMATS,
    USUAL_CHANGES,
    VIEWS,
    YEARS,
    ExtensionQuery,
)


def document() -> Schema:
    """The whole description, ready to be written as JSON."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "backup-glance",
            "version": "1",
            "description": "Does every service have the backup it should have, and when is the next one? Read-only: GET and "
            "HEAD. What stays within version 1 is written in docs/api.md.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        # Who asks Caddy needs no key: Caddy adds it.
        "security": [{"sidecarKey": []}, {}],
        "paths": {path: _with_tokens(path, described) for path, described in _paths().items()},
        "components": {
            "securitySchemes": {"sidecarKey": _KEY, "token": _TOKEN},
            "responses": {"Problem": _PROBLEM, "ProblemPage": _PROBLEM_PAGE},
            "schemas": SCHEMAS,
        },
    }


_TOKEN: Schema = {
    "type": "apiKey",
    "in": "header",
    "name": "X-Backup-Glance-Token",
    "description": "Of a program (tokens: in the configuration). Caddy lets it past users and forward_auth; it is sent "
    "without the key. The calendar is also at /calendar/TOKEN.ics.",
}

_KEY: Schema = {
    "type": "http",
    "scheme": "bearer",
    "description": "Between Caddy and the sidecar. Caddy adds it; without it the sidecar answers 401 to all but /healthz.",
}


def _paths() -> Schema:
    return {**_pages(), **_interfaces(), **_reports()}


def _pages() -> Schema:
    """What people see, and what a service manager asks."""
    return {
        "/": _moved(),
        "/healthz": _path("The process answers", _json("Alive", object_of(status={"const": "ok"})), security=[]),
        "/readyz": _path(
            "Every source was tried since start", _json("Ready", object_of(status={"const": "ready"})), 503
        ),
        "/widget": _path(
            "The page for Glance's iframe widget",
            _answer("HTML", "text/html", {"type": "string"}),
            304,
            404,
            422,
            503,
            problems="ProblemPage",
            parameters=[
                _view_parameter(),
                _service_parameter(),
                *_table_parameters(),
                *_calendar_parameters(),
                *_theme_parameters(),
            ],
        ),
        "/extension": _path(
            "The same for Glance's extension widget; errors in the query are shown in a fragment too",
            _fragment(),
            304,
            parameters=_extension_parameters(),
        ),
        "/theme.css": _path(
            "Theme numbers as in glance.yml → colours",
            _answer("A style sheet", "text/css", {"type": "string"}),
            304,
            422,
            problems="ProblemPage",
            parameters=_theme_parameters(),
        ),
        "/static/{name}": _path(
            "A file whose name changes with its content",
            _answer("The file", "*/*", {}),
            404,
            problems="ProblemPage",
            parameters=[_path_parameter("name")],
        ),
    }


def _interfaces() -> Schema:
    """What programs ask for."""
    return {
        "/api/v1/status": _path("The board", _json("The whole answer at one moment", ref("Board")), 304),
        "/api/v1/services/{name}": _path(
            "One service with its runs",
            _json("The service", ref("ServiceWithRuns")),
            304,
            404,
            parameters=[_path_parameter("name")],
        ),
        "/api/v1/calendar": _path(
            "What was due, what became of it, and what will be due: at most 400 days and 5,000 occurrences at once",
            _json("The occurrences in the order of their due times", ref("Calendar")),
            304,
            422,
            parameters=[_moment_parameter("from"), _moment_parameter("to")],
        ),
        "/metrics": _path(
            "The board for Prometheus (docs/metrics.md): at most 25,000 series, made once for each board",
            _answer("Prometheus' text format, version 0.0.4", "text/plain", {"type": "string"}),
            304,
        ),
        "/api/v1/changes": _path(
            "Which verdicts changed since a moment, oldest first: of the last 400 days, at most 1,000 at once",
            _json("The changes, and where to go on", ref("Changes")),
            304,
            422,
            503,
            parameters=_changes_parameters(),
        ),
        "/calendar.ics": _path(
            "The calendar to subscribe to: 30 days back and 60 ahead, past events with their verdict",
            _answer("iCalendar, RFC 5545", "text/calendar", {"type": "string"}),
            304,
        ),
        "/openapi.json": _path("This description", _json("OpenAPI 3.1", {"type": "object"}), 304),
        "/proxy/{source}/{path}": _path(
            "What a source itself answers to a call of docs/proxy.md, with some of its fields; off unless it is enabled. "
            f"An answer is kept for {KEPT_FOR:.0f} s",
            _json("Fields of the source's own answer", {"type": "object"}),
            403,
            404,
            422,
            502,
            503,
            504,
            parameters=[_path_parameter("source"), _path_parameter("path")],
        ),
    }


def _reports() -> Schema:
    """A month, for people and for programs."""
    return {
        "/report": _path(
            "A month in numbers, for paper; the last one that is over, unless another one is asked for",
            _answer("HTML", "text/html", {"type": "string"}),
            304,
            404,
            422,
            503,
            problems="ProblemPage",
            parameters=[_report_month_parameter(), _query_parameter("download", {"type": "boolean", "default": False})],
        ),
        "/api/v1/report": _path(
            "The same for programs",
            _json_or_csv("The month in numbers", ref("Report")),
            304,
            404,
            422,
            503,
            parameters=[
                _report_month_parameter(),
                _query_parameter("format", {"enum": [*REPORT_FORMATS], "default": REPORT_FORMATS[0]}),
            ],
        ),
    }


def _with_tokens(path: str, described: Schema) -> Schema:
    """A path that a scope opens may be asked for with a token too; that may lack the scope, or not be readable yet."""
    if not any(opened.holds(path) for opened in programs.OPENED.values()):
        return described
    problem = {"$ref": "#/components/responses/Problem"}
    asked = described["get"]
    responses = {**asked["responses"], "403": problem, "503": problem}
    return {"get": {**asked, "responses": responses, "security": [{"sidecarKey": []}, {"token": []}, {}]}}


def _path(summary: str, ok: Schema, *statuses: int, problems: str = "Problem", **more: Any) -> Schema:
    wrong = {str(status): {"$ref": f"#/components/responses/{problems}"} for status in statuses if status != 304}
    unchanged = {"304": {"description": "Not changed since the given ETag"}} if 304 in statuses else {}
    refused = {} if "security" in more else {"401": {"$ref": "#/components/responses/Problem"}}
    return {"get": {"summary": summary, "responses": {"200": ok, **unchanged, **refused, **wrong}, **more}}


def _moved() -> Schema:
    location = {"Location": {"schema": {"type": "string", "pattern": r"^\./widget"}}}
    there = {"description": "To the page, with the same query", "headers": location}
    responses = {"307": there, "401": {"$ref": "#/components/responses/Problem"}}
    return {"get": {"summary": "Leads to ./widget", "responses": responses}}


def _answer(description: str, media_type: str, schema: Schema) -> Schema:
    return {"description": description, "content": {media_type: {"schema": schema}}}


_PROBLEM_JSON: Schema = {"application/problem+json": {"schema": ref("Problem")}}
_PROBLEM: Schema = {"description": "What is wrong, as in RFC 9457", "content": _PROBLEM_JSON}
_PROBLEM_PAGE: Schema = {
    "description": "The same; whoever prefers HTML, as browsers do, gets a page",
    "content": {**_PROBLEM_JSON, "text/html": {"schema": {"type": "string"}}},
    "headers": {"Vary": {"schema": {"const": "Accept"}}},
}


def _fragment() -> Schema:
    headers: Schema = {name: {"schema": {"const": value}} for name, value in extension.HEADERS.items()}
    headers["Widget-Title"] = {"schema": {"type": "string"}}
    return {
        **_answer("HTML without script, to be put into a page", "text/html", {"type": "string"}),
        "headers": headers,
    }


def _json(description: str, schema: Schema) -> Schema:
    return _answer(description, "application/json", schema)


def _json_or_csv(description: str, schema: Schema) -> Schema:
    answer = _json(description, schema)
    return {**answer, "content": {**answer["content"], "text/csv": {"schema": {"type": "string"}}}}


def _report_month_parameter() -> Schema:
    return _query_parameter("month", {"type": "string", "pattern": f"^{_MONTH}$", "examples": ["2026-11"]})


def _view_parameter() -> Schema:
    return _query_parameter("view", {"enum": [*VIEWS], "default": VIEWS[0]})


def _service_parameter() -> Schema:
    return _query_parameter("service", {"type": "string", "description": "show only this service"})


def _calendar_parameters() -> list[Schema]:
    month = {"type": "string", "pattern": rf"^({_MONTH})?$", "description": "in the calendar: this month"}
    day = {"type": "string", "pattern": rf"^({_MONTH}-{_DAY})?$", "description": "in the calendar: open this day"}
    return [_query_parameter("month", month), _query_parameter("day", day)]


#: Of the years that there are. Which months have a 31st is for the answer to say.
_MONTH = "20[0-9]{2}-(0[1-9]|1[0-2])"
_DAY = "(0[1-9]|[12][0-9]|3[01])"


_FOLD: Schema = {
    "type": "integer",
    "minimum": -1,
    "maximum": MOST_UNFOLDED,
    "description": "how many rows without a problem stay in sight; -1 for all. Of more than 60 services these are in groups",
}


def _extension_parameters() -> list[Schema]:
    fold = _query_parameter("fold", {**_FOLD, "default": ExtensionQuery().fold})
    return [_view_parameter(), _service_parameter(), fold]


def _table_parameters() -> list[Schema]:
    search = {"type": "string", "maxLength": LONGEST_SEARCH, "description": "only services with this in their name"}
    return [_query_parameter("fold", _FOLD), _query_parameter("q", search)]


def _moment_parameter(name: str) -> Schema:
    edge = "not included" if name == "to" else "included"
    description = f"RFC 3339, in the years {YEARS.start} to {YEARS.stop - 1}; {edge}"
    example = f"2026-{12 if name == 'to' else 11}-01T00:00:00Z"
    return {**_query_parameter(name, {**TIME, "description": description}), "required": True, "example": example}


def _changes_parameters() -> list[Schema]:
    skip = {"type": "integer", "minimum": 0, "maximum": MOST_SKIPPED, "default": 0}
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_CHANGES, "default": USUAL_CHANGES}
    return [
        _moment_parameter("since"),
        _query_parameter("skip", {**skip, "description": "so many changes of exactly that moment are known already"}),
        _query_parameter("limit", limit),
    ]


_UP_TO_100 = r"([0-9]{1,2}(\.[0-9]{1,3})?|100)%?"
_UP_TO_360 = r"([12]?[0-9]{1,2}(\.[0-9]{1,3})?|3[0-5][0-9](\.[0-9]{1,3})?|360)"
_HSL: Schema = {"type": "string", "pattern": rf"^{_UP_TO_360} {_UP_TO_100} {_UP_TO_100}$", "examples": ["240 8 9"]}
_MULTIPLIER: Schema = {"type": "string", "pattern": r"^([0-9](\.[0-9]{1,3})?|10)$", "examples": ["1.2"]}


def _theme_parameters() -> list[Schema]:
    return [_query_parameter(name, _theme_schema(name)) for name in sorted(theme.PARAMETER_NAMES)]


def _theme_schema(name: str) -> Schema:
    if name.endswith("-color"):
        return _HSL
    return {"type": "boolean"} if name == "light" else _MULTIPLIER


def _query_parameter(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
