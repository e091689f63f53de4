"""What went wrong in a stretch of time, from when to when, and why: made of the changes of state that were judged then.

An incident begins when an expectation becomes failed, missed, never or unknown, and ends when it is well again, or backed up
with a warning. While something runs or is only late, nobody knows yet, and it goes on. What began together for the same
cause is one incident, as for alerts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from sidecar.core.history.verdict_log import ExpectationKey, VerdictChange, service_in
from sidecar.core.ids import MemberId
from sidecar.core.model import State
from sidecar.core.value import value

from .records import Records

#: An incident begins with one of these.
WRONG = frozenset({State.FAILED, State.MISSED, State.NEVER, State.UNKNOWN})

#: With one of these it is over.
_OVER = frozenset({State.OK, State.NEW, State.DISABLED, State.WARNING})

#: What begins within this, for the same cause, is one incident.
_TOGETHER = timedelta(minutes=10)

#: Of more incidents only the longest are listed.
MOST = 500

#: What was over within this is not listed, only counted. Receivers of alerts are not told of it either.
SHORT = timedelta(minutes=2)


@value(kw_only=True)
class Incident:
    """What went wrong for one or several members at once.

    Attributes:
        members: by the names that the ledger remembers them under, in the order of their beginning.
        job: what did not do what it owed; "" where a source told nothing, or of several jobs.
        source: the source that has the members.
        states: the bad states in their order: unknown, then missed.
        start: when the first of them was judged so; it may be before the stretch that is looked at.
        began_before: it was bad already before ``start``, in another of these states; since when is not looked at.
        end: when the last of them was well again; None: not within the stretch.
        cause: the machine word of the beginning.
        reason: what was said at the beginning. Hostile text, and "today" in it means that day.
    """

    members: tuple[str, ...]
    job: str
    source: str
    states: tuple[State, ...]
    start: datetime
    began_before: bool
    end: datetime | None
    cause: str
    reason: str | None


@value(kw_only=True)
class Incidents:
    """The incidents of which a part lies in a stretch of time, oldest first.

    Attributes:
        short: how many more were over within SHORT.
        beyond: how many more there were than can be listed.
    """

    listed: tuple[Incident, ...]
    short: int = 0
    beyond: int = 0


def incidents(records: Records, current: Collection[ExpectationKey]) -> Incidents:
    """What went wrong in the stretch of ``records``.

    Args:
        current: what is expected now. What was bad before, is gone, and left no trace in the stretch ended before it.
    """
    by_expectation = _by_expectation(records, current)
    every = [incident for changes in by_expectation for incident in _of_one(changes, records.start)]
    long = [incident for incident in every if incident.end is None or incident.end - incident.start >= SHORT]
    together = sorted(_together(long), key=lambda each: (each.end or records.end) - each.start, reverse=True)
    listed = sorted(together[:MOST], key=lambda each: (each.start, each.members))
    return Incidents(listed=tuple(listed), short=len(every) - len(long), beyond=len(together) - len(listed))


def _by_expectation(records: Records, current: Collection[ExpectationKey]) -> Iterable[list[VerdictChange]]:
    traces = {*(final.expectation for final in records.finals), *(change.expectation for change in records.changes)}
    changes: dict[ExpectationKey, list[VerdictChange]] = defaultdict(list)
    for change in records.before:
        if change.expectation in traces or change.expectation in current:
            changes[change.expectation].append(change)
    for change in records.changes:
        changes[change.expectation].append(change)
    return changes.values()


def _of_one(changes: Iterable[VerdictChange], start: datetime) -> Iterator[Incident]:
    """The incidents of one expectation that were not over before ``start``; its changes are in their order."""
    current: Incident | None = None
    for change in changes:
        if change.state_to in WRONG and current is None:
            current = _begun(change)
        elif current is not None and _is_first_known(current, change):
            current = replace(_begun(change), start=current.start, began_before=False)
        elif current is not None and change.state_to in WRONG and change.state_to not in current.states:
            current = replace(current, states=(*current.states, change.state_to))
        elif current is not None and change.state_to in _OVER:
            if change.at >= start:
                yield replace(current, end=change.at)
            current = None
    if current is not None:
        yield current


def _is_first_known(current: Incident, change: VerdictChange) -> bool:
    """Nothing was known for a moment, as at a start, before this was: it begins with what is known."""
    was_unknown = current.states == (State.UNKNOWN,) and not current.began_before
    return was_unknown and change.state_to in WRONG - {State.UNKNOWN} and change.at - current.start < SHORT


def _begun(change: VerdictChange) -> Incident:
    is_source = change.state_to is State.UNKNOWN
    return Incident(
        members=(change.member,),
        job="" if is_source else change.job,
        source=_source(change.member),
        states=(change.state_to,),
        start=change.at,
        began_before=change.state_from in WRONG,
        end=None,
        cause=change.cause,
        reason=change.reason,
    )


def _source(member: str) -> str:
    try:
        return MemberId.parse(member).source
    except ValueError:
        return ""


def _together(every: Iterable[Incident]) -> Iterator[Incident]:
    """Those that began about the same time for the same cause are one."""
    open_ones: dict[tuple[object, ...], Incident] = {}
    for incident in sorted(every, key=lambda each: (each.start, each.members)):
        key = (incident.states[0], incident.cause, incident.job or incident.source)
        known = open_ones.get(key)
        if known is not None and incident.start - known.start <= _TOGETHER:
            open_ones[key] = _joined(known, incident)
            continue
        if known is not None:
            yield known
        open_ones[key] = incident
    yield from open_ones.values()


def _joined(first: Incident, other: Incident) -> Incident:
    new = tuple(state for state in other.states if state not in first.states)
    return replace(
        first,
        members=tuple(dict.fromkeys((*first.members, *other.members))),
        states=(*first.states, *new),
        began_before=first.began_before or other.began_before,
        end=None if first.end is None or other.end is None else max(first.end, other.end),
    )


def services_of(incident: Incident, names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Whom it concerned, as people call them: ``names`` are those of the services of each member; else the member's own."""
    every = (names.get(member, (service_in(member) or member,)) for member in incident.members)
    return tuple(dict.fromkeys(chain.from_iterable(every)))
