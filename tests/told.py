"""What a receiver is told while a simulated homelab goes on: the product's own rules, board by board."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sidecar.core.alerts.incident import ReceiverMemory
from sidecar.core.alerts.message import Message
from sidecar.core.alerts.rules import Receiver
from sidecar.core.alerts.seen import situation
from sidecar.core.alerts.telling import told
from sidecar.core.model import Board, State
from sidecar.core.settings import Settings

#: As the configuration has it by default.
USUAL = Receiver(name="phone", states=frozenset({State.FAILED, State.MISSED, State.NEVER, State.UNKNOWN}))

#: Who asked for warnings as well.
EVERYTHING = replace(USUAL, states=USUAL.states | {State.WARNING})


class Told:
    """A receiver and its messages."""

    def __init__(self, settings: Settings, receiver: Receiver = USUAL) -> None:
        self._settings = settings
        self._receiver = receiver
        self._memory: ReceiverMemory | None = None
        self.messages: list[Message] = []

    def hear(self, board: Board) -> None:
        """Of a new board."""
        self._memory, new = told(self._receiver, self._memory, situation(board, self._settings))
        self.messages += new

    def hear_for(self, board: Board, time: timedelta) -> None:
        """Of a board that stays as it is for so long."""
        for minute in range(1, time // timedelta(minutes=1) + 1):
            self.hear(replace(board, at=board.at + timedelta(minutes=minute)))

    @property
    def lines(self) -> list[str]:
        """Each message as "KIND: TITLE"."""
        return [f"{message.kind}: {message.title}" for message in self.messages]
