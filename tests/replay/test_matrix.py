"""What becomes unreadable, at first contact, after good data and after a restart: never red for it, and not green for long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import pytest

from sidecar.core.model import Board, State, Verdict

from . import matrix_house
from .lived import Lived
from .matrix_failures import FAILURES, Failure

pytestmark = pytest.mark.fortnight

RED = (State.FAILED, State.MISSED, State.NEVER)
GOOD = matrix_house.answers()


def after(**time: int) -> datetime:
    return matrix_house.NOW + timedelta(**time)


#: Within ``stale_after`` of the good reading, beyond it, and after the next due time and its grace.
SOON, STALE, NEXT_DAY = after(minutes=5), after(minutes=26), after(hours=20)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    with Lived(matrix_house.CONFIG, tmp_path_factory.mktemp("matrix")) as house:
        yield house


def test_all_is_well_without_a_failure(lived: Lived) -> None:
    (board,) = lived.boards((matrix_house.NOW, GOOD))
    assert lived.unanswered() == set()
    assert {verdict.state for verdict in verdicts(board).values()} == {State.OK}
    assert {row.verdict.state for row in board.sources} == {State.OK}


@pytest.mark.parametrize("name", [name for name, failure in FAILURES.items() if failure.at_start])
def test_at_first_contact(name: str, lived: Lived) -> None:
    failure = FAILURES[name]
    bad = _bad(failure)
    boards = lived.boards((matrix_house.NOW, bad), (NEXT_DAY, bad), asked=failure.source)
    assert [*_wrong(failure, boards[0]), *_wrong(failure, boards[1])] == []


@pytest.mark.parametrize("name", [name for name, failure in FAILURES.items() if failure.after_good])
def test_after_good_data(name: str, lived: Lived) -> None:
    failure = FAILURES[name]
    bad = _bad(failure)
    boards = lived.boards((matrix_house.NOW, GOOD), (STALE, bad), (NEXT_DAY, bad), asked=failure.source)
    assert [*_wrong(failure, boards[1]), *_wrong(failure, boards[2])] == []


@pytest.mark.parametrize("name", [name for name, failure in FAILURES.items() if failure.after_good])
def test_after_a_restart(name: str, lived: Lived) -> None:
    failure = FAILURES[name]
    bad = _bad(failure)
    life = lived.boards((matrix_house.NOW, GOOD), (SOON, None), (SOON, bad), (STALE, bad), asked=failure.source)
    assert [*_wrong(failure, life[2], still_good=True), *_wrong(failure, life[3])] == []


@pytest.mark.parametrize(("source", "request_"), matrix_house.MEMORIES)
def test_an_upstream_that_lost_its_memory_takes_nothing_away(source: str, request_: str, lived: Lived) -> None:
    """Its tasks, its rows of runs, or its log are gone; what was seen before is remembered."""
    empty = {key: [] if isinstance(value, list) else value for key, value in GOOD[source][request_].items()}
    bad = {**GOOD, source: {**GOOD[source], request_: empty}}
    (first,) = lived.boards((matrix_house.NOW, bad), asked=source)
    assert not _states(first) & set(RED)
    life = lived.boards((matrix_house.NOW, GOOD), (SOON, None), (STALE, bad), asked=source)
    states = {row.name: row.verdict.state for row in life[-1].services}
    if source == "databasement" and "/jobs" in request_:
        # Its rows of runs are all there is to see of them: they are not remembered.
        assert states.pop("shop") is State.NEW
    assert set(states.values()) == {State.OK}


def _states(board: Board) -> set[State]:
    return {row.verdict.state for row in board.services} | {row.verdict.state for row in board.jobs}


def _bad(failure: Failure) -> dict[str, dict[str, object]]:
    return {**GOOD, failure.source: failure.change(GOOD[failure.source])}


def _wrong(failure: Failure, board: Board, *, still_good: bool = False) -> Iterator[str]:
    """Everything that is wrong. ``still_good``: what was good is younger than ``stale_after``. Nothing else runs meanwhile,
    so that on the next day only what rests on the failure is looked at.
    """
    rows = verdicts(board)
    for name, row in rows.items():
        concerned = name in (*failure.rows, *failure.disabled)
        if row.state in RED and (concerned or board.at < NEXT_DAY):
            yield f"{board.at:%H:%M} {name}: {row.state}: {row.reason}"
    for name in failure.rows:
        if name in rows and not (still_good and rows[name].state is State.OK):
            yield from (f"{board.at:%H:%M} {name}: {text}" for text in _wrong_row(failure, name, rows[name]))
    for name in failure.disabled:
        if name in rows and rows[name].state is not State.DISABLED:
            yield f"{board.at:%H:%M} {name}: {rows[name].state}, disabled is right"


def _wrong_row(failure: Failure, name: str, verdict: Verdict) -> Iterator[str]:
    """Its state and, where it is no view of other rows, what it says."""
    if verdict.state is not State.UNKNOWN:
        yield f"{verdict.state}, unknown is right: {verdict.reason}"
    elif not name.startswith(("pve/backup", "databasement/dump", "backrest/plan")):
        if failure.says.lower() not in (verdict.reason or "").lower():
            yield f"does not say {failure.says!r}: {verdict.reason}"
        if failure.cure.lower() not in (verdict.action or "").lower():
            yield f"the cure is not {failure.cure!r}: {verdict.action}"


def verdicts(board: Board) -> Mapping[str, Verdict]:
    """The rows; the job of a mapped group says the same as its service."""
    rows = {row.name: row.verdict for row in board.services}
    rows |= {row.name: row.verdict for row in board.jobs if "/group/" not in row.name}
    return rows | {f"datastore {row.name}": row.verdict for row in board.datastores}
