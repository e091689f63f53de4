"""Who was told of what, in the ledger's tables. The whole memory is small and bounded; each change writes all of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from sidecar.core.alerts.incident import AlertMemory, Held, Incident, Membership, ReceiverMemory, Waiting
from sidecar.core.alerts.message import Kind, Message
from sidecar.core.model import State

from .values import (
    UnreadableRecordError,
    row,
    stored,
    to_flag,
    to_text,
    to_text_or_none,
    to_time,
    to_time_or_none,
    to_whole,
)

Connection = sqlite3.Connection
E = TypeVar("E", bound=StrEnum)

TABLES = ("alert_receivers", "alert_incidents", "alert_members", "alert_held", "alert_outbox")

#: Characters of a subject's name. What has a longer one is told, and forgotten with the process.
LONGEST_SUBJECT = 1_000


def write(connection: Connection, memory: AlertMemory) -> None:
    """Replaces what is there by ``memory``."""
    for table in TABLES:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 (words of ours)
    receivers = [row(name, _times(of.sent), of.flood, of.not_held) for name, of in memory.receivers.items()]
    connection.executemany("INSERT INTO alert_receivers VALUES (?, ?, ?, ?)", receivers)
    connection.executemany("INSERT INTO alert_incidents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _incidents(memory))
    connection.executemany("INSERT INTO alert_members VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _members(memory))
    connection.executemany("INSERT INTO alert_held VALUES (?, ?, ?, ?, ?, ?, ?)", _held(memory))
    outbox = [_waiting(waiting) for waiting in memory.outbox]
    connection.executemany("INSERT INTO alert_outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", outbox)


def _incidents(memory: AlertMemory) -> Iterator[tuple[object, ...]]:
    for receiver, of in memory.receivers.items():
        for subject, each in of.incidents.items():
            if len(subject) <= LONGEST_SUBJECT:
                yield row(
                    receiver,
                    subject,
                    each.began,
                    each.state,
                    each.waiting,
                    each.waiting_since,
                    each.better,
                    each.told_at,
                    _times(each.opened),
                    each.followers,
                )


def _members(memory: AlertMemory) -> Iterator[tuple[object, ...]]:
    for receiver, of in memory.receivers.items():
        for subject, each in of.members.items():
            # What is known by too long a name is told by itself after a restart.
            if len(subject) <= LONGEST_SUBJECT:
                origin = each.origin if each.origin is None or len(each.origin) <= LONGEST_SUBJECT else None
                own = (each.incident, each.began, each.state, origin, int(each.named), each.left, each.well)
                yield row(receiver, subject, *own)


def _held(memory: AlertMemory) -> Iterator[tuple[object, ...]]:
    for receiver, of in memory.receivers.items():
        for place, each in enumerate(of.held):
            if len(each.subject) <= LONGEST_SUBJECT:
                name, problem = each.name[:LONGEST_SUBJECT], int(each.problem)
                yield row(receiver, place, each.subject, name, problem, each.text[:LONGEST_SUBJECT], each.at)


def _waiting(waiting: Waiting) -> tuple[object, ...]:
    message = waiting.message
    return row(
        waiting.number,
        message.receiver,
        message.kind,
        " ".join(message.incidents),
        message.title,
        message.body,
        message.at,
        message.link,
        waiting.noted_at,
        waiting.attempts,
        waiting.not_before,
        waiting.stands_for,
    )


def _times(times: tuple[datetime, ...]) -> str:
    return " ".join(str(stored(when)) for when in times)


# --- reading --------------------------------------------------------------------------------------------------------------


def read(connection: Connection) -> AlertMemory:
    """The memory as it was left. Raises UnreadableRecordError."""
    incidents: dict[str, dict[str, Incident]] = {}
    for receiver, subject, *columns in connection.execute("SELECT * FROM alert_incidents ORDER BY rowid"):
        incidents.setdefault(to_text(receiver), {})[to_text(subject)] = _to_incident(*columns)
    members: dict[str, dict[str, Membership]] = {}
    for receiver, subject, *columns in connection.execute("SELECT * FROM alert_members ORDER BY rowid"):
        members.setdefault(to_text(receiver), {})[to_text(subject)] = _to_membership(*columns)
    held: dict[str, list[Held]] = {}
    for receiver, _, *columns in connection.execute("SELECT * FROM alert_held ORDER BY receiver, place"):
        held.setdefault(to_text(receiver), []).append(_to_held(*columns))
    receivers = {
        to_text(name): ReceiverMemory(
            incidents=MappingProxyType(incidents.get(name, {})),
            members=MappingProxyType(members.get(name, {})),
            sent=_to_times(sent),
            flood=to_time_or_none(flood),
            held=tuple(held.get(name, ())),
            not_held=to_whole(not_held),
        )
        for name, sent, flood, not_held in connection.execute("SELECT * FROM alert_receivers ORDER BY rowid")
    }
    if not {*incidents, *members, *held} <= receivers.keys():
        raise UnreadableRecordError("The ledger has alerts of nobody")
    outbox = connection.execute("SELECT * FROM alert_outbox ORDER BY number")
    return AlertMemory(receivers=MappingProxyType(receivers), outbox=tuple(_to_waiting(*columns) for columns in outbox))


def _to_incident(
    began: object,
    state: object,
    waiting: object,
    waiting_since: object,
    better: object,
    told_at: object,
    opened: object,
    followers: object,
) -> Incident:
    return Incident(
        began=to_time(began),
        state=None if state is None else _to_word(State, state),
        waiting=None if waiting is None else _to_word(State, waiting),
        waiting_since=to_time_or_none(waiting_since),
        better=to_time_or_none(better),
        told_at=to_time_or_none(told_at),
        opened=_to_times(opened),
        followers=to_whole(followers),
    )


def _to_membership(
    incident: object,
    began: object,
    state: object,
    origin: object,
    named: object,
    left: object,
    well: object,
) -> Membership:
    return Membership(
        incident=to_text(incident),
        began=to_time(began),
        state=_to_word(State, state),
        origin=to_text_or_none(origin),
        named=to_flag(named),
        left=to_time_or_none(left),
        well=to_time_or_none(well),
    )


def _to_held(subject: object, name: object, problem: object, text: object, at: object) -> Held:
    return Held(
        subject=to_text(subject), name=to_text(name), problem=to_flag(problem), text=to_text(text), at=to_time(at)
    )


def _to_waiting(
    number: object,
    receiver: object,
    kind: object,
    incident: object,
    title: object,
    body: object,
    at: object,
    link: object,
    noted_at: object,
    attempts: object,
    not_before: object,
    stands_for: object,
) -> Waiting:
    first, *others = to_text(incident).split(" ")
    message = Message(
        receiver=to_text(receiver),
        kind=_to_word(Kind, kind),
        incident=first,
        others=tuple(others),
        title=to_text(title),
        body=to_text(body),
        at=to_time(at),
        link=to_text_or_none(link),
    )
    return Waiting(
        number=to_whole(number),
        message=message,
        noted_at=to_time(noted_at),
        attempts=to_whole(attempts),
        not_before=to_time_or_none(not_before),
        stands_for=to_whole(stands_for),
    )


def _to_times(text: object) -> tuple[datetime, ...]:
    return tuple(to_time(when) for when in to_text(text).split())


def _to_word(kind: type[E], text: object) -> E:
    try:
        return kind(to_text(text))
    except ValueError:
        raise UnreadableRecordError("The ledger has an unknown word in its alerts") from None
