"""Verdicts in the ledger: what was judged is read back as it was, for as long as it is to be remembered, and within bounds."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.history.history import EMPTY, PlanRow, Sighting
from sidecar.core.history.verdict_log import (
    ExpectationKey,
    FinalOccurrence,
    FinalState,
    ObservationGap,
    RememberedVerdicts,
    ServiceDay,
    VerdictChange,
    VerdictLog,
)
from sidecar.core.model import State
from sidecar.ledger import verdict_rows
from sidecar.ledger.ledger import FILE, Ledger
from tests.core.factories import at
from tests.core.sample_reports import group, pbs, pve, vzdump
from tests.ledgers import NOW, keeper_and_ledger, rows, written

KEY = ExpectationKey("guest:pve:101", "pve/backup/critical", "pbs:main")
NAS = KEY._replace(destination="storage:nas")
EVER = at("2000-01-01 00:00"), at("2100-01-01 00:00")


def change(when: str | datetime, state: State, before: State | None = None, **changes: Any) -> VerdictChange:
    made = VerdictChange(
        member=KEY.member,
        job=KEY.job,
        destination=KEY.destination,
        at=at(when) if isinstance(when, str) else when,
        state_from=before,
        state_to=state,
        cause="run_failed" if state is State.FAILED else "run_kept",
        reason="The run of 04:00 failed: <b>no space left</b>." if state is State.FAILED else None,
    )
    return replace(made, **changes)


def final(due: str | datetime, state: FinalState = FinalState.KEPT, **changes: Any) -> FinalOccurrence:
    when = at(due) if isinstance(due, str) else due
    made = FinalOccurrence(
        member=KEY.member,
        job=KEY.job,
        destination=KEY.destination,
        due=when,
        state=state,
        run_start=when + timedelta(seconds=5) if state in (FinalState.KEPT, FinalState.FAILED) else None,
        decided_at=when + timedelta(minutes=10),
    )
    return replace(made, **changes)


def day(text: str, service: str = "vaultwarden", **numbers: int) -> ServiceDay:
    return ServiceDay(service=service, day=date.fromisoformat(text), **numbers)


def recorded(directory: Path, *logs: VerdictLog) -> Ledger:
    """A ledger that was handed these logs and closed."""
    ledger = Ledger(directory, NOW)
    for log in logs:
        ledger.record_verdicts(log)
    ledger.close()
    assert ledger.notes == ()
    return ledger


def remembered(directory: Path) -> RememberedVerdicts:
    ledger = Ledger(directory, NOW)
    ledger.close()
    return ledger.remembered.verdicts


# --- read back ------------------------------------------------------------------------------------------------------------


def test_verdicts_come_back_as_they_were(tmp_path: Path) -> None:
    log = VerdictLog(
        changes=(change("22 04:00", State.RUNNING), change("22 04:07", State.FAILED, State.RUNNING)),
        finals=tuple(final(f"{number} 04:00", state) for number, state in enumerate(FinalState, start=10)),
        gaps=(
            ObservationGap(source="pbs", start=at("20 01:00"), until=at("20 02:00")),
            ObservationGap(source="pbs", start=at("22 01:00")),
        ),
        days=(
            day("2026-11-21", count=3, size=2**40, verified=1, copies=0),
            day("2026-11-21", "wiki"),
            day("2026-11-22", count=4),
        ),
    )
    ledger = recorded(tmp_path, log)

    assert ledger.verdict_changes(*EVER) == log.changes
    assert ledger.finals(*EVER) == log.finals
    assert ledger.observation_gaps(*EVER) == log.gaps
    assert ledger.service_days(date.min, date.max) == log.days


def test_only_what_lies_in_the_window_is_read(tmp_path: Path) -> None:
    ledger = recorded(
        tmp_path,
        VerdictLog(
            changes=tuple(change(f"{number} 04:00", State.OK) for number in (20, 21, 22)),
            finals=tuple(final(f"{number} 04:00") for number in (20, 21, 22)),
            gaps=(
                ObservationGap(source="pbs", start=at("19 00:00"), until=at("20 04:00")),
                ObservationGap(source="pve", start=at("19 00:00"), until=at("21 00:00")),
                ObservationGap(source="nas", start=at("21 12:00")),
                ObservationGap(source="pbs", start=at("22 04:00")),
            ),
            days=tuple(day(f"2026-11-{number}") for number in (19, 20, 21, 22)),
        ),
    )
    window = at("20 04:00"), at("22 04:00")

    assert [item.at for item in ledger.verdict_changes(*window)] == [at("20 04:00"), at("21 04:00")]
    assert [item.due for item in ledger.finals(*window)] == [at("20 04:00"), at("21 04:00")]
    assert [item.source for item in ledger.observation_gaps(*window)] == ["pve", "nas"]
    assert [item.day.day for item in ledger.service_days(date(2026, 11, 20), date(2026, 11, 21))] == [20, 21]
    berlin = ledger.records(*window, ZoneInfo("Europe/Berlin"))
    assert berlin is not None
    assert berlin.finals == ledger.finals(*window)
    assert berlin.changes == ledger.verdict_changes(*window)
    assert berlin.gaps == ledger.observation_gaps(*window)
    assert [item.day.day for item in berlin.days] == [20, 21, 22]


def test_records_of_a_file_that_cannot_be_read_are_not_known(tmp_path: Path) -> None:
    ledger = recorded(tmp_path, VerdictLog(finals=(final("22 04:00"),)))
    ledger.path.unlink()

    assert ledger.records(*EVER, ZoneInfo("UTC")) is None


def test_what_was_decided_anew_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    ledger = recorded(
        tmp_path,
        VerdictLog(
            finals=(final("22 04:00", FinalState.MISSED),),
            gaps=(ObservationGap(source="pbs", start=at("22 01:00")),),
            days=(day("2026-11-22", count=3, size=1000),),
        ),
        VerdictLog(
            finals=(final("22 04:00", FinalState.KEPT_LATE, run_start=at("22 09:00")),),
            gaps=(ObservationGap(source="pbs", start=at("22 01:00"), until=at("22 02:00")),),
            days=(day("2026-11-22", count=4),),
        ),
    )

    assert [(item.state, item.run_start) for item in ledger.finals(*EVER)] == [(FinalState.KEPT_LATE, at("22 09:00"))]
    assert [item.until for item in ledger.observation_gaps(*EVER)] == [at("22 02:00")]
    assert ledger.service_days(date.min, date.max) == (day("2026-11-22", count=4),)


def test_the_judgement_goes_on_where_it_left_off(tmp_path: Path) -> None:
    recorded(
        tmp_path,
        VerdictLog(
            changes=(change("21 04:07", State.OK), change("22 04:07", State.FAILED, State.OK)),
            finals=(final("21 04:00"), final("22 04:00", FinalState.FAILED)),
            gaps=(
                ObservationGap(source="pbs", start=at("20 01:00"), until=at("20 02:00")),
                ObservationGap(source="pve", start=at("22 01:00")),
            ),
        ),
        VerdictLog(changes=(change("21 05:00", State.LATE, destination=NAS.destination),)),
    )

    assert remembered(tmp_path) == RememberedVerdicts(
        states={KEY: State.FAILED, NAS: State.LATE},
        decided={KEY: at("22 04:00")},
        gaps={"pve": ObservationGap(source="pve", start=at("22 01:00"))},
    )


def test_an_empty_log_leaves_no_trace(tmp_path: Path) -> None:
    ledger = recorded(tmp_path, VerdictLog())

    assert ledger.verdict_changes(*EVER) == ()
    assert remembered(tmp_path) == RememberedVerdicts()


def test_one_job_may_owe_one_member_at_two_destinations(tmp_path: Path) -> None:
    plans = tuple(
        PlanRow(job=KEY.job, schedule="04:00", timezone="Europe/Berlin", enabled=True, destination=destination)
        for destination in (KEY.destination, NAS.destination, None)
    )
    history = replace(EMPTY, plans={KEY.member: plans})
    keeper, ledger = keeper_and_ledger(tmp_path)
    ledger.record(pbs("22 12:00"), history, keeper.board)
    ledger.close()

    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.remembered.history.plans == {KEY.member: plans}


# --- how long ---------------------------------------------------------------------------------------------------------------


def after_days(directory: Path, days: int) -> None:
    """A report comes that many days later, by which the ledger forgets."""
    later = NOW + timedelta(days=days)
    keeper, ledger = keeper_and_ledger(directory)
    ledger.record(replace(pbs("22 12:00"), at=later), keeper.shown.judged.inputs.history, keeper.board)
    ledger.close()


def test_verdicts_are_forgotten_like_the_rest_after_400_days(tmp_path: Path) -> None:
    old, young = NOW - timedelta(days=1), NOW + timedelta(days=1)
    ledger = recorded(
        tmp_path,
        VerdictLog(
            changes=(change(old, State.LATE), change(young, State.OK, State.LATE)),
            finals=(final(old), final(young)),
            gaps=(
                ObservationGap(source="pbs", start=old - timedelta(days=1), until=old),
                ObservationGap(source="pve", start=old - timedelta(days=1), until=young),
            ),
            days=(day("2026-11-21"), day("2026-11-23")),
        ),
    )
    after_days(tmp_path, 400)

    assert [item.at for item in ledger.verdict_changes(*EVER)] == [young]
    assert [item.due for item in ledger.finals(*EVER)] == [young]
    long_ago = [gap.source for gap in ledger.observation_gaps(*EVER) if gap.start < old]
    assert long_ago == ["pve"]
    assert [item.day.day for item in ledger.service_days(date.min, date.max)] == [23]


def test_a_gap_that_is_open_is_not_forgotten(tmp_path: Path) -> None:
    recorded(tmp_path, VerdictLog(gaps=(ObservationGap(source="pve", start=at("20 01:00")),)))
    after_days(tmp_path, 500)

    assert remembered(tmp_path).gaps["pve"].start == at("20 01:00")


def test_the_last_state_of_an_expectation_is_kept_while_its_member_or_its_due_times_are(tmp_path: Path) -> None:
    seen, planned, due, unknown = "guest:pve:101", "upkeep:pbs:prune/daily", "plan:backrest:photos", "guest:pve:999"
    keeper, ledger = keeper_and_ledger(tmp_path)
    history = replace(
        EMPTY,
        seen={seen: Sighting(at("1 00:00"), "vaultwarden")},
        plans={planned: (PlanRow(job="pbs/prune/daily", schedule="05:00", timezone=None, enabled=True),)},
    )
    ledger.record(pbs("22 12:00"), history, keeper.board)
    ledger.close()
    members = (seen, planned, due, unknown)
    recorded(
        tmp_path,
        VerdictLog(
            changes=(
                *(change("20 04:00", State.LATE, member=member) for member in members),
                *(change("21 04:00", State.OK, State.LATE, member=member) for member in members),
            ),
            finals=(final(NOW + timedelta(days=200), member=due),),
        ),
    )
    after_days(tmp_path, 500)

    assert {key.member: state for key, state in remembered(tmp_path).states.items()} == dict.fromkeys(
        (seen, planned, due), State.OK
    )
    assert rows(tmp_path, "SELECT count(*) FROM verdict_changes") == [(3,)]


def test_names_that_nothing_refers_to_are_forgotten(tmp_path: Path) -> None:
    recorded(tmp_path, VerdictLog(finals=(final("21 04:00"),), changes=(change("21 04:07", State.OK),)))
    after_days(tmp_path, 500)

    assert rows(tmp_path, "SELECT count(*) FROM expectations") == [(0,)]


# --- how much ---------------------------------------------------------------------------------------------------------------


def hostile(numbers: range) -> VerdictLog:
    """As many rows of each kind, each with another name; the higher the number the newer."""
    moments = {number: NOW + timedelta(minutes=number) for number in numbers}
    return VerdictLog(
        changes=tuple(change(when, State.OK, member=f"guest:pve:{number}") for number, when in moments.items()),
        finals=tuple(final(when, member=f"guest:pve:{number}") for number, when in moments.items()),
        gaps=tuple(ObservationGap(source="pbs", start=when, until=when) for when in moments.values()),
        days=tuple(
            ServiceDay(service=f"service {number}", day=date(2026, 11, 22) + timedelta(days=number))
            for number in numbers
        ),
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test reaches quickly."""
    for name, most in (("CHANGES", 10), ("FINALS", 20), ("GAPS", 5), ("DAYS", 15), ("EXPECTATIONS", 60)):
        monkeypatch.setattr(verdict_rows, f"MOST_{name}", most)


