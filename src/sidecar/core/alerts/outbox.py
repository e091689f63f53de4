"""Messages that were noted and wait until they are delivered: in their order, again after a pause, or summed up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sidecar.core import words

from .incident import AlertMemory, ReceiverMemory, Waiting, incident_id
from .message import Kind, Message, lines
from .rules import Receiver
from .seen import Situation
from .telling import FLOOD, told

#: After a failure it is tried again after this, then after twice as long, and so on, up to LONGEST_PAUSE.
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)

#: What could not be delivered for so long is given up, and summed up.
GIVEN_UP_AFTER = timedelta(days=1)

#: A message that is delivered later than this says so.
LATE = timedelta(minutes=5)


def of_receivers(memory: AlertMemory, receivers: Iterable[Receiver]) -> AlertMemory:
    """Without what is remembered of, and waits for, receivers that are configured no more."""
    names = {receiver.name for receiver in receivers}
    return AlertMemory(
        receivers=MappingProxyType({name: of for name, of in memory.receivers.items() if name in names}),
        outbox=tuple(waiting for waiting in memory.outbox if waiting.message.receiver in names),
    )


def heard(
    memory: AlertMemory, receivers: Sequence[Receiver], situation: Situation, turned: frozenset[str] = frozenset()
) -> AlertMemory:
    """The memory after every receiver has heard of this; what it is told waits in the outbox. See ``told``."""
    outbox = [*of_receivers(memory, receivers).outbox]
    after: dict[str, ReceiverMemory] = {}
    for receiver in receivers:
        after[receiver.name], messages = told(receiver, memory.receivers.get(receiver.name), situation, turned)
        outbox += _numbered(outbox, messages, situation.at)
    return AlertMemory(receivers=MappingProxyType(after), outbox=tuple(outbox))


def _numbered(outbox: Sequence[Waiting], messages: Iterable[Message], now: datetime) -> list[Waiting]:
    first = max((waiting.number for waiting in outbox), default=0) + 1
    return [Waiting(number=number, message=each, noted_at=now) for number, each in enumerate(messages, first)]


def due(memory: AlertMemory, now: datetime, receivers: Iterable[Receiver]) -> tuple[Waiting, ...]:
    """The oldest message of each receiver, where it is time to try it, and not quiet there."""
    quiet = {receiver.name for receiver in receivers if receiver.is_quiet(now)}
    oldest: dict[str, Waiting] = {}
    for waiting in memory.outbox:
        oldest.setdefault(waiting.message.receiver, waiting)
    return tuple(waiting for name, waiting in oldest.items() if name not in quiet and _is_due(waiting, now))


def next_due(memory: AlertMemory) -> datetime | None:
    """When the next one is tried again; None where nothing waits for that."""
    return min((waiting.not_before for waiting in memory.outbox if waiting.not_before), default=None)


def _is_due(waiting: Waiting, now: datetime) -> bool:
    """Also after the clock was set back."""
    return waiting.not_before is None or not now < waiting.not_before <= now + LONGEST_PAUSE


def delivered(memory: AlertMemory, number: int) -> AlertMemory:
    """It was delivered, and waits no longer."""
    return replace(memory, outbox=tuple(waiting for waiting in memory.outbox if waiting.number != number))


def failed(memory: AlertMemory, number: int, now: datetime, zone: ZoneInfo) -> AlertMemory:
    """It could not be delivered: it waits, longer each time. What waits for too long, or is too much, is summed up."""
    outbox = tuple(_tried(waiting, now) if waiting.number == number else waiting for waiting in memory.outbox)
    receiver = next((waiting.message.receiver for waiting in outbox if waiting.number == number), None)
    own = [waiting for waiting in outbox if waiting.message.receiver == receiver]
    over = own if len(own) > FLOOD else _given_up(own, now)
    if not over:
        return replace(memory, outbox=outbox)
    summed = _summed_up(over, now, zone)
    kept = (
        summed if waiting is over[0] else waiting for waiting in outbox if waiting is over[0] or waiting not in over
    )
    return replace(memory, outbox=tuple(kept))


def _given_up(own: Sequence[Waiting], now: datetime) -> Sequence[Waiting]:
    """Whatever waits for too long, with what was noted before it."""
    expired = [place for place, waiting in enumerate(own, 1) if now - waiting.noted_at >= GIVEN_UP_AFTER]
    return own[: max(expired, default=0)]


def _tried(waiting: Waiting, now: datetime) -> Waiting:
    pause = min(FIRST_PAUSE * 2 ** min(waiting.attempts, 10), LONGEST_PAUSE)
    return replace(waiting, attempts=waiting.attempts + 1, not_before=now + pause)


def _summed_up(over: Sequence[Waiting], now: datetime, zone: ZoneInfo) -> Waiting:
    first = over[0]
    number = sum(max(waiting.stands_for, 1) for waiting in over)
    since = words.moment(first.message.at, now, zone)
    message = Message(
        receiver=first.message.receiver,
        kind=Kind.SUMMARY,
        incident=incident_id(f"undelivered:{first.message.receiver}", first.message.at),
        title=f"{number} message{'' if number == 1 else 's'} could not be delivered since {since}",
        body=lines([line for waiting in over for line in _lines(waiting, now, zone)]),
        at=first.message.at,
    )
    return replace(first, message=message, noted_at=now, stands_for=number)


def _lines(waiting: Waiting, now: datetime, zone: ZoneInfo) -> list[str]:
    """One line for a message; a summary of such messages keeps its own."""
    if waiting.stands_for:
        return waiting.message.body.splitlines()
    return [f"{words.moment(waiting.message.at, now, zone)}: {waiting.message.title}"]


def as_sent(message: Message, now: datetime, zone: ZoneInfo) -> Message:
    """The message as it is sent now: one that comes late says when it was so."""
    if timedelta(0) <= now - message.at < LATE:
        return message
    return replace(message, body=f"Delayed: this was so {words.moment(message.at, now, zone)}.\n{message.body}")


def rejoined(own: AlertMemory, found: AlertMemory) -> AlertMemory:
    """What a ledger held that can be read only now, with what was heard meanwhile: nobody is told twice of the same."""
    heard_of = {name: _rejoined(memory, found.receivers.get(name)) for name, memory in own.receivers.items()}
    # Whoever has heard nothing yet since the start has its memory from there.
    both = {**found.receivers, **heard_of}
    numbered = [*found.outbox]
    for waiting in own.outbox:
        numbered.append(replace(waiting, number=max((each.number for each in numbered), default=0) + 1))
    return AlertMemory(receivers=MappingProxyType(both), outbox=tuple(numbered))


def _rejoined(own: ReceiverMemory, found: ReceiverMemory | None) -> ReceiverMemory:
    if found is None:
        return own
    incidents: Mapping[str, object] = own.incidents
    told_of = {key: each for key, each in own.incidents.items() if each.told_at is not None or each.state is None}
    merged = {**{key: each for key, each in found.incidents.items() if key in incidents or each.told_at}, **told_of}
    members = {**found.members, **own.members}
    return replace(own, incidents=MappingProxyType(merged), members=MappingProxyType(members))
