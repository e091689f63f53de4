"""Rule 6: which runs count as evidence, and the newest good one among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import dropwhile

from sidecar.core.model import Run
from sidecar.core.parts.expectation import CLOCK_TOLERANCE, Evidence, Expectation
from sidecar.core.parts.part import Part


def evident(evidence: Evidence, runs: Iterable[Run]) -> Iterator[Run]:
    """Rule 6: runs that start later than 5 min after the reading are no evidence: a clock is wrong. Newest first."""
    return dropwhile(evidence.is_from_the_future, runs)


def newest_evident(part: Part, now: datetime) -> Run | None:
    """Rule 6: the newest good run of a part at any destination that counts as evidence."""
    return _newest_evident(part.observed.evidence, part.observed.runs, now)


def newest_good(part: Part, expectation: Expectation, now: datetime) -> tuple[Run | None, tuple[Run, ...]]:
    """The newest good run at the destination, and the runs of the expectation's own that began after it.

    What is owed to a destination that no job leads to any more is answered anywhere (rule 1). Runs that answer only
    other expectations at the same destination are not its own (rule 3).
    """
    observed, later = expectation.observed, []
    good = None
    for run in evident(observed.evidence, observed.runs):
        if run.good and run.start <= now + CLOCK_TOLERANCE:
            good = run
            break
        if run.start not in expectation.not_its_own:
            later.append(run)
    if expectation.schedule is None:
        elsewhere = newest_evident(part, now)
        good = max((run for run in (good, elsewhere) if run), key=lambda run: run.start, default=None)
    return good, tuple(run for run in later if not run.good and (good is None or run.start > good.start))


def _newest_evident(evidence: Evidence, runs: Iterable[Run], now: datetime) -> Run | None:
    return next((run for run in evident(evidence, runs) if run.good and run.start <= now + CLOCK_TOLERANCE), None)
