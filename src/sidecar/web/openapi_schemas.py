"""The shapes of all JSON that is served, as JSON schemas. views.py makes what is described here."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sidecar.core.model import OccurrenceKind, Outcome, PartKind, PlaceKind, SourceKind, State
from sidecar.core.past.month import RowKind

from .report_json import COUNTED
from .views import PLANNED

Schema = dict[str, Any]


def object_of(**properties: Schema) -> Schema:
    """An object that has exactly these fields, all of them always."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def ref(name: str) -> Schema:
    """Points to one of ``SCHEMAS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _enum(words: type[StrEnum]) -> Schema:
    return {"enum": [word.value for word in words]}


_TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NULLABLE_STRING: Schema = {"type": ["string", "null"]}
_NULLABLE_INTEGER: Schema = {"type": ["integer", "null"]}
_NULLABLE_BOOLEAN: Schema = {"type": ["boolean", "null"]}
_NULLABLE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_STATE = _enum(State)

_RUN: Schema = {"start": TIME, "end": _NULLABLE_TIME, "outcome": _enum(Outcome)}

_VERDICT: Schema = {
    "state": _STATE,
    "reason": _NULLABLE_STRING,
    "since": _NULLABLE_TIME,
    "action": _NULLABLE_STRING,
    "link": _NULLABLE_STRING,
}

_EXPECTATION: Schema = {
    "job": _TEXT,
    "destination": _NULLABLE_STRING,
    **_VERDICT,
    "last_backup": _NULLABLE_TIME,
    "next_run": _NULLABLE_TIME,
}

_PART: Schema = {
    "kind": {"enum": [kind.value for kind in PartKind if kind is not PartKind.UPKEEP]},
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
    "expectations": _list(ref("Expectation")),
    "left_out_volumes": _list(ref("LeftOutVolume")),
    "owner": _NULLABLE_STRING,
    "encrypted": _NULLABLE_BOOLEAN,
    "protected": _NULLABLE_INTEGER,
    "restore_tests": _list(ref("RestoreTest")),
}

_RESTORE_TEST: Schema = {
    "name": _TEXT,
    "target": _TEXT,
    "schedule": _NULLABLE_STRING,
    "enabled": {"type": "boolean"},
    "tested_at": _NULLABLE_TIME,
    "last_run": _or_null(ref("Run")),
    "skipped": _NULLABLE_STRING,
}

_LEFT_OUT_VOLUME: Schema = {
    "job": _TEXT,
    "volume": _TEXT,
    "name": _NULLABLE_STRING,
    "reason": _NULLABLE_STRING,
}

_OCCURRENCE: Schema = {
    "job": _NULLABLE_STRING,
    "title": _TEXT,
    "kind": _enum(OccurrenceKind),
    "due": TIME,
    "grace_until": _NULLABLE_TIME,
    "state": {"enum": [*(state.value for state in State), PLANNED]},
    "run": _or_null(ref("Run")),
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
    "last_run": _or_null(ref("Run")),
    "next_run": _NULLABLE_TIME,
    "members": _NULLABLE_INTEGER,
    "members_ok": _NULLABLE_INTEGER,
}

_SERVICE: Schema = {
    "name": _TEXT,
    **_VERDICT,
    "last_backup": _NULLABLE_TIME,
    "count": _NULLABLE_INTEGER,
    "next_run": _NULLABLE_TIME,
    "verified_at": _NULLABLE_TIME,
    "last_run": _or_null(ref("Run")),
    "parts": _list(ref("Part")),
    "copies": _list(ref("Copy")),
    "posture": ref("Posture"),
}

_PLACE: Schema = {
    "place": _TEXT,
    "kind": _enum(PlaceKind),
    "parts": _list(_TEXT),
    "last_backup": _NULLABLE_TIME,
    "known": {"type": "boolean"},
    "offsite": {"type": "boolean"},
    "verified_at": _NULLABLE_TIME,
    "encrypted": _NULLABLE_BOOLEAN,
    "protected": _NULLABLE_INTEGER,
    "sync_job": _NULLABLE_STRING,
}

_POSTURE: Schema = {
    "copies": _COUNT,
    "offsite": _COUNT,
    "complete": {"type": "boolean"},
    "require": _or_null(object_of(copies=_COUNT, offsite={"type": "boolean"})),
    "state": {"enum": [State.OK.value, State.WARNING.value, State.UNKNOWN.value, None]},
    "reason": _NULLABLE_STRING,
    "places": _list(ref("Place")),
}

#: null, and not 0, where nobody looked.
_COUNTS: Schema = {name: {"type": ["integer", "null"], "minimum": 0} for name in COUNTED}

_REPORT_ROW: Schema = {
    "kind": _enum(RowKind),
    "name": _TEXT,
    "members": _list(_TEXT),
    "known_since": _NULLABLE_TIME,
    **_COUNTS,
    "longest_gap": _or_null(ref("LongestGap")),
    "stood_on": {"type": ["string", "null"], "format": "date"},
    "restore_points": _NULLABLE_INTEGER,
    "verified": _NULLABLE_INTEGER,
    "copies": _NULLABLE_INTEGER,
    "size": _NULLABLE_INTEGER,
}

_REPORT: Schema = {
    "version": {"const": 1},
    "generated_at": TIME,
    "generator": _TEXT,
    "month": _TEXT,
    "timezone": _TEXT,
    "from": TIME,
    "to": TIME,
    "is_over": {"type": "boolean"},
    "is_stale": {
        "type": "boolean",
        "description": "nothing has been judged for minutes: what was due since is not in it",
    },
    "known_since": {**_NULLABLE_TIME, "description": "nothing is known from before"},
    "backups": ref("DueCounts"),
    "upkeep": ref("DueCounts"),
    "rows": _list(ref("ReportRow")),
    "incidents": _list(ref("Incident")),
    "incidents_not_listed": _COUNT,
    "short_incidents": _COUNT,
    "sources": _list(ref("Observation")),
}

_INCIDENT: Schema = {
    "from": TIME,
    "to": _NULLABLE_TIME,
    "began_before": {"type": "boolean"},
    "states": _list(_STATE),
    "services": _list(_TEXT),
    "members": _list(_TEXT),
    "job": _NULLABLE_STRING,
    "source": _NULLABLE_STRING,
    "cause": _TEXT,
    "reason": _NULLABLE_STRING,
}

#: Every shape by its name.
SCHEMAS: Schema = {
    "Board": object_of(
        version={"const": 1},
        generated_at=TIME,
        overall=ref("Overall"),
        services=_list(ref("Service")),
        jobs=_list(ref("Job")),
        sources=_list(ref("Source")),
        datastores=_list(ref("Datastore")),
        left_out=_COUNT,
        notes=_list(_TEXT),
    ),
    "Overall": object_of(
        state=_STATE,
        headline=_TEXT,
        counts={"type": "object", "propertyNames": _STATE, "additionalProperties": _COUNT},
    ),
    "Service": object_of(**_SERVICE),
    "ServiceWithRuns": object_of(**{**_SERVICE, "parts": _list(ref("PartWithRuns"))}),
    "Expectation": object_of(**_EXPECTATION),
    "LeftOutVolume": object_of(**_LEFT_OUT_VOLUME),
    "RestoreTest": object_of(**_RESTORE_TEST),
    "Part": object_of(**_PART),
    "PartWithRuns": object_of(**_PART, runs=_list(ref("RunInFull"))),
    "Posture": object_of(**_POSTURE),
    "Place": object_of(**_PLACE),
    "Copy": object_of(job=_TEXT, state=_STATE, last_run=_NULLABLE_TIME),
    "Run": object_of(**_RUN),
    "RunInFull": object_of(**_RUN, size=_NULLABLE_INTEGER, text=_NULLABLE_STRING),
    "Job": object_of(**_JOB),
    "Calendar": object_of(
        **{"version": {"const": 1}, "generated_at": TIME, "from": TIME, "to": TIME},
        occurrences=_list(ref("Occurrence")),
    ),
    "Occurrence": object_of(**_OCCURRENCE),
    "Changes": object_of(
        version={"const": 1},
        since=TIME,
        until=TIME,
        known_since={**_NULLABLE_TIME, "description": "nothing remembers what was before; null: the ledger does"},
        changes=_list(ref("Change")),
        more={"type": "boolean"},
        next=object_of(since=TIME, skip=_COUNT),
    ),
    "Change": object_of(
        at=TIME,
        service=_NULLABLE_STRING,
        member=_TEXT,
        job=_NULLABLE_STRING,
        destination=_NULLABLE_STRING,
        state_from=_or_null(_STATE),
        state_to=_STATE,
        cause=_TEXT,
        reason=_NULLABLE_STRING,
    ),
    "Report": object_of(**_REPORT),
    "DueCounts": object_of(**_COUNTS),
    "ReportRow": object_of(**_REPORT_ROW),
    "LongestGap": object_of(
        **{"from": TIME, "to": TIME},
        seconds=_COUNT,
        began_before={"type": "boolean"},
        lasts={"type": "boolean"},
    ),
    "Incident": object_of(**_INCIDENT),
    "Observation": object_of(
        source=_TEXT,
        known_since=_NULLABLE_TIME,
        unobserved_seconds=_COUNT,
        gaps=_list(object_of(**{"from": TIME, "to": TIME})),
    ),
    "Source": object_of(
        name=_TEXT,
        kind=_enum(SourceKind),
        state={"enum": ["ok", "warning", "unknown"]},
        reason=_NULLABLE_STRING,
        action=_NULLABLE_STRING,
        as_of=_NULLABLE_TIME,
        version=_NULLABLE_STRING,
        limits=_list(_TEXT),
    ),
    "Datastore": object_of(
        source=_TEXT,
        name=_TEXT,
        total=_NULLABLE_INTEGER,
        used=_NULLABLE_INTEGER,
        avail=_NULLABLE_INTEGER,
        full_at=_NULLABLE_TIME,
        state=_STATE,
        reason=_NULLABLE_STRING,
        action=_NULLABLE_STRING,
    ),
    "Problem": object_of(type=_TEXT, title=_TEXT, status={"type": "integer"}, detail=_TEXT),
}
