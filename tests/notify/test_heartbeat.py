"""The dead man's switch: called after a judgement, at most once a minute, whatever is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SecretError, SourceError
from sidecar.notify.alone import Alone
from sidecar.notify.heartbeat import APART, Heartbeat
from sidecar.upstream.ping import Ping
from tests.core.alerts.listener import BERLIN, START
from tests.notify.receivers import web_server
from tests.processes import free_port

SECRET = "fake-secret-of-a-url"


def beaten(url: str, judgements: int = 1, *, apart: float = 0.01) -> Heartbeat:
    """A heartbeat after so many judgements, each of which is answered before the next one, unless calls are a minute apart."""
    ping, done = Ping(), 0

    async def read(_: bool) -> str:
        return url

    async def call(address: str) -> None:
        nonlocal done
        try:
            await ping.call(address)
        finally:
            done += 1

    async def answered(calls: int) -> None:
        await until(lambda: done >= calls)

    async def run() -> Heartbeat:
        heartbeat = Heartbeat(read, lambda: START, BERLIN, call=call, apart=apart)
        async with beating(heartbeat):
            for number in range(judgements):
                heartbeat.judged()
                await answered(1 if apart >= APART else number + 1)
            # Time for calls that should not come.
            await asyncio.sleep(0.1 if apart >= APART else 0)
        return heartbeat

    return asyncio.run(run())


@asynccontextmanager
async def beating(heartbeat: Heartbeat) -> AsyncIterator[None]:
    task = asyncio.create_task(heartbeat.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    """However slow the machine is."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (the heartbeat tells nobody that it has called)
            await asyncio.sleep(0.005)


def test_each_judgement_is_a_call() -> None:
    with web_server() as web:
        beaten(f"http://127.0.0.1:{web.port}/{SECRET}", 3)

    assert [(call.method, call.path) for call in web.calls] == [("GET", f"/{SECRET}")] * 3


def test_without_a_judgement_nobody_is_called() -> None:
    with web_server() as web:
        beaten(f"http://127.0.0.1:{web.port}/", 0)

    assert web.calls == []


def test_of_two_processes_only_one_beats(tmp_path: Path) -> None:
    first, second = Alone(tmp_path), Alone(tmp_path)
    assert first.is_held()
    beats: list[str] = []

    async def read(_: bool) -> str:
        return "https://hc.lan/fake"

    async def call(url: str) -> None:
        beats.append(url)

    asked: list[bool] = []

    def alone() -> bool:
        asked.append(second.is_held())
        return asked[-1]

    async def run() -> None:
        heartbeat = Heartbeat(read, lambda: START, BERLIN, alone=alone, call=call, apart=0.01)
        async with beating(heartbeat):
            heartbeat.judged()
            await until(lambda: asked)
            first.release()
            heartbeat.judged()
            await until(lambda: beats)
        assert asked == [False, True]

    asyncio.run(run())
    second.release()
    assert beats == ["https://hc.lan/fake"]


def test_many_judgements_at_once_are_one_call_a_minute() -> None:
    with web_server() as web:
        beaten(f"http://127.0.0.1:{web.port}/", 5, apart=APART)

    assert (len(web.calls), APART) == (1, 60)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (500, "it answered 500"),
        (404, "it answered 404"),
        ("redirect", "it answered 302"),
        ("cut off", "it can't be reached"),
    ],
)
def test_what_goes_wrong_is_logged_once_and_on_the_page_without_the_address(
    answer: int | str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with web_server() as web, caplog.at_level(logging.INFO, "sidecar"):
        web.answers = [answer]
        heartbeat = beaten(f"http://127.0.0.1:{web.port}/{SECRET}", 3)

    assert heartbeat.notes() == (f"The heartbeat can't be sent since today 07:00: {text}.",)
    assert [record.message for record in caplog.records] == [
        f"the heartbeat can't be sent: {text}; check alerts.heartbeat_url"
    ]
    assert {call.path for call in web.calls} == {f"/{SECRET}"}


def test_when_it_works_again_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with web_server() as web, caplog.at_level(logging.INFO, "sidecar"):
        web.answers = [500, 200]
        heartbeat = beaten(f"http://127.0.0.1:{web.port}/", 2)

    assert heartbeat.notes() == ()
    assert [record.message for record in caplog.records][-1] == "the heartbeat can be sent again"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:{port}/", "connection refused"),
        ("https://no-such-host.invalid/", "it can't be reached"),
        ("ftp://127.0.0.1:{port}/", "its address is not a web address"),
        ("no address", "its address is not a web address"),
        ("http://[", "its address is not a web address"),
    ],
)
def test_who_can_not_be_reached_is_told(url: str, text: str) -> None:
    heartbeat: list[str] = []

    async def run() -> None:
        try:
            await Ping(5).call(url.format(port=free_port()))
        except SourceError as error:
            heartbeat.append(error.cause)

    asyncio.run(run())
    assert heartbeat == [text]


def test_a_server_that_hangs_costs_its_time_and_no_more() -> None:
    with web_server() as web:
        web.answers = ["hang"]
        with pytest.raises(SourceError, match="no answer in time"):
            asyncio.run(Ping(0.3).call(f"http://127.0.0.1:{web.port}/"))


def test_an_address_that_is_unknown_there_is_read_anew() -> None:
    asked: list[bool] = []
    answers = [SourceError("it answered 404", kind=ProblemKind.REJECTED, status=404), None]

    async def read(fresh: bool) -> str:
        asked.append(fresh)
        return "https://hc.lan/fake"

    async def call(_: str) -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    async def run() -> None:
        heartbeat = Heartbeat(read, lambda: START, BERLIN, call=call, apart=0.01)
        async with beating(heartbeat):
            while answers:
                heartbeat.judged()
                await asyncio.sleep(0.005)

    asyncio.run(run())
    assert asked[:2] == [False, True]


def test_a_secret_that_can_not_be_read_is_told() -> None:
    async def read(_: bool) -> str:
        raise SecretError("credential heartbeat: No such file or directory")

    async def run() -> Heartbeat:
        heartbeat = Heartbeat(read, lambda: START, BERLIN, apart=0.01)
        async with beating(heartbeat):
            heartbeat.judged()
            await until(heartbeat.notes)
        return heartbeat

    assert "credential heartbeat: No such file" in asyncio.run(run()).notes()[0]
