"""What sources say: a Report is all readings of one source, a Reading is what one scope of it said and when.

What a reading holds are facts (facts.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import cast

from sidecar.core.model import SourceKind

from . import left_out
from .facts import BackupJob, Fact, FactT, Guest, ReadingGap

#: Names a scope of a source, from the general to the special: ("snapshots", "main", "critical"), ("tasks", "pve1").
#: The root namespace of a datastore is the empty string, as on PBS.
Scope = tuple[str, ...]

#: How long a gap is remembered that ended.
REMEMBERED_GAP = timedelta(hours=1)

#: Under these a report keeps its readings by scope, and by each beginning of it.
BY_SCOPE, BY_PREFIX, BY_KIND = "readings by scope", "readings by prefix", "facts of readings by kind"

#: The facts of a reading, and the same by kind.
FactsByKind = tuple[tuple[Fact, ...], dict[type[Fact], tuple[Fact, ...]]]

#: What a limit is about where the sizes of all datastores are missing.
SIZES = "the usage of the datastores"


class ProblemKind(StrEnum):
    """What kept something from being read."""

    #: No connection, or it broke before there was an answer.
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    UNTRUSTED_CERTIFICATE = "untrusted_certificate"
    #: What is configured for the source can't be used: a secret or a CA file that can't be read.
    CONFIGURATION = "configuration"
    REFUSED_CREDENTIALS = "refused_credentials"
    NO_PERMISSION = "no_permission"
    #: A proxy in front of it asks for a login of its own.
    LOGIN_IN_FRONT = "login_in_front"
    #: It was asked too often, and is left alone for a while.
    RATE_LIMITED = "rate_limited"
    REDIRECTED = "redirected"
    #: It refused the call for another reason (HTTP 4xx).
    REJECTED = "rejected"
    SERVER_ERROR = "server_error"
    TOO_LARGE = "too_large"
    NOT_UNDERSTOOD = "not_understood"
    #: A node is off.
    OFFLINE = "offline"
    #: A datastore is in a maintenance mode in which nothing can be read.
    MAINTENANCE = "maintenance"
    #: A removable datastore is not plugged in.
    NOT_MOUNTED = "not_mounted"
    #: It lists nothing, although there must be something.
    LOOKS_EMPTY = "looks_empty"
    #: Nobody asked yet, or the source does not report such a thing.
    NOT_READ_YET = "not_read_yet"
    NOT_REPORTED = "not_reported"
    #: A mistake of ours.
    INTERNAL = "internal"
    OTHER = "other"

    @property
    def denied(self) -> bool:
        """A proved lack of permission or a refused credential. It takes effect at once: what was read before is dropped."""
        return self in (ProblemKind.REFUSED_CREDENTIALS, ProblemKind.NO_PERMISSION)

    @property
    def of_a_call(self) -> bool:
        """One call went wrong, and the cause says how, not what was asked for."""
        return self in _OF_A_CALL


_OF_A_CALL = frozenset(
    {
        ProblemKind.UNREACHABLE,
        ProblemKind.TIMED_OUT,
        ProblemKind.RATE_LIMITED,
        ProblemKind.REJECTED,
        ProblemKind.SERVER_ERROR,
        ProblemKind.TOO_LARGE,
        ProblemKind.NOT_UNDERSTOOD,
        ProblemKind.OTHER,
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a scope or a whole source could not be read.

    Attributes:
        cause: one clause for the person who must act: "connection refused", "the token may not see /datastore".
        action: what to do about it, in the imperative.
        kind: what code goes by; nothing may depend on the words.
        culprit: what it is about, by kind: a host, a path of the API, a path that a grant is missing on, a datastore, a node.
    """

    cause: str
    action: str | None = None
    _: KW_ONLY
    kind: ProblemKind = ProblemKind.OTHER
    culprit: str | None = None

    @property
    def denied(self) -> bool:
        """See ProblemKind."""
        return self.kind.denied


