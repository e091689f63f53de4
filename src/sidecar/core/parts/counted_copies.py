"""How many copies there are of a service, and where they lie (rule 15)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Self

from sidecar.core.model import PartKind, PlaceKind, Required, StoredCopy
from sidecar.core.value import value

from .part import Part
from .stored import Stored

_KINDS = {
    PartKind.GUEST: PlaceKind.DATASTORE,
    PartKind.DATABASE: PlaceKind.VOLUME,
    PartKind.PLAN: PlaceKind.REPOSITORY,
    PartKind.UPKEEP: PlaceKind.DATASTORE,
}


@value()
class Declared:
    """What is needed to tell whether something counts: what the configuration declares off-site, and what time it is.

    ``paused``: the sources that may be away now.
    """

    offsite: frozenset[str]
    now: datetime
    paused: frozenset[str] = frozenset()

    def stored(self, part: Part) -> tuple[Stored, ...]:
        """Where its backups lie. Of a part of which nothing can be told, they may lie anywhere in its source."""
        if part.note is None and (part.stored or not part.evidence.stale(self.now)):
            return part.stored
        named = tuple(place for place in self.offsite if place.partition("/")[0] == part.source)
        anywhere = Stored(
            place=part.source,
            kind=_KINDS[part.kind],
            named=named,
            evidence=part.evidence,
            newest=None,
            doubt=True,
            whole=True,
        )
        return (*(replace(each, doubt=True) for each in part.stored), anywhere)

    def copy(self, stored: Stored, *parts: Part) -> StoredCopy:
        """What is stored, as it counts now."""
        return StoredCopy(
            place=stored.place,
            kind=stored.kind,
            offsite=not self.offsite.isdisjoint(stored.named),
            known=stored.known(self.now),
            last_backup=stored.newest,
            verified_at=stored.verified_at,
            encrypted=stored.encrypted,
            protected=stored.protected,
            made_by=str(stored.made_by) if stored.made_by is not None else None,
            parts=tuple(part.full_ref for part in parts),
        )


#: A place as it is counted: two with the same kind and name are one.
_Place = tuple[PlaceKind, str]


@value(eq=False)
class Hidden:
    """Places that can't be read, where copies of any guest may lie: indexed once for all services of a judgement.

    ``whole``: those that are a source as a whole.
    """

    copies: Mapping[_Place, StoredCopy]
    whole: frozenset[_Place]

    @classmethod
    def of(cls, every: Iterable[Stored], declared: Declared) -> Self:
        """All of them."""
        by_place = {(stored.kind, stored.place): stored for stored in every}
        return cls(
            MappingProxyType({place: declared.copy(stored) for place, stored in by_place.items()}),
            frozenset(place for place, stored in by_place.items() if stored.whole),
        )

    def number_beside(self, places: Collection[_Place]) -> int:
        """How many there are beside these. A thousand of them take no longer than one."""
        return len(self.copies) - sum(place in self.copies for place in places)

    def beside(self, places: Collection[_Place]) -> Iterator[StoredCopy]:
        """All beside these."""
        return (copy for place, copy in self.copies.items() if place not in places)


_NOTHING_HIDDEN = Hidden(MappingProxyType({}), frozenset())


@value(kw_only=True, eq=False)
class Counted:
    """Of one guest, of one database, or of the plans of a service: its copies, and the places where more may lie.

    ``own``: where it should lie. ``unread_own``: those of them that can't be read. ``elsewhere``: others that can't.
    ``endless``: one of these is a source as a whole, where there may be any number of places.
    """

    name: str
    copies: tuple[StoredCopy, ...]
    own: frozenset[_Place]
    unread_own: tuple[StoredCopy, ...]
    elsewhere: Hidden
    endless: bool

    @property
    def unread(self) -> Iterator[StoredCopy]:
        """The places that can't be read, where more may lie."""
        yield from self.unread_own
        yield from self.elsewhere.beside(self.own)

    @property
    def unread_number(self) -> int:
        """How many these are."""
        return len(self.unread_own) + self.elsewhere.number_beside(self.own)

    @property
    def offsite(self) -> int:
        """How many copies lie off-site."""
        return sum(copy.offsite for copy in self.copies)

    def is_enough(self, required: Required, paused: frozenset[str]) -> bool:
        """As if a copy lay at each place that can't be read while its source is paused; in a source as a whole, any number."""
        away = [copy for copy in self.unread if copy.place.partition("/")[0] in paused] if paused else []
        any_number = any(copy.place in paused for copy in away)
        enough = any_number or len(self.copies) + len(away) >= required.copies
        return enough and (not required.offsite or any(copy.offsite for copy in (*self.copies, *away)))


