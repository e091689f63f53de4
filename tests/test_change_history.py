"""What changed since a moment: whatever the size of the pages and wherever memory ends, each change comes once."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar import change_history
from sidecar.board_keeper import BoardKeeper
from sidecar.change_history import ChangeHistory
from sidecar.core.history.change_page import Position, in_order
from sidecar.core.history.verdict_log import VerdictChange, VerdictLog
from sidecar.core.model import State
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.ledger.patience import Patience
from tests.core.factories import at
from tests.core.sample_reports import group, pbs, pve, settings, vzdump
from tests.ledgers import written

NOW = at("23 12:00")
BEGAN = at("23 06:00")
EVER = at("2000-01-01 00:00")
FIRST = Position(EVER)


def change(when: datetime, member: int = 101, state: State = State.MISSED) -> VerdictChange:
    return VerdictChange(
        member=f"guest:pve:{member}",
        job="pve/backup/critical",
        destination="pbs:main",
        at=when,
        state_from=State.OK,
        state_to=state,
        cause="nothing_started",
        reason=f"nothing for {member}",
    )


def walked(
    history: ChangeHistory, most: int, start: Position = FIRST, until: datetime = NOW
) -> tuple[VerdictChange, ...]:
    """Everything from ``start`` on, page by page."""
    found: list[VerdictChange] = []
    for _ in range(100):
        page = history.page(start, until, most)
        assert len(page.changes) <= most
        found += page.changes
        start = page.next
        if not page.more:
            assert history.page(start, until, most).changes == ()
            return tuple(found)
    raise AssertionError("no end")


def history_of(
    directory: Path, before: Iterable[VerdictChange], since: Sequence[Iterable[VerdictChange]]
) -> tuple[ChangeHistory, Ledger]:
    """A process that found ``before`` in its ledger, and judged ``since`` itself. Close the ledger."""
    ledger = Ledger(directory, BEGAN)
    ledger.record_verdicts(VerdictLog(changes=tuple(before)[::-1]))
    written(ledger)
    history = ChangeHistory(ledger, BEGAN)
    for changes in since:
        history.add(changes)
    return history, ledger


MOMENTS = st.integers(-3, 3).map(lambda hours: BEGAN + timedelta(hours=hours, microseconds=5))
CHANGES = st.lists(st.builds(change, MOMENTS, st.integers(1, 6)), max_size=30)


@given(changes=CHANGES, most=st.integers(1, 7), start=st.builds(Position, MOMENTS, st.integers(0, 4)))
def test_each_change_comes_once_and_in_order_whatever_the_pages(
    changes: list[VerdictChange], most: int, start: Position
) -> None:
    unique = in_order({(each.at, each.member): each for each in changes}.values())
    old, new = ([each for each in unique if (each.at < BEGAN) is is_old] for is_old in (True, False))
    same = [each for each in unique if each.at == start.since]
    later = [each for each in unique if each.at > start.since]
    with tempfile.TemporaryDirectory() as directory:
        history, ledger = history_of(Path(directory), old, [[each] for each in new])
        with closing(ledger):
            assert walked(history, most) == unique
            assert walked(history, most, start) == (*same[start.skip :], *later)


def test_what_is_judged_between_two_pages_comes_behind_them(tmp_path: Path) -> None:
    history, ledger = history_of(tmp_path, [change(at("22 04:30"), 1), change(at("22 04:30"), 2)], [])
    with closing(ledger):
        first = history.page(Position(EVER), NOW, 1)
        history.add([change(at("23 07:00"), 3)])
        rest = walked(history, 1, first.next)

    assert [each.member for each in (*first.changes, *rest)] == ["guest:pve:1", "guest:pve:2", "guest:pve:3"]


def test_who_read_all_goes_on_with_what_is_new_only(tmp_path: Path) -> None:
    history, ledger = history_of(tmp_path, [], [[change(at("23 07:00"), 1), change(at("23 07:00"), 2)]])
    with closing(ledger):
        page = history.page(Position(EVER), NOW, 10)
        history.add([change(at("23 08:00"), 1, State.OK)])
        following = history.page(page.next, NOW, 10)

    assert page.more is False
    assert page.next == Position(at("23 07:00"), 2)
    assert [each.state_to for each in following.changes] == [State.OK]


def test_what_is_after_the_board_waits_for_it(tmp_path: Path) -> None:
    history, ledger = history_of(tmp_path, [], [[change(at("23 07:00"))], [change(at("23 08:00"))]])
    with closing(ledger):
        assert walked(history, 10, until=at("23 07:00")) == (change(at("23 07:00")),)
        assert walked(history, 10, until=at("22 07:00")) == ()


def test_from_the_future_on_there_is_nothing(tmp_path: Path) -> None:
    history, ledger = history_of(tmp_path, [change(at("22 04:30"))], [[change(at("23 07:00"))]])
    with closing(ledger):
        page = history.page(Position(NOW + timedelta(days=1)), NOW, 10)

    assert (page.changes, page.more, page.next) == ((), False, Position(NOW + timedelta(days=1)))


def test_without_a_ledger_it_says_since_when_it_knows() -> None:
    history = ChangeHistory(None, BEGAN)
    history.add([change(at("23 07:00"))])

    page = history.page(Position(EVER), NOW, 10)
    assert (page.changes, page.known_since) == ((change(at("23 07:00")),), BEGAN)
    assert history.page(Position(at("23 06:30")), NOW, 10).known_since == BEGAN
    assert history.page(page.next, NOW, 10).changes == ()


def test_with_a_ledger_that_can_not_be_read_it_says_so_too(tmp_path: Path) -> None:
    history, ledger = history_of(tmp_path, [change(at("22 04:30"))], [[change(at("23 07:00"))]])
    with closing(ledger):
        assert history.page(Position(EVER), NOW, 10).known_since is None
        (tmp_path / FILE).rename(tmp_path / "away")
        page = history.page(Position(EVER, 1), NOW, 10)
        recent = history.page(Position(at("23 06:30")), NOW, 10)

    assert (page.changes, page.known_since) == ((change(at("23 07:00")),), BEGAN)
    assert (recent.changes, recent.known_since) == ((change(at("23 07:00")),), None)


def test_a_reader_does_not_keep_the_ledger_from_being_written(tmp_path: Path) -> None:
    history, ledger = history_of(tmp_path, [change(at("22 04:30"), number) for number in range(50)], [])
    with closing(ledger), closing(sqlite3.connect(tmp_path / FILE)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM verdict_changes").fetchone()
        ledger.record_verdicts(VerdictLog(changes=(change(at("22 05:00"), 99),)))
        written(ledger)

        assert ledger.notes == ()
        assert len(walked(history, 7)) == 51


def test_memory_has_a_bound_and_the_ledger_has_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_history, "MOST_IN_MEMORY", 5)
    judged = [[change(BEGAN + timedelta(minutes=minute), number) for number in range(2)] for minute in range(10)]
    every = tuple(each for changes in judged for each in changes)
    history, ledger = history_of(tmp_path, every, judged)
    alone = ChangeHistory(None, BEGAN)
    for changes in judged:
        alone.add(changes)
    with closing(ledger):
        assert walked(history, 3) == every
    assert walked(alone, 3) == every[-4:]
    assert alone.page(Position(EVER), NOW, 3).known_since == BEGAN + timedelta(minutes=7, microseconds=1)


def test_what_memory_dropped_and_the_ledger_could_not_take_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_history, "MOST_IN_MEMORY", 2)
    ledger = Ledger(tmp_path, BEGAN, patience=Patience(lock=timedelta(0)))
    ledger.record_verdicts(VerdictLog(changes=(change(at("22 04:30")),)))
    written(ledger)
    history = ChangeHistory(ledger, BEGAN)
    with closing(ledger), closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for minute in range(2):
            new = [change(at(f"23 07:0{minute}"), number) for number in range(2)]
            history.add(new)
            ledger.record_verdicts(VerdictLog(changes=tuple(new)))
        written(ledger)
        page = history.page(FIRST, NOW, 10)

    assert [each.at for each in page.changes] == [at("23 07:01")] * 2
    assert page.known_since == at("23 07:00") + datetime.resolution


def test_a_judgement_that_changes_more_than_the_bound_is_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_history, "MOST_IN_MEMORY", 5)
    history = ChangeHistory(None, BEGAN)
    history.add([change(BEGAN)])
    history.add([change(at("23 07:00"), number) for number in range(9)])

    assert len(walked(history, 4)) == 9


def test_the_keeper_of_the_board_tells_what_it_judged_with_and_without_a_ledger(tmp_path: Path) -> None:
    for ledger in (None, Ledger(tmp_path, at("22 12:00"))):
        history = ChangeHistory(ledger, at("22 12:00"))
        keeper = BoardKeeper(settings(), lambda: at("22 12:00"), ledger, history)
        keeper.record(pve("22 12:00", vzdump("22 04:00", "22 04:10")))
        keeper.record(pbs("22 12:00", group("21 04:00", "22 04:00")))
        told = {each.member: each.state_to for each in walked(history, 10)}
        if ledger:
            ledger.close()

        assert told["guest:pve:101"] is State.OK
        assert keeper.board.notes == ()


def test_what_happened_before_a_restart_is_read_back(tmp_path: Path) -> None:
    told: list[tuple[VerdictChange, ...]] = []
    for now in ("22 12:00", "23 12:00"):
        with closing(Ledger(tmp_path, at(now))) as ledger:
            history = ChangeHistory(ledger, at(now))
            keeper = BoardKeeper(settings(), lambda now=now: at(now), ledger, history)  # type: ignore[misc]
            keeper.record(pve(now, vzdump("22 04:00", "22 04:10")))
            keeper.record(pbs(now, group("21 04:00", "22 04:00")))
            written(ledger)
            told.append(walked(history, 3))

    assert told[0]
    assert told[1][: len(told[0])] == told[0]
    assert (told[1][-1].member, told[1][-1].state_to) == ("guest:pve:101", State.MISSED)