class LimitKind(StrEnum):
    """Why something that a source could report is missing, while the rest is there."""

    #: Some rows of a list could not be read.
    UNREADABLE_ROWS = "unreadable_rows"
    #: A list was longer than what is read of it.
    CUT_OFF = "cut_off"
    #: Something that one can do without could not be read.
    NOT_READ = "not_read"
    #: The token may not see it.
    NOT_VISIBLE = "not_visible"
    OLD_VERSION = "old_version"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What could not be read of a source, and why it matters.

    Attributes:
        text: the sentence for people, without a full stop.
        kind: what code goes by; nothing may depend on the words.
        culprit: what it is about, by kind: the name of a list, the path that a grant is missing on, a version.
        count: of a list, the rows that are missing (UNREADABLE_ROWS), or those that were read (CUT_OFF).
        total: all rows of that list, where that is known.
        grantees: who needs a grant that is missing: the token and its user.
        since: of a list of runs that was cut off, when the oldest one began that was read.
    """

    text: str
    kind: LimitKind = LimitKind.OTHER
    culprit: str | None = None
    count: int | None = None
    total: int | None = None
    grantees: tuple[str, ...] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one scope said. With a ``problem`` and facts the facts are older: they were read at ``as_of``.

    ``as_of`` is None when the scope was never read. ``gap``: the last time when it could not be read, for an hour.
    """

    scope: Scope
    as_of: datetime | None
    facts: tuple[Fact, ...] = ()
    problem: Problem | None = None
    gap: ReadingGap | None = None

    def of(self, kind: type[FactT]) -> tuple[FactT, ...]:
        """The facts of one kind."""
        return tuple(fact for fact in self.facts if isinstance(fact, kind))

    @property
    def name(self) -> str:
        """The scope in words: "snapshots main/critical", "tasks pve1"."""
        head, *rest = self.scope
        return f"{head} {'/'.join(part for part in rest if part)}".strip()

    @property
    def trouble(self) -> Problem | None:
        """The problem, with the scope in its cause where a call failed (rule 6: reasons name the scope)."""
        problem = self.problem
        if problem is None or not problem.kind.of_a_call:
            return problem
        return replace(problem, cause=f"{self.name}: {problem.cause}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All readings of one source.

    Attributes:
        at: when the refresh that made it began.
        version: the upstream's version.
        tls_fingerprint: SHA-256 of the leaf certificate it answered with, lower-case hex with colons; None over http.
        readings: one per scope.
        limits: what could not be read while the rest could.
        problem: why nothing at all could be read.
        full_at: when the last full round began, where light ones confirmed some readings since.
        apart: at least so long after ``at`` the next refresh begins; nothing where that is not known.
        derived: what follows from this report alone and was made once for it (cached.py); no part of what it says.
    """

    source: str
    kind: SourceKind
    at: datetime
    version: str | None = None
    tls_fingerprint: str | None = None
    readings: tuple[Reading, ...] = ()
    limits: tuple[Limit, ...] = ()
    problem: Problem | None = None
    full_at: datetime | None = None
    apart: timedelta = timedelta()
    derived: dict[object, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def reading(self, *scope: str) -> Reading | None:
        """The reading of exactly this scope."""
        by_scope = self.derived.get(BY_SCOPE)
        if by_scope is None:
            by_scope = self.derived[BY_SCOPE] = {reading.scope: reading for reading in reversed(self.readings)}
        return cast("dict[Scope, Reading]", by_scope).get(scope)

    def within(self, *prefix: str) -> tuple[Reading, ...]:
        """The readings of all scopes that begin with ``prefix``."""
        by_prefix = self.derived.get(BY_PREFIX)
        if by_prefix is None:
            by_prefix = self.derived[BY_PREFIX] = _by_prefix(self.readings)
        return cast("dict[Scope, tuple[Reading, ...]]", by_prefix).get(prefix, ())

    def facts(self, kind: type[FactT]) -> Iterator[FactT]:
        """The facts of one kind from all readings."""
        every = self.derived.get(kind)
        if every is None:
            of_kind = cast("type[Fact]", kind)
            found = [those for reading in self.readings if (those := self._by_kind(reading).get(of_kind))]
            every = self.derived[kind] = found[0] if len(found) == 1 else tuple(chain.from_iterable(found))
        return iter(cast("tuple[FactT, ...]", every))

    def _by_kind(self, reading: Reading) -> Mapping[type[Fact], tuple[Fact, ...]]:
        """The facts of a reading by kind, looked through once as long as it says the same (cached.py)."""
        known = cast("dict[Scope, FactsByKind]", self.derived.setdefault(BY_KIND, {}))
        facts, by_kind = known.get(reading.scope, ((), {}))
        if facts is not reading.facts:
            by_kind = _sorted_by_kind(reading.facts)
            known[reading.scope] = reading.facts, by_kind
        return by_kind

    def retire(self) -> None:
        """Forgets what was made for it: another report took its place.

        What was made refers to the report, and often to the parts and rows of a whole board: without this only the garbage
        collector would free them. Whoever still reads the report makes anew what is asked for.
        """
        # One after the other, so that other threads have their turns in between.
        with suppress(KeyError):
            while True:
                self.derived.popitem()


def _by_prefix(readings: tuple[Reading, ...]) -> dict[Scope, tuple[Reading, ...]]:
    """The readings by each beginning of their scopes: a server of a thousand datastores has its own asked for each."""
    found: dict[Scope, list[Reading]] = {}
    for reading in readings:
        for length in range(len(reading.scope) + 1):
            found.setdefault(reading.scope[:length], []).append(reading)
    return {prefix: tuple(those) for prefix, those in found.items()}


def _sorted_by_kind(facts: tuple[Fact, ...]) -> dict[type[Fact], tuple[Fact, ...]]:
    kinds = dict.fromkeys(map(type, facts))
    if len(kinds) < 2:
        return dict.fromkeys(kinds, facts)
    return {kind: tuple([fact for fact in facts if type(fact) is kind]) for kind in kinds}


def hidden_below(report: Report, path: str) -> Limit | None:
    """What says that the token sees only some of what lies below a path; None where it sees all of it."""
    return next((each for each in report.limits if (each.kind, each.culprit) == (LimitKind.NOT_VISIBLE, path)), None)


def keep_what_failed(new: Report, previous: Report | None) -> Report:
    """``new`` with the last good facts of every scope that could not be read this time.

    A scope that failed keeps its last reading (the judgement ages it by ``as_of``); a proved lack of permission drops it.
    What only light rounds confirmed since the last full one is then as old as that again: they did not see that it failed.
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
            full_at=previous.full_at,
            readings=tuple(replace(reading, problem=new.problem) for reading in kept),
        )
    unread = {limit.culprit for limit in new.limits if limit.kind is LimitKind.NOT_READ}
    kept_now = tuple(
        _kept(reading, _of_a_full_round(old.get(reading.scope), previous), unread) for reading in new.readings
    )
    return replace(new, readings=(*kept_now, *_unlisted(new, previous)))


