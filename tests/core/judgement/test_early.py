"""Rule 3: a run may begin a little before its due time: five minutes, or half the way from the due time before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sidecar.core.model import State
from sidecar.core.timeline.timeline import timeline
from tests.core.factories import BERLIN, at, daily, judged_at, part, run
from tests.core.remembering import BoardKeeper, edited
from tests.core.sample_reports import group, pbs, pve


@pytest.mark.parametrize(
    ("schedule", "due", "early"),
    [
        ("04:00", "23 04:00", timedelta(minutes=5)),
        ("*:0/10", "23 04:00", timedelta(minutes=5)),
        ("*:0/5", "23 04:00", timedelta(minutes=2, seconds=30)),
        ("*:*", "23 04:00", timedelta(seconds=30)),
    ],
)
def test_rule_3_how_early_depends_on_the_due_time_before(schedule: str, due: str, early: timedelta) -> None:
    assert daily(schedule).early(at(due)) == early


@pytest.mark.parametrize(("start", "answered"), [("23 04:02", "23 04:00"), ("23 04:03", "23 04:05")])
def test_rule_3_on_a_short_schedule_a_run_answers_the_due_time_that_is_nearest(start: str, answered: str) -> None:
    """Five minutes early on a schedule of five minutes would answer the due time after the one it was made for."""
    assert daily("*:0/5").answered_by(at(start)) == at(answered)


def test_rule_3_a_run_for_a_short_schedule_does_not_hide_that_the_next_one_is_missing() -> None:
    made = part(run("23 04:00", minutes=1), read="23 04:36", plans=(daily("*:0/5"),))

    assert judged_at(made, at("23 04:34")).verdict.state is State.LATE
    assert judged_at(made, at("23 04:36")).verdict.state is State.MISSED


def test_rule_3_the_calendar_of_a_short_schedule_shows_each_run_at_its_own_due_time() -> None:
    times = [f"23 04:{minute:02}" for minute in (0, 5, 10, 20)]
    keeper = BoardKeeper().take(pbs("23 04:24", group(*times)), pve("23 04:24", jobs=(edited("*:0/5"),)))
    shown = timeline(keeper.reports, keeper.history, keeper.settings, at("23 04:24")).occurrences(
        at("23 04:00"), at("23 04:25")
    )

    assert [(f"{each.due.astimezone(BERLIN):%M}", each.run and f"{each.run.start:%M}") for each in shown] == [
        ("00", "00"),
        ("05", "05"),
        ("10", "10"),
        ("15", None),
        ("20", "20"),
    ]
