"""What is remembered from earlier: the judgement reads it, the ledger will keep it across restarts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class History:
    """Memory that a single set of reports can't hold.

    Attributes:
        first_contact: when anything was read for the first time. Where nothing older leaves a trace, due times count from here.
    """

    first_contact: datetime | None = None


#: Nothing is remembered.
EMPTY = History()
