"""The keeper of the board remembers its verdicts in the ledger, over a restart too."""

from __future__ import annotations

import gc
import logging
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from sidecar.board_keeper import BoardKeeper
from sidecar.core.history.run_counts import RunCounts
from sidecar.core.history.verdict_log import ExpectationKey, FinalState, RememberedVerdicts
from sidecar.core.model import Board, Run, SourceKind, State
from sidecar.core.parts.part import Part
from sidecar.core.reports.facts import Guest
from sidecar.core.reports.report import Report
from sidecar.ledger.ledger import Ledger
from sidecar.memory import Garbage
from tests.core.factories import at
from tests.core.sample_reports import CRITICAL, away, group, pbs, pve, row, settings, vzdump
from tests.ledgers import filled, keeper_and_ledger, written

GUEST = "guest:pve:101"


class Clock:
    def __init__(self, now: str) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return at(self.now)


def test_verdicts_are_remembered_as_they_were_judged_and_not_again_after_a_restart(tmp_path: Path) -> None:
    clock = Clock("22 12:00")
    with closing(Ledger(tmp_path, at(clock.now))) as ledger:
        keeper = BoardKeeper(settings(), clock, ledger)
        clock.now = "22 12:01"
        keeper.record(pve("22 12:00", vzdump("22 04:00", "22 04:10")))
        clock.now = "22 12:02"
        keeper.record(pbs("22 12:00", group("21 04:00", "22 04:00")))
        written(ledger)
    clock.now = "23 12:00"
    with closing(Ledger(tmp_path, at(clock.now))) as ledger:
        keeper = BoardKeeper(settings(), clock, ledger)
        clock.now = "23 12:01"
        keeper.record(pve("23 12:00", vzdump("23 04:00", "23 04:10")))
        clock.now = "23 12:02"
        keeper.record(pbs("23 12:00", group("21 04:00", "22 04:00", "23 04:01")))
        written(ledger)
        changes = ledger.verdict_changes(at("1 00:00"), at("30 00:00"))
        finals = ledger.finals(at("1 00:00"), at("30 00:00"))
        days = ledger.service_days(date.min, date.max)
        records = keeper.records(at("23 00:00"), at("24 00:00"))
        members = keeper.shown.members()

    states = [(change.state_from, change.state_to) for change in changes if change.member == GUEST]
    assert states == [
        (None, State.UNKNOWN),
        (State.UNKNOWN, State.OK),
        (State.OK, State.UNKNOWN),
        (State.UNKNOWN, State.OK),
    ]
    assert [(final.due, final.state, final.run_start) for final in finals if final.member == GUEST] == [
        (at("23 04:00"), FinalState.KEPT, at("23 04:01"))
    ]
    assert [(day.service, day.day.day, day.count) for day in days if day.count is not None] == [
        ("vaultwarden", 22, 2),
        ("vaultwarden", 23, 3),
    ]
    assert records is not None
    assert records.finals == finals
    assert members[0].service == "vaultwarden"
    assert members[0].members == {GUEST}
    assert members[0].looked_since == at("22 12:00")


def test_reports_and_boards_are_freed_when_others_take_their_place_though_the_collector_looks_only_at_what_is_new() -> (
    None
):
    """What was looked through is frozen for a day: circles would pile up meanwhile."""
    clock, garbage = Clock("22 12:00"), Garbage()
    keeper = BoardKeeper(settings(), clock)

    def known_after(minute: int) -> Counter[str]:
        clock.now = f"22 12:{minute}"
        for report in (pve(clock.now, vzdump("22 04:00", "22 04:10")), pbs(clock.now, group("21 04:00", "22 04:00"))):
            keeper.record(report)
            keeper.timeline()
            garbage.put_out()
        keeper.confirm(pbs(clock.now, group("21 04:00", "22 04:00")))
        keeper.rejudge()
        garbage.put_out()
        gc.unfreeze()
        known = Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, Report | Board | Part))
        gc.freeze()
        return known

    try:
        first = known_after(10)
        last = [known_after(minute) for minute in range(11, 15)][-1]
    finally:
        gc.unfreeze()

    assert first["Report"] > 0
    assert last <= first


def test_after_a_restart_what_a_source_says_again_is_what_the_ledger_held_and_so_are_the_runs_that_follow(
    tmp_path: Path,
) -> None:
    """What was made for the report of the guests holds the runs of before: others beside them would stay for long."""
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path, "22 12:10")
    with closing(ledger):
        held = keeper.known("pbs")
        (before,) = runs_of(keeper.board)
        keeper.record(pbs("22 12:09", group("21 04:05", "22 04:05")))
        first = keeper.known("pbs")
        keeper.record(pbs("22 12:10", group("21 04:05", "22 04:05")))
        again = keeper.known("pbs")
        (after,) = runs_of(keeper.board)

    assert not ledger.remembered.reports
    assert held is not None
    assert first is not None
    assert again is not None
    for report in (first, again):
        assert all(one.facts is other.facts for one, other in zip(report.readings, held.readings, strict=True))
    assert before
    assert all(one is other for one, other in zip(after, before, strict=True))


def runs_of(board: Board) -> list[tuple[Run, ...]]:
    return [part.runs for service in board.services for part in service.parts]


