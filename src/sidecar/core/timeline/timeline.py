"""Occurrences: every due time of every job and of every ``calendar:`` line in a window, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import attrgetter
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.board import job_rows
from sidecar.core.history.history import History
from sidecar.core.judgement.due import SHORT_GRACE
from sidecar.core.judgement.judged import Judged, judged
from sidecar.core.model import Exempt, Occurrence, OccurrenceKind, Run, ScheduleLine, State
from sidecar.core.parts.inputs import Inputs, plan
from sidecar.core.parts.part import EARLY, Plan
from sidecar.core.reports.report import Report
from sidecar.core.schedules import schedule
from sidecar.core.schedules.due_times import Skipped, clocks_skip, due_times, skipped
from sidecar.core.schedules.schedule import Schedule
from sidecar.core.settings import CalendarLine, Pause, Settings

from .collect import OccurrenceBuilder, collect
from .members import member_of_upkeep, members_of_parts
from .outcomes import JobMember
from .reasons import reason, together

#: What people are told of in one answer at most.
MOST = 5000

#: So many due times tell a daily, weekly or monthly job from the others.
_SHOWS_A_PATTERN = 16
_A_YEAR = timedelta(days=366)

_KINDS = {"backup": OccurrenceKind.BACKUP, "plan": OccurrenceKind.BACKUP, "dump": OccurrenceKind.DUMP}


class TooManyError(ValueError):
    """There are more occurrences in a window than were asked for at most."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} occurrences")


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that is due at any time, as it is known at ``now``. Windows are asked of it."""

    lab: Inputs
    members: tuple[JobMember, ...]
    titles: Mapping[str, str]
    upkeep: frozenset[str]
    unread: tuple[Plan, ...]

    def occurrences(self, start: datetime, end: datetime, most: int = MOST) -> tuple[Occurrence, ...]:
        """What is due from ``start`` up to, not including, ``end``, in the order of due times.

        Raises:
            TooManyError: there are more than ``most``.
        """
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        found = tuple(islice(self._all(start, end, most), most + 1))
        if len(found) > most:
            raise TooManyError(most)
        return tuple(sorted(found, key=attrgetter("due", "title")))

    def lines(self) -> tuple[ScheduleLine, ...]:
        """Every job and ``calendar:`` line that has a due time from today on, by title."""
        plans = [one for track in self.members for one in track.plans if one.valid_to is None] + [*self.unread]
        by_job = {promise.job: promise for promise in reversed(plans)}
        jobs = (ScheduleLine(job, self.titles[job], _kind(job), self._dues(one)) for job, one in by_job.items())
        zone = self.lab.settings.timezone
        planned = (
            ScheduleLine(None, line.title, _kind_of_line(line), self._coming(_parsed(line, zone)))
            for line in self.lab.settings.calendar
        )
        return tuple(sorted((line for line in (*jobs, *planned) if line.dues), key=lambda line: line.title))

    def _dues(self, promise: Plan) -> tuple[datetime, ...]:
        if promise.schedule is not None:
            return self._coming(promise.schedule)
        return (promise.announced,) if promise.announced else ()

    def _coming(self, parsed: Schedule) -> tuple[datetime, ...]:
        today = self.lab.now.astimezone(self.lab.settings.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
        return due_times(parsed, today, today + _A_YEAR, _SHOWS_A_PATTERN)

    def _all(self, start: datetime, end: datetime, most: int) -> Iterator[Occurrence]:
        yield from self._of_jobs(start, end, most)
        yield from self._skipped(start, end)
        yield from self._unread(start, end, most)
        for line in self.lab.settings.calendar:
            yield from _calendar_line(line, self.lab.settings.timezone, start, end, most)

    def _of_jobs(self, start: datetime, end: datetime, most: int) -> Iterator[Occurrence]:
        grace: dict[str, timedelta] = {}
        for track in self.members:
            for promise in track.plans:
                grace[promise.job] = max(track.grace, grace.get(promise.job, track.grace))
        jobs = {job: self._job(job, longest) for job, longest in grace.items()}
        for (job, due), one in collect(self.members, start, end, self.lab.now, most).items():
            yield _occurrence(jobs[job], due, one, self.lab)

    def _job(self, name: str, grace: timedelta) -> _Job:
        source = name.split("/", 1)[0]
        pauses = tuple(one for one in self.lab.settings.pauses if one.concerns(source))
        return _Job(name, self.titles[name], _kind(name), grace, pauses, has_members=name not in self.upkeep)

    def _skipped(self, start: datetime, end: datetime) -> Iterator[Occurrence]:
        """Rule 7: what is never due, because the clocks skip it, is said; a run that comes anyway is shown with it."""
        runs: dict[tuple[str, Skipped], list[Run]] = defaultdict(list)
        zones = {promise.schedule.zone for track in self.members for promise in track.plans if promise.schedule}
        if not any(clocks_skip(zone, start, end) for zone in zones):
            return
        for track in self.members:
            for promise in track.plans:
                for one in skipped(promise.schedule, start, end) if promise.schedule else ():
                    if not promise.in_force(one.at):
                        continue
                    until = one.at + track.grace
                    runs[promise.job, one] += [run for run in track.runs if one.at - EARLY <= run.start < until]
        for (job, one), came in runs.items():
            newest = max(came, key=lambda run: run.start, default=None)
            state = State(newest.outcome.value) if newest else State.DISABLED
            said = f"Skipped: clock change, there was no {one.wall:%H:%M} that day."
            yield Occurrence(
                job, self.titles[job], _kind(job), one.at, None, state, newest, reason=said, exempt=Exempt.SKIPPED
            )

    def _unread(self, start: datetime, end: datetime, most: int) -> Iterator[Occurrence]:
        """Jobs that only the configuration tells of, because their source can't be read: the newest is unknown."""
        for promise in self.unread:
            if promise.schedule is None:
                continue
            source = promise.job.split("/", 1)[0]
            for due in due_times(promise.schedule, start, end, most + 1):
                past = due <= self.lab.now
                if past and (promise.schedule.next_after(due) or due) <= self.lab.now:
                    continue
                state, said = (State.UNKNOWN, f"Can't read {source}.") if past else (None, None)
                grace = promise.grace or SHORT_GRACE
                title = self.titles[promise.job]
                yield Occurrence(promise.job, title, _kind(promise.job), due, due + grace, state, reason=said)


