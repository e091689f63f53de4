"""The OpenAPI 3.1 description of everything that is served. Its shapes stand in openapi_schemas.py."""

from __future__ import annotations

from typing import Any

from . import extension, theme
from .openapi_schemas import SCHEMAS, TIME, Schema, object_of, ref
from .query import MOST_UNFOLDED, VIEWS, ExtensionQuery


def document() -> Schema:
    """The whole description, ready to be written as JSON."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "backup-glance",
            "version": "1",
            "description": "Does every service have the backup it should have, and when is the next one? Read-only.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"sidecarKey": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"sidecarKey": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Problem": _answer("What is wrong, as in RFC 9457", "application/problem+json", ref("Problem"))
            },
            "schemas": SCHEMAS,
        },
    }


def _paths() -> Schema:
    return {
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
            parameters=[_view_parameter(), _service_parameter(), *_calendar_parameters(), *_theme_parameters()],
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
            parameters=_theme_parameters(),
        ),
        "/static/{name}": _path(
            "A file whose name changes with its content",
            _answer("The file", "*/*", {}),
            404,
            parameters=[_path_parameter("name")],
        ),
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
            "The board for Prometheus (docs/metrics.md): at most 20,000 series, made once for each board",
            _answer("Prometheus' text format, version 0.0.4", "text/plain", {"type": "string"}),
            304,
        ),
        "/openapi.json": _path("This description", _json("OpenAPI 3.1", {"type": "object"})),
    }


def _path(summary: str, ok: Schema, *statuses: int, **more: Any) -> Schema:
    problems = {str(status): {"$ref": "#/components/responses/Problem"} for status in statuses if status != 304}
    unchanged = {"304": {"description": "Not changed since the given ETag"}} if 304 in statuses else {}
    refused = {} if "security" in more else {"401": {"$ref": "#/components/responses/Problem"}}
    return {"get": {"summary": summary, "responses": {"200": ok, **unchanged, **refused, **problems}, **more}}


def _answer(description: str, media_type: str, schema: Schema) -> Schema:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _fragment() -> Schema:
    headers = {name: {"schema": {"const": value}} for name, value in extension.HEADERS.items()}
    return {
        **_answer("HTML without script, to be put into a page", "text/html", {"type": "string"}),
        "headers": headers,
    }


def _json(description: str, schema: Schema) -> Schema:
    return _answer(description, "application/json", schema)


def _view_parameter() -> Schema:
    return _query_parameter("view", {"enum": [*VIEWS], "default": VIEWS[0]})


def _service_parameter() -> Schema:
    return _query_parameter("service", {"type": "string", "description": "show only this service"})


def _calendar_parameters() -> list[Schema]:
    month = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "description": "in the calendar: this month"}
    day = {"type": "string", "format": "date", "description": "in the calendar: open this day"}
    return [_query_parameter("month", month), _query_parameter("day", day)]


def _extension_parameters() -> list[Schema]:
    fold = {
        "type": "integer",
        "minimum": -1,
        "maximum": MOST_UNFOLDED,
        "default": ExtensionQuery().fold,
        "description": "how many rows without a problem stay in sight; -1 for all",
    }
    return [_view_parameter(), _service_parameter(), _query_parameter("fold", fold)]


def _moment_parameter(name: str) -> Schema:
    edge = "not included" if name == "to" else "included"
    return {**_query_parameter(name, {**TIME, "description": f"RFC 3339; {edge}"}), "required": True}


def _theme_parameters() -> list[Schema]:
    return [_query_parameter(name, {"type": "string"}) for name in sorted(theme.PARAMETER_NAMES)]


def _query_parameter(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
