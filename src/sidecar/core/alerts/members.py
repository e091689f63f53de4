"""Which incident something belongs to: it was told with others, or joined them in silence because the same brought it.

An incident is over when all that belongs to it is well, and that is told once. What joined in silence and is bad by itself
afterwards is told then; so is what is left when the rest is well for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sidecar.core.model import State

from .change import Standing
from .incident import Incident, Membership, incident_id
from .message import Kind
from .rules import Receiver
from .subjects import Subject
from .wording import News

#: When a part of an incident is well for so long, and the rest is not, that is told: one job goes from guest to guest.
_SETTLED_AFTER = timedelta(hours=1)

_UNDER_WAY = frozenset({State.LATE, State.RUNNING})


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be told of one thing, by itself; ``before`` and ``after``: how its incident was and is."""

    key: str
    kind: Kind
    before: Incident | None
    after: Incident | None


class Members:
    """What belongs to the incidents that one receiver was told of.

    Args:
        members: before now, of what still concerns the receiver.
        incidents: as they are after all changes. When they were last told is brought up to date here.
    """

    def __init__(
        self,
        receiver: Receiver,
        members: Mapping[str, Membership],
        incidents: dict[str, Incident],
        subjects: Mapping[str, Subject],
        now: datetime,
    ) -> None:
        self._receiver, self._subjects, self._now = receiver, subjects, now
        self._incidents = incidents
        self.members = {key: _not_ahead(each, now) for key, each in members.items()}

    def take(self, changes: Sequence[Change]) -> list[News]:
        """Follows what is to be told of each, and returns what is told of the incidents."""
        for change in changes:
            if change.kind is Kind.RECOVERY and change.before is not None:
                self._is_well(change.key, change.before)
        news = self._opened([change for change in changes if change.kind is Kind.PROBLEM])
        for change in changes:
            if change.kind in (Kind.UPDATE, Kind.REMINDER) and change.after is not None:
                news.append(self._told(change.key, change.kind, change.after))
        for keys in self._by_incident():
            worse = {each.key for each in news if each.kind is Kind.UPDATE}.intersection(keys)
            followed = self._followed(keys, is_told=bool(worse))
            if any(each.in_part for each in followed):
                news = [each for each in news if each.key not in worse]
            news += followed
        self._were_told(news)
        return news

    def _by_incident(self) -> list[list[str]]:
        found: dict[str, list[str]] = {}
        for key, member in self.members.items():
            found.setdefault(member.incident, []).append(key)
        return [*found.values()]

    # --- one by one -------------------------------------------------------------------------------------------------------

    def _is_well(self, key: str, before: Incident) -> None:
        self.members[key] = replace(self.members[key], left=None, well=before.better or self._now)

    def _told(self, key: str, kind: Kind, after: Incident) -> News:
        if kind is Kind.UPDATE:
            member, origin = self.members[key], self._origin(key)
            if origin is not None and self._live().get(origin, member.incident) != member.incident:
                origin = member.origin  # Another incident tells of that one.
            state = after.state or member.state
            self.members[key] = replace(member, state=state, origin=origin, named=True, left=None)
        return self._news(kind, key, after)

    def _opened(self, changes: Iterable[Change]) -> list[News]:
        """What is told for the first time: it joins what the same brought, or opens an incident with others of its cause."""
        news: list[News] = []
        live = self._live()
        together: dict[tuple[str, ...], str] = {}
        for change in changes:
            key, after = change.key, change.after
            if after is None or after.state is None:
                continue
            origin = self._origin(key)
            joins = live.get(origin) if origin is not None else None
            if joins is not None:
                news.append(self._joins(key, after, joins))
                continue
            cause = self._subjects[key].cause or (key,)
            incident = together.setdefault(cause, incident_id(key, after.began))
            self.members[key] = Membership(incident=incident, began=after.began, state=after.state, origin=origin)
            news.append(self._news(Kind.PROBLEM, key, after))
        return news

    def _joins(self, key: str, after: Incident, incident: str) -> News:
        """In silence, unless it is worse than all that was told of the incident, or itself what brought all of it."""
        state = after.state or State.UNKNOWN
        worst = min(each.state.rank for each in self.members.values() if each.incident == incident)
        is_told = state.rank < worst or self._subjects[key].seen.is_origin
        self.members[key] = Membership(
            incident=incident, began=after.began, state=state, origin=self._origin(key), named=is_told
        )
        if is_told:
            return self._news(Kind.UPDATE, key, after)
        others = [self._incidents[other] for other in self._bad(incident) if other != key and other in self._incidents]
        told_at = max((each.told_at for each in others if each.told_at is not None), default=after.told_at)
        # Nobody heard of it, so it did not come again and again: what is bad about it later must not hold for longer.
        self._incidents[key] = replace(after, told_at=told_at, opened=after.opened[:-1])
        return replace(self._news(Kind.PROBLEM, key, after), silent=True)

    def _bad(self, incident: str) -> list[str]:
        return [key for key, each in self.members.items() if each.incident == incident and each.well is None]

    def _live(self) -> dict[str, str]:
        """The incidents that were told of an origin which lasts, by that."""
        return {
            member.origin: member.incident
            for key, member in self.members.items()
            if member.origin is not None and member.named and self._is_brought(key, member)
        }

    def _is_brought(self, key: str, member: Membership) -> bool:
        """It is bad, and of the origin that it was told of."""
        return member.well is None and self._is_bad(key) and self._origin(key) == member.origin

    def _is_bad(self, key: str) -> bool:
        subject = self._subjects.get(key)
        return subject is not None and subject.standing is Standing.TOLD

    def _is_over(self, key: str) -> bool:
        subject = self._subjects.get(key)
        return subject is None or subject.standing is Standing.OVER

    def _origin(self, key: str) -> str | None:
        subject = self._subjects.get(key)
        return subject.origin if subject is not None else None

    # --- as a whole -------------------------------------------------------------------------------------------------------

    def _followed(self, keys: Sequence[str], *, is_told: bool) -> list[News]:
        """What is told of one incident as a whole. ``is_told``: there is a message about it anyway."""
        bad = [key for key in keys if self.members[key].well is None]
        if not bad:
            # What is bad again by now opens another incident.
            over = [self._over(key) for key in keys if not self._is_bad(key)]
            for key in keys:
                del self.members[key]
            return over
        well = [key for key in keys if key not in bad]
        is_left = self._left(bad)
        if not is_left and not (is_told and well) and not self._has_settled(keys, bad):
            return []
        news = [replace(self._over(key), in_part=True) for key in well if not self._is_bad(key)]
        for key in well:
            del self.members[key]
        for key in (key for key in bad if not self._is_over(key)):
            self.members[key] = replace(self.members[key], named=True, left=None)
            news.append(replace(self._news(Kind.UPDATE, key, self._incidents[key]), in_part=True))
        return news

    def _left(self, bad: Iterable[str]) -> bool:
        """Something that joined in silence is bad by itself, for as long as must hold before it is told."""
        live, is_left = self._live(), False
        for key in bad:
            member = self.members[key]
            if member.named:
                continue
            explained = self._is_brought(key, member) and live.get(member.origin or "") == member.incident
            left = None if explained or not self._is_bad(key) else member.left or self._now
            self.members[key] = replace(member, left=left)
            is_left = is_left or (left is not None and self._now - left >= self._receiver.hold)
        return is_left

    def _has_settled(self, keys: Iterable[str], bad: Iterable[str]) -> bool:
        """Some are well for a while, and the others neither begin to be nor are tried again right now."""
        last = max((well for key in keys if (well := self.members[key].well) is not None), default=None)
        if last is None or self._now - last < _SETTLED_AFTER:
            return False
        return not any(self._is_over(key) or self._subjects[key].state in _UNDER_WAY for key in bad)

    # --- what is told -----------------------------------------------------------------------------------------------------

    def _news(self, kind: Kind, key: str, incident: Incident) -> News:
        subject = self._subjects.get(key)
        return News(
            kind=kind,
            key=key,
            seen=subject.seen if subject else None,
            incident=incident,
            told_in=self.members[key].incident,
            hidden=subject.hidden if subject else (),
        )

    def _over(self, key: str) -> News:
        member = self.members[key]
        was = Incident(began=member.began, state=member.state, better=member.well)
        return self._news(Kind.RECOVERY, key, was)

    def _were_told(self, news: Iterable[News]) -> None:
        """A reminder comes after the last message about the incident, whatever that was about."""
        told = {each.told_in for each in news if not each.silent}
        for key, member in self.members.items():
            known = self._incidents.get(key)
            if member.incident in told and member.well is None and known is not None and known.told_at is not None:
                self._incidents[key] = replace(known, told_at=self._now)


def belonging(
    members: Mapping[str, Membership], incidents: Mapping[str, Incident], gone: Iterable[str]
) -> dict[str, Membership]:
    """What belongs to incidents: ``gone`` does not concern the receiver any more.

    What was told by a version that remembered no members is an incident of its own.
    """
    left = {*gone}
    told = {key for key, each in incidents.items() if each.state is not None and each.told_at is not None}
    alone = {key: _alone(key, each) for key, each in incidents.items() if key not in members}
    every = {**{key: each for key, each in alone.items() if each is not None}, **members}
    return {
        key: member for key, member in every.items() if key not in left and (member.well is not None or key in told)
    }


def _alone(key: str, incident: Incident) -> Membership | None:
    if incident.told_at is None or incident.state is None:
        return None
    return Membership(incident=incident_id(key, incident.began), began=incident.began, state=incident.state)


def _not_ahead(member: Membership, now: datetime) -> Membership:
    """After the clock was set back nothing would hold for days."""
    left, well = member.left and min(member.left, now), member.well and min(member.well, now)
    return replace(member, left=left, well=well)