#: By list: the scopes that a source can ask for only when it knows that list.
_LISTED_IN: dict[Scope, tuple[str, ...]] = {
    ("datastores",): ("namespaces", "snapshots"),
    ("namespaces",): ("snapshots",),
    ("jobs",): ("archives",),
    ("storages",): ("archives",),
    ("nodes",): ("archives", "tasks", "zone"),
}


def _unlisted(new: Report, previous: Report) -> Iterator[Reading]:
    """What can't be asked for because the list that it stands in failed: a source that was started anew knows none of it."""
    there = {reading.scope for reading in new.readings}
    failed = {
        reading.scope: reading.trouble
        for reading in new.readings
        if reading.trouble is not None and not reading.trouble.denied
    }
    for reading in previous.readings:
        if reading.scope not in there and (problem := _why_unlisted(reading.scope, failed)) is not None:
            yield replace(reading, problem=problem)


def _why_unlisted(scope: Scope, failed: Mapping[Scope, Problem]) -> Problem | None:
    """A list of namespaces is a datastore's own; the others are the source's."""
    for listing, within in _LISTED_IN.items():
        own = (*listing, scope[1]) if listing == ("namespaces",) and len(scope) > 1 else listing
        if scope[0] in within and own in failed:
            return failed[own]
    return None


def _of_a_full_round(old: Reading | None, previous: Report) -> Reading | None:
    if old is None or old.as_of is None or previous.full_at is None or old.as_of <= previous.full_at:
        return old
    return replace(old, as_of=previous.full_at)


def _kept(new: Reading, old: Reading | None, unread: set[str | None]) -> Reading:
    if old is None:
        return new
    if new.problem is None:
        return _with_memory(new, old, unread)
    return (
        new if new.problem.denied or old.as_of is None else replace(new, as_of=old.as_of, facts=old.facts, gap=old.gap)
    )


def _with_memory(new: Reading, old: Reading, unread: set[str | None]) -> Reading:
    new = _with_gap(new, old)
    match new.scope:
        case ("guests",):
            return _with_names(new, old)
        case ("jobs",):
            return _with_left_out(_with_members(new, old, unread), old)
    return new


def _with_gap(new: Reading, old: Reading) -> Reading:
    """Rule 6: what could not be read for a while may have been asleep, and have to catch up first."""
    if new.as_of is None:
        return new
    gap = ReadingGap(old.as_of, new.as_of) if old.problem is not None and old.as_of is not None else old.gap
    return new if gap is None or new.as_of - gap.end > REMEMBERED_GAP else replace(new, gap=gap)


def _with_left_out(new: Reading, old: Reading) -> Reading:
    known = {job.id: job for job in old.of(BackupJob)}
    return replace(
        new,
        facts=tuple(
            left_out.with_since(fact, known.get(fact.id), new.as_of) if isinstance(fact, BackupJob) else fact
            for fact in new.facts
        ),
    )


def _with_members(new: Reading, old: Reading, unread: set[str | None]) -> Reading:
    """A job whose guests could not be read this time has those that it had: its plan stays in force (rule 1)."""
    known = {job.id: job.guests for job in old.of(BackupJob)}
    if not any(job.guests is None and known.get(job.id) is not None for job in new.of(BackupJob)):
        return new
    return replace(
        new,
        facts=tuple(
            replace(fact, guests=known.get(fact.id))
            if isinstance(fact, BackupJob) and fact.guests is None and guests_of(fact.id) in unread
            else fact
            for fact in new.facts
        ),
    )


def guests_of(job: str) -> str:
    """What a limit calls the list of a job's guests, where it could not be read."""
    return f"the guests of job {job}"


def _with_names(new: Reading, old: Reading) -> Reading:
    known = {(guest.type, guest.vmid): guest for guest in old.of(Guest)}
    return replace(new, facts=tuple(_named(guest, known.get((guest.type, guest.vmid))) for guest in new.of(Guest)))


def _named(guest: Guest, before: Guest | None) -> Guest:
    """While a node is off PVE tells neither a guest's name nor whether it is a template (PVE-9): both are as before."""
    if guest.name is not None or before is None:
        return guest
    return replace(guest, name=before.name, template=before.template)
