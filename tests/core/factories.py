"""Parts and moments for tests of the judgement. The homelab's zone is Berlin; most cases are a job due daily at 04:00."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sidecar.core.history.history import EMPTY, History
from sidecar.core.ids import JobId, SourceName
from sidecar.core.judgement.judged import JudgedPart, judge_part
from sidecar.core.model import Occurrence, Outcome, PartKind, Run, Verdict
from sidecar.core.parts.expectation import Evidence, Expectation, Observed, ScheduleInForce
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import Actions, Part
from sidecar.core.reports.report import Problem
from sidecar.core.schedules.schedule import parse
from sidecar.core.settings import Settings

BERLIN = ZoneInfo("Europe/Berlin")
STALE_AFTER = timedelta(minutes=20)


def at(text: str) -> datetime:
    """``23 04:00`` is the 23rd of November 2026 in Berlin; ``1 Dec 04:00`` and ``2026-03-29 04:00`` work too."""
    for form in ("%d %H:%M", "%d %b %H:%M", "%Y-%m-%d %H:%M"):
        try:
            moment = datetime.strptime(
                f"{text} 2026" if "%Y" not in form else text, form if "%Y" in form else f"{form} %Y"
            )
        except ValueError:
            continue
        month = 11 if form == "%d %H:%M" else moment.month
        return moment.replace(month=month, tzinfo=BERLIN).astimezone(UTC)
    raise ValueError(text)


def local(moment: datetime) -> str:
    """The other way round: "23 04:00" in Berlin."""
    return f"{moment.astimezone(BERLIN):%d %H:%M}"


def due_states(occurrences: Iterable[Occurrence], job: str | None = None) -> list[tuple[str, str]]:
    """(local due time, state) of each, as the calendar shows it; ``job``: only of that one."""
    mine = (occurrence for occurrence in occurrences if job in (None, occurrence.job))
    return [(local(occurrence.due), str(occurrence.state or "planned")) for occurrence in mine]


def run(start: str, outcome: Outcome = Outcome.OK, *, minutes: int | None = 7, text: str | None = None) -> Run:
    begun = at(start)
    end = None if outcome is Outcome.RUNNING or minutes is None else begun + timedelta(minutes=minutes)
    return Run(start=begun, end=end, outcome=outcome, size=1000, text=text)


def failed(start: str, text: str = "job errors") -> Run:
    return run(start, Outcome.FAILED, text=text)


def daily(text: str = "04:00", job: str = "critical", **changes: Any) -> ScheduleInForce:
    """A job due by this schedule; ``changes`` overwrite the fields."""
    fields: dict[str, Any] = {"text": text, "schedule": parse(text, BERLIN), "timezone": "Europe/Berlin", **changes}
    return ScheduleInForce(job=JobId(SourceName("pve"), "backup", job), **fields)


def announced(*whens: str, **changes: Any) -> ScheduleInForce:
    """A job whose runs the upstream announces: the last of these next, the others before."""
    *before, newest = (at(when) for when in whens)
    return replace(daily(**changes), schedule=None, text=None, announced=newest, announced_before=tuple(before))


#: A job of which nobody tells the schedule.
UNTOLD = replace(daily(), schedule=None, text=None)


def evidence(as_of: str | None, problem: Problem | None = None) -> Evidence:
    return Evidence(source="pbs", as_of=at(as_of) if as_of else None, stale_after=STALE_AFTER, problem=problem)


#: Fields of an expectation and of what was observed, which ``part`` takes as its own.
_OF_EXPECTATION = {
    "nothing_owed",
    "queue",
    "activities",
    "starts_seen",
    "longest",
    "every_run_was_due",
    "busy_is_kept",
    "confirmed_until",
    "by_rhythm",
    "remembered",
    "named",
    "past",
    "read_since",
    "hint",
    "overdue",
}
_OF_OBSERVED = {"concerns", "unusable", "verified_at", "count", "evidence"}


def part(*runs: Run, read: str | None, plans: tuple[ScheduleInForce, ...] = (), **changes: Any) -> Part:
    """A guest in a job due daily at 04:00, with these runs (any order), last read at ``read``."""
    seen = {name: changes.pop(name) for name in _OF_OBSERVED & changes.keys()}
    fields = {name: changes.pop(name) for name in _OF_EXPECTATION & changes.keys()}
    newest_first = tuple(sorted(runs, key=lambda each: each.start, reverse=True))
    observed = Observed(**{"evidence": evidence(read), "runs": newest_first, **seen})
    expectations = [
        Expectation(job=schedule.job, destination="pbs-main", schedule=schedule, observed=observed, **fields)
        for schedule in plans or (daily(),)
    ]
    made = Part(
        kind=PartKind.GUEST,
        ref="101",
        name="vaultwarden",
        source="pve",
        observed=observed,
        expectations=tuple(expectations),
        oldest_trace=at("1 04:00"),
        actions=Actions(
            failed="fix it",
            missed="look at it",
            never="begin it",
            uncovered="cover it",
            concerned="check it",
            unreadable="let us see it",
        ),
    )
    return replace(made, **changes)


def judged_at(made: Part, now: datetime, history: History = EMPTY) -> JudgedPart:
    """The part as judged at a moment, by people in Berlin."""
    return judge_part(made, Inputs({}, Settings(timezone=BERLIN, sources=()), now, history))


def verdict_of(made: Part, now: str) -> Verdict:
    return judged_at(made, at(now)).verdict
