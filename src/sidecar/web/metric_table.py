"""What ``/metrics`` tells, as a table: levels of rows, and for each level its labels and metrics.

Everything is a view of the board: nothing is judged or computed here but differences of times. docs/metrics.md is made
from this table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any, Generic, TypeVar

from sidecar.core.history.run_counts import NO_RUNS, RunCounts
from sidecar.core.model import Board, DatastoreRow, ExpectationRow, JobRow, PartRow, ServiceRow, SourceRow, State

from .counts import SourceCounts

R = TypeVar("R")

PREFIX = "backup_glance_"

#: States as numbers where one series for each would be too many: the higher, the worse. These never change their meaning.
CODES = {
    State.DISABLED: 0,
    State.OK: 1,
    State.NEW: 2,
    State.RUNNING: 3,
    State.LATE: 4,
    State.WARNING: 5,
    State.UNKNOWN: 6,
    State.NEVER: 7,
    State.MISSED: 8,
    State.FAILED: 9,
}


class Type(StrEnum):
    """Whether a value may fall."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown at once.

    Attributes:
        board: with everything that is uncertain as ``unknown`` if it is stale.
        judged_at: when it was judged.
    """

    board: Board
    judged_at: datetime
    is_stale: bool
    version: str
    runs: Mapping[str, RunCounts] | None
    sources: Mapping[str, SourceCounts]


@dataclass(frozen=True)
class Metric(Generic[R]):
    """One metric of each row of a level.

    Attributes:
        meaning: one line of help.
        value: None where nobody knows, or where there is no such thing: then there is no series.
        more: further labels of a metric that is always 1: texts that belong to a row and don't name it.
    """

    name: str
    meaning: str
    value: Callable[[R], float | None]
    type: Type = Type.GAUGE
    more: Mapping[str, Callable[[R], str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Level(Generic[R]):
    """Rows of one kind.

    Attributes:
        title: what they are, in the plural.
        labels: the names of what tells them apart, in the order in which ``names`` gives it.
        states: the metric with one series for each state; None where there is none.
        state: the row's state; also what decides which rows stay where there are too many series.
        place: rows of a lower place stay before those of a higher one.
    """

    title: str
    labels: tuple[str, ...]
    rows: Callable[[Shown], Iterable[R]]
    names: Callable[[R], tuple[str, ...]]
    state: Callable[[R], State]
    place: int
    states: Metric[R] | None = None
    metrics: tuple[Metric[R], ...] = field(default=())


# --- rows that need more than the board's own ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Source:
    row: SourceRow
    counts: SourceCounts | None


@dataclass(frozen=True, slots=True)
class _Job:
    row: JobRow
    runs: RunCounts | None


@dataclass(frozen=True, slots=True)
class _Service:
    row: ServiceRow
    now: datetime


@dataclass(frozen=True, slots=True)
class _Part:
    service: str
    row: PartRow


@dataclass(frozen=True, slots=True)
class _Expectation:
    part: _Part
    row: ExpectationRow


def _sources(shown: Shown) -> Iterable[_Source]:
    return (_Source(row, shown.sources.get(row.name)) for row in shown.board.sources)


def _jobs(shown: Shown) -> Iterable[_Job]:
    runs = shown.runs
    return (_Job(row, None if runs is None else runs.get(row.name, NO_RUNS)) for row in shown.board.jobs)


def _services(shown: Shown) -> Iterable[_Service]:
    return (_Service(row, shown.board.at) for row in shown.board.services)


def _parts(shown: Shown) -> Iterable[_Part]:
    return (_Part(row.name, part) for row in shown.board.services for part in row.parts)


def _expectations(shown: Shown) -> Iterable[_Expectation]:
    return (_Expectation(part, row) for part in _parts(shown) for row in part.row.expectations)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (now - moment).total_seconds()


def _met(state: State | None) -> float | None:
    return None if state in (None, State.UNKNOWN) else float(state is State.OK)


def _runs(of_runs: Callable[[RunCounts], int]) -> Callable[[_Job], float | None]:
    return lambda of: None if of.runs is None else of_runs(of.runs)


def _counter(name: str, text: str, of_counts: Callable[[SourceCounts], int]) -> Metric[_Source]:
    return Metric(name, text, lambda of: None if of.counts is None else of_counts(of.counts), Type.COUNTER)


def _one(_row: object) -> float:
    return 1


# --- the levels ---------------------------------------------------------------------------------------------------------

GENERAL = Level[Shown](
    title="backup-glance itself",
    labels=(),
    rows=lambda shown: (shown,),
    names=lambda _: (),
    state=lambda shown: shown.board.overall.state,
    place=0,
    states=Metric("overall_state", "Overall state: 1 for the state it is in, 0 for all others.", _one),
    metrics=(
        Metric("build_info", "Always 1.", _one, more={"version": lambda shown: shown.version}),
        Metric("board_timestamp_seconds", "When the board was judged last.", lambda shown: _seconds(shown.judged_at)),
        Metric(
            "board_stale",
            "1 while the board is not renewed any more: whatever was better than unknown is shown as unknown.",
            lambda shown: float(shown.is_stale),
        ),
        Metric(
            "oldest_reading_timestamp_seconds",
            "The oldest reading of a source that a verdict rests on.",
            lambda shown: _seconds(shown.board.as_of),
        ),
        Metric("ignored_parts", "Parts that the configuration ignores.", lambda shown: shown.board.left_out),
        Metric("notes", "Notes on the page that are nobody's fault.", lambda shown: len(shown.board.notes)),
    ),
)

SOURCES = Level[_Source](
    title="Sources",
    labels=("source", "kind"),
    rows=_sources,
    names=lambda of: (of.row.name, of.row.kind.value),
    state=lambda of: of.row.verdict.state,
    place=1,
    states=Metric("source_state", "State of a source: ok, warning (partly read) or unknown (not readable).", _one),
    metrics=(
        Metric(
            "source_info",
            "Always 1. The version is the one that the source reported.",
            _one,
            more={"version": lambda of: of.row.version or ""},
        ),
        Metric("source_as_of_timestamp_seconds", "When it was read last.", lambda of: _seconds(of.row.as_of)),
        Metric("source_limits", "How many things it could not show, or may not.", lambda of: len(of.row.limits)),
        _counter("source_full_rounds_total", "Rounds that read everything.", lambda counts: counts.full_rounds),
        _counter(
            "source_light_rounds_total", "Rounds that look whether anything ran.", lambda counts: counts.light_rounds
        ),
        _counter("source_calls_total", "Calls made to it.", lambda counts: counts.calls),
        _counter(
            "source_failed_calls_total", "Calls without an answer that can be used.", lambda counts: counts.failed_calls
        ),
        _counter(
            "source_received_bytes_total",
            "Bytes of the bodies of its answers, as they were sent.",
            lambda counts: counts.received_bytes,
        ),
    ),
)

SERVICES = Level[_Service](
    title="Services",
    labels=("service",),
    rows=_services,
    names=lambda of: (of.row.name,),
    state=lambda of: of.row.verdict.state,
    place=1,
    states=Metric("service_state", "State of a service: 1 for the state it is in, 0 for all others.", _one),
    metrics=(
        Metric(
            "service_last_success_timestamp_seconds",
            "Start of the oldest of its parts' newest good backups.",
            lambda of: _seconds(of.row.last_backup),
        ),
        Metric(
            "service_last_success_age_seconds",
            "The age of that when the board was judged, at most a minute ago.",
            lambda of: _age(of.row.last_backup, of.now),
        ),
        Metric("service_backups", "Finished snapshots of its guests.", lambda of: of.row.count),
        Metric(
            "service_next_run_timestamp_seconds",
            "The earliest next run of its parts.",
            lambda of: _seconds(of.row.next_run),
        ),
        Metric(
            "service_verified_timestamp_seconds",
            "When the newest snapshots of its guests were last verified.",
            lambda of: _seconds(of.row.verified_at),
        ),
        Metric(
            "service_copies",
            "At how many places there is a good backup of each of its guests and databases.",
            lambda of: of.row.posture.copies,
        ),
        Metric("service_offsite_copies", "How many of these are off-site.", lambda of: of.row.posture.offsite),
        Metric(
            "service_require_met",
            "1 where there are as many copies as its configuration requires, 0 where not; none where it can't be told.",
            lambda of: _met(of.row.posture.state),
        ),
    ),
)

JOBS = Level[_Job](
    title="Jobs",
    labels=("source", "kind", "backup_job"),
    rows=_jobs,
    names=lambda of: (of.row.source, of.row.kind, of.row.name),
    state=lambda of: of.row.verdict.state,
    place=1,
    states=Metric("job_state", "State of a job: 1 for the state it is in, 0 for all others.", _one),
    metrics=(
        Metric(
            "job_info",
            "Always 1. The schedule is the upstream's own text.",
            _one,
            more={
                "title": lambda of: of.row.title,
                "schedule": lambda of: of.row.schedule or "",
                "timezone": lambda of: of.row.timezone or "",
            },
        ),
        Metric(
            "job_last_run_timestamp_seconds",
            "Start of its newest run, whatever became of it.",
            lambda of: _seconds(of.row.last_run.start) if of.row.last_run else None,
        ),
        Metric("job_next_run_timestamp_seconds", "Its next due time.", lambda of: _seconds(of.row.next_run)),
        Metric("job_members", "What it works for: guests, databases, plans.", lambda of: of.row.members),
        Metric("job_members_ok", "Those of them that have their backup.", lambda of: of.row.members_ok),
        Metric(
            "runs_due_total",
            "Due times whose result was decided since the start, one for each member and destination.",
            _runs(lambda runs: runs.due),
            Type.COUNTER,
        ),
        Metric(
            "runs_kept_total", "Those with a good run, also a late one.", _runs(lambda runs: runs.kept), Type.COUNTER
        ),
        Metric("runs_failed_total", "Those with a failed run.", _runs(lambda runs: runs.failed), Type.COUNTER),
        Metric("runs_missed_total", "Those at which nothing started.", _runs(lambda runs: runs.missed), Type.COUNTER),
    ),
)

DATASTORES = Level[DatastoreRow](
    title="Datastores",
    labels=("source", "datastore"),
    rows=lambda shown: shown.board.datastores,
    names=lambda row: (row.source, row.name),
    state=lambda row: row.verdict.state,
    place=1,
    states=Metric("datastore_state", "State of a datastore: 1 for the state it is in, 0 for all others.", _one),
    metrics=(
        Metric("datastore_size_bytes", "The whole disk.", lambda row: row.total),
        Metric("datastore_used_bytes", "What is used.", lambda row: row.used),
        Metric("datastore_available_bytes", "What can still be used.", lambda row: row.avail),
        Metric(
            "datastore_full_timestamp_seconds",
            "When it will be full, as the backup server estimates.",
            lambda row: _seconds(row.full_at),
        ),
    ),
)

PARTS = Level[_Part](
    title="Parts",
    labels=("service", "source", "kind", "ref"),
    rows=_parts,
    names=lambda of: (of.service, of.row.source, of.row.kind.value, of.row.ref),
    state=lambda of: of.row.verdict.state,
    place=2,
    metrics=(
        Metric("part_state_code", "State of a part as a number.", lambda of: CODES[of.row.verdict.state]),
        Metric(
            "part_last_success_timestamp_seconds",
            "Start of its newest good backup.",
            lambda of: _seconds(of.row.last_backup),
        ),
        Metric("part_backups", "Its finished snapshots; for a database its dumps.", lambda of: of.row.count),
        Metric("part_size_bytes", "Size of its newest good backup.", lambda of: of.row.size),
        Metric("part_next_run_timestamp_seconds", "Its next due time.", lambda of: _seconds(of.row.next_run)),
        Metric(
            "part_verified_timestamp_seconds",
            "When its newest snapshot was last verified.",
            lambda of: _seconds(of.row.verified_at),
        ),
        Metric(
            "part_restored_timestamp_seconds",
            "When its newest good restore test ended.",
            lambda of: _seconds(max((test.tested_at for test in of.row.restore_tests if test.tested_at), default=None)),
        ),
    ),
)

EXPECTATIONS = Level[_Expectation](
    title="Expectations of parts that have several",
    labels=(*PARTS.labels, "backup_job", "destination"),
    rows=_expectations,
    names=lambda of: (*PARTS.names(of.part), of.row.job, of.row.destination or ""),
    state=lambda of: of.row.verdict.state,
    place=3,
    metrics=(
        Metric(
            "expectation_state_code",
            "State, as a number, of what one job owes a part at one destination.",
            lambda of: CODES[of.row.verdict.state],
        ),
        Metric(
            "expectation_last_success_timestamp_seconds",
            "Start of the newest good backup there.",
            lambda of: _seconds(of.row.last_backup),
        ),
    ),
)

LEVELS: tuple[Level[Any], ...] = (GENERAL, SOURCES, SERVICES, JOBS, DATASTORES, PARTS, EXPECTATIONS)

#: How many series there are not, because there would be too many. Made where they are counted.
LEFT_OUT = Metric[int](
    "series_left_out", "Series that are left out, because there would be more than 25,000.", lambda left_out: left_out
)


def every_metric(level: Level[Any]) -> Iterable[Metric[Any]]:
    """The metrics of a level: its states first, if it has them."""
    return chain([level.states] if level.states else [], level.metrics)
