"""Quiet hours and floods: what is held, and the summary at the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from sidecar.core.alerts.rules import QuietHours
from sidecar.core.settings import Mute
from tests.core.alerts.listener import BERLIN, PHONE, Listener, settings

WELL = {"service vault": "ok", "service web": "ok", "service mail": "ok"}
#: It is 07:00 at first.
QUIET = replace(PHONE, quiet=QuietHours(time(8), time(9), BERLIN))


def quiet(start: str, end: str) -> QuietHours:
    return QuietHours(time.fromisoformat(start), time.fromisoformat(end), BERLIN)


def test_quiet_hours_end_in_one_summary_of_what_is_still_so_and_what_came_and_went() -> None:
    phone = Listener(QUIET, first=WELL)
    phone.hear({**WELL, "service mail": "failed"}, 30)
    phone.hear({**WELL, "service mail": "failed"}, 30)
    phone.messages.clear()

    assert phone.hear({**WELL, "service vault": "missed", "service web": "failed"}, 20) == []
    assert phone.hear({**WELL, "service vault": "missed"}, 39) == []
    assert phone.hear({**WELL, "service vault": "missed"}, 60) == [
        "summary: Since today 08:03: 1 need you, 1 came and went, 1 over"
    ]
    assert phone.messages[-1].body.splitlines() == [
        "today 08:03: vault: missed. It is missed.",
        "Came and went: web.",
        "Over: mail.",
    ]
    assert phone.hear(WELL, 60) == ["recovery: vault: ok again"]


def test_without_news_quiet_hours_end_quietly() -> None:
    phone = Listener(QUIET, first=WELL)

    assert phone.hear(WELL, 180) == []


def test_what_began_before_them_and_lasts_is_not_told_again() -> None:
    phone = Listener(QUIET, first=WELL)
    bad = {**WELL, "service web": "failed"}

    assert phone.hear(bad, 30) == ["problem: web: failed"]
    assert phone.hear(bad, 150) == []


def test_what_was_well_again_and_breaks_as_they_end_is_told_as_a_problem_and_makes_no_empty_summary() -> None:
    phone = Listener(QUIET, first=WELL)
    phone.hear({**WELL, "service web": "failed"}, 59)
    phone.hear(WELL, 58)
    phone.messages.clear()

    assert phone.hear({**WELL, "service web": "failed"}, 30) == ["problem: web: failed"]


def test_what_is_gone_or_a_warning_now_is_said_to_be_so() -> None:
    phone = Listener(QUIET, first=WELL)
    phone.hear({**WELL, "service web": "failed", "service mail": "failed"}, 60)
    phone.messages.clear()

    assert phone.hear({"service vault": "ok", "service web": "warning"}, 90) == ["summary: Since today 08:03: 2 over"]
    assert phone.messages[-1].body == "Over: web (now warning) and mail (not shown any more)."


def test_what_is_muted_when_they_end_is_not_in_their_summary() -> None:
    phone = Listener(QUIET, first=WELL)
    bad = {**WELL, "service web": "failed", "service mail": "failed"}
    phone.hear(WELL, 60)
    phone.hear(bad, 30)
    phone.settings = settings(mutes=[Mute("web", date(2026, 12, 1))])

    assert phone.hear(bad, 60) == ["summary: Since today 08:03: 1 need you"]
    assert "web" not in phone.messages[-1].body


def test_when_all_of_it_is_muted_there_is_none() -> None:
    phone = Listener(QUIET, first=WELL)
    phone.hear(WELL, 60)
    phone.hear({**WELL, "service web": "failed"}, 30)
    phone.settings = settings(mutes=[Mute("web", date(2026, 12, 1))])

    assert phone.hear({**WELL, "service web": "failed"}, 60) == []


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        (quiet("22:00", "07:00"), "2026-11-23T21:00", True),
        (quiet("22:00", "07:00"), "2026-11-23T20:59", False),
        (quiet("22:00", "07:00"), "2026-11-24T05:59", True),
        (quiet("22:00", "07:00"), "2026-11-24T06:00", False),
        (quiet("12:00", "13:00"), "2026-11-24T11:30", True),
        (quiet("12:00", "13:00"), "2026-11-24T12:00", False),
        # Summer time: two hours ahead of UTC.
        (quiet("22:00", "07:00"), "2026-07-01T20:00", True),
        (quiet("22:00", "07:00"), "2026-07-01T05:00", False),
        # The clocks go forward at 02:00, which is 01:00 UTC.
        (quiet("22:00", "07:00"), "2026-03-29T04:59", True),
        (quiet("22:00", "07:00"), "2026-03-29T05:00", False),
        (quiet("02:00", "03:00"), "2026-03-29T00:59", False),
        (quiet("02:00", "03:00"), "2026-03-29T01:00", False),
        # The clocks go back at 03:00, which is 01:00 UTC: 02:30 exists twice.
        (quiet("22:00", "07:00"), "2026-10-25T05:59", True),
        (quiet("22:00", "07:00"), "2026-10-25T06:00", False),
        (quiet("02:00", "03:00"), "2026-10-25T00:30", True),
        (quiet("02:00", "03:00"), "2026-10-25T01:30", True),
        (quiet("02:00", "03:00"), "2026-10-25T02:00", False),
    ],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(hours: QuietHours, moment: str, expected: bool) -> None:
    assert hours.at(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is expected


@pytest.mark.parametrize("day", ["2026-03-28T20:00", "2026-10-24T20:00"])
def test_a_night_of_a_clock_change_ends_in_one_summary_at_seven(day: str) -> None:
    night = replace(PHONE, quiet=quiet("22:00", "07:00"))
    phone = Listener(night, first=WELL, now=datetime.fromisoformat(day).replace(tzinfo=UTC))
    phone.hear(WELL, 4 * 60)

    assert len(phone.hear({**WELL, "service web": "failed"}, 10 * 60)) == 1
    assert phone.messages[0].at.astimezone(BERLIN).time() == time(7)


def many(number: int, state: str = "failed") -> dict[str, str]:
    return {f"service app{each}": state for each in range(number)}


def test_five_messages_at_once_are_five_messages() -> None:
    phone = Listener(first=many(5, "ok"))

    assert [line.split(":")[0] for line in phone.hear(many(5), 60)] == ["problem"] * 5


def test_a_flood_ends_in_one_summary() -> None:
    phone = Listener(first=many(40, "ok"))

    told = phone.hear(many(40), 60)

    assert [line.split(":")[0] for line in told] == ["problem"] * 5 + ["summary"]
    assert told[-1] == "summary: Since today 07:03: 35 need you"
    assert "and 25 more" in phone.messages[-1].body
    assert phone.hear(many(40, "ok"), 60) == ["recovery: 40 are well again: app0, app1, app2 and 37 more"]


def test_what_comes_and_goes_within_a_flood_is_named_in_its_summary() -> None:
    phone = Listener(first=many(8, "ok"))
    phone.hear(many(8), 5)

    assert phone.hear(many(8, "ok"), 60)[-1].startswith("summary: ")
    assert "3 came and went" in phone.messages[-1].title
    assert "5 over" in phone.messages[-1].title


def test_a_flood_over_hours_is_a_few_messages() -> None:
    phone = Listener(first=many(120, "ok"))
    states = many(120, "ok")
    for number in range(120):
        states[f"service app{number}"] = "failed"
        phone.hear(states)

    assert len(phone.messages) <= 6 * 120 // 10 + 1
    summaries = [message for message in phone.messages if message.kind == "summary"]
    assert len(summaries) >= 5


def test_more_than_can_be_held_is_counted() -> None:
    phone = Listener(first=many(230, "ok"))
    phone.hear(many(230), 30)

    assert phone.messages[-1].body.endswith("25 more are not listed.")


def test_a_clock_that_was_set_back_ends_no_message_for_ever() -> None:
    phone = Listener(first=many(40, "ok"))
    phone.hear(many(40), 5)
    phone.now -= timedelta(days=3)
    phone.hear(many(40, "ok"), 60)
    phone.messages.clear()

    assert phone.hear(many(1), 90) == ["problem: app0: failed"]