def occurrences(
    reports: Mapping[str, Report], history: History, settings: Settings, start: datetime, end: datetime, now: datetime
) -> tuple[Occurrence, ...]:
    """What is due from ``start`` up to, not including, ``end``; raises TooManyError. For several windows see timeline()."""
    return timeline(reports, history, settings, now).occurrences(start, end)


def timeline(reports: Mapping[str, Report], history: History, settings: Settings, now: datetime) -> Timeline:
    """All that ``reports`` and ``history`` tell of jobs and their members, at ``now``."""
    return timeline_of(judged(reports, history, settings, now))


def timeline_of(found: Judged) -> Timeline:
    """The timeline of everything that was judged."""
    lab = found.lab
    kept = {one.plan.job: one for one in found.upkeep}
    members = [*members_of_parts(found), *(member_of_upkeep(one) for one in kept.values())]
    known = {promise.job for track in members for promise in track.plans} | kept.keys()
    unread = tuple(_unread_jobs(lab, known))
    titles = {job: job_rows.title(lab, job) for job in known | {promise.job for promise in unread}}
    return Timeline(
        lab=lab,
        members=tuple(track for track in members if track.plans),
        titles=titles | {job: one.row.title for job, one in kept.items()},
        upkeep=frozenset(kept),
        unread=unread,
    )


def _unread_jobs(lab: Inputs, known: Iterable[str]) -> Iterator[Plan]:
    for job, own in lab.settings.jobs.items():
        source = lab.settings.source(job.split("/", 1)[0])
        if job in set(known) or source is None or not own.schedule or own.disabled:
            continue
        report = lab.reports.get(source.name)
        if report is None or not report.readings:
            yield plan(job, own.schedule, source.timezone, lab.settings)


# --- what is said of it -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Job:
    """What all occurrences of a job have in common."""

    name: str
    title: str
    kind: OccurrenceKind
    grace: timedelta
    pauses: tuple[Pause, ...]
    has_members: bool


def _occurrence(job: _Job, due: datetime, occasion: OccurrenceBuilder, lab: Inputs) -> Occurrence:
    state, until = occasion.state, due + job.grace
    paused = _paused(job.pauses, due, lab.settings.timezone)
    if paused and state not in (State.OK, State.WARNING, State.RUNNING):
        return Occurrence(job.name, job.title, job.kind, due, None, State.DISABLED, reason=paused, exempt=Exempt.PAUSED)
    members = occasion.members if job.has_members else None
    if state is None:
        return Occurrence(job.name, job.title, job.kind, due, until, members=members)
    run = together(occasion)
    return Occurrence(
        job=job.name,
        title=job.title,
        kind=job.kind,
        due=due,
        grace_until=until,
        state=state,
        run=run,
        members=members,
        members_ok=occasion.good if job.has_members else None,
        reason=reason(occasion, run, until, lab),
    )


def _kind(job: str) -> OccurrenceKind:
    return _KINDS.get(job.split("/")[1], OccurrenceKind.UPKEEP)


def _kind_of_line(line: CalendarLine) -> OccurrenceKind:
    """The owner's own kinds ("offsite") are backups."""
    return OccurrenceKind(line.kind) if line.kind in set(OccurrenceKind) else OccurrenceKind.BACKUP


def _parsed(line: CalendarLine, zone: ZoneInfo) -> Schedule:
    return schedule.parse(line.schedule, ZoneInfo(line.timezone) if line.timezone else zone)


def _calendar_line(
    line: CalendarLine, zone: ZoneInfo, start: datetime, end: datetime, most: int
) -> Iterator[Occurrence]:
    """Planned, and never judged: nobody can be asked."""
    parsed, kind = _parsed(line, zone), _kind_of_line(line)
    for due in due_times(parsed, start, end, most + 1):
        yield Occurrence(None, line.title, kind, due)
    for one in skipped(parsed, start, end):
        said = f"Skipped: clock change, there was no {one.wall:%H:%M} that day."
        yield Occurrence(None, line.title, kind, one.at, None, State.DISABLED, reason=said, exempt=Exempt.SKIPPED)


def _paused(pauses: Iterable[Pause], due: datetime, zone: ZoneInfo) -> str | None:
    """Why nothing was expected on the day when it was due."""
    pause = next((one for one in pauses if one.first <= due.astimezone(zone).date() < one.until), None)
    return words.sentence(f"paused: {pause.reason}" if pause.reason else "paused") if pause else None
