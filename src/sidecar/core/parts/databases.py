"""Databases as parts: the backups of Databasement that cover them, each with the rows that are its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from sidecar.core.ids import MemberId, MemberKind, SourceName
from sidecar.core.model import Link, Outcome, PartKind, Run, SourceKind
from sidecar.core.reports import coverage
from sidecar.core.reports.cached import cached_of
from sidecar.core.reports.coverage import RUNS, DatabaseServer
from sidecar.core.reports.facts import Dump, DumpPlan
from sidecar.core.reports.report import Report
from sidecar.core.schedules.schedule import Schedule
from sidecar.core.settings import Settings, SourceSetting
from sidecar.core.value import value

from . import dump_volumes, offsite, restore_tests
from .expectation import SHORT_GRACE, Evidence, Expectation, Hint, Observed, sort_out
from .inputs import Inputs, schedule_in_force
from .part import Actions, Part, RestoreTests
from .plan_history import Owed, PlanHistory, Remembered
from .unchanged import basis, unchanged

#: A failed row may still be retried: Databasement waits 60 s between tries (DB-6).
STILL_RETRYING = timedelta(minutes=4)

#: How many of the newest good runs must lie equally beside their due times, how exactly, and how far zones may be apart.
_TELLING_RUNS = 3
_BESIDE_WHOLE_HOURS = timedelta(minutes=5)
_FARTHEST_ZONES = 14

_ACTIONS = Actions(
    failed="Read the run's error in Databasement, fix the cause, then run it again.",
    missed="Check that Databasement's scheduler and queue run.",
    never="Test the connection to the server, then run its first backup.",
    uncovered="Enable its backups in Databasement.",
    concerned="Check the volumes that its dumps go to.",
)


def parts(inputs: Inputs) -> list[Part]:
    """All databases that a configuration names or a row was seen of."""
    every: list[Part] = []
    for source, report in inputs.of(SourceKind.DATABASEMENT):
        if report is not None and _may_change(inputs, source, report):
            every += _parts(inputs, source, report)
        elif report is not None:
            made = partial(_made, inputs, source, report)
            every += unchanged(report, (parts, source.name), basis(inputs, SourceKind.DATABASEMENT), made)
    return every


def _made(inputs: Inputs, source: SourceSetting, report: Report) -> list[Part]:
    return list(_parts(inputs, source, report))


def _may_change(inputs: Inputs, source: SourceSetting, report: Report) -> bool:
    """What is seen of its databases may change before the next reading: a failed row may be retried, a copy may be late."""
    failed = _newest_failure(report)
    if failed is not None and inputs.now - failed < STILL_RETRYING:
        return True
    if not any(place.startswith(f"{source.name}/") for place in inputs.settings.offsite):
        return False
    ended = _newest_end(report)
    return ended is not None and inputs.now - ended < SHORT_GRACE


@cached_of("dumps")
def _newest_failure(report: Report) -> datetime | None:
    failed = (row for row in report.facts(Dump) if row.run.outcome is Outcome.FAILED)
    return max((row.changed_at or row.run.start for row in failed), default=None)


@cached_of("dumps")
def _newest_end(report: Report) -> datetime | None:
    return max((row.run.end or row.run.start for row in report.facts(Dump) if row.run.good), default=None)


@value(kw_only=True)
class _Rows:
    """What some rows of a database tell, whenever they are looked at. Other fields as in Observed and Expectation.

    Attributes:
        kept: the rows of good dumps of this database.
        retried: one of the rows failed, and may be retried.
    """

    rows: tuple[Dump, ...]
    runs: tuple[Run, ...]
    kept: tuple[Dump, ...]
    retried: bool
    longest: timedelta | None
    concerns: tuple[str, ...]
    unusable: str | None

    def observed(self, evidence: Evidence, now: datetime) -> Observed:
        """What they tell at ``now``."""
        return Observed(
            evidence=evidence,
            runs=tuple(_run(row, now) for row in self.rows) if self.retried else self.runs,
            count=len(self.kept),
            concerns=self.concerns,
            unusable=self.unusable,
        )


@value(kw_only=True)
class _Database:
    """A database with all its rows, and by backup that covers it (its place on the server) the rows that are its own.

    Attributes:
        ref: how the configuration names it without its source.
        member: what the memory calls it.
        places: the volumes on which its dumps lie, or should.
        untold: the places of backups of which it can't be told whether they cover it.
    """

    name: str
    ref: str
    member: str
    every: _Rows
    by_plan: dict[int, _Rows]
    places: tuple[dump_volumes.VolumePlace, ...]
    untold: tuple[int, ...]


@cached_of("plans", "dumps")
def _databases(report: Report) -> tuple[tuple[DatabaseServer, tuple[_Database, ...]], ...]:
    return tuple(
        (server, tuple(_database(report.source, server, name, rows) for name, rows in server.databases().items()))
        for server in coverage.database_servers(report)
    )


def _database(source: str, server: DatabaseServer, name: str, rows: Sequence[Dump]) -> _Database:
    ref = f"{server.name}/{name}"
    covered = [coverage.covers(plan, name) for plan in server.plans]
    covering = [place for place, told in enumerate(covered) if told]
    every = _rows(rows)
    return _Database(
        name=name,
        ref=ref,
        member=str(MemberId(MemberKind.DATABASE, SourceName(source), ref)),
        every=every,
        by_plan=_by_plan(server, covering, every),
        places=dump_volumes.places(source, dump_volumes.newest(every.kept), (server.plans[each] for each in covering)),
        untold=tuple(place for place, told in enumerate(covered) if told is None),
    )


def _by_plan(server: DatabaseServer, covering: Sequence[int], every: _Rows) -> dict[int, _Rows]:
    """Of the places ``covering`` on a server the rows that are their own."""
    if len({coverage.volumes_key(server.plans[place]) for place in covering}) < 2:
        return dict.fromkeys(covering, every)
    owners = [(row, coverage.backups_of(row, server.plans, covering)) for row in every.rows]
    return {place: _rows([row for row, mine in owners if place in mine]) for place in covering}


def _rows(rows: Sequence[Dump]) -> _Rows:
    kept = [row for row in rows if not row.whole_server and row.run.good]
    return _Rows(
        rows=tuple(rows),
        runs=tuple([row.run for row in rows]),
        retried=any(row.run.outcome is Outcome.FAILED for row in rows),
        kept=tuple(kept),
        longest=_longest(rows),
        concerns=tuple(_copies_that_failed(kept[0])) if kept else (),
        unusable=_unusable(kept[0]) if kept else None,
    )


def _parts(inputs: Inputs, source: SourceSetting, report: Report) -> Iterator[Part]:
    evidence = inputs.evidence(source, report.reading("plans"), report.reading("dumps"))
    read_since = next((limit.since for limit in report.limits if limit.culprit == RUNS and limit.since), None)
    hint, link = partial(_hint, source, inputs.settings), Link(f"{source.url}/jobs", "Jobs in Databasement")
    tests, tests_rest_on = restore_tests.by_database(report), restore_tests.evidence(inputs, source, report)
    for server, databases in _databases(report):
        owed = [_owed(inputs, source, plan) for plan in server.plans]
        shared: dict[tuple[int, ...], PlanHistory] = {}
        for database in databases:
            covering = tuple(database.by_plan)
            if covering not in shared:
                shared[covering] = PlanHistory(inputs.settings, tuple(owed[place] for place in covering))
            remembered = shared[covering].of(inputs.history.plans.get(database.member, ()))
            copies = tuple(offsite.of_dumps(inputs, source.name, database.every.kept))
            late = tuple(offsite.late(copies))
            observed = _with_concerns(database.every.observed(evidence, inputs.now), late)
            oldest = database.every.runs[-1].start if database.every.runs else None
            expectations = _expectations(database, covering, remembered, observed, late, inputs.now, hint)
            if read_since is not None:
                expectations = (replace(each, read_since=read_since) for each in expectations)
            untold = _untold(server, database, owed, evidence, inputs.now)
            yield Part(
                kind=PartKind.DATABASE,
                ref=database.ref,
                name=database.name,
                source=source.name,
                noun="dump",
                observed=observed,
                expectations=(*expectations, *untold),
                oldest_trace=oldest,
                copies=copies,
                restore_tests=RestoreTests(tests_rest_on, tests.get(database.ref, ())),
                stored=tuple([place.stored(evidence) for place in database.places]),
                link=link,
                actions=_ACTIONS,
            )


def _expectations(
    database: _Database,
    covering: Sequence[int],
    every: Sequence[Remembered],
    whole: Observed,
    late: tuple[str, ...],
    now: datetime,
    hint: Hint,
) -> Iterator[Expectation]:
    """What its backups owe it. ``whole``: what was seen of it, whichever of them made it."""
    in_force = dict(zip(covering, every, strict=False))
    ended = every[len(covering) :]
    others = _not_their_own(database, in_force)
    for place, remembered in in_force.items():
        rows = database.by_plan[place]
        observed = whole if rows is database.every else _with_concerns(rows.observed(whole.evidence, now), late)
        yield _expectation(remembered, observed, rows.longest, others.get(place, frozenset()), hint)
    for remembered in ended:
        observed = database.every.observed(whole.evidence, now)
        yield _expectation(remembered, observed, database.every.longest, frozenset(), hint)


def _with_concerns(observed: Observed, concerns: tuple[str, ...]) -> Observed:
    return replace(observed, concerns=(*observed.concerns, *concerns)) if concerns else observed


def _hint(source: SourceSetting, settings: Settings, expectation: Expectation, now: datetime) -> str | None:
    """Its API does not tell the zone of its schedules (DB-12): where every run lies as many whole hours beside its due
    time, the configured zone is the likely cause.
    """
    hours = _hours_beside(expectation, now)
    if not hours:
        return None
    own = settings.jobs.get(str(expectation.job))
    key = f"jobs.{expectation.job}" if own is not None and own.timezone is not None else f"sources.{source.name}"
    zone = expectation.schedule.timezone if expectation.schedule else source.timezone
    distance = f"{abs(hours)} h {'after' if hours > 0 else 'before'}"
    return (
        f"every dump begins {distance} its due time, so {key}.timezone ({zone}) seems to be wrong: "
        f"set it to Databasement's APP_DISPLAY_TIMEZONE"
    )


def _hours_beside(expectation: Expectation, now: datetime) -> int:
    """By how many whole hours each of the newest good runs lies beside the nearest due time; 0 when they do not agree."""
    in_force, schedule = expectation.schedule, expectation.schedule.schedule if expectation.schedule else None
    if in_force is None or schedule is None:
        return 0
    own = (run for run in expectation.observed.runs if run.good and run.start not in expectation.not_its_own)
    newest = next(own, None)
    due = in_force.first_due_after_run(newest.start) if newest is not None else None
    if newest is None or due is None or due > now:
        return 0
    starts = [run.start for run in (newest, *islice(own, _TELLING_RUNS - 1)) if in_force.in_force(run.start)]
    if len(starts) < _TELLING_RUNS:
        return 0
    beside = {_whole_hours(start, schedule) for start in starts}
    return beside.pop() if len(beside) == 1 else 0


def _whole_hours(start: datetime, schedule: Schedule) -> int:
    """How many hours after (or, negative, before) its nearest due time a run began; 0 when these are no whole hours."""
    dues = (schedule.last_at_or_before(start), schedule.next_after(start))
    distance = min((start - due for due in dues if due), key=abs, default=timedelta())
    hours = round(distance / timedelta(hours=1))
    beside_whole = abs(distance - timedelta(hours=hours))
    return hours if abs(hours) <= _FARTHEST_ZONES and beside_whole <= _BESIDE_WHOLE_HOURS else 0


def _untold(
    server: DatabaseServer, database: _Database, owed: Sequence[Owed], evidence: Evidence, now: datetime
) -> Iterator[Expectation]:
    """What may be owed by a backup of which nobody can tell here whether it covers the database: unknown, never ok."""
    for place in database.untold:
        plan, (schedule, key) = server.plans[place], (owed[place].schedule, owed[place].key)
        if not plan.enabled:
            continue
        which = f"its pattern {plan.pattern}" if plan.mode == "pattern" else "its selection of databases"
        yield Expectation(
            job=schedule.job,
            destination=key.replace("+", " and ") if key else None,
            schedule=schedule,
            observed=database.every.observed(evidence, now),
            longest=database.every.longest,
            note=f"it can't be told whether {schedule.job.id} takes this database, for {which} is not understood here; "
            f"name the database in a service and say with expect when it is due",
        )


def _not_their_own(database: _Database, in_force: dict[int, Remembered]) -> dict[int, frozenset[datetime]]:
    """Rule 3: backups with the same volumes share their rows, and each row answers one due time."""
    if len(in_force) < 2:
        return {}
    others: dict[int, frozenset[datetime]] = {}
    for key in {remembered.key for remembered in in_force.values()}:
        there = [place for place, remembered in in_force.items() if remembered.key == key]
        if len(there) > 1:
            schedules = [in_force[place].schedules for place in there]
            others.update(zip(there, sort_out(database.by_plan[there[0]].runs, schedules), strict=True))
    return others


def _expectation(
    remembered: Remembered,
    observed: Observed,
    longest: timedelta | None,
    not_its_own: frozenset[datetime],
    hint: Hint,
) -> Expectation:
    return Expectation(
        job=remembered.job,
        destination=remembered.key.replace("+", " and ") if remembered.key else None,
        schedule=remembered.schedule,
        past=remembered.past,
        observed=observed,
        not_its_own=not_its_own,
        longest=longest,
        hint=hint,
    )


def _owed(inputs: Inputs, source: SourceSetting, plan: DumpPlan) -> Owed:
    job = coverage.dump_job(source.name, plan)
    schedule = schedule_in_force(job, plan.schedule, source.timezone, inputs.settings, enabled=plan.enabled)
    return Owed(schedule, coverage.volumes_key(plan))


def _run(row: Dump, now: datetime) -> Run:
    if row.run.outcome is Outcome.FAILED and now - (row.changed_at or row.run.start) < STILL_RETRYING:
        return replace(row.run, outcome=Outcome.RUNNING, end=None)
    return row.run


def _unusable(newest: Dump) -> str | None:
    """A dump whose file is gone or empty is a failure (rule 9)."""
    if newest.file_size == 0:
        return "the newest dump is an empty file"
    known = [copy for copy in newest.copies if copy.ok is not None]
    if newest.file_exists is False or (known and not any(copy.ok for copy in known)):
        return "the newest dump's file is gone"
    return None


def _copies_that_failed(newest: Dump) -> Iterable[str]:
    for copy in newest.copies:
        if copy.ok is False:
            yield f"the copy on volume {copy.volume} failed{f': {copy.text}' if copy.text else ''}"


def _longest(rows: Sequence[Dump]) -> timedelta | None:
    lengths = (row.run.end - row.run.start for row in rows if row.run.end and row.run.good)
    return max(islice(lengths, 10), default=None)
