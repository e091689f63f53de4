"""Backrest plans as parts. Backrest announces its next run by its own clock; we never compute it (BR-9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice, pairwise
from statistics import median_low

from sidecar.core.ids import JobId, SourceName
from sidecar.core.model import Link, Outcome, PartKind, PlaceKind, Run, SourceKind
from sidecar.core.reports.cached import cached
from sidecar.core.reports.facts import BackrestPlan, QueueHolder
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting

from . import offsite
from .expectation import Activity, Evidence, Expectation, Observed, ScheduleInForce
from .inputs import Inputs, schedule_in_force
from .part import Actions, Part, newest_first
from .stored import Stored

_ACTIONS = Actions(
    failed="Read the operation's log in Backrest, fix the cause, then back up now.",
    missed="Check Backrest's queue, then back up now.",
    never="Start the plan's first backup.",
    uncovered="Give the plan a schedule in Backrest.",
)

#: So many runs that Backrest does not list any more are looked at; its summary lists as many.
MOST_REMEMBERED = 60

#: So many good runs show how far apart they ordinarily are.
_ORDINARY = 9


def parts(inputs: Inputs) -> list[Part]:
    """All plans that Backrest shows."""
    return [
        _part(inputs, source, report, plan)
        for source, report in inputs.of(SourceKind.BACKREST)
        if report is not None
        for plan in report.facts(BackrestPlan)
    ]


def _part(inputs: Inputs, source: SourceSetting, report: Report, plan: BackrestPlan) -> Part:
    job = JobId(SourceName(source.name), "plan", plan.id)
    plan = replace(plan, runs=_with_remembered(plan.runs, inputs.history.runs.get(str(job), ())))
    own = inputs.settings.jobs.get(str(job))
    scheduled = own is not None and own.schedule is not None
    schedule = (
        schedule_in_force(job, None, source.timezone, inputs.settings) if scheduled else _announced(job, plan, inputs)
    )
    observed = Observed(evidence=_evidence(inputs, source, report, plan), runs=plan.runs)
    expectation = Expectation(
        job=job,
        destination=plan.repo,
        schedule=schedule,
        observed=observed,
        activities=queue(inputs, report, plan.runs, plan.next_run),
        queue=job.source,
        every_run_was_due=not (scheduled or reaches_back(schedule, plan.runs) or _is_next_in_turn(plan)),
        busy_is_kept=True,
        longest=_longest(plan),
        by_rhythm=not scheduled,
        overdue=plan.overdue and not scheduled,
    )
    return Part(
        kind=PartKind.PLAN,
        ref=plan.id,
        name=plan.id,
        source=source.name,
        observed=observed,
        expectations=(expectation,),
        oldest_trace=min((run.start for run in plan.runs), default=None),
        stored=(_stored(source, plan, observed),),
        offsite=offsite.repository(inputs, source.name, plan.repo),
        link=Link(source.url, "Backrest"),
        actions=_ACTIONS,
    )


def _stored(source: SourceSetting, plan: BackrestPlan, observed: Observed) -> Stored:
    """A plan saves to one repository; where its log can't be read, to one whose name is not known."""
    place = f"{source.name}/{plan.repo}" if plan.repo else source.name
    good = observed.newest_good
    return Stored(
        place=place,
        kind=PlaceKind.REPOSITORY,
        named=(place,),
        evidence=observed.evidence,
        newest=good.start if good is not None else None,
    )


def _evidence(inputs: Inputs, source: SourceSetting, report: Report, plan: BackrestPlan) -> Evidence:
    """Rule 10: the summary alone proves no backup, for it calls dry runs successes; only the log tells them apart."""
    log = report.reading("operations", plan.id)
    return inputs.evidence(source, report.reading("plans"), *((log,) if log is not None else ()))


def _with_remembered(runs: tuple[Run, ...], remembered: Iterable[Run]) -> tuple[Run, ...]:
    """Rule 1: a log that was cleared, or that forgets what retention removed, takes no run away."""
    known = {run.start for run in runs}
    earlier = islice((run for run in remembered if run.start not in known), MOST_REMEMBERED)
    return newest_first((*runs, *earlier))


def queue(inputs: Inputs, report: Report, own: Iterable[Run], announced: datetime | None) -> tuple[Activity, ...]:
    """What holds up one job: Backrest does one thing at a time, and what was announced for now waits in its queue (BR-7).

    Args:
        own: the job's own runs, for which it does not wait.
        announced: the run of it that stands in the queue; what is owed otherwise is not waiting.
    """
    if announced is None or announced > inputs.now:
        return ()
    mine = {run.start for run in own}
    return tuple(
        Activity(holder.start, _length(holder), blocks_queue=True, name=holder.name)
        for holder in _holders(report)
        if holder.start not in mine
    )


def _length(holder: QueueHolder) -> timedelta | None:
    return None if holder.longest is None else timedelta(seconds=holder.longest)


@cached
def _holders(report: Report) -> tuple[QueueHolder, ...]:
    """What runs by the log, and by the summary where a plan's log could not be read."""
    logged = tuple(report.facts(QueueHolder))
    known = {holder.start for holder in logged}
    told = (
        QueueHolder(f"backup {plan.id}", run.start)
        for plan in report.facts(BackrestPlan)
        for run in plan.runs
        if run.outcome is Outcome.RUNNING and run.start not in known
    )
    return (*logged, *told)


def _announced(job: JobId, plan: BackrestPlan, inputs: Inputs) -> ScheduleInForce:
    """While a run is under way Backrest announces none; then the run's own start is what was due."""
    own = inputs.settings.jobs.get(str(job))
    newest = plan.runs[0] if plan.runs else None
    running = newest.start if newest and newest.outcome is Outcome.RUNNING else None
    due: datetime | None = running or plan.next_run
    return ScheduleInForce(
        job=job,
        announced=due,
        announced_before=inputs.history.announced.get(str(job), ()),
        enabled=due is not None,
        grace=own.grace if own else None,
        silenced=own is not None and own.disabled,
    )


def reaches_back(schedule: ScheduleInForce, runs: Iterable[Run]) -> bool:
    """Rule 1: from the newest good run on every announced run is remembered, so what else ran was outside the schedule."""
    good = next((run for run in runs if run.good), None)
    before = schedule.announced_before
    return good is not None and bool(before) and before[0] <= good.start + schedule.early(before[0])


def _is_next_in_turn(plan: BackrestPlan) -> bool:
    """Rule 3: nothing was due between the newest good run and the announced one, for they are as far apart as good runs
    ordinarily are, and a quarter (Backrest's own allowance, BR-10). What else failed was extra."""
    good = [run.start for run in plan.runs if run.good][:_ORDINARY]
    gaps = [later - earlier for later, earlier in pairwise(good)]
    return plan.next_run is not None and bool(gaps) and plan.next_run - good[0] <= median_low(gaps) * 1.25


def _longest(plan: BackrestPlan) -> timedelta | None:
    lengths = [run.end - run.start for run in plan.runs if run.end and run.good]
    return max(lengths[:10], default=None)
