"""The memory of alerts: what a receiver was told, and what waits. Immutable; each step makes a new one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sidecar.core.model import State

from .message import Message

#: Incidents that are remembered for one receiver. An upstream that makes up names fills no more.
MOST_INCIDENTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One thing that is not well, from when it was seen first until it is well again.

    Attributes:
        began: when it was seen first.
        state: the worst state that was told, or that was so when the receiver was new; None: nothing was told yet.
        waiting: a state that is told if it holds, and since when it does.
        better: since when it is well; None: it is not.
        told_at: when the last message about it was made; None: nobody was told.
        opened: when incidents of this subject were told lately, this one included; who comes again and again waits longer.
        followers: how many services can't be judged because of it, where it is a source: as they were told.
    """

    began: datetime
    state: State | None = None
    waiting: State | None = None
    waiting_since: datetime | None = None
    better: datetime | None = None
    told_at: datetime | None = None
    opened: tuple[datetime, ...] = ()
    followers: int = 0

    @property
    def is_over(self) -> bool:
        """Nothing is wrong; it is only remembered that something was."""
        return self.state is None and self.waiting is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """That something belongs to an incident that was told, until all that belongs to it is well again.

    Attributes:
        incident: its id, the same in every message about it.
        began: when this was seen first, and ``state``: the worst that was told of it, or as it was when it joined.
        origin: what brought it then, by its key; None where that was not known.
        named: a message named it. If not, it joined in silence, for its origin was told already.
        left: since when it is bad by itself, after it joined in silence.
        well: since when it is well, while others that belong to the incident are not.
    """

    incident: str
    began: datetime
    state: State
    origin: str | None = None
    named: bool = True
    left: datetime | None = None
    well: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What was to be told in quiet hours or a flood, and is summed up at their end."""

    subject: str
    name: str
    problem: bool
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverMemory:
    """What a receiver was told.

    Attributes:
        incidents: how each subject stands that is not well, or was not lately, by its key.
        members: what belongs to an incident that was told, by the same keys.
        sent: when its last messages were made.
        flood: there were too many; they are summed up from this moment on.
        held: what is summed up then, or when quiet hours end.
        not_held: how much more there was than can be held.
    """

    incidents: Mapping[str, Incident] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    members: Mapping[str, Membership] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    sent: tuple[datetime, ...] = ()
    flood: datetime | None = None
    held: tuple[Held, ...] = ()
    not_held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that was noted and is not delivered yet.

    Attributes:
        number: orders the messages; grows.
        attempts: how often it was tried.
        not_before: when it is tried next.
        stands_for: how many messages it sums up that could not be delivered; 0: none, it is a message of its own.
    """

    number: int
    message: Message
    noted_at: datetime
    attempts: int = 0
    not_before: datetime | None = None
    stands_for: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMemory:
    """Everything that must survive a restart so that nobody is told twice or not at all."""

    receivers: Mapping[str, ReceiverMemory] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    outbox: tuple[Waiting, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.receivers or self.outbox)


def incident_id(subject: str, began: datetime) -> str:
    """Names an incident in messages: letters and digits only, the same for every receiver."""
    return hashlib.sha256(f"{began.isoformat()} {subject}".encode("utf-8", "replace")).hexdigest()[:16]
