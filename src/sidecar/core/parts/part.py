"""A part as it is judged: what should happen to it, what was seen to happen, and how old that knowledge is.

``guests.py``, ``dumps.py`` and ``plans.py`` make these from the reports; ``verdict.py`` judges them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

from sidecar.core.model import Copy, Link, PartKind, Run
from sidecar.core.reports.report import Problem
from sidecar.core.schedules.schedule import Schedule

#: A run may begin this much before its due time and still answers it: clocks differ (design §6 rule 3).
EARLY = timedelta(minutes=5)

#: How far the clock of an upstream may run ahead before its runs are no evidence (design §6 rule 6).
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Plan:
    """One job's promise to back up a part.

    Attributes:
        job: "{source}/{kind}/{id}".
        text: the schedule as the upstream writes it.
        schedule: None when the text can't be read (``trouble`` says why) or when the upstream announces its runs.
        announced: the next run that the upstream announced (Backrest).
        enabled: False when it is switched off upstream, which is not consent (design §6 rule 2).
        grace: the owner's own grace for it.
        silenced: the owner's configuration switches it off, which is consent.
        kept: runs that the upstream announced before, oldest first (design §6 rule 1).
        valid_from: due times before this are not its own; None where it was always there.
        valid_to: due times from this on are not its own; None while it is in force.
    """

    job: str
    text: str | None
    schedule: Schedule | None
    timezone: str | None = None
    announced: datetime | None = None
    trouble: str | None = None
    enabled: bool = True
    grace: timedelta | None = None
    silenced: bool = False
    kept: tuple[datetime, ...] = ()
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def due_after(self, moment: datetime) -> datetime | None:
        """The first due time after ``moment`` while it was in force (rule 1); None when there is none."""
        if self.schedule is None:
            announced = (*self.kept, *([self.announced] if self.announced else []))
            return min((due for due in announced if due > moment), default=None)
        if self.valid_from is not None:
            moment = max(moment, self.valid_from - datetime.resolution)
        if self.valid_to is not None and moment >= self.valid_to:
            return None
        due = self.schedule.next_after(moment)
        return due if due is None or self.valid_to is None or due < self.valid_to else None

    def due_before(self, moment: datetime) -> datetime | None:
        """The newest due time up to ``moment`` while it was in force."""
        due = self.schedule.last_at_or_before(moment) if self.schedule else None
        return due if due is not None and self.in_force(due) else None

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
        return max((later - earlier for earlier, later in pairwise(self.kept[-8:])), default=None)


@dataclass(frozen=True, slots=True)
class PauseWindow:
    """A pause of the owner's: nothing is expected from ``start`` up to, not including, ``end``."""

    start: datetime
    end: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """A run of the upstream that may cover this part and others (a vzdump task, Backrest's queue), and is not over yet.

    Attributes:
        usual: how long such runs take.
        blocks_queue: it holds up whatever is due, whenever it began itself (Backrest does one thing at a time).
    """

    start: datetime
    usual: timedelta | None = None
    blocks_queue: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """How old the readings are that a verdict rests on.

    Attributes:
        as_of: the oldest of them; None when one was never read.
        newest: the newest of them, where they are not all of one moment.
        problem: why the newest attempt failed, or why nothing can be known.
        source: whose readings they are, for the reason.
        stale_after: age from which they prove nothing.
    """

    source: str
    as_of: datetime | None
    stale_after: timedelta
    problem: Problem | None = None
    newest: datetime | None = None

    def is_from_the_future(self, run: Run) -> bool:
        """Rule 6: it starts more than 5 min after what told of it was read, so a clock is wrong."""
        seen = self.newest or self.as_of
        return seen is None or run.start > seen + CLOCK_TOLERANCE

    def stale(self, now: datetime) -> bool:
        """Nothing was read, or it was too long ago."""
        return self.as_of is None or now - self.as_of > self.stale_after


@dataclass(frozen=True, slots=True)
class Part:
    """Everything the judgement needs to know of one part.

    Attributes:
        ref: how configuration names it without its source: "101", "mariadb-main/vaultwarden", "vault".
        name: what the upstream calls it; the name of its service when no configured service has it.
        source: the source that knows it.
        plans: the jobs that should back it up.
        past: plans that were in force before, each for its own time (rule 1).
        kept_on: the sources that keep its backups, beside ``source``.
        pauses: when nothing is expected of it.
        copies: its copies at off-site places; for a plan its repository's name, if that is one, stands in ``offsite``.
        gone: since when its source doesn't show it any more although it is still expected (rule 11).
        runs: what was observed, newest first.
        activities: runs under way that may still reach it.
        starts_seen: starts of its runs can be seen, so that a short grace is fair (design §6 rule 4).
        first_due_after: no due time before this moment is known (rule 1: the oldest trace of where it is kept).
        every_run_was_due: nobody knows what was due in the past (Backrest, before its announcements are remembered), so
            each of its runs was due when it began.
        count: finished snapshots that are kept.
        longest: the longest of its last ten runs.
        concerns: true sentences that make it a warning although a backup exists.
        broken: why the newest backup is worth nothing ("failed verification").
        note: why there is nothing to judge: a reference that matches nothing, a source that is not configured.
    """

    kind: PartKind
    ref: str
    name: str
    source: str
    evidence: Evidence
    plans: tuple[Plan, ...] = ()
    runs: tuple[Run, ...] = ()
    activities: tuple[Activity, ...] = ()
    starts_seen: bool = True
    first_due_after: datetime | None = None
    every_run_was_due: bool = False
    count: int | None = None
    longest: timedelta | None = None
    concerns: tuple[str, ...] = ()
    broken: str | None = None
    verified_at: datetime | None = None
    link: Link | None = None
    actions: Actions = field(default_factory=lambda: Actions())
    note: str | None = None
    past: tuple[Plan, ...] = ()
    kept_on: tuple[str, ...] = ()
    pauses: tuple[PauseWindow, ...] = ()
    gone: datetime | None = None
    copies: tuple[Copy, ...] = ()
    offsite: str | None = None

    @property
    def newest_good(self) -> Run | None:
        """The newest run from which something can be restored."""
        return next((run for run in self.runs if run.good), None)

    @property
    def full_ref(self) -> str:
        """The reference with its source, as configuration may write it."""
        return f"{self.source}:{self.ref}"

    @property
    def member(self) -> str:
        """Its name in the memory (history.py)."""
        return f"{self.kind}:{self.full_ref}"


@dataclass(frozen=True, slots=True)
class Actions:
    """What to do, in the words of the part's upstream, by what went wrong. None: nothing sensible to say."""

    failed: str | None = None
    missed: str | None = None
    never: str | None = None
    uncovered: str | None = None
    concerned: str | None = None
    unreadable: str | None = None


def weakest(evidences: list[Evidence], now: datetime) -> Evidence:
    """The one that carries least: what was never read, then what is stale, then the oldest. Needs at least one."""
    found = min(evidences, key=lambda one: (one.as_of is not None, not one.stale(now), one.as_of or now))
    return replace(found, newest=max((one.as_of for one in evidences if one.as_of), default=None))
