"""What each receiver is told now: the memory and the board in, the memory and messages out.

One message per incident, and one for what a single cause brought. In quiet hours, and when there would be too many, what is
new is held and summed up at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from sidecar.core.model import State

from .change import Now, Standing, as_it_was, changed
from .incident import MOST_INCIDENTS, Held, Incident, Membership, ReceiverMemory
from .members import Change, Members, belonging
from .message import Kind, Message
from .rules import Receiver
from .seen import Situation
from .subjects import Cause, Subject, subjects
from .wording import News, Reader, held_of, message_of, summary_of

#: More messages than this for one receiver within that time are a flood; what comes then is summed up after it.
FLOOD = 5
FLOOD_WITHIN = timedelta(minutes=10)

#: What a summary can say; the rest is counted.
MOST_HELD = 200


def told(
    receiver: Receiver,
    memory: ReceiverMemory | None,
    situation: Situation,
    turned: frozenset[str] = frozenset(),
) -> tuple[ReceiverMemory, tuple[Message, ...]]:
    """What ``receiver`` is told of this, and what is remembered of it.

    Args:
        memory: what it was told before; None: it is new, so what is so already is no news.
        turned: what turned bad since then all the same, by the ledger's changes of verdicts.
    """
    now, concerned = situation.at, subjects(situation, receiver)
    if memory is None:
        memory = _listening(concerned.values(), now, turned)
    youngest = _youngest(concerned, memory.incidents, now)
    incidents: dict[str, Incident] = {}
    changes: list[Change] = []
    # What is muted or not wanted any more is forgotten; what is not there any more is over.
    there = {seen.key for seen in situation.seen}
    keys = [*concerned, *(key for key in memory.incidents if key not in there)]
    for key in keys:
        before = memory.incidents.get(key)
        after, kind = _seen(before, concerned.get(key), receiver, now, youngest)
        if after is not None:
            incidents[key] = after
        if kind is not None:
            changes.append(Change(key, kind, before, after))
    before_now = belonging(memory.members, memory.incidents, there - concerned.keys())
    members = Members(receiver, before_now, incidents, concerned, now)
    places = {key: place for place, key in enumerate(keys)}
    news = sorted(members.take(changes), key=lambda each: places.get(each.key, len(places)))
    held = tuple(each for each in memory.held if each.subject in concerned or each.subject not in there)
    kept = replace(
        memory,
        incidents=MappingProxyType(_bounded(incidents)),
        members=MappingProxyType(_bounded_members(members.members)),
        held=held,
    )
    return _sent(receiver, kept, news, Reader(receiver.name, now, situation.zone))


# --- what is new ------------------------------------------------------------------------------------------------------


def _listening(concerned: Iterable[Subject], now: datetime, turned: frozenset[str]) -> ReceiverMemory:
    there: dict[str, Incident] = {}
    for subject in concerned:
        # No verdict of a source is in the ledger: it broke when the first service that it hides turned bad.
        news = any(key in turned for key in (subject.key, *(seen.key for seen in subject.hidden)))
        known = as_it_was(_now(subject, now)) if not news else None
        if known is not None:
            there[subject.key] = known
    return ReceiverMemory(incidents=MappingProxyType(there))


def _now(subject: Subject, now: datetime) -> Now:
    return Now(subject.state, subject.standing, subject.services, now)


def _seen(
    before: Incident | None,
    subject: Subject | None,
    receiver: Receiver,
    now: datetime,
    youngest: Mapping[Cause, datetime],
) -> tuple[Incident | None, Kind | None]:
    if subject is None:
        return changed(before, Now(State.OK, Standing.OVER, 0, now), receiver)
    others = youngest.get(subject.cause) if subject.cause is not None else None
    return changed(before, replace(_now(subject, now), others=others), receiver)


def _youngest(
    concerned: Mapping[str, Subject], incidents: Mapping[str, Incident], now: datetime
) -> Mapping[Cause, datetime]:
    """Since when the youngest waits to be told, or to be told that it is over, for each cause."""
    youngest: dict[Cause, datetime] = {}
    for key, subject in concerned.items():
        known = incidents.get(key)
        since = _waits_since(subject, known, now)
        if since is not None and subject.cause is not None:
            youngest[subject.cause] = max(youngest.get(subject.cause, since), since)
    return youngest


def _waits_since(subject: Subject, known: Incident | None, now: datetime) -> datetime | None:
    is_told = known is not None and known.state is not None
    if subject.standing is Standing.TOLD and not is_told:
        return (known.waiting_since if known else None) or now
    if subject.standing is Standing.OVER and known is not None and known.told_at is not None and is_told:
        return known.better or now
    return None


def _bounded(incidents: Mapping[str, Incident]) -> dict[str, Incident]:
    """The oldest stay."""
    if len(incidents) <= MOST_INCIDENTS:
        return dict(incidents)
    oldest = sorted(incidents.items(), key=lambda item: (item[1].told_at is None, item[1].began))
    return dict(oldest[:MOST_INCIDENTS])


def _bounded_members(members: Mapping[str, Membership]) -> dict[str, Membership]:
    """What is not well stays with its incident; of what is well again, as many as can be listed by far."""
    bad = {key: each for key, each in members.items() if each.well is None}
    well = {key: each for key, each in members.items() if each.well is not None}
    return bad | dict([*well.items()][:MOST_INCIDENTS])


# --- what is sent, and what is held -----------------------------------------------------------------------------------


def _sent(
    receiver: Receiver, memory: ReceiverMemory, news: Sequence[News], reader: Reader
) -> tuple[ReceiverMemory, tuple[Message, ...]]:
    now = reader.now
    memory = replace(memory, sent=tuple(when for when in memory.sent if timedelta(0) <= now - when < FLOOD_WITHIN))
    if memory.flood is not None and (now >= memory.flood or memory.flood - now > FLOOD_WITHIN):
        memory = replace(memory, flood=None)
    if receiver.is_quiet(now) or memory.flood is not None:
        return _holding(memory, news, reader), ()
    summary, groups = _summary(memory, reader), _grouped(each for each in news if not each.silent)
    messages = [*summary, *(message_of(group, reader) for group in groups)]
    memory = replace(_summed_up(memory), held=(), not_held=0)
    room = max(FLOOD - len(memory.sent), 0)
    if len(messages) > room:
        groups = groups[max(room - len(summary), 0) :]
        messages = messages[: max(room, len(summary))]
        memory = replace(memory, flood=now + FLOOD_WITHIN)
        memory = _holding(memory, [each for group in groups for each in group], reader)
    return replace(memory, sent=(*memory.sent, *(now for _ in messages))), tuple(messages)


def _grouped(news: Iterable[News]) -> list[list[News]]:
    """By message."""
    groups: dict[tuple[str, ...], list[News]] = {}
    for each in news:
        groups.setdefault(each.message, []).append(each)
    return list(groups.values())


def _holding(memory: ReceiverMemory, news: Iterable[News], reader: Reader) -> ReceiverMemory:
    held: tuple[Held, ...] = (*memory.held, *(held_of(each, reader) for each in news))
    too_many = max(len(held) - MOST_HELD, 0)
    joined = [place for place, each in enumerate(held) if _joined(memory, each)]
    left_out = {*joined[len(joined) - min(too_many, len(joined)) :]}
    kept = [each for place, each in enumerate(held) if place not in left_out]
    return replace(memory, held=tuple(kept[:MOST_HELD]), not_held=memory.not_held + too_many)


def _joined(memory: ReceiverMemory, held: Held) -> bool:
    """It joined an incident in silence: what anybody is told of comes before it."""
    member = memory.members.get(held.subject)
    return member is not None and not member.named


def _summed_up(memory: ReceiverMemory) -> ReceiverMemory:
    """What a summary says is over has been told so, though the incident that it belongs to is not over yet."""
    said = {each.subject for each in memory.held}
    members = {key: each for key, each in memory.members.items() if each.well is None or key not in said}
    return replace(memory, members=MappingProxyType(members))


def _summary(memory: ReceiverMemory, reader: Reader) -> list[Message]:
    """One, or none where there is nothing to say."""
    still = frozenset(key for key, incident in memory.incidents.items() if not incident.is_over)
    held = sorted(memory.held, key=lambda each: _joined(memory, each))
    made = summary_of(held, still, reader, memory.not_held) if held else None
    return [made] if made else []
