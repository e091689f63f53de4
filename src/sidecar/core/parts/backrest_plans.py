"""Backrest plans as parts. Backrest announces its next run by its own clock; we never compute it (databasement §3.6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low

from sidecar.core.model import Link, Outcome, PartKind, SourceKind
from sidecar.core.reports.facts import BackrestPlan
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting

from . import offsite
from .inputs import Inputs, plan
from .part import EARLY, Actions, Activity, Part
from .part import Plan as Promise

_ACTIONS = Actions(
    failed="Read the operation's log in Backrest, mend the cause, then back up now.",
    missed="Check Backrest's queue, then back up now.",
    never="Start the plan's first backup.",
    uncovered="Give the plan a schedule in Backrest.",
)

#: So many good runs show how far apart they ordinarily are.
_ORDINARY = 9


def parts(lab: Inputs) -> list[Part]:
    """All plans that Backrest shows."""
    return [
        _part(lab, source, report, one)
        for source, report in lab.of(SourceKind.BACKREST)
        if report is not None
        for one in report.facts(BackrestPlan)
    ]


def _part(lab: Inputs, source: SourceSetting, report: Report, one: BackrestPlan) -> Part:
    job = f"{source.name}/plan/{one.id}"
    own = lab.settings.jobs.get(job)
    scheduled = own is not None and own.schedule is not None
    promise = plan(job, None, source.timezone, lab.settings) if scheduled else _announced(job, one, lab)
    return Part(
        kind=PartKind.PLAN,
        ref=one.id,
        name=one.id,
        source=source.name,
        evidence=lab.evidence(source, report.reading("plans")),
        plans=(promise,),
        runs=one.runs,
        activities=_queue(report),
        every_run_was_due=not (scheduled or _reaches_back(promise, one) or _is_next_in_turn(one)),
        first_due_after=min((run.start for run in one.runs), default=None),
        longest=_longest(one),
        offsite=offsite.repository(lab, source.name, one.repo),
        link=Link(source.url, "Backrest"),
        actions=_ACTIONS,
    )


def _announced(job: str, one: BackrestPlan, lab: Inputs) -> Promise:
    """While a run is under way Backrest announces none; then the run's own start is what was due."""
    own = lab.settings.jobs.get(job)
    newest = one.runs[0] if one.runs else None
    running = newest.start if newest and newest.outcome is Outcome.RUNNING else None
    due: datetime | None = running or one.next_run
    return Promise(
        job,
        None,
        None,
        announced=due,
        enabled=due is not None,
        grace=own.grace if own else None,
        silenced=own is not None and own.disabled,
        kept=lab.history.announced.get(job, ()),
    )


def _reaches_back(promise: Promise, one: BackrestPlan) -> bool:
    """Rule 1: from the newest good run on every announced run is remembered, so what else ran was outside the schedule."""
    good = next((run for run in one.runs if run.good), None)
    return good is not None and bool(promise.kept) and promise.kept[0] <= good.start + EARLY


def _is_next_in_turn(one: BackrestPlan) -> bool:
    """Rule 3: nothing was due between the newest good run and the announced one, for they are as far apart as good runs
    ordinarily are, and a quarter (Backrest's own allowance, databasement_backrest.md §3.6). What else failed was extra."""
    good = [run.start for run in one.runs if run.good][:_ORDINARY]
    gaps = [later - earlier for later, earlier in pairwise(good)]
    return one.next_run is not None and bool(gaps) and one.next_run - good[0] <= median_low(gaps) * 1.25


def _queue(report: Report) -> tuple[Activity, ...]:
    """Backrest runs one thing at a time: whatever runs holds up every other plan (databasement §3.5)."""
    running = (run for one in report.facts(BackrestPlan) for run in one.runs if run.outcome is Outcome.RUNNING)
    return tuple(Activity(run.start, blocks_queue=True) for run in running)


def _longest(one: BackrestPlan) -> timedelta | None:
    lengths = [run.end - run.start for run in one.runs if run.end and run.good]
    return max(lengths[:10], default=None)
