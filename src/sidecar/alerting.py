"""What the real service does beside serving: it tells receivers of changes, and calls the dead man's switch.

Only the service with the real ledger does: no candidate release, no demo, no check and no other command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from .board_keeper import BoardKeeper, Clock, JudgedBoard
from .config.model import Config
from .core.alerts.incident import AlertMemory
from .core.alerts.rules import Receiver
from .credentials import Credentials
from .ledger.ledger import Ledger
from .notify.alone import Alone
from .notify.delivery import Delivery, Place
from .notify.heartbeat import Heartbeat
from .notify.notifier import Heard, Notifier


def places_of(config: Config, credentials: Credentials) -> dict[Receiver, Place]:
    """The configured receivers, and where their messages go."""
    zone = ZoneInfo(config.timezone)
    return {
        receiver.to_rules(zone): Place(credentials.reader(receiver.url), receiver.ca_file)
        for receiver in config.alerts.receivers
    }


class Alerting:
    """Who is told of each board that is shown, as configured; nobody where nothing is. Belongs to one event loop."""

    def __init__(
        self, config: Config, clock: Clock, state: Path | None, ledger: Ledger | None, credentials: Credentials
    ) -> None:
        alerts, settings, alone = config.alerts, config.to_settings(), Alone(state)
        self._heartbeat: Heartbeat | None = None
        self._notifier: Notifier | None = None
        if alerts.heartbeat_url is not None:
            read = credentials.reader(alerts.heartbeat_url)
            self._heartbeat = Heartbeat(read, clock, settings.timezone, alone=alone.is_held)
        if alerts.receivers:
            self._notifier = Notifier(
                places_of(config, credentials),
                settings,
                Delivery(credentials.known),
                clock,
                alone,
                store=ledger,
                memory=ledger.remembered.alerts if ledger else AlertMemory(),
            )

    def join(self, keeper: BoardKeeper) -> Callable[[JudgedBoard], None]:
        """Its notes are on the boards of ``keeper``. Returns what is to be called with each board when it is shown."""
        keeper.note_also(self._notes)

        def shown(judged: JudgedBoard) -> None:
            if self._heartbeat is not None:
                self._heartbeat.judged()
            if self._notifier is not None:
                self._notifier.hear(Heard(judged.board, judged.changes, keeper.ready()))

        # What has changed since the end of the last process shows on the first board, which is not shown anew.
        if self._notifier is not None:
            self._notifier.hear(Heard(keeper.board, keeper.shown.changes, ready=False))
        return shown

    def start(self) -> list[asyncio.Task[None]]:
        """What runs until it is cancelled."""
        parts = (self._heartbeat, self._notifier)
        return [asyncio.create_task(part.run()) for part in parts if part is not None]

    def _notes(self) -> Iterator[str]:
        for part in (self._notifier, self._heartbeat):
            if part is not None:
                yield from part.notes()
