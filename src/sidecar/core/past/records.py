"""What is remembered of a stretch of time, as it was judged then."""

from __future__ import annotations

from datetime import datetime

from sidecar.core.history.verdict_log import FinalOccurrence, ObservationGap, ServiceDay, VerdictChange
from sidecar.core.value import value


@value(kw_only=True)
class Records:
    """Everything from ``start`` up to, not including, ``end``; each list oldest first.

    Attributes:
        finals: what became of everything that was due then. What is due and not decided yet is not among them.
        changes: the changes of state that were judged then.
        gaps: the gaps in observation of which a part lies then.
        days: how services stood at the end of the local days that begin then.
    """

    start: datetime
    end: datetime
    finals: tuple[FinalOccurrence, ...]
    changes: tuple[VerdictChange, ...]
    gaps: tuple[ObservationGap, ...]
    days: tuple[ServiceDay, ...]
