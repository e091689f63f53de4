"""What was judged, as it is remembered: changes of state, what became of each occurrence, gaps in observation, and days.

The judgement makes these, the ledger stores them. Alerts, the history and the report read only these and never judge
the past again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from sidecar.core.model import State

#: Most expectations of which anything is remembered, in the ledger as in the process.
MOST_EXPECTATIONS = 20_000

K = TypeVar("K")
V = TypeVar("V")


class ExpectationKey(NamedTuple):
    """Names an expectation: what ``job`` owes ``member`` at ``destination``. Empty text where there is no such thing."""

    member: str
    job: str
    destination: str


#: What the names begin with under which it is remembered what is required of a service as a whole.
OF_SERVICE = "service:"


def of_service(name: str) -> ExpectationKey:
    """Rule 15: what is required of a service as a whole is owed by no job."""
    return ExpectationKey(f"{OF_SERVICE}{name}", "", "")


def of_member(member: str) -> ExpectationKey:
    """Rule 9: how old its verification or restore test may be is owed by no job."""
    return ExpectationKey(member, "", "")


def service_in(member: str) -> str | None:
    """The name of the service, also of one that is gone, where that is what is remembered under this name."""
    return member.removeprefix(OF_SERVICE) if member.startswith(OF_SERVICE) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictChange:
    """An expectation's state became another one.

    Attributes:
        at: when it was judged so. An expectation has one change at a moment; another one replaces it.
        state_from: the state before; None at first.
        cause: a short machine word: "nothing_started", "run_failed".
        reason: one sentence with the evidence; the ledger cuts it at 500 characters. May quote hostile text.
    """

    member: str
    job: str
    destination: str
    at: datetime
    state_from: State | None
    state_to: State
    cause: str
    reason: str | None = None

    @property
    def expectation(self) -> ExpectationKey:
        """Whose state it is."""
        return ExpectationKey(self.member, self.job, self.destination)


class FinalState(StrEnum):
    """What became of an occurrence once nothing can change it any more."""

    KEPT = "kept"
    KEPT_LATE = "kept_late"
    MISSED = "missed"
    FAILED = "failed"
    PAUSED = "paused"
    SKIPPED = "skipped"
    NOT_OBSERVED = "not_observed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalOccurrence:
    """What became of one due time of an expectation. A later decision on the same due time replaces it.

    Attributes:
        run_start: when the run began that answered it; None where none did.
        decided_at: when that was judged.
    """

    member: str
    job: str
    destination: str
    due: datetime
    state: FinalState
    run_start: datetime | None
    decided_at: datetime

    @property
    def expectation(self) -> ExpectationKey:
        """Whose occurrence it is."""
        return ExpectationKey(self.member, self.job, self.destination)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationGap:
    """A source could not be read from ``start`` until ``until``; None while it lasts."""

    source: str
    start: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDay:
    """How a service stood at the end of a local day. A later one of the same day replaces it; None means not known.

    Attributes:
        count: finished backups that are kept.
        size: bytes of the newest good backups.
        verified: how many of the kept backups are verified.
        copies: how many off-site copies are in order.
    """

    service: str
    day: date
    count: int | None = None
    size: int | None = None
    verified: int | None = None
    copies: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictLog:
    """What one judgement adds to the memory."""

    changes: tuple[VerdictChange, ...] = ()
    finals: tuple[FinalOccurrence, ...] = ()
    gaps: tuple[ObservationGap, ...] = ()
    days: tuple[ServiceDay, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.finals or self.gaps or self.days)

    def __add__(self, later: VerdictLog) -> VerdictLog:
        """Both, in the order in which they were judged."""
        return VerdictLog(
            changes=self.changes + later.changes,
            finals=self.finals + later.finals,
            gaps=self.gaps + later.gaps,
            days=self.days + later.days,
        )

    def newest(self, number: int) -> VerdictLog:
        """At most the last ``number`` of each kind."""
        first = slice(-number, None)
        return VerdictLog(
            changes=self.changes[first], finals=self.finals[first], gaps=self.gaps[first], days=self.days[first]
        )


def _nothing() -> Mapping[K, V]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedVerdicts:
    """Where the judgement left off, as the ledger held it when it was opened.

    Attributes:
        states: the last state of each expectation.
        decided: the newest due time of each expectation whose final state was decided.
        gaps: the gap that lasts, by source.
    """

    states: Mapping[ExpectationKey, State] = field(default_factory=_nothing, hash=False)
    decided: Mapping[ExpectationKey, datetime] = field(default_factory=_nothing, hash=False)
    gaps: Mapping[str, ObservationGap] = field(default_factory=_nothing, hash=False)