def test_runs_are_counted_as_they_are_decided_and_from_0_after_a_restart(tmp_path: Path) -> None:
    clock = Clock("22 12:00")
    with closing(Ledger(tmp_path, at(clock.now))) as ledger:
        keeper = BoardKeeper(settings(), clock, ledger)
        keeper.record(pve("22 12:00", vzdump("22 04:00", "22 04:10")))
        keeper.record(pbs("22 12:00", group("21 04:00", "22 04:00")))
        before = keeper.run_counts
        clock.now = "23 12:01"
        keeper.record(pve("23 12:00", vzdump("23 04:00", "23 04:10")))
        keeper.record(pbs("23 12:00", group("21 04:00", "22 04:00", "23 04:01")))
        after = keeper.run_counts
        keeper.rejudge()
        again = keeper.run_counts
        written(ledger)
    with closing(Ledger(tmp_path, at(clock.now))) as ledger:
        restarted = BoardKeeper(settings(), clock, ledger).run_counts

    assert before == {}
    assert after == again == {"pve/backup/critical": RunCounts(due=1, kept=1)}
    assert restarted == {}
    assert BoardKeeper(settings(), clock).run_counts is None


def test_a_gap_in_observation_is_remembered_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    clock = Clock("22 12:00")
    with closing(Ledger(tmp_path, at(clock.now))) as ledger:
        keeper = BoardKeeper(settings(), clock, ledger)
        keeper.record(pve("22 12:00"))
        keeper.record(pbs("22 12:00", group("22 04:00")))
        clock.now = "22 12:30"
        keeper.record(away("pbs", SourceKind.PBS, "22 12:30"))
        clock.now = "22 13:00"
        keeper.record(pbs("22 13:00", group("22 04:00")))
        written(ledger)
        gaps = [gap for gap in ledger.observation_gaps(at("1 00:00"), at("30 00:00")) if gap.source == "pbs"]

    assert [(gap.start, gap.until) for gap in gaps][-1] == (at("22 12:00"), at("22 13:00"))


def test_trouble_with_remembering_takes_nothing_from_the_board_and_is_logged_and_told_as_long_as_it_lasts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock("22 12:00")
    jellyfin = Guest(vmid=201, type="lxc", name="jellyfin", node="pve1")
    both = (Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1"), jellyfin)
    job = replace(CRITICAL, guests=(101, 201))
    no_zone = {ExpectationKey("guest:pve:201", "pve/backup/critical", "pbs-main"): datetime(2026, 11, 21)}
    with closing(Ledger(tmp_path, at(clock.now))) as ledger:
        ledger.remembered = replace(ledger.remembered, verdicts=RememberedVerdicts(decided=no_zone))
        keeper = BoardKeeper(settings(), clock, ledger)
        keeper.record(pbs("22 12:00", group("22 04:00"), group("22 04:00", vmid="201")))
        for clock.now in ("22 12:01", "22 12:02"):
            keeper.record(pve(clock.now, guests=both, jobs=(job,)))
            keeper.rejudge()
            assert (keeper.board.at, row(keeper.board, "jellyfin").verdict.state) == (at(clock.now), State.OK)
            assert [note for note in keeper.board.notes if "Verdicts are not remembered" in note] == [
                "Verdicts are not remembered now: internal error. Read the log of backup-glance and report it."
            ]
        clock.now = "22 12:03"
        keeper.record(pve(clock.now, jobs=(replace(job, guests=(101,)),)))
        keeper.rejudge()
        written(ledger)
        changes = ledger.verdict_changes(at("1 00:00"), at("30 00:00"))

    assert not any("Verdicts are not remembered" in note for note in keeper.board.notes)
    assert [change.at for change in changes if change.member == GUEST][-1:] == [at("22 12:03")]
    with closing(Ledger(tmp_path, at(clock.now))) as ledger:
        assert set(ledger.remembered.reports) == {"pbs", "pve"}, "reports are remembered all the time"
    assert caplog.text.count("internal error: verdicts are not remembered") == 1
    assert caplog.text.count("verdicts are remembered again") == 1


def test_notes_of_others_stand_on_each_board_for_as_long_as_they_are_given() -> None:
    notes = ["The token of program n8n (tokens.0.token) is not accepted: it is short."]
    keeper = BoardKeeper(settings(), Clock("22 12:00"))
    keeper.note_also(lambda: tuple(notes))

    assert notes[0] not in keeper.board.notes
    keeper.rejudge()
    assert keeper.board.notes[-1] == notes.pop()
    keeper.rejudge()
    assert not any("n8n" in note for note in keeper.board.notes)


def test_the_board_says_since_when_it_is_watched_only_where_that_is_remembered(tmp_path: Path) -> None:
    report = pve("22 12:00", vzdump("22 04:00", "22 04:10"))
    alone = BoardKeeper(settings(), Clock("22 12:01"))
    alone.record(report)
    with closing(Ledger(tmp_path, at("22 12:00"))) as ledger:
        kept = BoardKeeper(settings(), Clock("22 12:01"), ledger)
        kept.record(report)
    with closing(Ledger(tmp_path / "missing", at("22 12:00"))) as ledger:
        broken = BoardKeeper(settings(), Clock("22 12:01"), ledger)
        broken.record(report)

    assert kept.board.watched_since == at("22 12:00")
    assert (alone.board.watched_since, broken.board.watched_since) == (None, None)
