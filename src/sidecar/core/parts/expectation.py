"""An expectation: what one job owes one member at one destination, and what was seen of it there.

It is the unit of judgement: ``judgement/judge.py`` gives one verdict for each, and everything else is a view of these.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from sidecar.core.ids import JobId, SourceName
from sidecar.core.model import Origin, Run
from sidecar.core.reports.facts import ReadingGap
from sidecar.core.reports.report import Problem
from sidecar.core.schedules.schedule import EARLY, Schedule, early_before
from sidecar.core.value import value

#: Rule 4: how long after a due time a run may still start, where starts can be seen.
SHORT_GRACE = timedelta(minutes=30)

#: How far the clock of an upstream may run ahead before its runs are no evidence (rule 6).
CLOCK_TOLERANCE = timedelta(minutes=5)

#: Rule 5: how long a run may be under way while the upstream shows that it is not over, and nothing tells how long such
#: runs take (a first backup of 20 TB).
SHOWN_AT_MOST = timedelta(days=7)

#: How long a source that could not be read must be readable again before what it lacks is missed (rule 6).
CATCHES_UP = timedelta(minutes=15)

FIRST = datetime.min.replace(tzinfo=UTC)

Hint: TypeAlias = "Callable[[Expectation, datetime], str | None]"


@value(kw_only=True, eq=False)
class ScheduleInForce:
    """When a job is due, and for how long that holds. Members of a job share the very same object.

    Attributes:
        text: the schedule as the upstream writes it.
        schedule: None when the text can't be read (``trouble`` says why) or when the upstream announces its runs.
        announced: the next run that the upstream announced (Backrest).
        announced_before: runs that it announced earlier, oldest first (rule 1).
        enabled: False when it is switched off upstream, which is not consent (rule 2).
        grace: the owner's own grace for it.
        silenced: the owner's configuration switches it off, which is consent.
        valid_from: due times before this are not its own; None where it was always there.
        valid_to: due times from this on are not its own; None while it is in force.
    """

    job: JobId
    text: str | None = None
    schedule: Schedule | None = None
    timezone: str | None = None
    announced: datetime | None = None
    announced_before: tuple[datetime, ...] = ()
    trouble: str | None = None
    enabled: bool = True
    grace: timedelta | None = None
    silenced: bool = False
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    @property
    def when(self) -> tuple[object, ...]:
        """All that its due times and its grace follow from: equal for schedules that wait for the same runs."""
        return self.schedule, self.announced, self.announced_before, self.valid_from, self.valid_to, self.grace

    @property
    def announcements(self) -> Sequence[datetime]:
        """Every announced due time, oldest first."""
        if self.announced is None or self.announced in self.announced_before[-1:]:
            return self.announced_before
        return sorted({*self.announced_before, self.announced})

    def due_after(self, moment: datetime) -> datetime | None:
        """The first due time after ``moment`` while it was in force (rule 1); None when there is none."""
        if self.schedule is None:
            dues = self.announcements
            past = bisect_right(dues, moment)
            return dues[past] if past < len(dues) else None
        if self.valid_from is not None:
            moment = max(moment, self.valid_from - datetime.resolution)
        if self.valid_to is not None and moment >= self.valid_to:
            return None
        due = self.schedule.next_after(moment)
        return due if due is None or self.valid_to is None or due < self.valid_to else None

    def due_before(self, moment: datetime) -> datetime | None:
        """The newest due time up to and including ``moment`` while it was in force."""
        if self.schedule is None:
            dues = self.announcements
            past = bisect_right(dues, moment)
            return dues[past - 1] if past else None
        due = self.schedule.last_at_or_before(moment)
        return due if due is not None and self.in_force(due) else None

    def answered_by(self, start: datetime) -> datetime | None:
        """Rule 3: the due time that a run answers: the last one at or before its start, which may be a little early."""
        coming = self.due_after(start)
        if coming is not None and coming - start <= EARLY and start >= coming - self.early(coming):
            return coming
        return self.due_before(start)

    def first_due_after_run(self, start: datetime) -> datetime | None:
        """Rule 3: the first due time after the one that a run begun at ``start`` answers."""
        coming = self.due_after(start)
        if coming is not None and coming - start <= EARLY and start >= coming - self.early(coming):
            return self.due_after(coming)
        return coming

    def early(self, due: datetime) -> timedelta:
        """Rule 3: how much before ``due`` a run may begin and still answer it."""
        if self.schedule is not None:
            return self.schedule.early(due)
        return early_before(due, self.due_before(due - datetime.resolution))

    def in_force(self, moment: datetime) -> bool:
        """A due time at ``moment`` is one of its own (rule 1)."""
        return not (
            (self.valid_from is not None and moment < self.valid_from)
            or (self.valid_to is not None and moment >= self.valid_to)
        )

    def last_period(self, now: datetime) -> timedelta | None:
        """Rule 2: the schedule's period; where runs were only announced, the widest of the last gaps between them."""
        if self.schedule is not None:
            return self.schedule.period(now)
        gaps = pairwise(self.announced_before[-8:])
        return max((later - earlier for earlier, later in gaps), default=None)


