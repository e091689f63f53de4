"""One message per incident: when it begins, when it gets worse, when it is over, and when it lasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sidecar.core.alerts.seen import situation
from sidecar.core.alerts.telling import told
from sidecar.core.model import State
from tests.core.alerts.listener import PHONE, USUAL, Listener, board

OK = {"service vault": "ok"}
FAILED = {"service vault": "failed"}
MISSED = {"service vault": "missed"}


def test_what_goes_wrong_is_told_once_and_so_is_its_end() -> None:
    phone = Listener(first=OK)

    assert phone.hear(MISSED, 60) == ["problem: vault: missed"]
    assert phone.hear(OK, 60) == ["recovery: vault: ok again"]


def test_a_message_says_what_is_wrong_what_to_do_where_and_since_when() -> None:
    phone = Listener(first=OK)
    phone.hear(FAILED, 3)

    (message,) = phone.messages
    assert message.body == "It is failed.\nDo something.\nSeen today 07:01."
    assert message.link == "https://pve.lan/task"


def test_the_end_says_how_long_it_was() -> None:
    phone = Listener(first=OK)
    phone.hear(FAILED, 10)
    phone.hear(OK, 10)

    assert phone.messages[-1].body == "It was failed from today 07:01 until today 07:11."
    assert phone.messages[-1].link is None


def test_problem_and_end_are_of_one_incident_and_the_next_is_another() -> None:
    phone = Listener(first=OK)
    for _ in range(2):
        phone.hear(FAILED, 10)
        phone.hear(OK, 10)

    first, second, third, fourth = (message.incident for message in phone.messages)
    assert first == second != third == fourth
    assert first.isalnum()


@pytest.mark.parametrize("state", ["ok", "late", "running", "new", "disabled", "warning"])
def test_what_is_ordinary_is_never_told(state: str) -> None:
    everything = replace(PHONE, hold=timedelta(0), remind_after=timedelta(minutes=5))
    phone = Listener(everything, first=OK)

    assert phone.hear({"service vault": state}, 60) == []
    assert phone.hear(OK, 60) == []


def test_a_warning_is_told_to_who_asks_for_warnings() -> None:
    phone = Listener(replace(PHONE, states=USUAL | {State.WARNING}), first=OK)

    assert phone.hear({"service vault": "warning"}, 10) == ["problem: vault: warning"]
    assert phone.hear(OK, 10) == ["recovery: vault: ok again"]


def test_for_everybody_else_a_warning_ends_a_failure_and_is_named() -> None:
    phone = Listener(first=OK)
    phone.hear(FAILED, 10)

    assert phone.hear({"service vault": "warning"}, 10) == ["recovery: vault: not failed any more, now warning"]
    assert phone.messages[-1].body.endswith("It is warning.")


@pytest.mark.parametrize("meanwhile", ["late", "running", "unknown"])
def test_what_is_tried_again_or_not_known_is_no_end(meanwhile: str) -> None:
    phone = Listener(first=OK)
    phone.hear(FAILED, 10)

    assert phone.hear({"service vault": meanwhile}, 60) == []
    assert phone.hear(FAILED, 60) == []
    assert phone.hear(OK, 60) == ["recovery: vault: ok again"]


def test_each_worse_state_is_told_once() -> None:
    phone = Listener(first=OK)

    assert phone.hear({"service vault": "unknown"}, 10) == ["problem: vault: unknown"]
    assert phone.hear(MISSED, 10) == ["update: vault: missed"]
    assert phone.hear({"service vault": "unknown"}, 10) == []
    assert phone.hear(MISSED, 10) == []
    assert phone.hear(FAILED, 10) == ["update: vault: failed"]
    assert phone.hear(MISSED, 10) == []
    assert phone.hear(OK, 10) == ["recovery: vault: ok again"]
    assert len({message.incident for message in phone.messages}) == 1


def test_a_worse_state_is_told_only_to_whom_it_concerns() -> None:
    phone = Listener(replace(PHONE, states=frozenset({State.UNKNOWN})), first=OK)
    phone.hear({"service vault": "unknown"}, 10)

    assert phone.hear(FAILED, 60) == []
    assert phone.hear(OK, 60) == ["recovery: vault: ok again"]


def test_who_is_told_of_failures_only_hears_of_it_when_it_fails() -> None:
    phone = Listener(replace(PHONE, states=frozenset({State.FAILED})), first=OK)

    assert phone.hear(MISSED, 60) == []
    assert phone.hear(FAILED, 60) == ["problem: vault: failed"]


def test_a_recovery_is_told_only_to_those_who_were_told() -> None:
    phone = Listener(replace(PHONE, states=frozenset({State.FAILED})), first=OK)
    phone.hear(MISSED, 60)

    assert phone.hear(OK, 60) == []


def test_what_lasts_is_told_again_where_that_is_wanted() -> None:
    phone = Listener(replace(PHONE, remind_after=timedelta(hours=24)), first=OK)

    assert phone.hear(FAILED, 24 * 60, every=1) == ["problem: vault: failed"]
    assert phone.hear(FAILED, 48 * 60) == ["reminder: Still: vault: failed"] * 2
    assert phone.messages[-1].body.endswith("Since Mon 23 Nov 07:01.")


def test_nothing_is_told_again_by_itself() -> None:
    phone = Listener(first=OK)

    assert phone.hear(FAILED, 7 * 24 * 60, every=10) == ["problem: vault: failed"]


def test_what_is_gone_from_the_page_is_over() -> None:
    phone = Listener(first=OK)
    phone.hear(FAILED, 10)

    assert phone.hear({}, 10) == ["recovery: vault: not shown any more"]


# --- hold -----------------------------------------------------------------------------------------------------------------


def test_what_is_over_in_two_minutes_is_not_told() -> None:
    phone = Listener(first=OK)

    assert phone.hear(FAILED, 2) + phone.hear(OK, 60) == []


def test_without_hold_it_is_told_at_once() -> None:
    phone = Listener(replace(PHONE, hold=timedelta(0)), first=OK)

    assert phone.hear(FAILED) == ["problem: vault: failed"]
    assert phone.hear(OK) == ["recovery: vault: ok again"]


def test_a_longer_hold_waits_longer_for_both() -> None:
    phone = Listener(replace(PHONE, hold=timedelta(minutes=30)), first=OK)

    assert phone.hear(FAILED, 30) == []
    assert phone.hear(FAILED, 1) == ["problem: vault: failed"]
    assert phone.hear(OK, 30) == []
    assert phone.hear(OK, 1) == ["recovery: vault: ok again"]


@pytest.mark.parametrize("minutes", [1, 3, 5, 10, 20])
def test_what_comes_and_goes_all_day_is_told_a_few_times_only(minutes: int) -> None:
    phone = Listener(first=OK)
    for _ in range(24 * 60 // (2 * minutes)):
        phone.hear(FAILED, minutes)
        phone.hear(OK, minutes)

    assert len(phone.messages) <= 40
    assert len([message for message in phone.messages if message.at < phone.messages[0].at + timedelta(hours=5)]) <= 10


def test_what_came_and_went_and_then_lasts_is_told() -> None:
    phone = Listener(first=OK)
    for _ in range(20):
        phone.hear(FAILED, 5)
        phone.hear(OK, 5)
    phone.messages.clear()

    assert phone.hear(FAILED, 70) in (["problem: vault: failed"], [])
    assert phone.hear(OK, 70) == ["recovery: vault: ok again"]


# --- at first, and after a restart ------------------------------------------------------------------------------------


def test_what_was_so_before_anybody_listened_is_not_told_and_neither_is_its_end() -> None:
    phone = Listener(first=FAILED)

    assert phone.hear(FAILED, 60) + phone.hear(OK, 60) == []
    assert phone.hear(FAILED, 60) == ["problem: vault: failed"]


def test_what_gets_worse_after_that_is_told() -> None:
    phone = Listener(first={"service vault": "unknown"})

    assert phone.hear(FAILED, 60) == ["problem: vault: failed"]
    assert phone.hear(OK, 60) == ["recovery: vault: ok again"]


def test_what_turned_bad_while_an_upgrade_ran_is_told() -> None:
    phone = Listener(first=OK)
    states = {"service vault": "failed", "service web": "failed"}
    now = situation(board(states, phone.now), phone.settings)
    phone.memory, _ = told(phone.receiver, None, now, frozenset({"service:vault"}))

    assert phone.hear(states, 10) == ["problem: vault: failed"]


def test_so_is_a_source_that_broke_while_an_upgrade_ran_with_what_it_hides() -> None:
    states = {"service vault": "unknown pbs", "source pbs": "unknown", "source pve": "unknown"}
    phone = Listener(first=OK)
    now = situation(board(states, phone.now), phone.settings)
    phone.memory, _ = told(phone.receiver, None, now, frozenset({"service:vault"}))

    assert phone.hear(states, 10) == ["problem: pbs can't be read: 1 service unknown"]
    assert phone.hear({**OK, "source pbs": "ok", "source pve": "ok"}, 10) == ["recovery: pbs can be read again"]


@pytest.mark.parametrize("state", ["failed", "ok"])
def test_a_clock_that_is_set_back_delays_nothing(state: str) -> None:
    phone = Listener(first=OK)
    if state == "ok":
        phone.hear(FAILED, 10)
        phone.messages.clear()
    phone.hear({"service vault": state}, 2)
    phone.now -= timedelta(days=2)

    assert len(phone.hear({"service vault": state}, 10)) == 1