def counted(parts: Sequence[Part], hidden: Hidden, declared: Declared) -> tuple[Counted, ...]:
    """Each guest and each database by itself, for no other holds its data. A plan saves files of the service, so its
    repository counts for each of them. Where there are only plans, their repositories are counted together.
    """
    plans = [part for part in parts if part.kind is PartKind.PLAN]
    alone = [part for part in parts if part.kind is not PartKind.PLAN]
    in_repositories = [stored for part in plans for stored in declared.stored(part)]
    if not alone:
        name = ", ".join(part.ref for part in plans)
        return (_counted(name, in_repositories, _NOTHING_HIDDEN, declared),) if plans else ()
    return tuple(
        _counted(
            part.ref,
            [*declared.stored(part), *in_repositories],
            hidden if part.kind is PartKind.GUEST else _NOTHING_HIDDEN,
            declared,
        )
        for part in alone
    )


def _counted(name: str, every: Sequence[Stored], hidden: Hidden, declared: Declared) -> Counted:
    places: dict[_Place, StoredCopy] = {}
    for stored in every:
        copy, key = declared.copy(stored), (stored.kind, stored.place)
        if copy.counts or key not in places:
            places[key] = copy
    return Counted(
        name=name,
        copies=tuple(copy for copy in places.values() if copy.counts),
        own=frozenset(places),
        unread_own=tuple(copy for copy in places.values() if not copy.known),
        elsewhere=hidden,
        endless=any(each.whole for each in every) or not hidden.whole <= places.keys(),
    )


def places(parts: Sequence[Part], declared: Declared) -> tuple[StoredCopy, ...]:
    """Each place once, by name, with the parts that have a copy there; where none has, those that should."""
    found: dict[tuple[str, PlaceKind], StoredCopy] = {}
    for copy in _each(parts, declared):
        before = found.get((copy.place, copy.kind))
        found[copy.place, copy.kind] = copy if before is None else _both(before, copy)
    return tuple(found[key] for key in sorted(found))


def _each(parts: Sequence[Part], declared: Declared) -> Iterator[StoredCopy]:
    """A part that a service names twice is one."""
    every = {part.member: part for part in parts}.values()
    return (declared.copy(stored, part) for part in every for stored in declared.stored(part))


def _both(one: StoredCopy, other: StoredCopy) -> StoredCopy:
    """Of what both have there. Of times the older, so that what was forgotten shows."""
    if one.counts != other.counts:
        return one if one.counts else other
    protected = [each for each in (one.protected, other.protected) if each is not None]
    return StoredCopy(
        place=one.place,
        kind=one.kind,
        offsite=one.offsite or other.offsite,
        known=one.known and other.known,
        last_backup=_older(one.last_backup, other.last_backup),
        verified_at=_older(one.verified_at, other.verified_at),
        encrypted=one.encrypted if one.encrypted == other.encrypted else None,
        protected=sum(protected) if protected else None,
        made_by=one.made_by if one.made_by == other.made_by else None,
        parts=(*one.parts, *other.parts),
    )


def _older(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else min(one, other)
