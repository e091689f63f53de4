"""``python -m tests.failures [part of a name …]``: lets failures happen and prints a table of what was found, and when."""

from __future__ import annotations

import logging
import sys
from datetime import datetime, timedelta

from tests.failures import FAILURES, Failure, measure
from tests.failures.failure import BERLIN

_HEAD = "| failure | could be seen | found | after | limit | rows | state | reason | fixed | gone |"


def main(wanted: list[str]) -> None:
    """Prints one row for each failure, as Markdown."""
    logging.disable(logging.CRITICAL)
    print(_HEAD, "|---|---|---|---|---|---|---|---|---|---|", sep="\n")
    for failure in FAILURES:
        if not wanted or any(part in failure.name for part in wanted):
            print(f"| {' | '.join(_cells(failure))} |", flush=True)


def _cells(failure: Failure) -> list[str]:
    result = measure(failure)
    first, more = failure.rows[0], len(failure.rows) - 1
    return [
        failure.name,
        _clock(failure.seen),
        _clock(result.at),
        _minutes(result.at - failure.seen) if result.at else "–",
        _minutes(failure.limit),
        f"{first} and {more} more" if more else first,
        failure.state,
        result.reasons.get(first, "–"),
        _clock(failure.healed),
        _clock(result.gone),
    ]


def _clock(moment: datetime | None) -> str:
    return f"{moment.astimezone(BERLIN):%d %b %H:%M}" if moment else "–"


def _minutes(length: timedelta) -> str:
    return f"{length / timedelta(minutes=1):.0f} min"


if __name__ == "__main__":
    main(sys.argv[1:])