@pytest.mark.usefixtures("small")
def test_of_too_many_rows_the_newest_stay(tmp_path: Path) -> None:
    ledger = recorded(tmp_path, hostile(range(25)), hostile(range(25, 50)))

    minutes = [int((item.at - NOW).total_seconds() // 60) for item in ledger.verdict_changes(*EVER)]
    assert minutes == list(range(40, 50))
    assert [item.member for item in ledger.finals(*EVER)] == [f"guest:pve:{number}" for number in range(30, 50)]
    assert [item.start for item in ledger.observation_gaps(*EVER)] == [
        NOW + timedelta(minutes=number) for number in range(45, 50)
    ]
    assert [item.service for item in ledger.service_days(date.min, date.max)] == [
        f"service {number}" for number in range(35, 50)
    ]
    assert rows(tmp_path, "SELECT count(*) FROM expectations") == [(20,)]


@pytest.mark.usefixtures("small")
def test_rows_of_the_same_moment_are_bounded_too(tmp_path: Path) -> None:
    ledger = recorded(
        tmp_path, VerdictLog(finals=tuple(final("22 04:00", member=f"guest:pve:{number}") for number in range(50)))
    )

    assert len(ledger.finals(*EVER)) == 20


@pytest.mark.usefixtures("small")
def test_a_gap_that_lasts_outlives_those_that_are_over(tmp_path: Path) -> None:
    recorded(tmp_path, VerdictLog(gaps=(ObservationGap(source="pve", start=at("1 00:00")),)), hostile(range(50)))

    assert remembered(tmp_path).gaps["pve"].start == at("1 00:00")


@pytest.mark.usefixtures("small")
def test_too_many_names_do_not_drive_out_those_that_came_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    made_up = [
        VerdictLog(
            changes=tuple(change("22 05:00", State.OK, member=str(number)) for number in range(first, first + 500))
        )
        for first in (0, 500)
    ]
    ledger = recorded(
        tmp_path, VerdictLog(finals=(final("21 04:00"),)), *made_up, VerdictLog(finals=(final("22 04:00"),))
    )

    assert [item.due for item in ledger.finals(*EVER)] == [at("21 04:00"), at("22 04:00")]
    (count,) = rows(tmp_path, "SELECT count(*) FROM expectations")[0]
    assert isinstance(count, int)
    assert count <= 60
    assert caplog.text.count("some verdicts are not remembered") == 1


def test_names_and_reasons_have_a_longest_length(tmp_path: Path) -> None:
    ledger = recorded(
        tmp_path,
        VerdictLog(
            changes=(
                change("22 04:00", State.FAILED, reason="x" * 501),
                change("22 05:00", State.OK, reason="y" * 500),
            ),
            finals=(final("22 04:00", member="m" * 1001), final("22 05:00")),
            days=(day("2026-11-22", "s" * 201), day("2026-11-23")),
        ),
    )

    assert [item.reason for item in ledger.verdict_changes(*EVER)] == ["x" * 499 + "…", "y" * 500]
    assert [item.due for item in ledger.finals(*EVER)] == [at("22 05:00")]
    assert [item.day.day for item in ledger.service_days(date.min, date.max)] == [23]


def test_text_and_numbers_that_no_database_takes_do_not_stop_the_rest(tmp_path: Path) -> None:
    ledger = recorded(
        tmp_path,
        VerdictLog(
            changes=(change("22 04:00", State.FAILED, reason="caf\ud800'); DROP TABLE finals;--", member="\ud800"),),
            finals=(final("22 04:00", member="\ud800"),),
            days=(day("2026-11-22", count=2**70, size=1000),),
        ),
    )

    assert ledger.verdict_changes(*EVER)[0].reason == "caf?'); DROP TABLE finals;--"
    assert [item.member for item in ledger.finals(*EVER)] == ["?"]
    assert ledger.service_days(date.min, date.max) == (day("2026-11-22", size=1000),)


# --- trouble ----------------------------------------------------------------------------------------------------------------


def test_a_verdict_that_no_table_takes_stops_neither_reports_nor_later_verdicts(tmp_path: Path) -> None:
    keeper, ledger = keeper_and_ledger(tmp_path)
    nameless: Any = None
    ledger.record_verdicts(VerdictLog(changes=(change("22 04:00", State.OK, cause=nameless),)))
    written(ledger)
    assert "can't be written" in ledger.notes[-1]
    ledger.record_verdicts(VerdictLog(changes=(change("22 05:00", State.OK),)))
    keeper.record(pbs("22 12:00"))
    ledger.close()

    assert ledger.notes == ()
    assert [item.at for item in ledger.verdict_changes(*EVER)] == [at("22 05:00")]


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE verdict_changes SET state_to = 'splendid'",
        "UPDATE finals SET due = 'noon'",
        "UPDATE observation_gaps SET start = 'noon'",
        "UPDATE observation_gaps SET start = '2026-11-22T04:00:00'",
    ],
)
def test_verdicts_that_were_changed_by_hand_are_a_broken_ledger(tmp_path: Path, spoil: str) -> None:
    recorded(
        tmp_path,
        VerdictLog(
            changes=(change("22 04:00", State.OK),),
            finals=(final("22 04:00"),),
            gaps=(ObservationGap(source="pbs", start=at("22 04:00")),),
        ),
    )
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute(spoil)
    ledger = Ledger(tmp_path, NOW)
    ledger.close()

    assert "The ledger was broken" in ledger.notes[0]
    assert ledger.remembered.verdicts == RememberedVerdicts()