@value()
class PauseWindow:
    """A pause of the owner's: nothing is expected from ``start`` up to, not including, ``end``."""

    start: datetime
    end: datetime
    reason: str | None = None


@value()
class Progress:
    """Where a task that serves several guests is with one of them, as its log tells.

    Attributes:
        since: since when this guest is being saved; None where it is not, or where nobody tells.
        waits_for: who is being saved meanwhile: "CT 107"; None where it is this guest's turn, or was.
        over: the task is over with this guest.
        done: how many guests it is over with, of ``total``; 0 of these where nobody tells.
    """

    since: datetime | None = None
    waits_for: str | None = None
    over: bool = False
    done: int = 0
    total: int = 0


@value()
class Activity:
    """A run of the upstream that may still reach this member, and others, and is not over yet (a vzdump task).

    Attributes:
        usual: how long such runs take.
        blocks_queue: whatever is due waits for it, whenever it began itself (Backrest does one thing at a time).
        name: what it is, where it is waited for: "check b2".
        progress: where it is with this member; None where nothing tells.
    """

    start: datetime
    usual: timedelta | None = None
    blocks_queue: bool = False
    name: str | None = None
    progress: Progress | None = None


@value(kw_only=True)
class Evidence:
    """How old the readings are that a verdict rests on.

    Attributes:
        as_of: the oldest of them; None when one was never read.
        newest: the newest of them, where they are not all of one moment.
        gap: the last time when one of them could not be read, if it ended a short while ago.
        starts_gap: the same of what shows that runs start, if that is another source.
        problem: why the newest attempt failed, or why nothing can be known.
        source: whose readings they are, for the reason.
        stale_after: age from which they prove nothing.
    """

    source: str
    as_of: datetime | None
    stale_after: timedelta
    problem: Problem | None = None
    newest: datetime | None = None
    gap: ReadingGap | None = None
    starts_gap: ReadingGap | None = None

    def just_over(self, gap: ReadingGap, deadline: datetime) -> bool:
        """Rule 6: the gap began before ``deadline`` and ended so short a time ago that what was missed may still come."""
        return self.as_of is not None and gap.start < deadline and self.as_of < gap.end + CATCHES_UP

    def is_from_the_future(self, run: Run) -> bool:
        """Rule 6: it starts more than 5 min after what reported it was read, so a clock is wrong."""
        seen = self.newest or self.as_of
        return seen is None or run.start > seen + CLOCK_TOLERANCE

    def stale(self, now: datetime) -> bool:
        """Rule 6: nothing was read, it was too long ago, or by a clock that was set back since: then nothing is proved."""
        if self.as_of is None:
            return True
        return now - self.as_of > self.stale_after or self.is_of_the_future(now)

    def is_of_the_future(self, now: datetime) -> bool:
        """Rule 6: it was read more than 5 min after ``now``: the clock of this machine was set back since."""
        return self.as_of is not None and self.as_of > now + CLOCK_TOLERANCE


def latest(gaps: Iterable[ReadingGap | None]) -> ReadingGap | None:
    """The gap that ended last."""
    return max((gap for gap in gaps if gap), key=lambda gap: gap.end, default=None)


@value(kw_only=True)
class Observed:
    """What was seen of one member at one destination.

    Attributes:
        runs: newest first.
        count: finished backups that are kept there; None where nothing is counted (Backrest, upkeep).
        concerns: true sentences that make it a warning although a backup exists.
        unusable: why the newest backup can't be restored ("the newest backup failed verification").
        verified_at: when the newest snapshot was last verified by its own server.
        verified: how many of the kept backups were verified there and are good; None where nothing is ever verified.
        shown: when unfinished runs began of which the server's own list of tasks shows that they are under way (rule 5).
        by_destination: the same runs apart, where they lie at several destinations.
        owner: whom the backup group belongs to on its server; None where that is not told.
        encrypted: the newest backup is encrypted; None where that is not told.
        protected: how many of the kept backups no prune removes; None where nothing is ever protected.
    """

    evidence: Evidence
    runs: tuple[Run, ...] = ()
    count: int | None = None
    concerns: tuple[str, ...] = ()
    unusable: str | None = None
    verified_at: datetime | None = None
    verified: int | None = None
    by_destination: tuple[tuple[Run, ...], ...] = ()
    shown: frozenset[datetime] = frozenset()
    owner: str | None = None
    encrypted: bool | None = None
    protected: int | None = None

    @property
    def newest_good(self) -> Run | None:
        """The newest run from which something can be restored."""
        return next((run for run in self.runs if run.good), None)


