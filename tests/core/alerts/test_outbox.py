"""Messages wait until they are delivered: in their order, longer each time, and summed up when it takes too long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from sidecar.core.alerts import outbox
from sidecar.core.alerts.incident import AlertMemory
from sidecar.core.alerts.rules import QuietHours
from sidecar.core.alerts.seen import situation
from sidecar.core.alerts.telling import FLOOD
from tests.core.alerts.listener import BERLIN, MINUTE, PHONE, START, States, board, settings

WELL = {f"service app{number}": "ok" for number in range(8)}


def heard(memory: AlertMemory, states: States, now: datetime, minutes: int = 5) -> AlertMemory:
    for minute in range(minutes):
        memory = outbox.heard(memory, [PHONE], situation(board(states, now + minute * MINUTE), settings()))
    return memory


def failing(number: int, now: datetime = START) -> AlertMemory:
    """So many messages wait."""
    memory = heard(AlertMemory(), WELL, now, 1)
    return heard(memory, WELL | {f"service app{each}": "failed" for each in range(number)}, now + MINUTE)


def tried(memory: AlertMemory, now: datetime) -> AlertMemory:
    for waiting in outbox.due(memory, now, [PHONE]):
        memory = outbox.failed(memory, waiting.number, now, BERLIN)
    return memory


def titles(memory: AlertMemory) -> list[str]:
    return [waiting.message.title for waiting in memory.outbox]


def test_what_is_told_waits_in_its_order_and_only_the_first_is_tried() -> None:
    memory = failing(2)

    assert titles(memory) == ["app0: failed", "app1: failed"]
    assert [waiting.message.title for waiting in outbox.due(memory, START, [PHONE])] == ["app0: failed"]


def test_what_was_delivered_makes_way_for_the_next() -> None:
    memory = failing(2)
    memory = outbox.delivered(memory, outbox.due(memory, START, [PHONE])[0].number)

    assert titles(memory) == ["app1: failed"]
    assert outbox.next_due(memory) is None


def test_it_is_tried_again_after_a_pause_that_grows_up_to_an_hour() -> None:
    memory, now, pauses = failing(1), START, []
    for _ in range(10):
        memory = tried(memory, now)
        again = outbox.next_due(memory)
        assert again is not None
        assert outbox.due(memory, again - timedelta(seconds=1), [PHONE]) == ()
        pauses.append(int((again - now).total_seconds() // 60))
        now = again

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_a_clock_that_was_set_back_delays_nothing_for_days() -> None:
    memory = tried(failing(1), START + timedelta(days=3))

    assert len(outbox.due(memory, START, [PHONE])) == 1


def test_what_waits_when_quiet_hours_begin_waits_for_their_end() -> None:
    memory = tried(failing(1), START)
    quiet = replace(PHONE, quiet=QuietHours(time(8), time(9), BERLIN))

    assert [len(outbox.due(memory, START + timedelta(hours=hour), [quiet])) for hour in (0.9, 1, 1.9, 2)] == [
        1,
        0,
        0,
        1,
    ]


def test_what_could_not_be_delivered_for_a_day_ends_in_a_summary() -> None:
    memory = failing(2)
    for hour in range(26):
        memory = tried(memory, START + timedelta(hours=hour))

    (waiting,) = memory.outbox
    assert waiting.message.kind == "summary"
    assert waiting.message.title == "2 messages could not be delivered since Mon 23 Nov 07:03"
    assert waiting.message.body == "Mon 23 Nov 07:03: app0: failed\nMon 23 Nov 07:03: app1: failed"


def test_the_summary_stays_until_it_is_delivered_and_takes_in_what_comes() -> None:
    memory, now = failing(1), START
    for hour in range(60):
        now = START + timedelta(hours=hour)
        memory = tried(memory, now)
    memory = heard(memory, WELL, now)
    for hour in range(60, 90):
        memory = tried(memory, START + timedelta(hours=hour))

    (waiting,) = memory.outbox
    assert waiting.stands_for == 2
    assert [line.split(": ", 1)[1] for line in waiting.message.body.splitlines()] == ["app0: failed", "app0: ok again"]


def test_a_server_that_was_away_gets_no_flood_when_it_is_back() -> None:
    memory = failing(3)
    for hour in range(1, 20):
        now = START + timedelta(hours=hour)
        memory = heard(memory, WELL | {f"service app{hour % 8}": "failed"}, now)
        memory = tried(memory, now)

    assert len(memory.outbox) <= FLOOD
    assert memory.outbox[0].stands_for > FLOOD
    assert "more" in memory.outbox[0].message.body


def test_a_receiver_that_is_configured_no_more_gets_nothing_more() -> None:
    memory = failing(2)
    memory = outbox.heard(memory, [], situation(board(WELL, START), settings()))

    assert memory == AlertMemory()


@pytest.mark.parametrize(
    ("later", "body"),
    [
        (timedelta(minutes=4), "It is failed."),
        (timedelta(hours=1), "Delayed: this was so today 07:03."),
        (timedelta(days=1), "Delayed: this was so Mon 23 Nov 07:03."),
    ],
)
def test_a_message_that_comes_late_says_when_it_was_so(later: timedelta, body: str) -> None:
    message = failing(1).outbox[0].message

    assert outbox.as_sent(message, message.at + later, BERLIN).body.splitlines()[0] == body


def test_the_memory_does_not_change_while_nothing_changes() -> None:
    memory = failing(2)
    bad = WELL | {"service app0": "failed", "service app1": "failed"}
    later = START + timedelta(hours=2)

    assert heard(heard(memory, bad, later, 1), bad, later + MINUTE, 3) == heard(memory, bad, later, 1)


def test_a_ledger_that_is_found_later_keeps_what_it_was_told_and_what_waits() -> None:
    found = failing(2)
    own = heard(AlertMemory(), WELL | {"service app0": "failed", "service app5": "failed"}, START + 60 * MINUTE, 1)
    own = heard(own, WELL | {"service app0": "failed", "service app6": "failed"}, START + 61 * MINUTE)

    both = outbox.rejoined(own, found)

    assert titles(both) == ["app0: failed", "app1: failed", "app6: failed"]
    assert [waiting.number for waiting in both.outbox] == [1, 2, 3]
    after = heard(both, WELL | {"service app6": "failed"}, START + 90 * MINUTE)
    assert titles(after)[3:] == ["2 are well again: app0 and app1"]


def test_a_ledger_that_is_found_before_anybody_heard_anything_loses_nothing() -> None:
    found = failing(2)

    assert outbox.rejoined(AlertMemory(), found) == found
