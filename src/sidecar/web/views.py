"""Board → public JSON. Every field is always there, null where it is not known.

Times are RFC 3339 in UTC to the second, sizes are bytes. openapi.py describes the same shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sidecar.core.model import (
    Board,
    Copy,
    DatastoreRow,
    ExpectationRow,
    JobRow,
    LeftOut,
    Occurrence,
    Overall,
    PartRow,
    Posture,
    Required,
    RestoreTest,
    Run,
    ServiceRow,
    SourceRow,
    StoredCopy,
    Verdict,
)

VERSION = 1

#: The state of an occurrence that is still to come, or that nobody judges.
PLANNED = "planned"

Json = dict[str, Any]


def status(board: Board) -> Json:
    """The whole board."""
    return {
        "version": VERSION,
        "generated_at": timestamp(board.at),
        "overall": _overall(board.overall),
        "services": [_service(row) for row in board.services],
        "jobs": [_job(row) for row in board.jobs],
        "sources": [_source(row) for row in board.sources],
        "datastores": [_datastore(row) for row in board.datastores],
        "left_out": board.left_out,
        "notes": list(board.notes),
    }


def service_with_runs(row: ServiceRow) -> Json:
    """One service as on the board; in addition every part has its runs, newest first."""
    parts = [{**_part(part), "runs": [_run_in_full(run) for run in part.runs]} for part in row.parts]
    return {**_service(row), "parts": parts}


def calendar(occurrences: Sequence[Occurrence], start: datetime, end: datetime, at: datetime) -> Json:
    """The occurrences of a window, as they were known at ``at``."""
    return {
        "version": VERSION,
        "generated_at": timestamp(at),
        "from": timestamp(start),
        "to": timestamp(end),
        "occurrences": [_occurrence(occurrence) for occurrence in occurrences],
    }


def timestamp(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC: 2026-11-23T06:26:00Z."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _overall(overall: Overall) -> Json:
    counts = {state.value: count for state, count in overall.counts.items()}
    return {"state": overall.state.value, "headline": overall.headline, "counts": counts}


def _service(row: ServiceRow) -> Json:
    return {
        "name": row.name,
        **_verdict(row.verdict),
        "last_backup": timestamp(row.last_backup),
        "count": row.count,
        "next_run": timestamp(row.next_run),
        "verified_at": timestamp(row.verified_at),
        "last_run": _run(row.last_run),
        "parts": [_part(part) for part in row.parts],
        "copies": [_copy(copy) for copy in row.copies],
        "posture": _posture(row.posture),
    }


def _part(row: PartRow) -> Json:
    return {
        "kind": row.kind.value,
        "ref": row.ref,
        "source": row.source,
        "job": row.job,
        **_verdict(row.verdict),
        "last_backup": timestamp(row.last_backup),
        "count": row.count,
        "next_run": timestamp(row.next_run),
        "verified_at": timestamp(row.verified_at),
        "size": row.size,
        "schedule": row.schedule,
        "timezone": row.timezone,
        "expectations": [_expectation(expectation) for expectation in row.expectations],
        "left_out_volumes": [_left_out(volume) for volume in row.left_out],
        "owner": row.owner,
        "encrypted": row.encrypted,
        "protected": row.protected,
        "restore_tests": [_restore_test(test) for test in row.restore_tests],
    }


def _restore_test(test: RestoreTest) -> Json:
    return {
        "name": test.name,
        "target": test.target,
        "schedule": test.schedule,
        "enabled": test.enabled,
        "tested_at": timestamp(test.tested_at),
        "last_run": _run(test.last_run),
        "skipped": test.skipped,
    }


def _left_out(volume: LeftOut) -> Json:
    return {"job": volume.job, "volume": volume.volume, "name": volume.name, "reason": volume.reason}


def _expectation(row: ExpectationRow) -> Json:
    return {
        "job": row.job,
        "destination": row.destination,
        **_verdict(row.verdict),
        "last_backup": timestamp(row.last_backup),
        "next_run": timestamp(row.next_run),
    }


def _job(row: JobRow) -> Json:
    return {
        "name": row.name,
        "title": row.title,
        "kind": row.kind,
        "source": row.source,
        **_verdict(row.verdict),
        "schedule": row.schedule,
        "timezone": row.timezone,
        "last_run": _run(row.last_run),
        "next_run": timestamp(row.next_run),
        "members": row.members,
        "members_ok": row.members_ok,
    }


def _source(row: SourceRow) -> Json:
    return {
        "name": row.name,
        "kind": row.kind.value,
        "state": row.verdict.state.value,
        "reason": row.verdict.reason,
        "action": row.verdict.action,
        "as_of": timestamp(row.as_of),
        "version": row.version,
        "limits": list(row.limits),
    }


def _datastore(row: DatastoreRow) -> Json:
    return {
        "source": row.source,
        "name": row.name,
        "total": row.total,
        "used": row.used,
        "avail": row.avail,
        "full_at": timestamp(row.full_at),
        "state": row.verdict.state.value,
        "reason": row.verdict.reason,
        "action": row.verdict.action,
    }


def _occurrence(occurrence: Occurrence) -> Json:
    return {
        "job": occurrence.job,
        "title": occurrence.title,
        "kind": occurrence.kind.value,
        "due": timestamp(occurrence.due),
        "grace_until": timestamp(occurrence.grace_until),
        "state": occurrence.state.value if occurrence.state else PLANNED,
        "run": _run(occurrence.run),
        "members": occurrence.members,
        "members_ok": occurrence.members_ok,
        "reason": occurrence.reason,
    }


def _verdict(verdict: Verdict) -> Json:
    return {
        "state": verdict.state.value,
        "reason": verdict.reason,
        "since": timestamp(verdict.since),
        "action": verdict.action,
        "link": verdict.link.url if verdict.link else None,
    }


def _copy(copy: Copy) -> Json:
    return {"job": copy.job, "state": copy.state.value, "last_run": timestamp(copy.last_run)}


def _posture(row: Posture) -> Json:
    """Where its backups lie, and whether that is enough."""
    return {
        "copies": row.copies,
        "offsite": row.offsite,
        "complete": row.complete,
        "require": _required(row.required),
        "state": row.state.value if row.state else None,
        "reason": row.reason,
        "places": [_place(copy) for copy in row.places],
    }


def _required(required: Required | None) -> Json | None:
    return None if required is None else {"copies": required.copies, "offsite": required.offsite}


def _place(copy: StoredCopy) -> Json:
    return {
        "place": copy.place,
        "kind": copy.kind.value,
        "parts": list(copy.parts),
        "last_backup": timestamp(copy.last_backup),
        "known": copy.known,
        "offsite": copy.offsite,
        "verified_at": timestamp(copy.verified_at),
        "encrypted": copy.encrypted,
        "protected": copy.protected,
        "sync_job": copy.made_by,
    }


def _run(run: Run | None) -> Json | None:
    if run is None:
        return None
    return {"start": timestamp(run.start), "end": timestamp(run.end), "outcome": run.outcome.value}


def _run_in_full(run: Run) -> Json:
    return {
        "start": timestamp(run.start),
        "end": timestamp(run.end),
        "outcome": run.outcome.value,
        "size": run.size,
        "text": run.text,
    }
