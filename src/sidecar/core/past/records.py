"""What is remembered of a stretch of time, as it was judged then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from sidecar.core.history.verdict_log import (
    ExpectationKey,
    FinalOccurrence,
    ObservationGap,
    ServiceDay,
    VerdictChange,
)
from sidecar.core.value import value

K = TypeVar("K")
V = TypeVar("V")


def _nothing() -> Mapping[K, V]:
    return MappingProxyType({})


@value(kw_only=True)
class Records:
    """Everything from ``start`` up to, not including, ``end``; each list oldest first.

    Attributes:
        finals: what became of everything that was due then. What is due and not decided yet is not among them.
        changes: the changes of state that were judged then.
        gaps: the gaps in observation of which a part lies then.
        days: how services stood at the end of the local days that begin then.
        before: the last change before ``start`` of each expectation: how everything stood when the stretch began.
        decided: the newest due time of each expectation whose final state was decided, whenever that was.
        good_ends: when good runs ended then, by member, and before these the last end before ``start``. Where nobody tells
            the end of a run it is its start.
        complete_since: what was before may have been dropped, because it was too long ago or there was too much of it.
    """

    start: datetime
    end: datetime
    finals: tuple[FinalOccurrence, ...]
    changes: tuple[VerdictChange, ...]
    gaps: tuple[ObservationGap, ...]
    days: tuple[ServiceDay, ...]
    before: tuple[VerdictChange, ...] = ()
    decided: Mapping[ExpectationKey, datetime] = field(default_factory=_nothing, hash=False)
    good_ends: Mapping[str, tuple[datetime, ...]] = field(default_factory=_nothing, hash=False)
    complete_since: datetime | None = None
