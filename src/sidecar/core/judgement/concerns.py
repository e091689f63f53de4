"""What is wrong with a backup that exists: it is worth nothing, or something about it is a concern (rules 3, 9 and 13)."""

from __future__ import annotations

from sidecar.core.model import Cause, Outcome, State, Verdict

from . import worth
from .case import Case
from .wording import quoted

_LOWERED_BY_CONCERNS = (State.LATE, State.RUNNING, State.OK)


def unusable(case: Case) -> Verdict | None:
    """Rule 9: a newest backup that failed verification, or whose file is gone or empty, is a failure."""
    observed = case.expectation.observed
    if observed.unusable is None or case.good is None:
        return None
    since = observed.verified_at or case.good.start
    reason = f"{observed.unusable}; {case.newest()}"
    return case.verdict(State.FAILED, Cause.NEWEST_UNUSABLE, reason, since, case.part.actions.failed)


def with_concerns(case: Case, verdict: Verdict) -> Verdict:
    """Rules 3, 9 and 13: what is true of a good backup, but of no due time, makes it a warning, also while the next is due."""
    if case.good is None or verdict.state not in _LOWERED_BY_CONCERNS:
        return verdict
    of_the_backup = [*case.expectation.observed.concerns]
    if case.good.outcome is Outcome.WARNING:
        of_the_backup.insert(0, f"the newest {case.part.noun} finished with warnings{quoted(case.good.text)}")
    shrunk = worth.shrunk(case.part.kind, case.expectation, case.good)
    if shrunk is not None:
        of_the_backup.append(worth.in_words(shrunk, case.part))
    concerns = [*of_the_backup, *_failure_outside_schedule(case)]
    if not concerns:
        return verdict
    cause = Cause.CONCERNS if of_the_backup else Cause.OTHER_RUN_FAILED
    reason = f"{'; '.join(concerns)}; {case.newest()}"
    action = case.part.actions.concerned or case.part.actions.failed
    if shrunk is not None and len(concerns) == 1:
        action = worth.ACTION
    return case.verdict(State.WARNING, cause, reason, case.good.start, action)


def _failure_outside_schedule(case: Case) -> list[str]:
    """Rule 3: one that failed after the newest good run but before D is a warning."""
    failed = (run for run in case.later if run.outcome is Outcome.FAILED and not run.cancelled)
    return [f"a later run outside the schedule failed {case.at(run.start)}{quoted(run.text)}" for run in failed][:1]
