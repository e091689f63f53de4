"""What each receiver is told now: the memory and the board in, the memory and messages out.

One message per incident, and one for what a single cause brought. In quiet hours, and when there would be too many, what is
new is held and summed up at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from sidecar.core.model import State, worst

from .change import Now, Standing, as_it_was, changed, standing
from .incident import MOST_INCIDENTS, Held, Incident, ReceiverMemory
from .message import Kind, Message
from .rules import Receiver
from .seen import Seen, Situation, SubjectKind
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
    now, every = situation.at, situation.seen
    subjects = {subject.key: subject for subject in _subjects(every, receiver)}
    if memory is None:
        memory = _listening(subjects.values(), now, turned)
    youngest = _youngest(subjects, memory.incidents, now)
    incidents: dict[str, Incident] = {}
    news: list[News] = []
    # What is muted or not wanted any more is forgotten; what is not there any more is over.
    there = {seen.key for seen in every}
    for key in [*subjects, *(key for key in memory.incidents if key not in there)]:
        after, kind = _seen(memory.incidents.get(key), subjects.get(key), receiver, now, youngest)
        if after is not None:
            incidents[key] = after
        if kind is not None:
            news.append(_news(key, kind, subjects.get(key), memory.incidents.get(key), after, now))
    held = tuple(each for each in memory.held if each.subject in subjects or each.subject not in there)
    kept = replace(memory, incidents=MappingProxyType(_bounded(incidents)), held=held)
    return _sent(receiver, kept, news, Reader(receiver.name, now, situation.zone))


#: What several may have in common: the state, None for what is over, and what is to blame.
_Cause = tuple[State | None, str | None]


class _Subject:
    """What one incident is about, with what it hides."""

    def __init__(self, seen: Seen, standing: Standing, state: State, hidden: Sequence[Seen] = ()) -> None:
        self.key, self.seen, self.standing, self.state, self.hidden = seen.key, seen, standing, state, tuple(hidden)
        self.cause: _Cause = (None if standing is Standing.OVER else state, seen.blame)


# --- what there is to look at -----------------------------------------------------------------------------------------


def _subjects(every: Sequence[Seen], receiver: Receiver) -> Iterator[_Subject]:
    """What concerns the receiver. What a source hides belongs to the source, whether or not the receiver wants sources."""
    wanted = [seen for seen in every if not seen.silenced and _wants(receiver, seen)]
    hidden: dict[str, list[Seen]] = {}
    for seen in wanted:
        if seen.hidden_by is not None:
            hidden.setdefault(seen.hidden_by, []).append(seen)
    for seen in wanted:
        if seen.kind is not SubjectKind.SOURCE:
            meaning = Standing.OPEN if seen.hidden_by else standing(seen.state, receiver)
            yield _Subject(seen, meaning, seen.state)
    for seen in every:
        if seen.kind is SubjectKind.SOURCE and not seen.silenced:
            yield _source(seen, hidden.get(seen.name, ()), receiver)


def _wants(receiver: Receiver, seen: Seen) -> bool:
    match seen.kind:
        case SubjectKind.SERVICE:
            return receiver.wants_service(seen.name)
        case SubjectKind.JOB:
            return receiver.jobs
        case SubjectKind.DATASTORE:
            return receiver.datastores
        case SubjectKind.SOURCE:
            return receiver.sources


def _source(seen: Seen, hidden: Sequence[Seen], receiver: Receiver) -> _Subject:
    """As bad as what it hides: a source that can be read in part may hide a service."""
    own = [seen.state] if receiver.sources else []
    state = worst([*own, *(each.state for each in hidden)], State.OK)
    return _Subject(seen, standing(state, receiver), state, hidden)


# --- what is new ------------------------------------------------------------------------------------------------------


def _listening(subjects: Iterable[_Subject], now: datetime, turned: frozenset[str]) -> ReceiverMemory:
    there: dict[str, Incident] = {}
    for subject in subjects:
        # No verdict of a source is in the ledger: it broke when the first service that it hides turned bad.
        news = any(key in turned for key in (subject.key, *(seen.key for seen in subject.hidden)))
        known = as_it_was(_now(subject, now)) if not news else None
        if known is not None:
            there[subject.key] = known
    return ReceiverMemory(incidents=MappingProxyType(there))


def _now(subject: _Subject, now: datetime) -> Now:
    services = sum(seen.kind is SubjectKind.SERVICE for seen in subject.hidden)
    return Now(subject.state, subject.standing, services, now)


def _seen(
    before: Incident | None,
    subject: _Subject | None,
    receiver: Receiver,
    now: datetime,
    youngest: Mapping[_Cause, datetime],
) -> tuple[Incident | None, Kind | None]:
    if subject is None:
        return changed(before, Now(State.OK, Standing.OVER, 0, now), receiver)
    return changed(before, replace(_now(subject, now), others=youngest.get(subject.cause)), receiver)


def _youngest(
    subjects: Mapping[str, _Subject], incidents: Mapping[str, Incident], now: datetime
) -> Mapping[_Cause, datetime]:
    """Since when the youngest waits to be told, or to be told that it is over, for each cause."""
    youngest: dict[_Cause, datetime] = {}
    for key, subject in subjects.items():
        known = incidents.get(key)
        since = _waits_since(subject, known, now) if subject.cause[-1] else None
        if since is not None:
            youngest[subject.cause] = max(youngest.get(subject.cause, since), since)
    return youngest


def _waits_since(subject: _Subject, known: Incident | None, now: datetime) -> datetime | None:
    is_told = known is not None and known.state is not None
    if subject.standing is Standing.TOLD and not is_told:
        return (known.waiting_since if known else None) or now
    if subject.standing is Standing.OVER and known is not None and known.told_at is not None and is_told:
        return known.better or now
    return None


def _news(
    key: str, kind: Kind, subject: _Subject | None, before: Incident | None, after: Incident | None, now: datetime
) -> News:
    about = before if kind is Kind.RECOVERY else after
    return News(
        kind=kind,
        key=key,
        seen=subject.seen if subject else None,
        incident=about or Incident(began=now),
        hidden=subject.hidden if subject else (),
    )


def _bounded(incidents: Mapping[str, Incident]) -> dict[str, Incident]:
    """The oldest stay."""
    if len(incidents) <= MOST_INCIDENTS:
        return dict(incidents)
    oldest = sorted(incidents.items(), key=lambda item: (item[1].told_at is None, item[1].began))
    return dict(oldest[:MOST_INCIDENTS])


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
    summary = _summary(memory, reader)
    messages = [*summary, *(message_of(group, reader) for group in _grouped(news))]
    memory = replace(memory, held=(), not_held=0)
    room = max(FLOOD - len(memory.sent), 0)
    if len(messages) > room:
        groups = _grouped(news)[max(room - len(summary), 0) :]
        messages = messages[: max(room, len(summary))]
        memory = replace(memory, flood=now + FLOOD_WITHIN)
        memory = _holding(memory, [each for group in groups for each in group], reader)
    return replace(memory, sent=(*memory.sent, *(now for _ in messages))), tuple(messages)


def _grouped(news: Sequence[News]) -> list[list[News]]:
    groups: dict[tuple[object, ...], list[News]] = {}
    for each in news:
        groups.setdefault(each.cause, []).append(each)
    return list(groups.values())


def _holding(memory: ReceiverMemory, news: Iterable[News], reader: Reader) -> ReceiverMemory:
    held: tuple[Held, ...] = (*memory.held, *(held_of(each, reader) for each in news))
    return replace(memory, held=held[:MOST_HELD], not_held=memory.not_held + max(len(held) - MOST_HELD, 0))


def _summary(memory: ReceiverMemory, reader: Reader) -> list[Message]:
    """One, or none where there is nothing to say."""
    still = frozenset(key for key, incident in memory.incidents.items() if not incident.is_over)
    made = summary_of(memory.held, still, reader, memory.not_held) if memory.held else None
    return [made] if made else []
