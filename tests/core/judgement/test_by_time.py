"""Is a run due, and what became of it (rule 3). All times are Berlin's, in November 2026 (the 23rd is a Monday)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.core.history.history import EMPTY, History, Sighting
from sidecar.core.model import PartKind, State
from tests.core.factories import (
    announced,
    at,
    daily,
    failed,
    judged_at,
    part,
    run,
    verdict_of,
)

YESTERDAY = run("22 04:00")
NOON = "22 12:00"


@pytest.mark.parametrize(
    ("now", "read", "state"),
    [
        ("23 03:59", "23 03:58", State.OK),
        ("23 04:00", "23 03:58", State.LATE),
        ("23 04:29", "23 04:28", State.LATE),
        ("23 04:30", "23 04:29", State.LATE),
        ("23 04:31", "23 04:30", State.MISSED),
        ("24 12:00", "24 11:59", State.MISSED),
    ],
)
def test_rule_3_before_at_in_and_past_grace(now: str, read: str, state: State) -> None:
    assert verdict_of(part(YESTERDAY, read=read), now).state is state


@pytest.mark.parametrize(
    ("now", "state"), [("23 03:59", State.NEW), ("23 04:05", State.LATE), ("23 04:40", State.NEVER)]
)
def test_rule_3_without_any_good_run_the_first_due_time_counts(now: str, state: State) -> None:
    assert verdict_of(part(read=now, oldest_trace=at("23 00:00")), now).state is state


def test_rule_3_a_missed_backup_says_when_it_was_due_and_what_is_newest() -> None:
    verdict = verdict_of(part(YESTERDAY, read="23 07:26"), "23 07:30")

    assert verdict.reason == "Due today 04:00, nothing had started by 04:30; newest backup Sun 22 Nov 04:00."
    assert verdict.since == at("23 04:30")
    assert verdict.action == "Look at it."


@pytest.mark.parametrize(("start", "answers"), [("23 03:54", False), ("23 03:55", True), ("23 04:00", True)])
def test_rule_3_a_run_may_begin_five_minutes_early(start: str, answers: bool) -> None:
    verdict = verdict_of(part(run(start), read="23 06:00"), "23 06:00")

    assert verdict.state is (State.OK if answers else State.MISSED)


def test_rule_3_a_run_that_came_late_answers_its_due_time() -> None:
    assert verdict_of(part(run("23 09:30"), read="23 10:00"), "23 10:00").state is State.OK


def test_rule_3_a_dead_daily_job_stays_missed_since_its_first_missing_day() -> None:
    for now in ("23 05:00", "24 03:00", "24 04:10", "25 12:00"):
        verdict = verdict_of(part(YESTERDAY, read=now), now)
        assert (verdict.state, verdict.since) == (State.MISSED, at("23 04:30")), now


def test_rule_3_a_failed_run_for_the_due_time_is_failed_at_once() -> None:
    verdict = verdict_of(part(YESTERDAY, failed("23 04:01"), read="23 04:09"), "23 04:09")

    assert verdict.state is State.FAILED
    assert verdict.reason == "The run that ended today 04:08 failed: job errors; newest backup Sun 22 Nov 04:00."
    assert verdict.action == "Fix it."


def test_rule_3_a_success_after_a_failure_heals_it() -> None:
    assert verdict_of(part(failed("23 04:01"), run("23 05:00"), read="23 05:30"), "23 05:30").state is State.OK


def test_rule_3_a_failure_after_the_newest_good_run_but_before_the_due_time_is_a_warning() -> None:
    verdict = verdict_of(part(YESTERDAY, failed("22 15:00"), read="22 16:00"), "22 16:00")

    assert verdict.state is State.WARNING
    assert "outside the schedule failed today 15:00" in (verdict.reason or "")


def test_rule_3_a_failure_before_the_newest_good_run_is_history() -> None:
    assert verdict_of(part(failed("21 15:00"), YESTERDAY, read="22 16:00"), "22 16:00").state is State.OK


def test_rule_3_a_failure_without_any_good_run_is_failed_not_never() -> None:
    assert (
        verdict_of(part(failed("23 04:01"), read="23 09:00", oldest_trace=at("23 00:00")), "23 09:00").state
        is State.FAILED
    )


def test_rule_3_of_two_jobs_the_earlier_due_time_counts() -> None:
    both = (daily("mon 04:00"), daily("22:00", job="late"))
    judged = judged_at(part(YESTERDAY, read="22 23:00", plans=both), at("22 23:00"))

    assert [each.verdict.state for each in judged.judgements] == [State.OK, State.MISSED]
    assert judged.verdict.state is State.MISSED
    assert judged.judgements[1].due == at("22 22:00")
    assert judged.next is not None
    assert judged.next.next_run == at("23 04:00")


@pytest.mark.parametrize(
    ("start", "state"), [("23 03:54", State.WARNING), ("23 03:55", State.FAILED), ("23 04:10", State.FAILED)]
)
def test_rule_3_a_run_that_failed_is_one_for_the_due_time_as_early_as_a_good_one(start: str, state: State) -> None:
    made = part(YESTERDAY, failed(start), read="23 04:20")

    assert verdict_of(made, "23 04:20").state is state


def test_rule_3_a_limit_on_the_next_day_is_told_with_its_day() -> None:
    made = part(run("21 23:45"), read="23 07:00", plans=(daily("23:45"),))

    assert verdict_of(made, "23 07:00").reason == (
        "Due Sun 22 Nov 23:45, nothing had started by today 00:15; newest backup Sat 21 Nov 23:45."
    )


@pytest.mark.parametrize(
    ("destination", "words"), [("nas", "Critical to nas: due today 04:00"), (None, "Critical: due today 04:00")]
)
def test_rule_3_of_several_jobs_the_reason_names_the_job_and_its_place_if_it_has_one(
    destination: str | None, words: str
) -> None:
    made = part(YESTERDAY, read="23 07:30", plans=(daily(), daily("mon 22:00", job="weekly")))
    elsewhere = tuple(replace(each, destination=destination) for each in made.expectations)
    verdict = verdict_of(replace(made, expectations=elsewhere), "23 07:30")

    assert (verdict.reason or "").startswith(words)


def test_rule_1_a_run_that_failed_before_its_schedule_was_known_is_failed() -> None:
    late_known = announced("24 04:00", valid_from=at("22 00:00"))
    made = part(failed("21 04:00"), read=NOON, plans=(late_known,), every_run_was_due=True)

    assert verdict_of(made, NOON).state is State.FAILED


@pytest.mark.parametrize(
    ("trace", "contact", "state"),
    [
        ("1 04:00", None, State.NEVER),
        ("23 04:10", None, State.NEW),
        (None, "23 04:10", State.NEW),
        (None, "22 12:00", State.NEVER),
    ],
)
def test_rule_1_without_a_good_run_due_times_count_from_the_oldest_trace(
    trace: str | None, contact: str | None, state: State
) -> None:
    made = part(read="23 07:30", oldest_trace=at(trace) if trace else None)
    history = History(first_contact=at(contact)) if contact else EMPTY

    assert judged_at(made, at("23 07:30"), history).verdict.state is state


def only_announced(when: str) -> dict[str, Any]:
    return {"plans": (announced(when),), "every_run_was_due": True}


def test_an_announced_run_is_a_due_time() -> None:
    assert verdict_of(part(YESTERDAY, read="23 02:10", **only_announced("23 02:15")), "23 02:10").state is State.OK
    assert verdict_of(part(YESTERDAY, read="23 02:50", **only_announced("23 02:15")), "23 02:50").state is State.MISSED


def test_a_plans_newest_run_that_failed_is_failed_although_the_next_one_is_announced_for_tomorrow() -> None:
    made = part(YESTERDAY, failed("23 02:15"), read="23 07:00", **only_announced("24 02:15"))

    assert verdict_of(made, "23 07:00").state is State.FAILED


def test_a_dump_is_called_a_dump() -> None:
    verdict = verdict_of(part(read="23 07:30", kind=PartKind.DATABASE, name="n8n", noun="dump"), "23 07:30")

    assert verdict.reason == "Due Sun 1 Nov 04:00, nothing had started by 04:30, and no dump of n8n exists."


def test_rule_1_never_begins_when_the_part_was_first_seen_and_says_so() -> None:
    made = part(read="23 07:30", kind=PartKind.DATABASE, ref="pg/n8n", name="n8n", noun="dump", oldest_trace=None)
    seen = {str(made.member): Sighting(at("20 12:00"), "n8n")}
    verdict = judged_at(made, at("23 07:30"), History(first_contact=at("1 12:00"), seen=seen)).verdict

    assert (verdict.state, verdict.since) == (State.NEVER, at("21 04:30"))
    assert verdict.reason == (
        "Due Sat 21 Nov 04:00, nothing had started by 04:30; no dump of n8n since it was first seen Fri 20 Nov."
    )
