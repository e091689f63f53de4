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
from sidecar.core.history.history import History
from sidecar.core.ids import JobId
from sidecar.core.judgement.judged import Judged, judged
from sidecar.core.model import Exempt, Occurrence, OccurrenceKind, Run, ScheduleLine, State
from sidecar.core.parts.expectation import SHORT_GRACE, ScheduleInForce
from sidecar.core.parts.inputs import Inputs, schedule_in_force
from sidecar.core.parts.job_titles import services_of, title
from sidecar.core.reports.report import Report
from sidecar.core.schedules.due_times import Skipped, clocks_skip, due_times, skipped
from sidecar.core.schedules.schedule import EARLY, Schedule, parse
from sidecar.core.settings import CalendarLine, Pause, Settings

from .collect import OccurrenceBuilder, collect
from .members import JobMember, members
from .reasons import reason, together

#: Most occurrences in one answer.
MOST = 5000

#: So many due times distinguish a daily, weekly or monthly job from the others.
_SHOWS_A_PATTERN = 16
_A_YEAR = timedelta(days=366)

#: By the kind of a job. Guests, groups and databases stand for themselves where only the owner expects them.
_KINDS = {
    "backup": OccurrenceKind.BACKUP,
    "plan": OccurrenceKind.BACKUP,
    "guest": OccurrenceKind.BACKUP,
    "group": OccurrenceKind.BACKUP,
    "dump": OccurrenceKind.DUMP,
    "database": OccurrenceKind.DUMP,
}


