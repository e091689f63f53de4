"""Board, jobs and calendar are views of the same verdicts: whatever a rack looks like, they never disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from sidecar.core.board.board import board_of
from sidecar.core.history.history import EMPTY
from sidecar.core.judgement.judge import Judgement
from sidecar.core.judgement.judged import Judged, JudgedPart, judge_part, judged
from sidecar.core.model import Cause, Outcome, Run, State, worst
from sidecar.core.parts.expectation import CLOCK_TOLERANCE
from sidecar.core.parts.inputs import Inputs
from sidecar.core.reports.facts import ReadingGap, UpkeepJob
from sidecar.core.schedules.schedule import EARLY
from sidecar.core.settings import Settings
from sidecar.core.timeline.members import member_of
from sidecar.core.timeline.outcomes import OutcomeResolver
from sidecar.core.timeline.timeline import timeline_of
from sidecar.core.timeline.window import window
from tests.core import factories
from tests.core.factories import BERLIN, at, evidence, run
from tests.core.racks import NOON, Rack, moved, racks
from tests.core.sample_reports import PBS, pbs
from tests.core.sample_reports import settings as sample_settings

PRUNE = UpkeepJob(kind="prune", id="main", datastore="main", keeps=True)

#: The judge's answers that are about due times from D on, and those that are about something else (rule 3).
BY_TIME = {Cause.RUN_FAILED, Cause.UNDER_WAY, Cause.UNDER_WAY_TOO_LONG, Cause.WAITING, Cause.NOTHING_STARTED}
NOTHING_DUE = {Cause.IN_TIME, Cause.NOTHING_WAS_DUE}
BESIDE_THE_TIME = {Cause.CONCERNS, Cause.OTHER_RUN_FAILED}
CANNOT_TELL = {Cause.UNREADABLE, Cause.CANNOT_TELL}

MOST = 3000

#: A run may begin a little before its due time, and a little after now by another clock.
SOON = EARLY + CLOCK_TOLERANCE + timedelta.resolution


def parts(verdicts: Judged) -> Iterator[tuple[str, JudgedPart]]:
    yield from ((service.service.name, part) for service in verdicts.services for part in service.parts)
    yield from (("", part) for part in verdicts.upkeep)


def open_states(name: str, part: JudgedPart, judgement: Judgement, verdicts: Judged) -> dict[datetime, State]:
    """The state of each due time from D to now, as the calendar shows it; and of a coming one that a run answers already."""
    now = verdicts.inputs.now
    if judgement.due is None or judgement.due > now:
        return {}
    member = member_of(name, part, judgement, verdicts.inputs)
    shown = window(member.schedules, member.runs, judgement.due, now + SOON, MOST)
    resolver, answers = OutcomeResolver(member, shown, now), shown.answers(member.runs)
    due = [place for place in range(shown.first, len(shown.every)) if shown.every[place] <= now or answers[place]]
    outcomes = {shown.every[place]: resolver.of(place) for place in due}
    return {due: outcome.state for due, outcome in outcomes.items() if outcome is not None}


@settings(suppress_health_check=list(HealthCheck))
@given(racks())
def test_rule_3_an_expectation_is_the_worst_of_its_due_times_from_d_and_of_what_is_no_due_time(rack: Rack) -> None:
    reports, history = rack.live()
    verdicts = judged(reports, history, rack.settings, rack.now)

    for name, part in parts(verdicts):
        for judgement in part.judgements:
            if judgement.expectation.schedule is None or any(
                pause.start <= rack.now < pause.end for pause in part.part.pauses
            ):
                continue
            states, verdict = open_states(name, part, judgement, verdicts), judgement.verdict
            if verdict.cause in BY_TIME and states:
                assert worst(states.values()) is verdict.state, (judgement, states)
            elif verdict.cause in BESIDE_THE_TIME:
                assert set(states.values()) <= {State.LATE, State.RUNNING}, (judgement, states)
            elif verdict.cause in NOTHING_DUE:
                assert not states, (judgement, states)
            elif verdict.cause in CANNOT_TELL:
                assert set(states.values()) <= {State.UNKNOWN}, (judgement, states)


@settings(suppress_health_check=list(HealthCheck))
@given(racks())
def test_rule_1_what_never_had_a_backup_owes_nothing_from_before_it_was_known_in_both_views(rack: Rack) -> None:
    reports, history = rack.live()
    verdicts = judged(reports, history, rack.settings, rack.now)
    bad = {State.MISSED, State.NEVER}

    for name, part in parts(verdicts):
        for judgement in part.judgements:
            if judgement.good is not None or judgement.verdict.state is not State.NEVER or part.part.pauses:
                continue
            assert judgement.due is not None
            member = member_of(name, part, judgement, verdicts.inputs)
            start = judgement.due - timedelta(days=20)
            shown = window(member.schedules, member.runs, start, rack.now, MOST)
            resolver = OutcomeResolver(member, shown, rack.now)
            outcomes = {shown.every[place]: resolver.of(place) for place in range(shown.first, len(shown.every))}
            red = [due for due, outcome in outcomes.items() if outcome is not None and outcome.state in bad]
            assert red, judgement
            assert min(red) == judgement.due, (judgement, red)


def test_rule_6_what_runs_for_too_long_is_late_in_both_views_while_its_source_is_only_just_back() -> None:
    now = at("23 08:05")
    seen = replace(evidence("23 08:05"), gap=ReadingGap(at("23 03:50"), at("23 08:00")))
    runs = run("22 04:00"), run("23 04:00", Outcome.RUNNING)
    made = factories.part(*runs, read=None, evidence=seen, starts_seen=False, longest=timedelta(minutes=10))
    inputs = Inputs({}, Settings(timezone=BERLIN, sources=()), now, EMPTY)
    judged_part = judge_part(made, inputs)
    verdicts = Judged(inputs=inputs, services=(), upkeep=(), left_out=0, notes=())
    (judgement,) = judged_part.judgements

    assert judgement.verdict.state is State.LATE
    assert open_states("web", judged_part, judgement, verdicts) == {at("23 04:00"): State.LATE}


LATER = NOON + timedelta(hours=4)


def pruned(before: str | None, after: str | None, *runs: Run) -> tuple[Judgement, dict[datetime, State]]:
    """A prune job whose schedule was changed between two readings, judged at the second one: LATER."""
    reports = [
        moved(pbs("22 12:00", extra={("upkeep", "prune"): (replace(PRUNE, schedule=schedule, runs=known),)}), read)
        for read, schedule, known in ((NOON, before, runs[-1:]), (LATER, after, runs))
    ]
    rack = Rack(sample_settings(PBS), tuple(reports), LATER)
    verdicts = judged(*rack.live(), rack.settings, rack.now)
    (part,) = (part for part in verdicts.upkeep if part.part.name == "main")
    (judgement,) = part.judgements
    return judgement, open_states("", part, judgement, verdicts)


def test_rule_1_a_run_that_failed_while_the_schedule_before_was_in_force_is_not_due_by_the_one_after_it() -> None:
    failed = Run(start=LATER - timedelta(minutes=8), end=LATER - timedelta(minutes=7), outcome=Outcome.FAILED)
    under_way = Run(start=LATER, end=None, outcome=Outcome.RUNNING)
    judgement, states = pruned("04:00", None, under_way, failed, run("22 04:00"))

    assert judgement.verdict.state is State.WARNING
    assert judgement.due is None
    assert states == {}


@pytest.mark.parametrize(("ahead", "state"), [(4, State.FAILED), (6, State.LATE)])
def test_rule_3_a_run_just_before_the_first_due_time_of_a_new_schedule_answers_it_in_both_views(
    ahead: int, state: State
) -> None:
    start = LATER - timedelta(minutes=ahead)
    failed = Run(start=start, end=start + timedelta(minutes=1), outcome=Outcome.FAILED)
    judgement, states = pruned(None, "*:00", failed, run("22 11:30"))

    assert judgement.due == LATER
    assert states == {LATER: state}
    assert state is State.LATE or judgement.verdict.state is state


@settings(suppress_health_check=list(HealthCheck))
@given(racks())
def test_parts_services_and_jobs_are_the_worst_of_their_expectations(rack: Rack) -> None:
    reports, history = rack.live()
    verdicts = judged(reports, history, rack.settings, rack.now)
    board = board_of(verdicts)

    by_job: dict[str, list[State]] = {}
    backed_up: Counter[str] = Counter()
    for _, part in parts(verdicts):
        own = [judgement for judgement in part.judgements if judgement.expectation.schedule is not None]
        for judgement in own:
            job_name, state = str(judgement.expectation.job), judgement.verdict.state
            by_job.setdefault(job_name, []).append(state)
            cancelled = judgement.verdict.cause is Cause.RUN_CANCELLED
            backed_up[job_name] += state in (State.OK, State.WARNING) and judgement.good is not None and not cancelled
        if own:
            assert part.verdict.state.rank <= worst(judgement.verdict.state for judgement in own).rank
        if not any(judgement.expectation.owes for judgement in own):
            ended = [judgement for judgement in part.judgements if judgement.expectation.schedule is None]
            assert not any(judgement.speaks for judgement in ended), "what nobody can make up for is not owed"
    rows = {service.name: service for service in board.services}
    for service in verdicts.services:
        row = rows[service.service.name]
        assert row.verdict.state is worst(part.verdict.state for part in service.parts)
    for job in board.jobs:
        if job.name in by_job and job.verdict.cause is not None:
            assert job.verdict.state is worst(by_job[job.name]), job
        if job.members:
            assert job.members == len(by_job[job.name])
            assert job.members_ok == backed_up[job.name]


@settings(suppress_health_check=list(HealthCheck))
@given(racks())
def test_the_calendar_shows_for_each_due_time_the_worst_of_the_members_that_it_is_open_for(rack: Rack) -> None:
    reports, history = rack.live()
    verdicts = judged(reports, history, rack.settings, rack.now)
    wanted: dict[tuple[str, datetime], list[State]] = {}
    for name, part in parts(verdicts):
        for judgement in part.judgements:
            for due, state in open_states(name, part, judgement, verdicts).items():
                if due > rack.now:
                    continue
                wanted.setdefault((str(judgement.expectation.job), due), []).append(state)
    if not wanted:
        return
    start = max(min(due for _, due in wanted), rack.now - timedelta(days=20))
    shown = {
        (each.job, each.due): each.state
        for each in timeline_of(verdicts).occurrences(start, rack.now + timedelta.resolution)
        if each.exempt is None
    }

    for key, states in wanted.items():
        if key[1] >= start and key in shown:
            assert shown[key] is not None
            assert worst([shown[key] or State.OK]).rank <= worst(states).rank, (key, states)
        elif key[1] >= start:
            assert rack.settings.pauses, (key, states)