def test_a_list_that_cannot_be_read_is_empty_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = recorded(tmp_path, VerdictLog(days=(day("2026-11-22"),), finals=(final("22 04:00"),)))
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE service_days SET day = '2026-11-xx'")
        connection.execute("UPDATE finals SET state = 'splendid'")

    assert ledger.service_days(date.min, date.max) == ()
    assert ledger.finals(*EVER) == ()
    assert "something else where a day should be" in caplog.text
    assert "unknown final state" in caplog.text


def test_without_a_file_verdicts_are_dropped_and_the_serving_goes_on(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "nowhere", NOW)
    ledger.record_verdicts(VerdictLog(finals=(final("22 04:00"),)))
    ledger.close()

    assert ledger.idle
    assert ledger.finals(*EVER) == ()
    assert "can't be opened" in ledger.notes[0]


def test_one_judgement_may_bring_any_number_of_verdicts(tmp_path: Path) -> None:
    """A ledger of a large house that was brought up to date has a year to decide at once."""
    log = VerdictLog(finals=tuple(final(at("1 04:00") - timedelta(hours=hours)) for hours in range(25_000)))
    ledger = Ledger(tmp_path, NOW)
    ledger.record_verdicts(log)
    ledger.close()

    assert rows(tmp_path, "SELECT count(*) FROM finals") == [(25_000,)]


