"""Tells receivers what is new on each board: noted first, then sent, then marked as sent.

One step at a time: what is new is worked out (core/alerts), all that must survive a restart is handed to the ledger, and
only when it is written, or can't be, the messages go out.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sidecar.core import words
from sidecar.core.alerts import outbox
from sidecar.core.alerts.incident import AlertMemory, Waiting
from sidecar.core.alerts.message import Message
from sidecar.core.alerts.rules import Receiver
from sidecar.core.alerts.seen import situation
from sidecar.core.alerts.turned import Changes, added, turned
from sidecar.core.history.verdict_log import VerdictChange
from sidecar.core.model import Board
from sidecar.core.settings import Settings
from sidecar.ledger.opened import Condition

from .alone import Alone
from .delivery import Delivery, Place, why
from .job import Failure, Sent

log = logging.getLogger(__name__)

#: Seconds that the ledger may take. Then the message goes out all the same.
_LEDGER_WITHIN = 10.0

#: Looked for another process, and for what is due again, at least this often.
_AT_LEAST_EVERY = timedelta(minutes=1)

_ONLY_IN_MEMORY = "Alerts are remembered in memory only: after a restart somebody may be told again, or not at all."
_NOT_ALONE = "Another backup-glance with the same state directory sends the alerts; this one sends none."


class Store(Protocol):
    """Where the memory is kept: the ledger, as far as this file needs it."""

    def record_alerts(self, alerts: AlertMemory) -> threading.Event:
        """See ``Ledger``."""

    def found_alerts(self) -> AlertMemory | None:
        """See ``Ledger``."""

    def alerts(self) -> AlertMemory:
        """See ``Ledger``."""

    @property
    def condition(self) -> Condition:
        """What became of the file, now."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A board, and the changes of verdicts that came with it. ``ready``: every source was tried since the start."""

    board: Board
    changes: tuple[VerdictChange, ...]
    ready: bool


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Since when a receiver can't be told, and why."""

    since: datetime
    text: str
    failure: Failure | None


