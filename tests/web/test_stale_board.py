"""A board that nobody renews: nothing on it is fine any more, no request judges, and every page still answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from starlette.types import ASGIApp

from sidecar.board_keeper import BoardKeeper
from sidecar.core.model import Board, Copy, Occurrence, OccurrenceKind, Outcome, State
from sidecar.core.reports.facts import Datastore, FactT
from sidecar.core.reports.report import Report
from sidecar.web.app import Handlers, WidgetOptions, app_of, create_app
from sidecar.web.known import Known
from sidecar.web.page import page
from sidecar.web.stale_board import stale_board, stale_occurrences
from tests.core.factories import at, run
from tests.core.sample_reports import PBS, PVE, Scopes, group, pbs, pve, settings, vzdump
from tests.web import boards
from tests.web.asking import KEY, ask, nothing_due
from tests.web.boards import NOW

LATER = NOW + timedelta(minutes=6)
BETTER = frozenset(state for state in State if state.rank > State.UNKNOWN.rank)
CALENDAR = "/api/v1/calendar?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"
PAGES = ("/widget", "/widget?view=calendar", "/widget?view=all", "/extension?view=all", "/api/v1/status", CALENDAR)


# --- the board --------------------------------------------------------------------------------------------------------


def states(board: Board) -> set[State]:
    """Of everything that has one."""
    rows = [row.verdict.state for row in board.services]
    rows += [row.verdict.state for row in board.jobs]
    rows += [row.verdict.state for row in board.sources]
    rows += [row.verdict.state for row in board.datastores]
    rows += [part.verdict.state for service in board.services for part in service.parts]
    parts = [part for service in board.services for part in service.parts]
    rows += [expectation.verdict.state for part in parts for expectation in part.expectations]
    rows += [copy.state for service in board.services for copy in service.copies]
    return {board.overall.state, *rows}


@pytest.mark.parametrize("made", boards.ALL.values(), ids=boards.ALL)
def test_nothing_on_it_is_better_than_unknown(made: Callable[[], Board]) -> None:
    board = made()
    store = replace(boards.good_morning().datastores[0], name="second")
    shown = stale_board(replace(board, datastores=(*board.datastores, store)), LATER)

    assert not states(shown) & BETTER
    assert shown.overall.headline.endswith("backup-glance stopped judging")
    assert sum(shown.overall.counts.values()) == len(board.services)


def test_what_was_bad_stays_bad_with_its_reason() -> None:
    row = next(row for row in stale_board(boards.bad_morning(), LATER).services if row.name == "paperless")

    assert row.verdict == boards.FAILED
    assert row.copies == tuple(Copy(copy.job, State.UNKNOWN, copy.last_run) for copy in boards.COPIES)


def test_datastores_on_an_old_board_are_unknown_in_the_answer_too() -> None:
    status = ask(Sidecar().app(minutes=6), "/api/v1/status").json()

    assert [store["state"] for store in status["datastores"]] == ["unknown"]


def test_the_page_says_what_is_wrong_and_accuses_no_source() -> None:
    shown = page(stale_board(boards.good_morning(), LATER))

    assert shown.banner
    assert str(shown.banner.text) == "backup-glance stopped judging. Last read 07:26, 6m ago."
    assert shown.banner.advice == "Read its log and report it."
    assert shown.headline.line_1 == "Can't tell for 12 of 12"
    assert shown.troubles == ()
    assert {row.reason for row in shown.rows} == {None}


def test_a_source_that_could_not_be_read_before_is_still_named() -> None:
    shown = page(stale_board(boards.bad_morning(), LATER))

    assert [(trouble.name, trouble.reason) for trouble in shown.troubles] == [
        ("backrest", " can't be read since 06:02: connection refused.")
    ]


# --- what is due ------------------------------------------------------------------------------------------------------


def due(clock: str, state: State | None, job: str | None = "pve/backup/critical") -> Occurrence:
    answered = run(clock, Outcome.OK) if state is State.OK else None
    return Occurrence(job=job, title="Critical", kind=OccurrenceKind.BACKUP, due=at(clock), state=state, run=answered)


@pytest.mark.parametrize(
    ("clock", "state", "shown"),
    [
        ("23 04:00", State.OK, State.OK),
        ("23 04:00", State.MISSED, State.MISSED),
        ("23 07:00", State.LATE, State.UNKNOWN),
        ("23 04:00", State.RUNNING, State.UNKNOWN),
        ("23 07:30", None, State.UNKNOWN),
        ("23 07:32", None, State.UNKNOWN),
        ("23 07:33", None, None),
        ("23 04:00", State.DISABLED, State.DISABLED),
    ],
)
def test_what_had_no_result_yet_is_unknown_once_it_is_due(clock: str, state: State | None, shown: State | None) -> None:
    (occurrence,) = stale_occurrences([due(clock, state)], LATER)

    assert occurrence.state is shown
    assert occurrence.run == due(clock, state).run
    assert occurrence.reason == ("backup-glance stopped judging." if shown is State.UNKNOWN else None)


def test_a_line_that_nobody_judges_stays_planned() -> None:
    planned = due("23 07:30", None, job=None)

    assert stale_occurrences([planned], LATER) == (planned,)


# --- no request judges ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unjudgeable(Report):
    """A report that breaks whatever reads it, and counts how often that happens."""

    def facts(self, kind: type[FactT]) -> Iterator[FactT]:
        READ.append(kind)
        raise RuntimeError("broken")


READ: list[type] = []

ROOM: Scopes = {("datastores",): (Datastore(name="main", maintenance=None, total=100, used=50, avail=50),)}


class Sidecar:
    """A board keeper that has judged at 07:26, and the application over it."""

    def __init__(self) -> None:
        self.keeper = BoardKeeper(settings(PVE, PBS), lambda: NOW)
        for report in (pve("23 07:25", vzdump("23 04:00", "23 04:10")), pbs("23 07:25", group("23 04:05"), extra=ROOM)):
            self.keeper.record(report)

    def app(self, *, minutes: int) -> ASGIApp:
        """As asked so many minutes after the board was made."""
        return create_app(
            board=lambda: self.keeper.board,
            timeline=self.keeper.timeline,
            ready=lambda: True,
            keys=(KEY,),
            clock=lambda: NOW + timedelta(minutes=minutes),
        )

    def break_judging(self) -> None:
        for broken in (self._record, self.keeper.rejudge):
            with pytest.raises(RuntimeError, match="broken"):
                broken()

    def _record(self) -> None:
        report = pbs("23 07:26", group("23 04:05"))
        self.keeper.record(Unjudgeable(source=report.source, kind=report.kind, at=report.at, readings=report.readings))


def test_three_requests_on_an_old_board_judge_nothing() -> None:
    sidecar = Sidecar()
    sidecar.break_judging()
    before = len(READ)

    answers = [ask(sidecar.app(minutes=minutes), CALENDAR) for minutes in (6, 7, 8)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(READ) == before
    assert {answer.json()["generated_at"] for answer in answers} == {
        f"2026-11-23T06:{minute}:00Z" for minute in (32, 33, 34)
    }


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("minutes", [0, 6, 60 * 24 * 3])
def test_when_judging_is_what_broke_every_page_still_answers(path: str, minutes: int) -> None:
    sidecar = Sidecar()
    sidecar.break_judging()
    answer = ask(sidecar.app(minutes=minutes), path)

    assert answer.status_code == 200
    assert "Internal error" not in answer.text


def test_the_calendar_of_an_old_board_is_the_one_of_the_board_until_then() -> None:
    sidecar = Sidecar()
    fresh, old = (ask(sidecar.app(minutes=minutes), CALENDAR).json()["occurrences"] for minutes in (0, 24 * 60))
    changed = [(was["due"], was["state"], now["state"]) for was, now in zip(fresh, old, strict=True) if was != now]

    assert changed == [("2026-11-24T03:00:00Z", "planned", "unknown")]


def test_the_timeline_is_made_once_for_each_board() -> None:
    sidecar = Sidecar()
    first = sidecar.keeper.timeline()
    assert sidecar.keeper.timeline() is first

    sidecar.keeper.rejudge()
    assert sidecar.keeper.timeline() is not first


def test_a_judgement_that_fails_changes_neither_the_board_nor_its_timeline() -> None:
    sidecar = Sidecar()
    board, timeline = sidecar.keeper.board, sidecar.keeper.timeline()
    sidecar.break_judging()

    assert sidecar.keeper.board is board
    assert sidecar.keeper.timeline() is timeline


@pytest.mark.parametrize("path", ["/widget", "/api/v1/status", "/metrics", CALENDAR])
def test_when_judging_hangs_the_old_board_is_still_shown_as_unknown(path: str) -> None:
    """One thread judges and draws. What hangs in it must not keep the pages from saying so."""
    board, go_on = boards.good_morning(), threading.Event()
    with ThreadPoolExecutor(1) as worker:
        worker.submit(go_on.wait)
        handlers = Handlers(
            known=lambda: Known(board=board, timeline=nothing_due),
            ready=lambda: True,
            clock=lambda: LATER,
            options=WidgetOptions(),
            worker=worker,
        )
        try:
            answer = ask(app_of(handlers, (KEY,)), path)
        finally:
            go_on.set()

    assert answer.status_code == 200
    assert path == CALENDAR or "stopped judging" in answer.text or "backup_glance_board_stale 1.0" in answer.text


def test_an_old_board_is_drawn_once_a_minute() -> None:
    moments = [LATER + timedelta(seconds=seconds) for seconds in (0, 30, 59, 60)]
    board, clock = boards.good_morning(), iter(moments)
    app = create_app(
        board=lambda: board, timeline=nothing_due, ready=lambda: True, keys=(KEY,), clock=lambda: next(clock)
    )

    made = [ask(app, "/api/v1/status").json()["generated_at"] for _ in moments]

    assert made == [made[0]] * 3 + ["2026-11-23T06:33:00Z"]
