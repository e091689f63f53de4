"""Which names in the ledger are worth their place: upstreams make them up, and one that is broken or hostile makes up new
ones at every reading.

A name that was there only briefly is forgotten some days after it is gone. So what was there for long is remembered for as
long as everything else, and the ledger stays within its bounds whatever is listed.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sidecar.core.history.bounds import BRIEF
from sidecar.core.ids import JobId, MemberId
from sidecar.core.model import Board

from .values import microseconds

Connection = sqlite3.Connection

#: Most members and upkeep jobs of which runs are remembered, and most runs of one and of all. An hourly job makes 9,600
#: runs in 400 days, 1,000 daily ones 400,000.
MOST_SUBJECTS = 20_000
MOST_RUNS_OF_ONE = 10_000
MOST_RUNS = 1_000_000

#: Most services of which days are remembered.
MOST_SERVICES = 20_000

#: What stands before the name of an upkeep job where it is a subject, so that it is no member.
JOB = "job:"

_BRIEF_IN_MICROSECONDS = BRIEF.total_seconds() * 1_000_000

#: A service that was there for less than a day has one local day, or two that follow each other.
_BRIEF_IN_DAYS = 2


@dataclass(frozen=True, slots=True)
class Current:
    """The members and services that a board shows."""

    members: frozenset[str]
    services: frozenset[str]


def current(board: Board) -> Current:
    """Whoever is on the board; its upkeep jobs are members too."""
    members = {f"{part.kind}:{part.source}:{part.ref}" for service in board.services for part in service.parts}
    members |= {member for job in board.jobs if (member := _member(job.name)) is not None}
    return Current(frozenset(members), frozenset(service.name for service in board.services))


def forget_brief(connection: Connection, now: Current, before: datetime | None = None) -> None:
    """Drops what belongs to names that were there only briefly and are gone since ``before``; None: gone at all.

    Members are dropped by the history (core/history/bounds.py); this drops what else is known of them.
    """
    jobs_by_member = _jobs_by_member(connection)
    known = _known(connection) | jobs_by_member.keys() | now.members
    limit = None if before is None else microseconds(before)
    doomed = [
        (number,)
        for number, member, job, first, last in connection.execute(_EXPECTATIONS)
        if (first is None or (last - first < _BRIEF_IN_MICROSECONDS and (limit is None or last < limit)))
        and (member not in known or _is_former_job(member, job, jobs_by_member, now))
    ]
    connection.executemany("DELETE FROM verdict_changes WHERE expectation = ?", doomed)
    connection.executemany("DELETE FROM finals WHERE expectation = ?", doomed)
    connection.executemany("DELETE FROM expectations WHERE id = ?", doomed)
    _forget_services(connection, now, before)
    _forget_subjects(connection, known)


_EXPECTATIONS = """
SELECT id, member, job, min(coalesce(first_change, first_due), coalesce(first_due, first_change)),
    max(coalesce(last_change, last_due), coalesce(last_due, last_change))
FROM (
    SELECT id, member, job,
        (SELECT min(at) FROM verdict_changes WHERE expectation = id) AS first_change,
        (SELECT max(at) FROM verdict_changes WHERE expectation = id) AS last_change,
        (SELECT min(due) FROM finals WHERE expectation = id) AS first_due,
        (SELECT max(due) FROM finals WHERE expectation = id) AS last_due
    FROM expectations
)
"""


def _jobs_by_member(connection: Connection) -> dict[str, set[str]]:
    jobs: dict[str, set[str]] = defaultdict(set)
    for member, job in connection.execute("SELECT DISTINCT member, job FROM plans"):
        jobs[member].add(job)
    return jobs


def _known(connection: Connection) -> set[str]:
    """The members that are remembered. Upkeep of Backrest has neither a sighting nor a plan, but runs or announced ones."""
    members = {member for (member,) in connection.execute("SELECT member FROM members")}
    subjects = connection.execute("SELECT name FROM subjects WHERE name GLOB ?", (f"{JOB}*",))
    jobs = [name.removeprefix(JOB) for (name,) in subjects]
    jobs += [job for (job,) in connection.execute("SELECT DISTINCT job FROM announced")]
    return members | {member for job in jobs if (member := _member(job)) is not None}


def _member(job: str) -> str | None:
    with suppress(ValueError):
        return str(MemberId.of_upkeep(JobId.parse(job)))
    return None


def _is_former_job(member: str, job: str, jobs_by_member: Mapping[str, AbstractSet[str]], now: Current) -> bool:
    """A job that is not for this member any more: its plan is not remembered."""
    jobs = jobs_by_member.get(member, frozenset())
    return bool(jobs) and job not in jobs and member in now.members


def _forget_services(connection: Connection, now: Current, before: datetime | None) -> None:
    query = "SELECT service, julianday(max(day)) - julianday(min(day)), max(day) FROM service_days GROUP BY service"
    by_service = connection.execute(query).fetchall()
    limit = None if before is None else before.date().isoformat()
    doomed = [
        (service,)
        for service, days, last in by_service
        if service not in now.services and days < _BRIEF_IN_DAYS and (limit is None or last < limit)
    ]
    connection.executemany("DELETE FROM service_days WHERE service = ?", doomed)


def _forget_subjects(connection: Connection, known: set[str]) -> None:
    subjects = connection.execute("SELECT id, name FROM subjects WHERE name NOT GLOB ?", (f"{JOB}*",)).fetchall()
    doomed = [(number,) for number, name in subjects if name not in known]
    connection.executemany("DELETE FROM runs WHERE subject = ?", doomed)
    connection.executemany("DELETE FROM subjects WHERE id = ?", doomed)
