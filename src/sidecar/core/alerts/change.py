"""What becomes of one incident when its subject is seen: what is told, and what must hold before it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sidecar.core.model import State

from .incident import Incident
from .message import Kind
from .rules import Receiver

#: Who was told of a subject this lately is told again only after it has held for longer.
COMES_AGAIN = timedelta(hours=6)

#: It doubles with each time, up to this.
_LONGEST_HOLD = timedelta(hours=1)
_SHORTEST_HOLD = timedelta(minutes=2)

#: What becomes more and more is told when that has come to an end, and no later than this: what a source hides, what one
#: job did to several.
_GATHERED_WITHIN = timedelta(minutes=10)

#: Nothing is wrong any more.
_OVER = frozenset({State.OK, State.NEW, State.DISABLED})


class Standing(StrEnum):
    """What a state means for a receiver."""

    TOLD = "told"
    OVER = "over"
    #: It was tried again and is not known yet, or is bad in a way that this receiver is not told of.
    OPEN = "open"


def standing(state: State, receiver: Receiver) -> Standing:
    """What ``state`` means for ``receiver``. A warning is backed up; whoever did not ask for warnings takes it for well."""
    if state in receiver.states:
        return Standing.TOLD
    return Standing.OVER if state in _OVER or state is State.WARNING else Standing.OPEN


@dataclass(frozen=True, slots=True)
class Now:
    """A subject as it stands.

    Attributes:
        standing: what its state means for the receiver.
        followers: how many services are hidden by it.
        others: since when the youngest of those waits that have the same cause.
    """

    state: State
    standing: Standing
    followers: int
    at: datetime
    others: datetime | None = None

    def together(self, since: datetime, began: datetime) -> datetime:
        """From when on it must hold: as long as others come, it waits for them, but not for ever."""
        waits = self.others is not None and self.at - began < _GATHERED_WITHIN
        return max(since, self.others or since) if waits else since


def changed(before: Incident | None, now: Now, receiver: Receiver) -> tuple[Incident | None, Kind | None]:
    """The incident after it was seen like this, and what is told of it; None: nothing is wrong, or nothing is told."""
    known = _forgetting(before, now.at)
    if known is None or known.is_over:
        return _opening(known, now, receiver)
    if known.state is None:
        return _before_it_is_told(known, now, receiver)
    if now.standing is Standing.OVER:
        return _better(known, now, receiver)
    if now.standing is Standing.TOLD and now.state.rank < known.state.rank:
        return _worse(replace(known, better=None), now, receiver)
    if now.standing is Standing.TOLD and now.followers and not known.followers:
        return _hides_services(replace(known, better=None), now, receiver)
    known = replace(known, better=None, waiting=None, waiting_since=None)
    return _lasting(known, now, receiver) if now.standing is Standing.TOLD else (known, None)


def as_it_was(now: Now) -> Incident | None:
    """What was so before anybody listened: remembered, and not told."""
    if now.standing is not Standing.TOLD:
        return None
    return Incident(began=now.at, state=now.state, followers=now.followers)


def hold(receiver: Receiver, known: Incident) -> timedelta:
    """How long something must hold before it is told: longer for what came again and again lately."""
    times = max(len(known.opened) - (known.state is not None and known.told_at is not None), 0)
    return min(max(receiver.hold, _SHORTEST_HOLD) * 2**times, _LONGEST_HOLD) if times else receiver.hold


def _forgetting(known: Incident | None, at: datetime) -> Incident | None:
    """Without what was told long ago. No time lies ahead: after the clock was set back nothing would hold for days."""
    if known is None:
        return None
    opened = tuple(when for when in known.opened if timedelta(0) <= at - when < COMES_AGAIN)
    if known.is_over and not opened:
        return None
    return replace(
        known,
        opened=opened,
        waiting_since=known.waiting_since and min(known.waiting_since, at),
        better=known.better and min(known.better, at),
        told_at=known.told_at and min(known.told_at, at),
    )


def _opening(known: Incident | None, now: Now, receiver: Receiver) -> tuple[Incident | None, Kind | None]:
    if now.standing is not Standing.TOLD:
        return known, None
    opened = known.opened if known else ()
    fresh = Incident(began=now.at, waiting=now.state, waiting_since=now.at, opened=opened, followers=now.followers)
    return _before_it_is_told(fresh, now, receiver)


def _before_it_is_told(known: Incident, now: Now, receiver: Receiver) -> tuple[Incident | None, Kind | None]:
    if now.standing is not Standing.TOLD:
        over = replace(known, waiting=None, waiting_since=None, followers=0)
        return (over if over.opened else None), None
    gathers = now.followers > known.followers and now.at - known.began < _GATHERED_WITHIN
    since = now.at if gathers else known.waiting_since or now.at
    known = replace(known, waiting=now.state, waiting_since=since, followers=now.followers)
    if now.at - now.together(since, known.began) < hold(receiver, known):
        return known, None
    return _told(known, now, opens=True), Kind.PROBLEM


def _told(known: Incident, now: Now, *, opens: bool) -> Incident:
    return replace(
        known,
        state=now.state,
        waiting=None,
        waiting_since=None,
        told_at=now.at,
        opened=(*known.opened, now.at) if opens else known.opened,
        followers=now.followers,
    )


def _worse(known: Incident, now: Now, receiver: Receiver) -> tuple[Incident, Kind | None]:
    """Each worse state once."""
    since = known.waiting_since or now.at
    if now.at - since < receiver.hold:
        return replace(known, waiting=now.state, waiting_since=since), None
    # What was so before anybody listened is a problem when it gets worse.
    first = known.told_at is None
    return _told(known, now, opens=first), Kind.PROBLEM if first else Kind.UPDATE


def _hides_services(known: Incident, now: Now, receiver: Receiver) -> tuple[Incident, Kind | None]:
    """A source that hid no service when it was told hides some now: that is told once, whatever its own state."""
    after, kind = _worse(known, now, receiver)
    return replace(after, state=known.state), kind


def _lasting(known: Incident, now: Now, receiver: Receiver) -> tuple[Incident, Kind | None]:
    if receiver.remind_after is None or known.told_at is None or now.at - known.told_at < receiver.remind_after:
        return known, None
    return replace(known, told_at=now.at, followers=now.followers), Kind.REMINDER


def _better(known: Incident, now: Now, receiver: Receiver) -> tuple[Incident | None, Kind | None]:
    since = known.better or now.at
    known = replace(known, better=since, waiting=None, waiting_since=None)
    if now.at - now.together(since, since) < hold(receiver, known):
        return known, None
    over = Incident(began=known.began, opened=known.opened) if known.opened else None
    return over, Kind.RECOVERY if known.told_at else None
