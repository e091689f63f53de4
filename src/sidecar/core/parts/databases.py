"""Databases as parts: the backup configurations that cover them, and the rows of their runs (Databasement)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter

from sidecar.core.model import Link, Outcome, PartKind, Run, SourceKind
from sidecar.core.reports.cached import cached
from sidecar.core.reports.facts import Dump, DumpPlan
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting

from . import offsite
from .inputs import Inputs, plan
from .part import Actions, Part, Plan
from .plan_history import Shared

#: A failed row may still be retried: Databasement waits 60 s between tries (databasement §1.4).
STILL_RETRYING = timedelta(minutes=4)

#: What can be matched without risking a pattern that takes for ever: no group or class is repeated.
_HARMLESS_PATTERN = re.compile(r"\^?[A-Za-z0-9_.*?-]{1,100}\$?")

_ACTIONS = Actions(
    failed="Read the run's error in Databasement, mend the cause, then run it again.",
    missed="Check that Databasement's scheduler and queue run.",
    never="Test the connection to the server, then run its first backup.",
    uncovered="Enable its backups in Databasement.",
    concerned="Check the volumes that its dumps go to.",
)


def parts(lab: Inputs) -> list[Part]:
    """All databases that a configuration names or a row was seen of."""
    return [
        part
        for source, report in lab.of(SourceKind.DATABASEMENT)
        if report is not None
        for part in _parts(lab, source, report)
    ]


@dataclass(frozen=True, slots=True)
class Server:
    """A database server with its configurations and rows, newest first."""

    name: str
    plans: tuple[DumpPlan, ...]
    rows: tuple[Dump, ...]

    def databases(self) -> dict[str, list[Dump]]:
        """All that a configuration names or a row was seen of, each with the rows that concern it, newest first.

        A failure before the server's databases were known counts for every one of them.
        """
        named = {database for one in self.plans for database in one.databases}
        found = {
            name: list[Dump]() for name in sorted(named | {one.database for one in self.rows if not one.whole_server})
        }
        for row in self.rows:
            for rows in found.values() if row.whole_server else (found[row.database],):
                rows.append(row)
        return found


@cached
def servers(report: Report) -> tuple[Server, ...]:
    """All servers that the report tells of, by name."""
    plans, rows = defaultdict(list), defaultdict(list)
    for plan_ in report.facts(DumpPlan):
        plans[plan_.server].append(plan_)
    for row in sorted(report.facts(Dump), key=attrgetter("run.start"), reverse=True):
        rows[row.server].append(row)
    return tuple(Server(name, tuple(plans[name]), tuple(rows[name])) for name in sorted({*plans, *rows}))


@dataclass(frozen=True, slots=True)
class _Database:
    """A database as its rows tell of it, whenever they are looked at. Fields as in Part.

    Attributes:
        covered_by: the places of the server's configurations that are for it.
        kept: the rows of good dumps of this database.
        retried: one of its rows failed, and may be retried.
    """

    name: str
    covered_by: tuple[int, ...]
    rows: tuple[Dump, ...]
    runs: tuple[Run, ...]
    kept: tuple[Dump, ...]
    retried: bool
    longest: timedelta | None
    concerns: tuple[str, ...]
    broken: str | None


@cached
def _databases(report: Report) -> tuple[tuple[Server, tuple[_Database, ...]], ...]:
    return tuple(
        (server, tuple(_database(server, name, rows) for name, rows in server.databases().items()))
        for server in servers(report)
    )


def _database(server: Server, name: str, rows: list[Dump]) -> _Database:
    kept = [one for one in rows if not one.whole_server and one.run.good]
    return _Database(
        name=name,
        covered_by=tuple(place for place, one in enumerate(server.plans) if covers(one, name)),
        rows=tuple(rows),
        runs=tuple([one.run for one in rows]),
        retried=any(one.run.outcome is Outcome.FAILED for one in rows),
        kept=tuple(kept),
        longest=_longest(rows),
        concerns=tuple(_copies_that_failed(kept[0])) if kept else (),
        broken=_broken(kept[0]) if kept else None,
    )


def _parts(lab: Inputs, source: SourceSetting, report: Report) -> Iterator[Part]:
    evidence = lab.evidence(source, report.reading("plans"), report.reading("dumps"))
    for server, databases in _databases(report):
        promises = [_promise(lab, source, one) for one in server.plans]
        shared: dict[tuple[int, ...], Shared] = {}
        for one in databases:
            if one.covered_by not in shared:
                shared[one.covered_by] = Shared(lab, tuple(promises[place] for place in one.covered_by))
            ref = f"{server.name}/{one.name}"
            recalled = shared[one.covered_by].recall(f"{PartKind.DATABASE}:{source.name}:{ref}")
            copies = tuple(offsite.of_dumps(lab, source.name, one.kept))
            yield Part(
                kind=PartKind.DATABASE,
                ref=ref,
                name=one.name,
                source=source.name,
                evidence=evidence,
                plans=recalled.plans,
                past=recalled.past,
                runs=tuple(_run(row, lab.now) for row in one.rows) if one.retried else one.runs,
                first_due_after=server.rows[-1].run.start if server.rows else None,
                count=len(one.kept),
                longest=one.longest,
                concerns=(*one.concerns, *offsite.late(copies)),
                copies=copies,
                broken=one.broken,
                link=Link(f"{source.url}/jobs", "Jobs in Databasement"),
                actions=_ACTIONS,
            )


def _promise(lab: Inputs, source: SourceSetting, one: DumpPlan) -> Plan:
    return plan(job_name(source.name, one), one.schedule, source.timezone, lab.settings, enabled=one.enabled)


def job_name(source: str, one: DumpPlan) -> str:
    """The name of the job that makes these dumps."""
    return f"{source}/dump/{one.schedule_name or one.id}"


def covers(one: DumpPlan, database: str) -> bool:
    """The configuration is for this database: it names it, takes all, or its pattern matches.

    A pattern that could take for ever to match counts as matching: expecting too much is the safe mistake.
    """
    if one.mode == "selected":
        return database in one.databases
    if one.mode != "pattern" or not one.pattern or not _HARMLESS_PATTERN.fullmatch(one.pattern):
        return True
    try:
        return re.search(one.pattern, database[:100]) is not None
    except re.error:
        return True


def _run(one: Dump, now: datetime) -> Run:
    if one.run.outcome is Outcome.FAILED and now - (one.changed_at or one.run.start) < STILL_RETRYING:
        return replace(one.run, outcome=Outcome.RUNNING, end=None)
    return one.run


def _broken(newest: Dump) -> str | None:
    """A dump whose file is gone or empty is a failure (design §2)."""
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


def _longest(rows: list[Dump]) -> timedelta | None:
    lengths = (one.run.end - one.run.start for one in rows if one.run.end and one.run.good)
    return max(islice(lengths, 10), default=None)
