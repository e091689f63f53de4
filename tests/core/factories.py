"""Parts and moments for tests of the judgement. The homelab's zone is Berlin; most cases are a job due daily at 04:00."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sidecar.core.history.history import EMPTY
from sidecar.core.judgement.judge import judge
from sidecar.core.model import Outcome, PartKind, Run, Verdict
from sidecar.core.parts.part import Actions, Evidence, Part, Plan
from sidecar.core.reports.report import Problem
from sidecar.core.schedules import schedule

BERLIN = ZoneInfo("Europe/Berlin")
STALE_AFTER = timedelta(minutes=20)


def at(text: str) -> datetime:
    """``23 04:00`` is the 23rd of November 2026 in Berlin; ``1 Dec 04:00`` and ``2026-03-29 04:00`` work too."""
    for form in ("%d %H:%M", "%d %b %H:%M", "%Y-%m-%d %H:%M"):
        try:
            found = datetime.strptime(
                f"{text} 2026" if "%Y" not in form else text, form if "%Y" in form else f"{form} %Y"
            )
        except ValueError:
            continue
        month = 11 if form == "%d %H:%M" else found.month
        return found.replace(month=month, tzinfo=BERLIN).astimezone(UTC)
    raise ValueError(text)


def run(start: str, outcome: Outcome = Outcome.OK, *, minutes: int | None = 7, text: str | None = None) -> Run:
    begun = at(start)
    end = None if outcome is Outcome.RUNNING or minutes is None else begun + timedelta(minutes=minutes)
    return Run(begun, end, outcome, 1000, text)


def failed(start: str, text: str = "job errors") -> Run:
    return run(start, Outcome.FAILED, text=text)


def daily(text: str = "04:00", **changes: Any) -> Plan:
    """A plan due by this schedule; ``changes`` overwrite its fields."""
    plan = Plan("pve/backup/critical", text, schedule.parse(text, BERLIN), "Europe/Berlin")
    return replace(plan, **changes)


def evidence(as_of: str | None, problem: Problem | None = None) -> Evidence:
    return Evidence("pbs", at(as_of) if as_of else None, STALE_AFTER, problem)


def part(*runs: Run, read: str | None, plans: tuple[Plan, ...] = (), **changes: Any) -> Part:
    """A guest in a job due daily at 04:00, with these runs (any order), last read at ``read``."""
    made = Part(
        kind=PartKind.GUEST,
        ref="101",
        name="vaultwarden",
        source="pve",
        evidence=evidence(read),
        plans=plans or (daily(),),
        runs=tuple(sorted(runs, key=lambda one: one.start, reverse=True)),
        first_due_after=at("1 04:00"),
        actions=Actions("mend it", "look at it", "begin it", "cover it", "let us see it"),
    )
    return replace(made, **changes)


def verdict(made: Part, now: str) -> Verdict:
    return judge(made, EMPTY, at(now), BERLIN).verdict
