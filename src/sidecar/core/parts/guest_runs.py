"""What was seen of a guest, at one destination and at all of them: its backups and uploads as runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sidecar.core.model import Outcome, Run
from sidecar.core.reports import snapshots
from sidecar.core.reports.snapshots import UPLOAD_LIMIT

from .destination import Destination, GuestBackups
from .expectation import FIRST, Evidence, Expectation, Observed
from .guest_members import Member
from .part import newest_first, weakest


def saved_runs(member: Member, destination: Destination, upload_limit: timedelta) -> tuple[Run, ...]:
    """The guest's snapshots, archives and failed uploads at a destination as runs, newest first.

    Args:
        upload_limit: what is unfinished for longer has failed.
    """
    kept, seen_until = member.at(destination), member.cohort.evidence(destination).as_of
    newest = _newest_upload(member, destination, kept, seen_until) if kept.summary.unfinished else None
    saved = kept.summary.runs(seen_until, upload_limit, newest)
    if not kept.archives and not kept.failures:
        return saved
    return newest_first([*saved, *snapshots.archive_runs(kept.archives), *snapshots.failed_runs(kept.failures)])


def _newest_upload(member: Member, destination: Destination, kept: GuestBackups, listed: datetime | None) -> Run | None:
    """Rule 5: what becomes of the newest upload, where the backup server's own tasks do not tell: Proxmox VE's may.

    Where nobody can list what runs, it runs until it has taken too long: that it failed would be a guess. None: its age tells.
    """
    newest, cohort = kept.summary.unfinished[0], member.cohort
    if newest.damaged or newest.time != kept.summary.begun[0] or listed is None:
        return None
    under_way = Run(start=newest.time, end=None, outcome=Outcome.RUNNING)
    told = (
        cohort.cluster.tasks(cohort.node).upload(member.guest, newest.time, listed) if cohort.starts_seen else under_way
    )
    return None if told == under_way and destination.lists_tasks else told


def observed_at(kept: GuestBackups, runs: tuple[Run, ...], evidence: Evidence) -> Observed:
    """What was seen of the guest at one destination."""
    return Observed(
        evidence=evidence,
        runs=runs,
        count=None if evidence.as_of is None else kept.count,
        concerns=kept.summary.concerns,
        verified_at=kept.summary.verified_at,
        verified=kept.summary.verified,
        shown=kept.summary.shown,
        owner=kept.summary.owner,
        encrypted=kept.summary.encrypted,
        protected=kept.protected,
    )


def observed_anywhere(member: Member, expectations: Sequence[Expectation]) -> Observed:
    """What was seen of the guest at all its destinations."""
    cohort = member.cohort
    if len(expectations) == 1 and len(cohort.destinations) == 1:
        return expectations[0].observed
    places = cohort.destinations
    own = [
        observed_at(member.at(place), saved_runs(member, place, UPLOAD_LIMIT), cohort.evidence(place))
        for place in places
    ]
    own += [expectation.observed for expectation in expectations]
    runs: dict[datetime, Run] = {}
    for run in (run for observed in own for run in observed.runs):
        # A backup at one destination may begin in the very second of a failure at another one.
        if run.good or run.start not in runs:
            runs[run.start] = run
    return Observed(
        evidence=weakest([observed.evidence for observed in own], cohort.cluster.inputs.now),
        runs=newest_first(runs.values()),
        count=sum(member.at(place).count for place in places)
        if any(observed.evidence.as_of for observed in own)
        else None,
        concerns=tuple(dict.fromkeys(concern for observed in own for concern in observed.concerns)),
        unusable=_newest(own).unusable,
        verified_at=max((observed.verified_at for observed in own if observed.verified_at), default=None),
        verified=sum(member.at(place).summary.verified for place in places),
        by_destination=tuple(observed.runs for observed in own),
        shown=frozenset().union(*(observed.shown for observed in own)),
        owner=snapshots.only_one(kept.owner for kept in own),
        encrypted=_newest(own).encrypted,
        protected=sum(member.at(place).protected for place in places),
    )


def _newest(every: Iterable[Observed]) -> Observed:
    """The one with the newest good run; of two with the same run the one that says that it can't be restored."""
    return max(
        every,
        key=lambda observed: (
            observed.newest_good.start if observed.newest_good else FIRST,
            observed.unusable is not None,
        ),
    )
