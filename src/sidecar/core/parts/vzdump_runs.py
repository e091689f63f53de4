"""What vzdump tasks prove of one guest beside its backups: runs that left none, and how the others ended (rule 3)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import Guest, Task
from sidecar.core.reports.snapshots import CORRUPT
from sidecar.core.reports.vzdump_log import GuestStep
from sidecar.core.schedules.schedule import EARLY

from . import vzdump_words
from .vzdump import end_of
from .vzdump_batch import NEVER, OUTCOMES, VzdumpBatch


def fruitless(
    guest: Guest, batches: Iterable[VzdumpBatch], backups: Sequence[datetime], seen_until: datetime
) -> list[Run]:
    """A failed run for every batch that ended without a snapshot of the guest (rule 3).

    Only batches that ended before ``seen_until``, the moment the backups were listed: a later look may still find one. An
    error of the guest in a task's log counts at once, also while the task goes on with others.
    """
    times = sorted(backups)
    runs: list[Run] = []
    for batch in batches:
        if batch.logged:
            runs += _fruitless_by_log(guest, batch, times, seen_until)
        elif batch.end is not None and batch.end <= seen_until:
            # As _any_within, but for thousands of batches on every board.
            place = bisect_left(times, batch.since)
            if place == len(times) or times[place] > batch.until:
                text = _no_snapshot(guest, batch)
                runs.append(Run(start=batch.start, end=batch.end, outcome=Outcome.FAILED, text=text))
    return runs


def _fruitless_by_log(
    guest: Guest, batch: VzdumpBatch, times: Sequence[datetime], seen_until: datetime
) -> Iterator[Run]:
    """The same for a batch of which logs are known: of the tasks that are for this guest."""
    failed = [task for task in batch.tasks if _failed_by_log(guest, task) and not _saved_by(guest, task, times)]
    if failed:
        yield vzdump_words.failed_run(guest, failed[0])
        return
    if _any_within(times, batch.since, batch.until):
        return
    tasks = [task for task in batch.tasks if task.log is None or task.log.covers(guest.vmid) is not False]
    end = max(map(end_of, tasks), default=NEVER)
    # A backup that somebody made by hand may have been removed by hand.
    if end <= seen_until and (batch.scheduled or any(task.result not in OUTCOMES for task in tasks)):
        texts = (vzdump_words.fruitless_text(guest, task) for task in tasks)
        text = next(filter(None, texts), None) or _no_snapshot(guest, batch)
        yield Run(start=batch.start, end=end, outcome=Outcome.FAILED, text=text)


def _failed_by_log(guest: Guest, task: Task) -> bool:
    entry = task.log.of(guest.vmid) if task.log is not None else None
    return entry is not None and entry.step is GuestStep.FAILED


def _saved_by(guest: Guest, task: Task, times: Sequence[datetime]) -> bool:
    """There is a backup of the time in which the task worked on the guest, whatever its log says.

    ``times``: when backups began, oldest first.
    """
    return _any_within(times, *_span(guest, task))


def _span(guest: Guest, task: Task) -> tuple[datetime, datetime]:
    """When a task worked on a guest, by its log, and the difference of clocks before and after."""
    entry = task.log.of(guest.vmid) if task.log is not None else None
    start, end = (entry.start, entry.end) if entry is not None else (None, None)
    until = end or end_of(task)
    return (start or task.start) - EARLY, until + EARLY if until < NEVER else NEVER


def _no_snapshot(guest: Guest, batch: VzdumpBatch) -> str:
    return f"{vzdump_words.label(guest)} got no snapshot, {batch.text()}"


def explained(guest: Guest, batches: Iterable[VzdumpBatch], runs: Sequence[Run]) -> Sequence[Run]:
    """The runs of a guest as the logs of its tasks explain them.

    An upload that failed, or that was not finished and never will be, is the same failure as the error in the log, which
    says more. A backup of which the log has a
    warning finished with it; so did one that is there although the log has an error (its old ones could not be pruned).
    """
    tasks = [task for batch in batches if batch.logged for task in batch.tasks if _says_something(guest, task)]
    if not tasks:
        return runs
    times = sorted(run.start for run in runs if run.good or run.text == CORRUPT)
    for task in tasks:
        since, until = _span(guest, task)
        if _failed_by_log(guest, task) and not _saved_by(guest, task, times):
            runs = [run for run in runs if run.good or not since <= run.start <= until]
        else:
            runs = [_warned(run, guest, task) if since <= run.start <= until else run for run in runs]
    return runs


def _says_something(guest: Guest, task: Task) -> bool:
    entry = task.log.of(guest.vmid) if task.log is not None else None
    return entry is not None and (entry.step is GuestStep.FAILED or entry.text is not None)


def _warned(run: Run, guest: Guest, task: Task) -> Run:
    entry = task.log.of(guest.vmid) if task.log is not None else None
    if entry is None or entry.step is GuestStep.SAVING or run.outcome is not Outcome.OK:
        return run
    return replace(run, outcome=Outcome.WARNING, text=entry.text)


def _any_within(times: Sequence[datetime], since: datetime, until: datetime) -> bool:
    place = bisect_left(times, since)
    return place < len(times) and times[place] <= until