@value(kw_only=True, eq=False)
class Expectation:
    """What one job owes one member at one destination.

    Attributes:
        destination: where a run must leave its result to count, in words: a storage, volumes, a repository. None where
            the job has but one place for it (upkeep: its own task list).
        schedule: in force now; None when the job does not owe it any more and only ``past`` does.
        past: schedules that were in force before, each for its own time (rule 1).
        observed: what was seen at the destination.
        not_its_own: when runs at the destination began that answer another expectation there (rule 3).
        activities: runs under way that may still reach it.
        starts_seen: starts of its runs can be seen, so that a short grace is fair (rule 4).
        longest: the longest of its last ten runs.
        every_run_was_due: nobody knows what was due in the past (Backrest, before its announcements are remembered), so
            each of its runs was due when it began.
        busy_is_kept: due times that pass while a run of it is under way are answered by that run (rule 8).
        nothing_owed: why it never has to run ("keeps everything").
        known_since: from then on every run is known, so that a due time without one was missed; None: from the member's
            oldest trace on.
        read_since: runs before this could not be read: a list was too long.
        confirmed_until: the upstream itself says that nothing is due before this moment (the next run of PBS).
        note: why nothing can be known of it: a storage that leads to no configured server. ``cure``: what to do about it.
        blocked_by: the same as a problem, where it is one of a source.
        origin: what that comes from, where others are known to come from it too.
        queue: in whose one queue its runs stand: a source's. None: in none.
        task: the newest run of the job as a whole, where it serves many members (a vzdump task).
        by_rhythm: nobody tells its schedule, so it is compared with how often it ran before as well (rule 12).
        remembered: when good runs of it began whose backups may be gone by now, for its rhythm; newest first.
        named: the owner's configuration names the member, so that something is expected of it in any case (rule 12).
        overdue: the upstream itself says that its next run should have come by now.
        judges_size: False where the owner says that sizes mean nothing here (rule 13).
        hint: asked only when nothing came by a moment: what its runs tell of why ("every dump begins 1 h before: set …").
    """

    job: JobId
    destination: str | None
    schedule: ScheduleInForce | None
    observed: Observed
    past: tuple[ScheduleInForce, ...] = ()
    not_its_own: frozenset[datetime] = frozenset()
    activities: tuple[Activity, ...] = ()
    starts_seen: bool = True
    longest: timedelta | None = None
    every_run_was_due: bool = False
    busy_is_kept: bool = False
    nothing_owed: str | None = None
    known_since: datetime | None = None
    read_since: datetime | None = None
    confirmed_until: datetime | None = None
    note: str | None = None
    cure: str | None = None
    blocked_by: Problem | None = None
    origin: Origin | None = None
    queue: SourceName | None = None
    task: Run | None = None
    by_rhythm: bool = False
    remembered: tuple[datetime, ...] = ()
    named: bool = True
    overdue: bool = False
    judges_size: bool = True
    hint: Hint | None = None

    @property
    def schedules(self) -> tuple[ScheduleInForce, ...]:
        """The one in force, then the past ones."""
        return self.past if self.schedule is None else (self.schedule, *self.past)

    @property
    def only_by_rhythm(self) -> bool:
        """Nobody ever says when it is due: neither a schedule nor an announced run is known (rule 12)."""
        in_force = self.schedule
        if in_force is None or not self.by_rhythm or not in_force.enabled or in_force.trouble:
            return False
        return in_force.schedule is None and not in_force.announcements

    def holds_up(self, start: datetime, name: str) -> Origin | None:
        """What began at ``start`` as the origin of all that stands in the same queue behind it; None where there is no queue."""
        return Origin(f"queue:{self.queue}:{start.isoformat()}", name) if self.queue is not None else None

    @property
    def owes(self) -> bool:
        """The job is switched on, and something is due by it at some time."""
        return self.schedule is not None and self.schedule.enabled and not self.schedule.silenced


def sort_out(runs: Iterable[Run], schedules: Sequence[Sequence[ScheduleInForce]]) -> list[frozenset[datetime]]:
    """Rule 3: of expectations that share a destination, which runs there answer only others.

    A run belongs to whoever was due last before it began.

    Args:
        schedules: of each expectation.

    Returns:
        For each expectation the starts of the runs that are not its own.
    """
    others: list[set[datetime]] = [set() for _ in schedules]
    for run in runs:
        dues = [_newest_answered(mine, run.start) for mine in schedules]
        newest = max(dues)
        for not_own, due in zip(others, dues, strict=True):
            if due < newest:
                not_own.add(run.start)
    return [frozenset(starts) for starts in others]


def _newest_answered(schedules: Iterable[ScheduleInForce], start: datetime) -> datetime:
    return max((due for schedule in schedules if (due := schedule.answered_by(start))), default=FIRST)
