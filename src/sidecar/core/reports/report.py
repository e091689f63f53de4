"""What sources say: a Report is all readings of one source, a Reading is what one scope of it said and when.

What a reading holds are facts (facts.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from sidecar.core.model import SourceKind

from .facts import Fact, FactT, Guest

#: Names a scope of a source, from the general to the special: ("snapshots", "main", "critical"), ("tasks", "pve1").
#: The root namespace of a datastore is the empty string, as on PBS.
Scope = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a scope or a whole source could not be read.

    Attributes:
        cause: one clause for the person who must act: "connection refused", "the token may not see /datastore".
        action: what to do about it, in the imperative.
        denied: a proved lack of permission or a refused credential. It takes effect at once: what was read before is dropped.
    """

    cause: str
    action: str | None = None
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What one scope said. With a ``problem`` and facts the facts are older: they were read at ``as_of``.

    ``as_of`` is None when the scope was never read.
    """

    scope: Scope
    as_of: datetime | None
    facts: tuple[Fact, ...] = ()
    problem: Problem | None = None

    def of(self, kind: type[FactT]) -> tuple[FactT, ...]:
        """The facts of one kind."""
        return tuple(fact for fact in self.facts if isinstance(fact, kind))


@dataclass(frozen=True, slots=True)
class Report:
    """All readings of one source.

    Attributes:
        at: when the refresh that made it began.
        version: the upstream's version.
        tls_fingerprint: SHA-256 of the leaf certificate it answered with, lower-case hex with colons; None over http.
        readings: one per scope.
        limits: what could not be read and why it matters, in words for the page.
        problem: why nothing at all could be read.
        derived: what follows from this report alone and was made once for it (cached.py); no part of what it says.
    """

    source: str
    kind: SourceKind
    at: datetime
    version: str | None = None
    tls_fingerprint: str | None = None
    readings: tuple[Reading, ...] = ()
    limits: tuple[str, ...] = ()
    problem: Problem | None = None
    derived: dict[object, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def reading(self, *scope: str) -> Reading | None:
        """The reading of exactly this scope."""
        return next((reading for reading in self.readings if reading.scope == scope), None)

    def within(self, *prefix: str) -> tuple[Reading, ...]:
        """The readings of all scopes that begin with ``prefix``."""
        return tuple(reading for reading in self.readings if reading.scope[: len(prefix)] == prefix)

    def facts(self, kind: type[FactT]) -> Iterator[FactT]:
        """The facts of one kind from all readings."""
        for reading in self.readings:
            yield from reading.of(kind)


def keep_what_failed(new: Report, previous: Report | None) -> Report:
    """``new`` with the last good facts of every scope that could not be read this time.

    A scope that failed keeps its last reading (the judgement ages it by ``as_of``); a proved lack of permission drops it.
    A source that failed as a whole keeps all its scopes. Guests of a node that is off keep their names.
    """
    if previous is None or previous.source != new.source:
        return new
    old = {reading.scope: reading for reading in previous.readings}
    if new.problem is not None:
        kept = () if new.problem.denied else previous.readings
        return replace(
            new,
            version=new.version or previous.version,
            tls_fingerprint=new.tls_fingerprint or previous.tls_fingerprint,
            readings=tuple(replace(reading, problem=new.problem) for reading in kept),
        )
    return replace(new, readings=tuple(_kept(reading, old.get(reading.scope)) for reading in new.readings))


def _kept(new: Reading, old: Reading | None) -> Reading:
    if old is None:
        return new
    if new.problem is None:
        return _with_names(new, old) if new.scope == ("guests",) else new
    return new if new.problem.denied or old.as_of is None else replace(new, as_of=old.as_of, facts=old.facts)


def _with_names(new: Reading, old: Reading) -> Reading:
    known = {(guest.type, guest.vmid): guest for guest in old.of(Guest)}
    return replace(new, facts=tuple(_named(one, known.get((one.type, one.vmid))) for one in new.of(Guest)))


def _named(guest: Guest, before: Guest | None) -> Guest:
    """While a node is off PVE tells neither a guest's name nor whether it is a template (pbs.md §3.6): both are as before."""
    if guest.name is not None or before is None:
        return guest
    return replace(guest, name=before.name, template=before.template)
