"""The reports of one moment with the settings beside them: which source reported what, and how old it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sidecar.core.history.history import EMPTY, History
from sidecar.core.ids import JobId
from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import ReadingGap
from sidecar.core.reports.group_index import GroupIndex
from sidecar.core.reports.group_index import group_index as index_of
from sidecar.core.reports.report import Problem, ProblemKind, Reading, Report
from sidecar.core.schedules import schedule
from sidecar.core.schedules.schedule import Schedule
from sidecar.core.schedules.wall_clock import ScheduleError
from sidecar.core.settings import Settings, SourceSetting
from sidecar.core.value import value

from .expectation import CLOCK_TOLERANCE, Evidence, PauseWindow, ScheduleInForce, latest

NOT_READ_YET = Problem("it was not read yet", kind=ProblemKind.NOT_READ_YET)


@value()
class Inputs:
    """Everything that is known at ``now``. ``reports`` holds at most one report per source, by name."""

    reports: Mapping[str, Report]
    settings: Settings
    now: datetime
    history: History = EMPTY

    def of(self, kind: SourceKind) -> Iterator[tuple[SourceSetting, Report | None]]:
        """The configured sources of one kind, each with its report if there is one yet."""
        for source in self.settings.sources:
            if source.kind is kind:
                yield source, self.reports.get(source.name)

    def group_index(self, source: SourceSetting) -> GroupIndex:
        """What that backup server keeps."""
        report = self.reports.get(source.name)
        return index_of(report) if report else GroupIndex(None)

    def evidence(self, source: SourceSetting, *readings: Reading | None) -> Evidence:
        """The evidence that rests on all of ``readings``: as old as the oldest, as broken as the worst.

        A reading that is None was not made: the source as a whole failed, or (without a problem) was not read yet.
        """
        report = self.reports.get(source.name)
        whole = report.problem if report else None
        oldest: datetime | None = None
        problem: Problem | None = None
        gaps: list[ReadingGap] = []
        times: set[datetime] = set()
        for reading in readings:
            if reading is None or reading.as_of is None:
                untold = Problem("it does not tell", kind=ProblemKind.NOT_REPORTED) if report else None
                cause = (_trouble(reading, whole) if reading else None) or whole or untold
                cause = with_cure(cause, source)
                return Evidence(source=source.name, as_of=None, stale_after=source.stale_after, problem=cause)
            oldest = self._weaker(oldest, reading.as_of)
            times.add(reading.as_of)
            problem = problem or _trouble(reading, whole)
            gaps += [reading.gap] if reading.gap else []
        cause = problem or whole if oldest else whole
        stale_after = _stale_after(source, report if cause is None else None)
        return Evidence(
            source=source.name,
            as_of=oldest,
            stale_after=stale_after,
            problem=with_cure(cause, source),
            newest=max(times) if len(times) > 1 else None,
            gap=latest(gaps),
        )

    def _weaker(self, moment: datetime | None, other: datetime) -> datetime:
        """The older one; but what was read in the future proves less than anything (rule 6)."""
        if moment is None or max(moment, other) > self.now + CLOCK_TOLERANCE:
            return max(moment or other, other)
        return min(moment, other)

    def pauses(self, *sources: str) -> tuple[PauseWindow, ...]:
        """The pauses in which nothing is expected of what rests on all of ``sources``."""
        spans = ((pause.span(self.settings.timezone), pause) for pause in self.settings.pauses)
        return tuple(PauseWindow(*span, pause.reason) for span, pause in spans if pause.concerns(*sources))

    def pause(self, *sources: str) -> PauseWindow | None:
        """The pause that holds now."""
        return next((pause for pause in self.pauses(*sources) if pause.start <= self.now < pause.end), None)

    def fresh(self, source: SourceSetting, reading: Reading | None) -> bool:
        """The reading can be used: there is one, and it is younger than ``stale_after``."""
        return reading is not None and not self.evidence(source, reading).stale(self.now)


def _stale_after(source: SourceSetting, report: Report | None) -> timedelta:
    """Rule 6: never less than two real intervals: after a slow refresh an upstream is left alone for a while.

    Only where all went well: what could not be read this time is not waited for any longer.
    """
    return max(source.stale_after, 2 * report.apart) if report else source.stale_after


def _trouble(reading: Reading, whole: Problem | None) -> Problem | None:
    """Why a scope could not be read; what the source as a whole failed with is no matter of a scope."""
    return reading.trouble if reading.problem != whole else whole


def with_cure(problem: Problem | None, source: SourceSetting) -> Problem | None:
    """With something to do about a call that failed and says nothing better."""
    if problem is None or problem.action or not problem.kind.of_a_call:
        return problem
    return replace(problem, action=f"Check that {source.kind.product} answers at {source.url}")


def schedule_in_force(
    job: JobId,
    text: str | None,
    zone: str | None,
    settings: Settings,
    *,
    enabled: bool = True,
) -> ScheduleInForce:
    """The schedule of a job from what its upstream reports and what the owner configured (``jobs:``)."""
    own = settings.jobs.get(str(job))
    text = (own.schedule if own else None) or text or None
    name = (own.timezone if own else None) or zone
    parsed, trouble = _parsed(text, name, settings)
    return ScheduleInForce(
        job=job,
        text=text,
        schedule=parsed,
        timezone=name or (settings.timezone.key if parsed else None),
        trouble=trouble,
        enabled=enabled,
        grace=own.grace if own else None,
        silenced=own is not None and own.disabled,
    )


def _parsed(text: str | None, zone: str | None, settings: Settings) -> tuple[Schedule | None, str | None]:
    """The schedule, or why there is none."""
    if not text:
        return None, "it has none"
    try:
        return schedule.parse(text, ZoneInfo(zone) if zone else settings.timezone), None
    except (ScheduleError, ZoneInfoNotFoundError, ValueError) as error:
        return None, str(error)
