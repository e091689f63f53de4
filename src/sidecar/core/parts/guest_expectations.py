"""The expectations of a guest: for each job and destination what is owed there, with the runs that answer it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.snapshots import UPLOAD_LIMIT

from . import vzdump, vzdump_batch, vzdump_runs
from .cohort import storage_of
from .destination import Destination
from .expectation import Expectation, ScheduleInForce, sort_out
from .guest_members import Member
from .guest_runs import observed_at, saved_runs
from .part import newest_first
from .plan_history import Remembered
from .vzdump_batch import JobBatches, VzdumpBatch


def expectations_of(member: Member, every: Sequence[Remembered]) -> tuple[Expectation, ...]:
    """One for each that the guest remembers, in that order. ``every``: see ``remembered_of``."""
    others = _not_their_own(member, every) if len(every) > 1 else [frozenset()] * len(every)
    return tuple(
        _expectation(member, remembered, not_its_own, every)
        for remembered, not_its_own in zip(every, others, strict=True)
    )


def _not_their_own(member: Member, every: Sequence[Remembered]) -> list[frozenset[datetime]]:
    """Rule 3: expectations with the same destination share the runs there, and each run answers one due time."""
    places = [member.cohort.destination(remembered) for remembered in every]
    others: list[frozenset[datetime]] = [frozenset()] * len(every)
    for key in {place.key for place in places}:
        there = [number for number, place in enumerate(places) if place.key == key]
        if len(there) > 1:
            runs = saved_runs(member, places[there[0]], UPLOAD_LIMIT)
            sorted_out = sort_out(runs, [every[number].schedules for number in there])
            for number, not_its_own in zip(there, sorted_out, strict=True):
                others[number] = not_its_own
    return others


def _expectation(
    member: Member, remembered: Remembered, not_its_own: frozenset[datetime], every: Sequence[Remembered]
) -> Expectation:
    guest, cohort = member.guest, member.cohort
    destination = cohort.destination(remembered)
    evidence, kept = cohort.evidence(destination), member.at(destination)
    tasks = cohort.cluster.tasks(cohort.node)
    closed = cohort.notes.get(remembered.job.id) if remembered.schedule is not None else None
    shared = cohort.batches(remembered)
    job, storage = remembered.job.id, storage_of(remembered, destination)
    single = tasks.single(guest, remembered.schedules, job, storage, _rivals(remembered, every))
    batches = [*shared.every, *single] if single else shared.every
    longest = vzdump_batch.longest(batches) if single else shared.longest
    open_ended = tasks.open_ended(guest, job, evidence.as_of, storage)
    runs = _runs(member, destination, batches, longest) if single else _runs_of_job(member, destination, job, shared)
    corrupt = [run.start for run in kept.summary.corrupt]
    return Expectation(
        job=remembered.job,
        destination=_in_words(remembered, destination),
        schedule=remembered.schedule,
        past=remembered.past,
        observed=observed_at(kept, runs, evidence),
        not_its_own=not_its_own,
        activities=vzdump.may_still_reach(open_ended, [*_reached(runs, not_its_own), *corrupt], longest, guest)
        if open_ended
        else (),
        starts_seen=cohort.starts_seen,
        longest=longest,
        note=closed.cause if closed else None,
        cure=closed.action if closed else None,
        blocked_by=closed,
        task=shared.newest,
    )


def _rivals(remembered: Remembered, every: Sequence[Remembered]) -> list[ScheduleInForce]:
    """The schedules of its other jobs that are on."""
    others = [other for other in every if other.job != remembered.job] if len(every) > 1 else []
    return [schedule for other in others for schedule in other.schedules if schedule.enabled]


def _runs_of_job(member: Member, destination: Destination, job: str, batches: JobBatches) -> tuple[Run, ...]:
    """The runs at a destination, by a job that saves the guest together with others; newest first.

    Once everything is over that they follow from they are kept, for thousands of guests are asked on every board.
    """
    kept, as_of = member.at(destination), member.cohort.evidence(destination).as_of
    if as_of is None or as_of < batches.over or not (kept.is_settled and destination.evidences):
        return _runs(member, destination, batches.every, batches.longest)
    known = member.cohort.cluster.tasks(member.cohort.node).runs
    name = member.guest.vmid, job, destination.key
    basis = member.guest, kept.summary, batches.every, member.known_since
    before, runs = known.get(name, (None, ()))
    if before != basis:
        runs = _runs(member, destination, batches.every, batches.longest)
        known[name] = basis, runs
    return runs


def _runs(
    member: Member, destination: Destination, batches: Sequence[VzdumpBatch], longest: timedelta | None
) -> tuple[Run, ...]:
    """What lies at the destination, as the tasks explain it, and those that left nothing there; newest first."""
    guest, kept, as_of = member.guest, member.at(destination), member.cohort.evidence(destination).as_of
    runs = tuple(vzdump_runs.explained(guest, batches, saved_runs(member, destination, _upload_limit(longest))))
    if as_of is None or not destination.evidences:
        return runs
    begun = [run.start for run in runs if run.outcome is not Outcome.FAILED]
    backups = [*begun, *(run.start for run in kept.summary.corrupt)]
    without = vzdump_runs.fruitless(guest, _covering(member, batches), backups, as_of)
    return newest_first([*runs, *without]) if without else runs


def _upload_limit(longest: timedelta | None) -> timedelta:
    """Rule 5: an upload may take twice as long as the longest task of the job, which is for all its guests."""
    return min(UPLOAD_LIMIT, max(vzdump.STARTS_WITHIN, 2 * longest)) if longest else UPLOAD_LIMIT


def _reached(runs: Iterable[Run], not_its_own: frozenset[datetime]) -> Iterator[datetime]:
    """When backups began that show that a task has come to the guest.

    An upload after the due time of another job to the same place counts as that one's (rule 3), and may be this one's.
    """
    for run in runs:
        if run.good or (run.outcome is Outcome.RUNNING and run.start not in not_its_own):
            yield run.start


def _covering(member: Member, batches: Iterable[VzdumpBatch]) -> list[VzdumpBatch]:
    """The batches that were for this guest: by a log, or because it was there already (rule 1)."""
    since = member.known_since
    return [batch for batch in batches if batch.start >= since or batch.names(member.guest)]


def _in_words(remembered: Remembered, destination: Destination) -> str | None:
    """What people call the destination. An ended one keeps its name, whatever became of the storage."""
    if remembered.schedule is None and remembered.key is not None:
        return remembered.key.partition("=")[0]
    return destination.called
