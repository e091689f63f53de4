"""The OpenAPI 3.1 description of everything that is served. views.py makes the shapes that are described here."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sidecar.core.model import OccurrenceKind, Outcome, PartKind, SourceKind, State

from . import extension, theme
from .query import MOST_UNFOLDED, VIEWS, ExtensionQuery
from .views import PLANNED

Schema = dict[str, Any]


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
                "Problem": _answer("What is wrong, as in RFC 9457", "application/problem+json", _ref("Problem"))
            },
            "schemas": _schemas(),
        },
    }


def _paths() -> Schema:
    return {
        "/healthz": _path("The process answers", _json("Alive", _object(status={"const": "ok"})), security=[]),
        "/readyz": _path("Every source was tried since start", _json("Ready", _object(status={"const": "ready"})), 503),
        "/widget": _path(
            "The page for Glance's iframe widget",
            _answer("HTML without script", "text/html", {"type": "string"}),
            304,
            404,
            422,
            parameters=[_view_parameter(), _service_parameter(), *_calendar_parameters(), *_theme_parameters()],
        ),
        "/extension": _path(
            "The same for Glance's extension widget; what is wrong with a query is told in a fragment too",
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
            _answer("The file", "text/css", {"type": "string"}),
            404,
            parameters=[_path_parameter("name")],
        ),
        "/api/v1/status": _path("The board", _json("The whole answer at one moment", _ref("Board")), 304),
        "/api/v1/services/{name}": _path(
            "One service with its runs",
            _json("The service", _ref("ServiceWithRuns")),
            304,
            404,
            parameters=[_path_parameter("name")],
        ),
        "/api/v1/calendar": _path(
            "What was due, what became of it, and what will be due: at most 400 days and 5,000 occurrences at once",
            _json("The occurrences in the order of their due times", _ref("Calendar")),
            304,
            422,
            parameters=[_moment_parameter("from"), _moment_parameter("to")],
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
    return {**_query_parameter(name, {**_TIME, "description": f"RFC 3339; {edge}"}), "required": True}


def _theme_parameters() -> list[Schema]:
    return [_query_parameter(name, {"type": "string"}) for name in sorted(theme.PARAMETER_NAMES)]


def _query_parameter(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _path_parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _schemas() -> Schema:
    service = {
        "name": _TEXT,
        **_VERDICT,
        "last_backup": _NULLABLE_TIME,
        "count": _NULLABLE_INTEGER,
        "next_run": _NULLABLE_TIME,
        "verified_at": _NULLABLE_TIME,
        "last_run": _or_null(_ref("Run")),
        "parts": _list(_ref("Part")),
        "copies": _list(_ref("Copy")),
    }
    return {
        "Board": _object(
            version={"const": 1},
            generated_at=_TIME,
            overall=_ref("Overall"),
            services=_list(_ref("Service")),
            jobs=_list(_ref("Job")),
            sources=_list(_ref("Source")),
            datastores=_list(_ref("Datastore")),
            left_out=_COUNT,
            notes=_list(_TEXT),
        ),
        "Overall": _object(
            state=_STATE,
            headline=_TEXT,
            counts={"type": "object", "propertyNames": _STATE, "additionalProperties": _COUNT},
        ),
        "Service": _object(**service),
        "ServiceWithRuns": _object(**{**service, "parts": _list(_ref("PartWithRuns"))}),
        "Part": _object(**_PART),
        "PartWithRuns": _object(**_PART, runs=_list(_ref("RunInFull"))),
        "Copy": _object(job=_TEXT, state=_STATE, last_run=_NULLABLE_TIME),
        "Run": _object(**_RUN),
        "RunInFull": _object(**_RUN, size=_NULLABLE_INTEGER, text=_NULLABLE_STRING),
        "Job": _object(**_JOB),
        "Calendar": _object(
            **{"version": {"const": 1}, "generated_at": _TIME, "from": _TIME, "to": _TIME},
            occurrences=_list(_ref("Occurrence")),
        ),
        "Occurrence": _object(**_OCCURRENCE),
        "Source": _object(
            name=_TEXT,
            kind=_enum(SourceKind),
            state={"enum": ["ok", "warning", "unknown"]},
            reason=_NULLABLE_STRING,
            as_of=_NULLABLE_TIME,
            version=_NULLABLE_STRING,
            limits=_list(_TEXT),
        ),
        "Datastore": _object(
            source=_TEXT,
            name=_TEXT,
            total=_NULLABLE_INTEGER,
            used=_NULLABLE_INTEGER,
            avail=_NULLABLE_INTEGER,
            full_at=_NULLABLE_TIME,
            state=_STATE,
            reason=_NULLABLE_STRING,
        ),
        "Problem": _object(type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT),
    }


def _object(**properties: Schema) -> Schema:
    """An object that has exactly these fields, all of them always."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _enum(words: type[StrEnum]) -> Schema:
    return {"enum": [word.value for word in words]}


_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NULLABLE_STRING: Schema = {"type": ["string", "null"]}
_NULLABLE_INTEGER: Schema = {"type": ["integer", "null"]}
_NULLABLE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_STATE = _enum(State)

_RUN: Schema = {"start": _TIME, "end": _NULLABLE_TIME, "outcome": _enum(Outcome)}

_VERDICT: Schema = {
    "state": _STATE,
    "reason": _NULLABLE_STRING,
    "since": _NULLABLE_TIME,
    "action": _NULLABLE_STRING,
    "link": _NULLABLE_STRING,
}

_PART: Schema = {
    "kind": _enum(PartKind),
    "ref": _TEXT,
    "source": _TEXT,
    "job": _NULLABLE_STRING,
    **_VERDICT,
    "last_backup": _NULLABLE_TIME,
    "count": _NULLABLE_INTEGER,
    "next_run": _NULLABLE_TIME,
    "verified_at": _NULLABLE_TIME,
    "size": _NULLABLE_INTEGER,
    "schedule": _NULLABLE_STRING,
    "timezone": _NULLABLE_STRING,
}

_OCCURRENCE: Schema = {
    "job": _NULLABLE_STRING,
    "title": _TEXT,
    "kind": _enum(OccurrenceKind),
    "due": _TIME,
    "grace_until": _NULLABLE_TIME,
    "state": {"enum": [*(state.value for state in State), PLANNED]},
    "run": _or_null(_ref("Run")),
    "members": _NULLABLE_INTEGER,
    "members_ok": _NULLABLE_INTEGER,
    "reason": _NULLABLE_STRING,
}

_JOB: Schema = {
    "name": _TEXT,
    "title": _TEXT,
    "kind": _TEXT,
    "source": _TEXT,
    **_VERDICT,
    "schedule": _NULLABLE_STRING,
    "timezone": _NULLABLE_STRING,
    "last_run": _or_null(_ref("Run")),
    "next_run": _NULLABLE_TIME,
    "members": _NULLABLE_INTEGER,
    "members_ok": _NULLABLE_INTEGER,
}