class Notifier:
    """The receivers, what they were told, and what waits for them. Belongs to one event loop."""

    def __init__(
        self,
        receivers: Mapping[Receiver, Place],
        settings: Settings,
        delivery: Delivery,
        clock: Callable[[], datetime],
        alone: Alone,
        *,
        store: Store | None,
        memory: AlertMemory,
    ) -> None:
        self._receivers: Sequence[Receiver] = tuple(receivers)
        self._places = {receiver.name: place for receiver, place in receivers.items()}
        self._settings = settings
        self._delivery = delivery
        self._clock = clock
        self._alone = alone
        self._store = store
        self._memory = outbox.of_receivers(memory, self._receivers)
        self._changes: Changes = {}
        self._newest: Heard | None = None
        self._news = asyncio.Event()
        self._troubles: dict[str, _Trouble] = {}
        self._unmatched: tuple[str, ...] = ()
        self._not_alone = False

    def hear(self, heard: Heard) -> None:
        """Takes a new board. Returns at once."""
        if any(receiver.name not in self._memory.receivers for receiver in self._receivers):
            self._changes = added(self._changes, heard.changes)
        if heard.ready:
            self._newest = heard
            self._news.set()

    def notes(self) -> tuple[str, ...]:
        """What people should know about alerts now, in sentences."""
        now, zone = self._clock(), self._settings.timezone
        found = [
            f"Receiver {name} can't be told since {words.moment(trouble.since, now, zone)}: {trouble.text}."
            for name, trouble in sorted(self._troubles.items())
        ]
        found += self._unmatched
        if self._not_alone:
            found.append(_NOT_ALONE)
        if self._store is None or self._store.condition is Condition.UNUSABLE:
            found.append(_ONLY_IN_MEMORY)
        return tuple(found)

    async def run(self) -> None:
        """Tells of every board, for ever; ends when it is cancelled, with the process that sends."""
        try:
            while True:
                await self._wait()
                try:
                    await self.step()
                except Exception:
                    log.exception("internal error: alerts could not be sent")
        finally:
            self._alone.release()

    async def _wait(self) -> None:
        again = outbox.next_due(self._memory)
        pause = min(max(again - self._clock(), timedelta(seconds=1)), _AT_LEAST_EVERY) if again else _AT_LEAST_EVERY
        try:
            async with asyncio.timeout(pause.total_seconds()):
                await self._news.wait()
        except TimeoutError:
            return

    async def step(self) -> None:
        """What is new since the last step is noted, and all that is due is sent."""
        self._news.clear()
        if not await asyncio.to_thread(self._is_alone):
            return
        await self._take_in()
        while due := outbox.due(self._memory, self._clock(), self._receivers):
            await asyncio.gather(*(self._send(waiting) for waiting in due))

    def _is_alone(self) -> bool:
        """Takes over what another process has remembered, when that has ended."""
        alone = self._alone.is_held()
        if alone is self._not_alone:
            self._not_alone = not alone
            if not alone:
                log.warning("%s", _NOT_ALONE)
                return False
            log.info("this backup-glance sends the alerts now")
            if self._store is not None:
                self._memory = outbox.of_receivers(self._store.alerts(), self._receivers)
        return alone

    async def _take_in(self) -> None:
        heard, self._newest = self._newest, None
        before = self._memory
        found = self._store.found_alerts() if self._store else None
        if found is not None:
            self._memory = outbox.of_receivers(outbox.rejoined(before, found), self._receivers)
        if heard is not None:
            self._memory = await asyncio.to_thread(self._after, self._memory, heard)
            self._unmatched = await asyncio.to_thread(_unmatched, self._receivers, heard.board)
            self._changes = {}
        if self._memory != before or found is not None:
            await self._note()

    def _after(self, memory: AlertMemory, heard: Heard) -> AlertMemory:
        news = turned(self._changes, heard.board)
        return outbox.heard(memory, self._receivers, situation(heard.board, self._settings), news)

    async def _note(self) -> None:
        if self._store is not None:
            written = self._store.record_alerts(self._memory)
            await asyncio.to_thread(written.wait, _LEDGER_WITHIN)

    async def _send(self, waiting: Waiting) -> None:
        message, now, zone = waiting.message, self._clock(), self._settings.timezone
        sent = await self._sent(outbox.as_sent(message, now, zone))
        if sent.failure is None:
            self._memory = outbox.delivered(self._memory, waiting.number)
        else:
            self._memory = outbox.failed(self._memory, waiting.number, self._clock(), zone)
        self._tell_change(message.receiver, sent)
        await self._note()

    async def _sent(self, message: Message) -> Sent:
        """A mistake of ours is a failure like others: whoever else is told now is told all the same."""
        try:
            return await self._delivery.send(message, self._places[message.receiver])
        except Exception:
            log.exception("internal error: a message could not be sent")
            return Sent(Failure.OTHER)

    def _tell_change(self, receiver: str, sent: Sent) -> None:
        """Logs once when a receiver can't be told any more, or for another reason, and once when it can again."""
        before = self._troubles.get(receiver)
        if sent.failure is None:
            if before is not None:
                del self._troubles[receiver]
                log.info("receiver %s can be told again", receiver)
            return
        text = why(sent)
        self._troubles[receiver] = _Trouble(before.since if before else self._clock(), text, sent.failure)
        if before is None or before.failure is not sent.failure:
            log.warning("receiver %s can't be told: %s", receiver, text)


def _unmatched(receivers: Sequence[Receiver], board: Board) -> tuple[str, ...]:
    """A sentence for each pattern that matches nothing; many patterns and services take a while."""
    names = [service.name for service in board.services]
    return tuple(
        f"Configuration, alerts: receiver {receiver.name} asks for services {pattern!r}, and no service is called so; "
        "use a name of the table."
        for receiver in receivers
        for pattern in receiver.unmatched(names)
    )
