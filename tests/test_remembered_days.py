"""A year that is read once: afterwards only the days on which something was decided since."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

from sidecar.board_keeper import BoardKeeper
from sidecar.core.history.verdict_log import ExpectationKey, FinalOccurrence, FinalState
from sidecar.core.model import State
from sidecar.core.past.days import History, Past
from sidecar.core.past.past_day import CountedDays, DayCounter, PastDay
from sidecar.core.past.tally import OccurrenceState, Tally
from sidecar.ledger.ledger import Ledger
from sidecar.remembered_days import DAYS, RememberedDays
from tests.core.factories import BERLIN, at
from tests.core.sample_reports import group, pbs, pve, settings, vzdump
from tests.ledgers import written

NOW = at("22 12:00")


class Disk:
    """Holds finals; counts the days that were read of it."""

    def __init__(self) -> None:
        self.finals: list[FinalOccurrence] = []
        self.days_read = 0
        self.readable = True
        self.is_written = True

    def read(self, stretches: Sequence[tuple[date, date]], _recent: date) -> CountedDays | None:
        counted: dict[date, PastDay] = {}
        decided: dict[ExpectationKey, datetime] = {}
        for first, last in stretches:
            self.days_read += (last - first).days + 1
            counter = DayCounter(first, last, BERLIN)
            for each in self.finals:
                if counter.start <= each.due < counter.end:
                    counter.due(each.member, each.due, each.state)
                    decided[each.expectation] = each.due
            counted |= counter.days()
        newest = {each.expectation: each.due for each in self.finals}
        found = CountedDays(days=counted, gaps=(), decided=decided, newest=newest, complete_since=None)
        return found if self.readable else None

    def days(self) -> RememberedDays:
        return RememberedDays(self.read, lambda: self.is_written, BERLIN)


def final(due: str, state: FinalState = FinalState.KEPT) -> FinalOccurrence:
    return FinalOccurrence(
        member="guest:pve:101", job="b", destination="", due=at(due), state=state, run_start=None, decided_at=at(due)
    )


def kept(past: Past | None) -> dict[int, int]:
    assert past is not None
    return {day.day: tally.due for day, found in past.days.items() for tally in found.tallies.values()}


def test_a_year_is_read_once_and_then_today_alone() -> None:
    disk = Disk()
    disk.finals = [final("20 04:00"), final("22 04:00")]
    days = disk.days()

    assert kept(days.past(NOW)) == {20: 1, 22: 1}
    assert disk.days_read == DAYS
    assert kept(days.past(NOW + timedelta(minutes=1))) == {20: 1, 22: 1}
    assert disk.days_read == DAYS + 1


def test_a_day_on_which_something_is_decided_later_is_read_again() -> None:
    disk = Disk()
    disk.finals = [final("15 04:00")]
    days = disk.days()
    days.past(NOW)
    late = final("15 05:00", FinalState.MISSED)
    days.decided([late], NOW)
    disk.is_written = False
    assert kept(days.past(NOW)) == {15: 1}, "it waits to be written"

    disk.finals.append(late)
    disk.is_written = True

    found = days.past(NOW)
    assert kept(found) == {15: 2}
    assert found is not None
    assert found.decided == {late.expectation: late.due}
    read = disk.days_read
    days.past(NOW)
    assert disk.days_read == read + 1, "once written, it is not read again"


def test_what_becomes_too_old_goes() -> None:
    disk = Disk()
    disk.finals = [final("1 04:00")]
    days = disk.days()

    assert kept(days.past(NOW)) == {1: 1}
    assert kept(days.past(at("1 12:00") + timedelta(days=DAYS))) == {}


def test_what_nobody_asks_for_is_forgotten_after_an_hour() -> None:
    disk = Disk()
    days = disk.days()
    days.past(NOW)
    days.decided([], NOW + timedelta(minutes=59))
    days.past(NOW + timedelta(minutes=59))
    assert disk.days_read == DAYS + 1

    days.decided([], NOW + timedelta(minutes=120))
    days.past(NOW + timedelta(minutes=120))

    assert disk.days_read == DAYS + 1 + DAYS


def test_what_cannot_be_read_is_not_known_and_read_anew_when_it_can() -> None:
    disk = Disk()
    disk.finals = [final("20 04:00")]
    days = disk.days()
    days.past(NOW)
    disk.readable = False
    assert days.past(NOW) is None

    disk.readable = True

    assert kept(days.past(NOW)) == {20: 1}


def test_what_is_due_and_what_was_decided_are_each_counted_once_whatever_the_ledger_has_written(tmp_path: Path) -> None:
    now = ["22 12:00"]
    with closing(Ledger(tmp_path, at(now[0]))) as ledger:
        keeper = BoardKeeper(settings(), lambda: at(now[0]), ledger)
        keeper.record(pve("22 12:00", vzdump("22 04:00", "22 04:10")))
        keeper.record(pbs("22 12:00", group("21 04:00", "22 04:00")))
        now[0] = "23 12:00"
        keeper.record(pve("23 12:00", vzdump("23 04:00", "23 04:10")))
        keeper.record(pbs("23 12:00", group("21 04:00", "22 04:00", "23 04:01")))
        now[0] = "24 12:00"
        keeper.record(pve("24 12:00"))
        keeper.record(pbs("24 12:00", group("21 04:00", "22 04:00", "23 04:01")))
        written(ledger)
        assert keeper.past is not None
        past = keeper.past.past(at(now[0]))
        assert past is not None
        (service,) = keeper.shown.members()
        told = History(past, keeper.shown.undecided(past.decided, past.start)).cells(service, 3)
        nothing_written = keeper.shown.undecided({}, past.start)

    kept_one, missing_one = told[1:]
    assert isinstance(kept_one, Tally)
    assert isinstance(missing_one, Tally)
    assert (kept_one.worst, kept_one.due) == (OccurrenceState.KEPT, 1)
    assert (missing_one.worst, missing_one.due, missing_one.present) == (OccurrenceState.OPEN, 1, State.MISSED)
    assert [(each.due, each.state) for each in nothing_written] == [
        (at("23 04:00"), State.OK),
        (at("24 04:00"), State.MISSED),
    ]