class TooManyError(ValueError):
    """There are more occurrences in a window than were asked for at most."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} occurrences")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Everything that is due at any time, as it is known at ``now``. Windows are asked of it."""

    inputs: Inputs
    members: tuple[JobMember, ...]
    titles: Mapping[JobId, str]
    unread: tuple[ScheduleInForce, ...]

    def occurrences(self, start: datetime, end: datetime, most: int = MOST) -> tuple[Occurrence, ...]:
        """What is due from ``start`` up to, not including, ``end``, in the order of due times.

        Raises:
            TooManyError: there are more than ``most``.
        """
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        some = tuple(islice(self._all(start, end, most), most + 1))
        if len(some) > most:
            raise TooManyError(most)
        return tuple(sorted(some, key=attrgetter("due", "title")))

    def nothing_known(self, start: datetime, end: datetime, most: int = MOST) -> tuple[datetime, ...]:
        """When something was due, from ``start`` up to, not including, ``end``, of which nothing is known: nobody looked
        yet, or what retention removed had shown it. What is above ``most`` is left out."""
        builders = collect(self.members, start.astimezone(UTC), end.astimezone(UTC), self.inputs.now, most)
        return tuple(sorted({due for (_, due), builder in builders.items() if not builder.members}))

    @property
    def looked_since(self) -> datetime | None:
        """When anything was read for the first time."""
        return self.inputs.history.first_contact

    def lines(self) -> tuple[ScheduleLine, ...]:
        """Every job and ``calendar:`` line that has a due time from today on, by title."""
        in_force = [each for member in self.members for each in member.schedules if each.valid_to is None]
        by_job = {schedule.job: schedule for schedule in reversed([*in_force, *self.unread])}
        jobs = (
            ScheduleLine(str(job), self.titles[job], _kind(job), self._dues(schedule), schedule.text)
            for job, schedule in by_job.items()
        )
        zone = self.inputs.settings.timezone
        planned = (
            ScheduleLine(None, line.title, _kind_of_line(line), self._coming(_parsed(line, zone)), line.schedule)
            for line in self.inputs.settings.calendar
        )
        return tuple(sorted((line for line in (*jobs, *planned) if line.dues), key=lambda line: line.title))

    def _dues(self, schedule: ScheduleInForce) -> tuple[datetime, ...]:
        if schedule.schedule is not None:
            return self._coming(schedule.schedule)
        return (schedule.announced,) if schedule.announced else ()

    def _coming(self, parsed: Schedule) -> tuple[datetime, ...]:
        now = self.inputs.now.astimezone(self.inputs.settings.timezone)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return due_times(parsed, today, today + _A_YEAR, _SHOWS_A_PATTERN)

    def _all(self, start: datetime, end: datetime, most: int) -> Iterator[Occurrence]:
        yield from self._of_jobs(start, end, most)
        yield from self._skipped(start, end)
        yield from self._unread(start, end, most)
        for line in self.inputs.settings.calendar:
            yield from _calendar_line(line, self.inputs.settings.timezone, start, end, most)

    def _of_jobs(self, start: datetime, end: datetime, most: int) -> Iterator[Occurrence]:
        grace: dict[JobId, timedelta] = {}
        for member in self.members:
            grace[member.job] = max(member.judgement.grace, grace.get(member.job, timedelta()))
        jobs = {job: self._job(job, longest) for job, longest in grace.items()}
        for (job, due), builder in collect(self.members, start, end, self.inputs.now, most).items():
            if builder.members:
                yield _occurrence(jobs[job], due, builder, self.inputs)

    def _job(self, job: JobId, grace: timedelta) -> _Job:
        pauses = tuple(pause for pause in self.inputs.settings.pauses if pause.concerns(job.source))
        return _Job(name=str(job), title=self.titles[job], kind=_kind(job), grace=grace, pauses=pauses)

    def _skipped(self, start: datetime, end: datetime) -> Iterator[Occurrence]:
        """Rule 7: what is never due, because the clocks skip it, is listed; a run that comes anyway is shown with it."""
        zones = {each.schedule.zone for member in self.members for each in member.schedules if each.schedule}
        if not any(clocks_skip(zone, start, end) for zone in zones):
            return
        runs: dict[tuple[JobId, Skipped], list[Run]] = defaultdict(list)
        for member in self.members:
            for schedule in member.schedules:
                for gap in skipped(schedule.schedule, start, end) if schedule.schedule else ():
                    if schedule.in_force(gap.at):
                        until = gap.at + member.judgement.grace
                        runs[member.job, gap] += [run for run in member.runs if gap.at - EARLY <= run.start < until]
        for (job, gap), came in runs.items():
            newest = max(came, key=lambda run: run.start, default=None)
            state = State(newest.outcome.value) if newest else State.DISABLED
            reason = f"Skipped: clock change, there was no {gap.wall:%H:%M} that day."
            yield Occurrence(
                job=str(job),
                title=self.titles[job],
                kind=_kind(job),
                due=gap.at,
                state=state,
                run=newest,
                reason=reason,
                exempt=Exempt.SKIPPED,
            )

    def _unread(self, start: datetime, end: datetime, most: int) -> Iterator[Occurrence]:
        """Jobs that only the configuration names, because their source can't be read: the newest is unknown."""
        for own in self.unread:
            if own.schedule is None:
                continue
            for due in due_times(own.schedule, start, end, most + 1):
                past = due <= self.inputs.now
                if past and (own.schedule.next_after(due) or due) <= self.inputs.now:
                    continue
                yield Occurrence(
                    job=str(own.job),
                    title=self.titles[own.job],
                    kind=_kind(own.job),
                    due=due,
                    grace_until=due + (own.grace or SHORT_GRACE),
                    state=State.UNKNOWN if past else None,
                    reason=f"Can't read {own.job.source}." if past else None,
                )


def occurrences(
    reports: Mapping[str, Report], history: History, settings: Settings, start: datetime, end: datetime, now: datetime
) -> tuple[Occurrence, ...]:
    """What is due from ``start`` up to, not including, ``end``; raises TooManyError. For several windows see timeline()."""
    return timeline(reports, history, settings, now).occurrences(start, end)


def timeline(reports: Mapping[str, Report], history: History, settings: Settings, now: datetime) -> Timeline:
    """All that ``reports`` and ``history`` hold of jobs and their members, at ``now``."""
    return timeline_of(judged(reports, history, settings, now))