# --- a stretch of time with what lies around it ---------------------------------------------------------------------------


def test_records_know_how_everything_stood_when_the_stretch_began_and_what_is_decided(tmp_path: Path) -> None:
    ledger = recorded(
        tmp_path,
        VerdictLog(
            changes=(
                change("2 04:00", State.OK),
                change("3 04:00", State.FAILED, State.OK),
                change("4 04:00", State.MISSED, destination=NAS.destination),
                change("9 04:00", State.OK, State.FAILED),
            ),
            finals=(final("3 04:00"), final("20 04:00")),
        ),
    )

    records = ledger.records(at("5 00:00"), at("10 00:00"), ZoneInfo("UTC"))

    assert records is not None
    assert [(each.destination, each.at, each.state_to) for each in records.before] == [
        (KEY.destination, at("3 04:00"), State.FAILED),
        (NAS.destination, at("4 04:00"), State.MISSED),
    ]
    assert [each.at for each in records.changes] == [at("9 04:00")]
    assert records.decided == {KEY: at("20 04:00")}
    assert records.complete_since == NOW - timedelta(days=400)


def test_good_runs_are_known_by_their_ends_and_one_before_the_stretch(tmp_path: Path) -> None:
    keeper, ledger = keeper_and_ledger(tmp_path)
    keeper.record(pve("22 11:58", vzdump("22 04:00", "22 04:10")))
    keeper.record(pbs("22 11:58", group("18 04:05", "19 04:05", "21 04:05", "22 04:05")))
    written(ledger)

    records = keeper.records(at("20 00:00"), at("22 00:00"))
    ledger.close()

    assert records is not None
    assert records.good_ends == {"guest:pve:101": (at("19 04:05"), at("21 04:05"))}


def test_days_and_records_are_complete_since_the_same_moment(tmp_path: Path) -> None:
    """A house that remembers less than a year has no days of nothing known before that."""
    ledger = Ledger(tmp_path, NOW, timedelta(days=60))
    day, zone = NOW.date(), ZoneInfo("UTC")

    counted, records = ledger.counted_days([(day, day)], day, zone), ledger.records(*EVER, zone)
    ledger.close()

    assert counted is not None
    assert records is not None
    assert counted.complete_since == records.complete_since == NOW - timedelta(days=60)


def test_what_had_to_make_room_is_known_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict_rows, "MOST_FINALS", 3)
    ledger = recorded(tmp_path, VerdictLog(finals=tuple(final(f"{day} 04:00") for day in range(1, 9))))

    records = ledger.records(*EVER, ZoneInfo("UTC"))

    assert records is not None
    assert len(records.finals) == 3
    assert records.complete_since == at("6 04:00")
