"""How many runs of each job were due, kept, failed and missed, as far as it was decided since the process started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sidecar.core.value import value

from .verdict_log import FinalOccurrence, FinalState

_KEPT = (FinalState.KEPT, FinalState.KEPT_LATE)

#: Nothing was owed.
_EXEMPT = (FinalState.PAUSED, FinalState.SKIPPED)


@value(kw_only=True)
class RunCounts:
    """What became of the due times of a job, counted once for each of its members and destinations.

    Attributes:
        due: all of them but those in a pause or in the hour that a clock change skips.
        kept: answered by a good run, also a late one.
        failed: answered by a run that failed.
        missed: nothing started. The rest of ``due`` could not be observed.
    """

    due: int = 0
    kept: int = 0
    failed: int = 0
    missed: int = 0

    def and_one(self, state: FinalState) -> RunCounts:
        """With one more that ended like this."""
        if state in _EXEMPT:
            return self
        return replace(
            self,
            due=self.due + 1,
            kept=self.kept + (state in _KEPT),
            failed=self.failed + (state is FinalState.FAILED),
            missed=self.missed + (state is FinalState.MISSED),
        )


#: Nothing was decided yet.
NO_RUNS = RunCounts()

NOTHING_COUNTED: Mapping[str, RunCounts] = MappingProxyType({})


def counted(
    before: Mapping[str, RunCounts], finals: Iterable[FinalOccurrence], jobs: Iterable[str]
) -> Mapping[str, RunCounts]:
    """``before`` with what is new, by the name of the job.

    Args:
        jobs: those that there are now. Others are forgotten: upstreams may make up new ones all the time.
    """
    present = set(jobs)
    counts = {job: runs for job, runs in before.items() if job in present}
    for final in finals:
        if final.job in present:
            counts[final.job] = counts.get(final.job, NO_RUNS).and_one(final.state)
    return counts
