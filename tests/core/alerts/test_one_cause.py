"""What one cause brought is one message: a source that can't be read, a job that failed for many."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from sidecar.core.alerts.seen import situation
from sidecar.core.alerts.telling import told
from sidecar.core.model import State
from sidecar.core.settings import Mute, Pause
from tests.core.alerts.listener import PHONE, START, USUAL, Listener, board, settings

NAMES = [f"app{number}" for number in range(9)]
WELL = {
    **{f"service {name}": "ok" for name in NAMES},
    "source pbs": "ok",
    "source pve": "ok",
    "job pbs/gc/main": "ok",
    "datastore pbs/main": "ok",
}
AWAY = {
    **{f"service {name}": "unknown pbs" for name in NAMES},
    "source pbs": "unknown",
    "source pve": "ok",
    "job pbs/gc/main": "unknown pbs",
    "datastore pbs/main": "unknown",
}


def test_a_source_that_cannot_be_read_is_one_message_with_all_that_it_hides() -> None:
    phone = Listener(first=WELL)

    assert phone.hear(AWAY, 60) == [
        "problem: pbs can't be read: 9 services, 1 job and 1 datastore unknown",
    ]
    assert "app0: unknown" in phone.messages[0].body
    assert "and 1 more" in phone.messages[0].body
    assert phone.hear(WELL, 60) == ["recovery: pbs can be read again"]


def test_it_says_since_when() -> None:
    phone = Listener(first=WELL)
    away = board(AWAY, phone.now)
    (pbs, pve) = away.sources
    since = replace(pbs, verdict=replace(pbs.verdict, since=START - timedelta(minutes=58)))
    for minute in range(5):
        now = replace(away, at=phone.now + timedelta(minutes=minute), sources=(since, pve))
        phone.memory, new = told(phone.receiver, phone.memory, situation(now, phone.settings))
        phone.messages += new

    assert phone.messages[0].title == "pbs can't be read since 06:02: 9 services, 1 job and 1 datastore unknown"


def test_two_sources_away_at_once_are_two_messages_each_with_its_own() -> None:
    both = {**AWAY, "source pve": "unknown", "service app8": "unknown pve"}
    phone = Listener(first=WELL)

    assert phone.hear(both, 10) == [
        "problem: pbs can't be read: 8 services, 1 job and 1 datastore unknown",
        "problem: pve can't be read: 1 service unknown",
    ]
    assert phone.hear({**AWAY, "service app8": "unknown pbs"}, 10) == ["recovery: pve can be read again"]
    assert phone.hear(WELL, 10) == ["recovery: pbs can be read again"]


def test_a_source_that_hides_nothing_is_told_as_well() -> None:
    phone = Listener(first={**WELL})

    assert phone.hear({**WELL, "source pve": "unknown"}, 10) == ["problem: pve can't be read"]


def test_services_that_turn_unknown_one_after_the_other_are_in_the_same_message() -> None:
    phone = Listener(first=WELL)
    states = dict(WELL) | {"source pbs": "warning"}
    for name in NAMES:
        states[f"service {name}"] = "unknown pbs"
        assert phone.hear(states) == []

    assert phone.hear({**states, "source pbs": "unknown"}, 10) == ["problem: pbs can't be read: 9 services unknown"]


def test_services_that_a_source_hides_later_are_an_update_of_the_same_incident() -> None:
    """What was read before counts for a while longer."""
    phone = Listener(first=WELL)
    first = {**WELL, "source pbs": "unknown", "datastore pbs/main": "unknown"}

    assert phone.hear(first, 20) == ["problem: pbs can't be read: 1 datastore unknown"]
    assert phone.hear(AWAY, 60) == ["update: pbs can't be read: 9 services, 1 job and 1 datastore unknown"]
    assert phone.hear(first, 20) + phone.hear(AWAY, 20) == []
    assert phone.hear(WELL, 20) == ["recovery: pbs can be read again"]
    assert len({message.incident for message in phone.messages}) == 1


def test_what_a_source_hid_before_anybody_listened_is_not_told_and_what_it_hides_later_is() -> None:
    assert Listener(first=AWAY).hear(AWAY, 60) == []

    phone = Listener(first={**WELL, "source pbs": "unknown"})
    assert phone.hear(AWAY, 60) == ["problem: pbs can't be read: 9 services, 1 job and 1 datastore unknown"]
    assert phone.hear(WELL, 60) == ["recovery: pbs can be read again"]


def test_who_wants_no_sources_still_hears_once_of_what_they_hide() -> None:
    phone = Listener(replace(PHONE, sources=False, jobs=False, datastores=False), first=WELL)

    assert phone.hear(AWAY, 10) == ["problem: pbs can't be read: 9 services unknown"]
    assert phone.hear(WELL, 10) == ["recovery: pbs can be read again"]


def test_who_wants_some_services_hears_of_those() -> None:
    phone = Listener(replace(PHONE, services=("app1", "*2"), jobs=False, datastores=False), first=WELL)

    assert phone.hear(AWAY, 10) == ["problem: pbs can't be read: 2 services unknown"]


def test_a_failure_from_before_goes_on_quietly_while_its_source_is_away() -> None:
    phone = Listener(first=WELL)
    failed = {**WELL, "service app0": "failed"}
    phone.hear(failed, 10)
    phone.messages.clear()

    assert phone.hear(AWAY, 30) == ["problem: pbs can't be read: 9 services, 1 job and 1 datastore unknown"]
    assert phone.hear(failed, 30) == ["recovery: pbs can be read again"]
    assert phone.hear(WELL, 30) == ["recovery: app0: ok again"]


def test_what_was_missed_while_a_source_was_away_is_told_when_it_is_back() -> None:
    phone = Listener(first=WELL)
    phone.hear(AWAY, 30)
    phone.messages.clear()

    assert sorted(phone.hear({**WELL, "service app3": "missed"}, 30)) == [
        "problem: app3: missed",
        "recovery: pbs can be read again",
    ]


def test_a_paused_source_may_be_away() -> None:
    pause = Pause(date(2026, 11, 1), date(2026, 12, 1), ("pbs",))
    phone = Listener(first=WELL, settings=settings(pauses=[pause]))

    assert phone.hear({**WELL, "source pbs": "unknown", "datastore pbs/main": "unknown"}, 30) == []


def test_what_one_job_did_to_many_is_one_message() -> None:
    phone = Listener(first=WELL)
    missed = {**WELL, **{f"service {name}": "missed" for name in NAMES}}

    assert phone.hear(missed, 30) == ["problem: pve/backup/critical: 9 missed: app0, app1, app2 and 6 more"]
    assert phone.hear(WELL, 30) == ["recovery: 9 are well again: app0, app1, app2 and 6 more"]


def test_what_is_not_shown_any_more_is_not_called_well_again() -> None:
    phone = Listener(first=WELL)
    phone.hear({**WELL, **{f"service {name}": "missed" for name in NAMES}}, 30)
    gone = {key: state for key, state in WELL.items() if key not in ("service app1", "service app2")}

    assert phone.hear(gone, 30) == [
        "recovery: 7 are well again and 2 are not shown any more: app0, app3, app4 and 6 more"
    ]
    assert "app1: not shown any more." in phone.messages[-1].body


def test_neither_is_what_is_a_warning_now() -> None:
    phone = Listener(first=WELL)
    missed = {**WELL, "service app0": "missed", "service app1": "missed", "service app2": "missed"}
    phone.hear(missed, 30)

    assert phone.hear({**missed, "service app0": "warning", "service app1": "ok", "service app2": "ok"}, 30) == [
        "recovery: 2 are well again and 1 is now warning: app0, app1 and app2"
    ]


def test_upkeep_is_told_under_its_job_and_a_datastore_under_its_name() -> None:
    phone = Listener(first=WELL)

    assert phone.hear({**WELL, "job pbs/gc/main": "failed"}, 10) == ["problem: Upkeep pbs/gc/main: failed"]
    assert phone.hear({**WELL, "datastore pbs/main": "failed"}, 10) == [
        "recovery: Upkeep pbs/gc/main: ok again",
        "problem: datastore pbs/main: failed",
    ]


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        ({"jobs": False}, {"job pbs/gc/main": "failed"}),
        ({"datastores": False}, {"datastore pbs/main": "failed"}),
        ({"sources": False}, {"source pve": "unknown"}),
        ({"services": ("app1",)}, {"service app2": "failed"}),
    ],
)
def test_what_a_receiver_does_not_want_is_not_told(change: dict[str, object], bad: dict[str, str]) -> None:
    phone = Listener(replace(PHONE, **change), first=WELL)  # type: ignore[arg-type]

    assert phone.hear({**WELL, **bad}, 30) == []


def test_a_service_that_shares_its_name_is_wanted_under_that_name() -> None:
    wanted = replace(PHONE, services=("app1", "*2"), jobs=False, datastores=False)
    names = ("app1 (pve:101)", "app1 (pve:999)", "app2 (pbs:main/ct/2)", "app3 (pve:103)", "app1 (old)")
    phone = Listener(wanted, first={f"service {name}": "ok" for name in names})

    assert sorted(phone.hear({f"service {name}": "failed" for name in names}, 10)) == [
        "problem: app1 (pve:101): failed",
        "problem: app1 (pve:999): failed",
        "problem: app2 (pbs:main/ct/2): failed",
    ]


# --- mutes ----------------------------------------------------------------------------------------------------------------

UNTIL_TOMORROW = settings(mutes=[Mute("app1", date(2026, 11, 24))])


def test_nobody_is_told_of_what_is_muted_until_the_mute_ends() -> None:
    phone = Listener(first=WELL, settings=UNTIL_TOMORROW)
    bad = {**WELL, "service app1": "failed"}

    assert phone.hear(bad, 17 * 60 - 1, every=1) == []
    assert phone.hear(bad, 10) == ["problem: app1: failed"]


def test_what_is_well_again_when_the_mute_ends_was_never_told() -> None:
    phone = Listener(first=WELL, settings=UNTIL_TOMORROW)
    phone.hear({**WELL, "service app1": "failed"}, 60)

    assert phone.hear(WELL, 24 * 60, every=10) == []


def test_what_was_bad_and_muted_at_first_is_told_when_the_mute_ends() -> None:
    bad = {**WELL, "service app1": "failed"}
    phone = Listener(first=bad, settings=UNTIL_TOMORROW)

    assert phone.hear(bad, 18 * 60, every=5) == ["problem: app1: failed"]


def test_muting_what_was_told_ends_the_matter_quietly_and_it_is_told_anew_afterwards() -> None:
    bad = {**WELL, "service app1": "failed"}
    phone = Listener(first=WELL)
    phone.hear(bad, 10)
    phone.settings = UNTIL_TOMORROW
    phone.messages.clear()

    assert phone.hear(bad, 16 * 60, every=5) == []
    assert phone.hear(bad, 60) == ["problem: app1: failed"]


def test_a_mute_is_of_the_service_called_so_or_else_of_all_that_share_the_name() -> None:
    apart = {"service app1 (pve:101)": "failed", "service app1 (pve:999)": "failed"}
    phone = Listener(first=dict.fromkeys(apart, "ok"), settings=UNTIL_TOMORROW)
    assert phone.hear(apart, 10) == []

    phone = Listener(first={"service app1": "ok", "service app1 (pve:999)": "ok"}, settings=UNTIL_TOMORROW)
    assert phone.hear({"service app1": "failed", "service app1 (pve:999)": "failed"}, 10) == [
        "problem: app1 (pve:999): failed"
    ]


def test_a_muted_service_is_not_counted_among_what_a_source_hides() -> None:
    phone = Listener(replace(PHONE, jobs=False, datastores=False), first=WELL, settings=UNTIL_TOMORROW)

    assert phone.hear(AWAY, 10) == ["problem: pbs can't be read: 8 services unknown"]


def test_hostile_names_make_no_long_or_second_line() -> None:
    name = "x\n" * 500
    phone = Listener(replace(PHONE, states=USUAL | {State.WARNING}), first={})
    phone.hear({f"service {name}{number}": "failed" for number in range(50)}, 30)

    assert all(len(message.title) <= 100 and "\n" not in message.title for message in phone.messages)
    assert all(len(message.body) <= 2000 and message.body.count("\n") < 20 for message in phone.messages)