def timeline_of(judged: Judged) -> Timeline:
    """The timeline of everything that was judged."""
    inputs = judged.inputs
    every = tuple(members(judged))
    known = {member.job for member in every}
    known |= {each.expectation.job for part in judged.upkeep for each in part.judgements}
    unread = tuple(_unread_jobs(inputs, known))
    jobs = known | {schedule.job for schedule in unread}
    called = services_of((service.service.name, part.part) for service in judged.services for part in service.parts)
    titles = {job: title(inputs, job, called.get(job)) for job in jobs}
    return Timeline(inputs=inputs, members=every, titles=titles, unread=unread)


def _unread_jobs(inputs: Inputs, known: set[JobId]) -> Iterator[ScheduleInForce]:
    for name, own in inputs.settings.jobs.items():
        job = JobId.parse(name)
        source = inputs.settings.source(job.source)
        if job in known or source is None or not own.schedule or own.disabled:
            continue
        report = inputs.reports.get(source.name)
        if report is None or not report.readings:
            yield schedule_in_force(job, own.schedule, source.timezone, inputs.settings)


# --- the reason of it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What all occurrences of a job have in common."""

    name: str
    title: str
    kind: OccurrenceKind
    grace: timedelta
    pauses: tuple[Pause, ...]


def _occurrence(job: _Job, due: datetime, builder: OccurrenceBuilder, inputs: Inputs) -> Occurrence:
    state, until = builder.state, due + job.grace
    paused = _paused(job.pauses, due, inputs.settings.timezone) if job.pauses else None
    if paused and state not in (State.OK, State.WARNING, State.RUNNING):
        return Occurrence(
            job=job.name,
            title=job.title,
            kind=job.kind,
            due=due,
            state=State.DISABLED,
            reason=paused,
            exempt=Exempt.PAUSED,
        )
    has_members = job.kind is not OccurrenceKind.UPKEEP
    members = builder.members if has_members else None
    if state is None:
        return Occurrence(job=job.name, title=job.title, kind=job.kind, due=due, grace_until=until, members=members)
    run = together(builder)
    return Occurrence(
        job=job.name,
        title=job.title,
        kind=job.kind,
        due=due,
        grace_until=until,
        state=state,
        run=run,
        members=members,
        members_ok=builder.good if has_members else None,
        reason=reason(builder, run, until, inputs),
    )


def _kind(job: JobId) -> OccurrenceKind:
    return _KINDS.get(job.kind, OccurrenceKind.UPKEEP)


def _kind_of_line(line: CalendarLine) -> OccurrenceKind:
    """The owner's own kinds ("offsite") are backups."""
    return OccurrenceKind(line.kind) if line.kind in set(OccurrenceKind) else OccurrenceKind.BACKUP


def _parsed(line: CalendarLine, zone: ZoneInfo) -> Schedule:
    return parse(line.schedule, ZoneInfo(line.timezone) if line.timezone else zone)


def _calendar_line(
    line: CalendarLine, zone: ZoneInfo, start: datetime, end: datetime, most: int
) -> Iterator[Occurrence]:
    """Planned, and never judged: nobody can be asked."""
    parsed, kind = _parsed(line, zone), _kind_of_line(line)
    for due in due_times(parsed, start, end, most + 1):
        yield Occurrence(job=None, title=line.title, kind=kind, due=due)
    for skip in skipped(parsed, start, end):
        reason = f"Skipped: clock change, there was no {skip.wall:%H:%M} that day."
        yield Occurrence(
            job=None,
            title=line.title,
            kind=kind,
            due=skip.at,
            grace_until=None,
            state=State.DISABLED,
            reason=reason,
            exempt=Exempt.SKIPPED,
        )


def _paused(pauses: Iterable[Pause], due: datetime, zone: ZoneInfo) -> str | None:
    """Why nothing was expected on the day when it was due."""
    pause = next((pause for pause in pauses if pause.first <= due.astimezone(zone).date() < pause.until), None)
    return words.sentence(f"paused: {pause.reason}" if pause.reason else "paused") if pause else None
