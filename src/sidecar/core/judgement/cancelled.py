"""Rule 10: a run that a person cancelled answers its due time, as a warning."""

from __future__ import annotations

from datetime import datetime

from sidecar.core.model import Outcome, Run
from sidecar.core.parts.expectation import Expectation

from .due import begun_for


def newest_cancelled(expectation: Expectation, later: tuple[Run, ...], due: datetime | None) -> Run | None:
    """Rule 10: the newest run that a person cancelled, if nothing was good since. It excuses no other failure.

    Args:
        due: the due time that it would answer; what failed before that is another matter (rule 3).
    """
    failed = [run for run in later if run.outcome is Outcome.FAILED]
    if not any(run.cancelled for run in failed):
        return None
    if due is not None:
        failed = begun_for(expectation, failed, due) or failed
    return failed[0] if all(run.cancelled for run in failed) else None
