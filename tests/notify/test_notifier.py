"""Noted, then sent, then marked: what the ledger holds at each moment, and what becomes of it after a crash."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from sidecar.core.alerts.incident import AlertMemory, ReceiverMemory
from sidecar.core.alerts.message import Message
from sidecar.core.alerts.rules import Receiver
from sidecar.core.history.verdict_log import VerdictChange
from sidecar.core.model import State
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.notify.alone import Alone
from sidecar.notify.delivery import Delivery, Place
from sidecar.notify.job import Failure, Sent
from sidecar.notify.notifier import Heard, Notifier
from sidecar.texts.known_secrets import KnownSecrets
from tests.core.alerts.listener import PHONE, START, States, board, settings
from tests.ledgers import rows
from tests.notify.receivers import WebServer, web_server

WELL = {"service vault": "ok", "service web": "ok"}
BAD = {**WELL, "service vault": "failed"}
MAIL = replace(PHONE, name="mail")


class Post(Delivery):
    """A post office that delivers to the test: ``becomes`` says what becomes of each message."""

    def __init__(self, becomes: Callable[[Message], Sent] = lambda _: Sent()) -> None:
        super().__init__(KnownSecrets())
        self.becomes = becomes
        self.sent: list[Message] = []

    async def send(self, message: Message, place: Place) -> Sent:  # noqa: ARG002 (it goes nowhere)
        self.sent.append(message)
        return self.becomes(message)

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.sent]


class Counting(Notifier):
    """Counts the steps that came to their end."""

    steps = 0

    async def step(self) -> None:
        await super().step()
        self.steps += 1


class Service:
    """A notifier with its ledger, as the service has them from one start to the next."""

    def __init__(
        self,
        directory: Path | None,
        post: Delivery,
        *receivers: Receiver,
        now: datetime = START,
        url: str = "ntfy://127.0.0.1:1/unused",
    ) -> None:
        async def read(_: bool) -> str:
            return url

        self.now = now
        self.post = post
        self.alone = Alone(directory)
        self.ledger = Ledger(directory, now) if directory else None
        self.notifier = Counting(
            {receiver: Place(read) for receiver in receivers or (PHONE,)},
            settings(),
            post,
            lambda: self.now,
            self.alone,
            store=self.ledger,
            memory=self.ledger.remembered.alerts if self.ledger else AlertMemory(),
        )

    def hear(self, states: States, minutes: int = 1, changes: tuple[VerdictChange, ...] = ()) -> None:
        async def heard() -> None:
            for _ in range(minutes):
                self.notifier.hear(Heard(board(states, self.now), changes, ready=True))
                await self.notifier.step()
                self.now += timedelta(minutes=1)

        asyncio.run(heard())

    async def tell(self, *minutes: States, until: Callable[[], bool] = lambda: False) -> None:
        """What runs by itself hears one board a minute, each when it is done with the one before, or ``until``."""
        for states in minutes:
            done = self.notifier.steps
            self.notifier.hear(Heard(board(states, self.now), (), ready=True))
            while self.notifier.steps == done and not until():  # noqa: ASYNC110 (``until`` asks another thread)
                await asyncio.sleep(0.005)
            self.now += timedelta(minutes=1)

    def stop(self) -> None:
        self.alone.release()
        if self.ledger:
            self.ledger.close()


@pytest.fixture
def post() -> Post:
    return Post()


def test_a_message_stands_in_the_ledger_before_it_is_sent_and_not_after(tmp_path: Path) -> None:
    seen: list[list[tuple[object, ...]]] = []

    def look(_: Message) -> Sent:
        seen.append(rows(tmp_path, "SELECT title FROM alert_outbox"))
        return Sent()

    service = Service(tmp_path, Post(look))
    service.hear(WELL)
    service.hear(BAD, 5)
    service.stop()

    assert seen == [[("vault: failed",)]]
    assert rows(tmp_path, "SELECT title FROM alert_outbox") == []


def test_a_crash_between_noting_and_marking_repeats_the_message_once_as_the_same_incident(tmp_path: Path) -> None:
    def crash(_: Message) -> Sent:
        raise KeyboardInterrupt

    service = Service(tmp_path, Post(crash))
    service.hear(WELL)
    with pytest.raises(KeyboardInterrupt):
        service.hear(BAD, 5)
    service.stop()
    again = Post()
    later = Service(tmp_path, again, now=service.now + timedelta(minutes=30))
    later.hear(BAD, 60)
    later.stop()

    assert isinstance(service.post, Post)
    assert again.titles == ["vault: failed"]
    assert again.sent[0].incident == service.post.sent[0].incident
    assert again.sent[0].body.startswith("Delayed: this was so today 07:0")


def test_a_restart_says_nothing_and_remembers_everything(tmp_path: Path, post: Post) -> None:
    service = Service(tmp_path, post)
    service.hear(WELL)
    service.hear(BAD, 5)
    service.stop()
    for _ in range(3):
        service = Service(tmp_path, post, now=service.now)
        service.hear(BAD, 5)
        service.stop()
    assert post.titles == ["vault: failed"]

    service = Service(tmp_path, post, now=service.now)
    service.hear(WELL, 5)
    service.stop()
    assert post.titles == ["vault: failed", "vault: ok again"]


def test_an_upgrade_from_a_version_without_alerts_says_nothing_of_what_was_so(tmp_path: Path, post: Post) -> None:
    service = Service(tmp_path, post)
    service.hear({"service vault": "failed", "service web": "missed", "source pbs": "unknown"}, 60)
    service.stop()

    assert post.sent == []


def test_but_what_the_ledgers_changes_show_is_told(tmp_path: Path, post: Post) -> None:
    change = VerdictChange(
        member="guest:pve:101",
        job="pve/backup/critical",
        destination="",
        at=START,
        state_from=State.OK,
        state_to=State.FAILED,
        cause="run_failed",
    )
    service = Service(tmp_path, post)
    service.notifier.hear(Heard(board(WELL, START), (change,), ready=False))
    service.hear({"service vault": "failed", "job pbs/gc/main": "failed"}, 10)
    service.stop()

    assert post.titles == ["vault: failed"]


def test_nothing_is_told_before_every_source_was_tried(tmp_path: Path, post: Post) -> None:
    service = Service(tmp_path, post)
    service.hear(WELL)
    service.stop()
    service = Service(tmp_path, post, now=service.now)

    async def early() -> None:
        for _ in range(10):
            service.notifier.hear(Heard(board(BAD, service.now), (), ready=False))
            await service.notifier.step()
            service.now += timedelta(minutes=1)

    asyncio.run(early())
    service.stop()
    assert post.sent == []


def test_a_receiver_that_fails_is_tried_again_and_holds_up_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = [True]
    post = Post(lambda message: Sent(Failure.REFUSED if away[0] and message.receiver == "mail" else None))
    service = Service(tmp_path, post, PHONE, MAIL)
    service.hear(WELL)
    with caplog.at_level(logging.INFO):
        service.hear(BAD, 20)
        away[0] = False
        service.hear(BAD, 20)
    service.stop()

    assert [message.receiver for message in post.sent] == ["phone", "mail", "mail", "mail", "mail", "mail", "mail"]
    told = [record.message for record in caplog.records if record.name == "sidecar.notify.notifier"]
    assert told == [
        "receiver mail can't be told: its server refused the connection; check host and port in its url, and that it runs",
        "receiver mail can be told again",
    ]


def test_what_is_wrong_with_a_receiver_is_on_the_page_while_it_lasts(tmp_path: Path) -> None:
    away = [True]
    post = Post(lambda _: Sent(Failure.REFUSED if away[0] else None))
    service = Service(tmp_path, post)
    service.hear(WELL)
    assert service.notifier.notes() == ()
    service.hear(BAD, 10)

    since = "Receiver phone can't be told since today 07:03"
    why = "its server refused the connection; check host and port in its url, and that it runs"
    assert service.notifier.notes() == (f"{since}: {why}.",)
    away[0] = False
    service.hear(BAD, 10)
    assert service.notifier.notes() == ()
    service.stop()


def test_a_pattern_that_matches_no_service_is_on_the_page(tmp_path: Path, post: Post) -> None:
    service = Service(tmp_path, post, replace(PHONE, services=("va*", "vaultt")))
    service.hear({})
    assert service.notifier.notes() == ()
    service.hear(WELL)
    (note,) = service.notifier.notes()
    assert "receiver phone asks for services 'vaultt', and no service is called so" in note
    service.hear({**WELL, "service vaultt": "ok"})
    assert service.notifier.notes() == ()
    service.stop()


def test_without_a_ledger_the_process_remembers_and_says_so(post: Post) -> None:
    service = Service(None, post)
    service.hear(WELL)
    service.hear(BAD, 10)
    service.hear(WELL, 10)

    assert post.titles == ["vault: failed", "vault: ok again"]
    assert "in memory only" in service.notifier.notes()[0]


def test_with_a_ledger_that_can_not_be_written_it_is_the_same(tmp_path: Path, post: Post) -> None:
    directory = tmp_path / "not there"
    service = Service(directory, post)
    service.hear(WELL)
    service.hear(BAD, 10)

    assert post.titles == ["vault: failed"]
    assert "in memory only" in service.notifier.notes()[0]
    directory.mkdir()
    service.hear(WELL, 10)
    service.stop()
    assert rows(directory, "SELECT told_at FROM alert_incidents") == [(None,)]
    assert post.titles == ["vault: failed", "vault: ok again"]


def test_two_processes_with_the_same_ledger_never_both_send(tmp_path: Path) -> None:
    first, second = Service(tmp_path, Post()), Service(tmp_path, Post())
    for states, minutes in ((WELL, 1), (BAD, 10)):
        first.hear(states, minutes)
        second.hear(states, minutes)

    assert isinstance(first.post, Post)
    assert isinstance(second.post, Post)
    assert (first.post.titles, second.post.titles) == (["vault: failed"], [])
    assert second.notifier.notes() == (
        "Another backup-glance with the same state directory sends the alerts; this one sends none.",
    )
    first.stop()
    second.hear(BAD, 10)
    second.hear(WELL, 10)
    second.stop()
    assert second.post.titles == ["vault: ok again"]


def test_what_waits_for_a_receiver_that_is_configured_no_more_is_forgotten(tmp_path: Path) -> None:
    service = Service(tmp_path, Post(lambda _: Sent(Failure.REFUSED)), PHONE, MAIL)
    service.hear(WELL)
    service.hear(BAD, 5)
    service.stop()
    post = Post()
    later = Service(tmp_path, post, PHONE, now=service.now + timedelta(hours=1))

    asyncio.run(later.notifier.step())
    assert [message.receiver for message in post.sent] == ["phone"]
    later.hear(BAD)
    later.stop()
    assert rows(tmp_path, "SELECT receiver FROM alert_receivers") == [("phone",)]


def test_what_a_ledger_held_that_is_found_later_is_not_told_again(tmp_path: Path, post: Post) -> None:
    state, away = tmp_path / "state", tmp_path / "away"
    state.mkdir()
    service = Service(state, post)
    service.hear(WELL)
    service.hear(BAD, 10)
    service.stop()
    state.rename(away)
    service = Service(state, post, now=service.now)
    service.hear(BAD, 10)
    away.rename(state)
    service.hear(BAD, 10)
    service.hear(WELL, 10)
    service.stop()

    assert post.titles == ["vault: failed", "vault: ok again"]


def test_a_ledger_that_is_found_before_the_first_board_keeps_what_was_told(tmp_path: Path, post: Post) -> None:
    state, away = tmp_path / "state", tmp_path / "away"
    state.mkdir()
    service = Service(state, post)
    service.hear(WELL)
    service.hear(BAD, 10)
    service.stop()
    state.rename(away)
    service = Service(state, post, now=service.now)
    away.rename(state)
    assert service.ledger is not None
    # Whatever is handed over opens the file.
    assert service.ledger.record_alerts(AlertMemory()).wait(10)
    asyncio.run(service.notifier.step())

    assert rows(state, "SELECT receiver FROM alert_receivers") == [("phone",)]
    service.hear(WELL, 10)
    service.stop()
    assert post.titles == ["vault: failed", "vault: ok again"]


def test_an_error_of_ours_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wrong = [True]

    def becomes(_: Message) -> Sent:
        if wrong.pop():
            wrong.append(False)
            raise RuntimeError("a mistake of ours")
        wrong.append(False)
        return Sent()

    async def run() -> None:
        service = Service(tmp_path, Post(becomes))
        task = asyncio.create_task(service.notifier.run())
        await service.tell(WELL, *[BAD] * 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        service.stop()
        assert isinstance(service.post, Post)
        assert service.post.titles == ["vault: failed", "vault: failed"]

    asyncio.run(run())
    assert "internal error: a message could not be sent" in caplog.text


# --- with real processes and servers ----------------------------------------------------------------------------------


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


def real(directory: Path, web: WebServer) -> Service:
    return Service(directory, Delivery(KnownSecrets()), url=f"ntfy://127.0.0.1:{web.port}/backups")


@pytest.mark.fortnight
def test_an_incident_and_its_end_reach_a_server_and_are_one_notification(tmp_path: Path, web: WebServer) -> None:
    service = real(tmp_path, web)
    web.answers = [500, 200]
    service.hear(WELL)
    service.hear(BAD, 10)
    service.hear(WELL, 10)
    service.stop()

    assert [call.json["title"] for call in web.calls] == ["vault: failed", "vault: failed", "vault: ok again"]
    assert len({call.headers["X-Sequence-ID"] for call in web.calls}) == 1


@pytest.mark.fortnight
def test_the_end_of_the_service_ends_the_process_that_hangs_and_the_message_is_sent_afterwards(
    tmp_path: Path, web: WebServer
) -> None:
    web.answers = ["hang"]

    async def ended() -> None:
        service = real(tmp_path, web)
        task = asyncio.create_task(service.notifier.run())
        await service.tell(WELL, *[BAD] * 4, until=web.waiting.is_set)
        assert await asyncio.to_thread(web.waiting.wait, 30)
        task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(task, return_exceptions=True)
        service.stop()

    asyncio.run(ended())
    web.answers = [200]
    service = real(tmp_path, web)
    service.hear(BAD, 5)
    service.stop()

    assert [call.json["title"] for call in web.calls] == ["vault: failed"] * 2
    assert len({call.headers["X-Sequence-ID"] for call in web.calls}) == 1


def test_the_memory_is_the_same_however_often_it_is_read_back(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path, START)) as ledger:
        memory = AlertMemory(receivers=MappingProxyType({"phone": ReceiverMemory()}))
        assert ledger.record_alerts(memory).wait(10)
    with closing(Ledger(tmp_path, START)) as ledger:
        assert ledger.remembered.alerts == memory
    assert (tmp_path / FILE).exists()
