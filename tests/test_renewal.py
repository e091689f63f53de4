"""A new board is judged and drawn beside the event loop, and shown when the last questions are answered from it."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import httpx
import pytest

from sidecar.board_keeper import BoardKeeper, JudgedBoard
from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Reading, Report
from sidecar.memory import collector_at_rest
from sidecar.renewal import Renewal, known_of
from sidecar.web.answers import Answers
from sidecar.web.app import Handlers, WidgetOptions, app_of
from tests.core.factories import at, run
from tests.core.remembering import backrest, databasement
from tests.core.sample_reports import BACKREST, DATABASEMENT, PBS, PVE, group, pbs, pve, settings, vzdump

KEY = "a-key"
VIEWS = ["/widget", "/widget?view=calendar", "/widget?view=all", "/extension", "/api/v1/status"]


class Clock:
    """A clock that stands."""

    def __init__(self) -> None:
        self.now = at("23 07:25")

    def __call__(self) -> datetime:
        return self.now


class HeldKeeper(BoardKeeper):
    """A keeper whose judging waits while it is held."""

    held: threading.Event | None = None
    threads: set[int]

    def judge(self, source: str | None = None) -> JudgedBoard:
        if self.held is not None:
            assert self.held.wait(10)
        self.threads = {*getattr(self, "threads", ()), threading.get_ident()}
        return super().judge(source)


class CountedWorker(ThreadPoolExecutor):
    """Counts what it was given to do."""

    done = 0

    def submit(self, *work, **named):  # type: ignore[no-untyped-def]
        self.done += 1
        return super().submit(*work, **named)


@dataclass(kw_only=True)
class House:
    keeper: HeldKeeper
    renewal: Renewal
    client: httpx.AsyncClient
    worker: CountedWorker
    clock: Clock
    answers: Answers

    async def asks(self, *paths: str) -> list[httpx.Response]:
        return list(await asyncio.gather(*(self.client.get(path) for path in paths)))


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    """Two sources were read at 07:25."""
    clock, worker = Clock(), CountedWorker(1)
    keeper = HeldKeeper(settings(PVE, PBS), clock)
    handlers = Handlers(
        known=lambda: known_of(keeper.shown),
        ready=keeper.ready,
        clock=clock,
        options=WidgetOptions(),
        worker=worker,
    )
    renewal = Renewal(keeper, handlers.answers, worker)
    transport = httpx.ASGITransport(app=app_of(handlers, [KEY]))
    headers = {"Authorization": f"Bearer {KEY}"}
    with worker:
        async with httpx.AsyncClient(transport=transport, base_url="http://sidecar", headers=headers) as client:
            for report in (pve("23 07:25", vzdump("23 04:00", "23 04:10")), pbs("23 07:25", group("23 04:05"))):
                await renewal.record(report)
            yield House(
                keeper=keeper, renewal=renewal, client=client, worker=worker, clock=clock, answers=handlers.answers
            )


def in_house(test: Callable[[House], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house() as made:
            await test(made)

    asyncio.run(run())


def test_what_was_asked_last_is_answered_before_a_new_board_is_shown() -> None:
    async def test(made: House) -> None:
        first = await made.asks(*VIEWS)
        made.clock.now = at("23 07:31")
        await made.renewal.rejudge()
        before = made.worker.done
        second = await made.asks(*VIEWS)

        assert made.worker.done == before
        assert [answer.status_code for answer in (*first, *second)] == [200] * 10
        assert second[-1].json()["generated_at"] == "2026-11-23T06:31:00Z"
        assert first[0].headers["etag"] != second[0].headers["etag"]

    in_house(test)


def test_only_the_last_eight_questions_are_answered_before() -> None:
    async def test(made: House) -> None:
        paths = [f"/extension?fold={number}" for number in range(10)]
        for path in paths:
            await made.asks(path)
        before = made.worker.done
        await made.renewal.rejudge()
        # Looked through for what goes in circles, judged, drawn, the one before forgotten, memory given back.
        assert made.worker.done == before + 1 + 1 + 8 + 1 + 1
        for path, drawn in ((paths[2], 0), (paths[9], 0), (paths[1], 1)):
            before = made.worker.done
            await made.asks(path)
            assert made.worker.done == before + drawn

    in_house(test)


def test_many_who_ask_the_same_cause_it_to_be_drawn_once() -> None:
    async def test(made: House) -> None:
        before = made.worker.done
        answers = await made.asks(*["/widget"] * 20)
        assert made.worker.done == before + 1
        assert len({answer.text for answer in answers}) == 1

    in_house(test)


def test_who_asks_while_a_board_is_judged_gets_the_board_before() -> None:
    async def test(made: House) -> None:
        (before,) = await made.asks("/widget")
        made.keeper.threads = set()
        made.keeper.held = threading.Event()
        made.clock.now = at("23 07:27")
        judging = asyncio.create_task(made.renewal.rejudge())
        await asyncio.sleep(0)
        (meanwhile,) = await made.asks("/widget")
        assert not judging.done()
        made.keeper.held.set()
        await judging
        (after,) = await made.asks("/widget")

        assert meanwhile.headers["etag"] == before.headers["etag"] != after.headers["etag"]
        assert made.keeper.threads.isdisjoint({threading.get_ident()})

    in_house(test)


def shown_by(made: House) -> tuple[Renewal, list[datetime | None]]:
    """A renewal of the same board, and when the backup server was read that each board shows which it shows."""
    shown: list[datetime | None] = []

    def note(judged: JudgedBoard) -> None:
        assert made.keeper.board is judged.board
        shown.append(next(row.as_of for row in judged.board.sources if row.name == "pbs"))

    return Renewal(made.keeper, made.answers, made.worker, note), shown


def brought_at(*minutes: int) -> list[Report]:
    return [pbs(f"23 07:{minute}", group("23 04:05")) for minute in minutes]


@pytest.mark.parametrize(
    ("minutes", "drawn"), [((26,), 1), ((26, 27), 1), ((26, 27, 28), 2), ((26, 27, 28, 29, 30), 3)]
)
def test_boards_are_shown_in_the_order_of_their_reports_and_every_second_one_is_drawn(
    minutes: tuple[int, ...], drawn: int
) -> None:
    async def test(made: House) -> None:
        await made.asks("/widget")
        renewal, shown = shown_by(made)
        made.clock.now = at("23 07:33")
        before = made.worker.done
        await asyncio.gather(*(renewal.record(report) for report in brought_at(*minutes)))
        assert shown == [at(f"23 07:{minute}") for minute in minutes]
        # Each is looked through, judged and given back; with each drawing those that were replaced are forgotten.
        assert made.worker.done == before + 3 * len(minutes) + 2 * drawn

    in_house(test)


def test_the_worker_frees_the_boards_that_were_replaced_not_the_event_loop() -> None:
    """Of a large house that takes longer than a step of the loop may."""
    freed_by: list[int] = []

    async def test(made: House) -> None:
        def note(judged: JudgedBoard) -> None:
            weakref.finalize(judged, lambda: freed_by.append(threading.get_ident()))

        renewal = Renewal(made.keeper, made.answers, made.worker, note)
        await asyncio.gather(*(renewal.record(report) for report in brought_at(26, 27, 28, 29)))
        assert len(freed_by) == 3
        assert threading.get_ident() not in freed_by

    in_house(test)


def test_what_was_judged_is_shown_also_where_judging_what_follows_fails() -> None:
    async def test(made: House) -> None:
        renewal, shown = shown_by(made)
        made.clock.now = at("23 07:27")
        broken = Report(
            source="pbs", kind=SourceKind.PBS, at=at("23 07:27"), readings=cast("tuple[Reading, ...]", (None,))
        )
        judged, failed = await asyncio.gather(
            renewal.record(brought_at(26)[0]), renewal.record(broken), return_exceptions=True
        )
        assert judged is None
        assert isinstance(failed, AttributeError)
        assert shown == [at("23 07:26")]

    in_house(test)


def test_a_renewal_that_is_cancelled_shows_nothing_and_the_next_one_works() -> None:
    async def test(made: House) -> None:
        shown = made.keeper.shown
        made.keeper.held = threading.Event()
        judging = asyncio.create_task(made.renewal.rejudge())
        await asyncio.sleep(0)
        judging.cancel()
        made.keeper.held.set()
        with pytest.raises(asyncio.CancelledError):
            await judging
        assert made.keeper.shown is shown
        await made.renewal.rejudge()
        assert made.keeper.shown is not shown

    in_house(test)


def test_a_service_that_is_gone_is_not_answered_before() -> None:
    async def test(made: House) -> None:
        assert [a.status_code for a in await made.asks("/widget?service=vaultwarden", "/widget?service=nobody")] == [
            200,
            404,
        ]
        await made.renewal.rejudge()
        assert (await made.asks("/widget?service=nobody"))[0].status_code == 404

    in_house(test)


def test_pythons_garbage_collector_rests_until_a_board_is_shown() -> None:
    """It would look through all of the board each time a step of it is done, and stop every reader for that."""
    collecting: list[bool] = []

    async def test(made: House) -> None:
        await Renewal(made.keeper, made.answers, made.worker, lambda _: collecting.append(gc.isenabled())).rejudge()

    in_house(test)

    assert collecting == [False]
    assert gc.isenabled()


def test_boards_that_were_replaced_leave_nothing_for_the_garbage_collector() -> None:
    """It is not asked to look through them (memory.py): circles in them would stay until the next day."""
    clock = Clock()
    keeper = BoardKeeper(settings(PVE, PBS, DATABASEMENT, BACKREST), clock)
    for minute in range(25, 29):
        clock.now, when = at(f"23 07:{minute}"), f"23 07:{minute}"
        gc.collect()
        with collector_at_rest():
            keeper.record(pve(when, vzdump(f"23 04:{minute}", f"23 04:{minute + 1}")))
            keeper.record(pbs(when, group("23 04:05")))
            keeper.record(databasement(when, "shop", "wiki"))
            keeper.record(backrest(when, "24 02:00", run(f"23 02:{minute}")))
            keeper.rejudge()
            keeper.timeline()
        assert gc.collect() == 0
