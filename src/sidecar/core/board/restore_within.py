"""Rule 9: how old the newest good restore of a database may be. Judged only where ``restore_within`` is set."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sidecar.core import words
from sidecar.core.model import Cause, Outcome, PartKind, Run, State, Verdict
from sidecar.core.parts.expectation import CLOCK_TOLERANCE
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import Part, RestoreTests

_TOO_OLD = "Its restore tests can't be judged: this Databasement reports no scheduled restores."
_IN_THE_FUTURE = "Its newest restore test ended in the future, so it proves nothing."
_UPDATE = "Update Databasement to 1.3 or later, or leave out restore_within."


def restored(verdict: Verdict, part: Part, within: timedelta | None, inputs: Inputs) -> Verdict:
    """``verdict``, or what the restore tests of a database make of it: never better, and never worse than ``unknown``."""
    if within is None or part.kind is not PartKind.DATABASE or verdict.state is not State.OK:
        return verdict
    tests = part.restore_tests or RestoreTests(None)
    if tests.evidence is None:
        return _unknown(verdict, part, _TOO_OLD, _UPDATE)
    if tests.evidence.stale(inputs.now):
        problem = tests.evidence.problem
        cause = f": {problem.cause}" if problem else ""
        return _unknown(
            verdict, part, f"Its restore tests can't be judged{cause}.", problem.action if problem else None
        )
    return _judged(verdict, part, tests, within, inputs)


def _judged(verdict: Verdict, part: Part, tests: RestoreTests, within: timedelta, inputs: Inputs) -> Verdict:
    zone, latest = inputs.settings.timezone, inputs.now + CLOCK_TOLERANCE
    if any(test.tested_at and test.tested_at > latest for test in tests.tests):
        return _unknown(verdict, part, _IN_THE_FUTURE, "Compare the clocks of Databasement and backup-glance.")
    newest = _newest_ended(tests, latest)
    if newest is not None and not newest.good and not newest.cancelled:
        why = f": {newest.text}" if newest.text else ""
        reason = f"The restore test of {words.moment(newest.start, inputs.now, zone)} failed{why}."
        return _lowered(verdict, part, words.sentence(reason), "Read its error in Databasement, and restore it again.")
    tested = max((test.tested_at for test in tests.tests if test.tested_at), default=None)
    if tested is not None and inputs.now - tested <= within:
        return verdict
    last = f"Last restored {words.moment(tested, inputs.now, zone)}" if tested else "Never restored by a test"
    return _lowered(verdict, part, f"{last}, the limit is {words.duration(within)}.", _action(tests))


def _newest_ended(tests: RestoreTests, latest: datetime) -> Run | None:
    runs = (test.last_run for test in tests.tests if test.last_run is not None)
    ended = (run for run in runs if run.outcome is not Outcome.RUNNING and run.start <= latest)
    return max(ended, key=lambda run: run.start, default=None)


def _action(tests: RestoreTests) -> str:
    if not tests.tests:
        return "Schedule a restore of it in Databasement."
    if not any(test.enabled for test in tests.tests):
        return "Enable its scheduled restore in Databasement."
    skipped = next((test.skipped for test in tests.tests if test.enabled and test.skipped), None)
    return f"Look why Databasement skipped its restore: {skipped}." if skipped else "Run its restore in Databasement."


def _lowered(verdict: Verdict, part: Part, reason: str, action: str) -> Verdict:
    return replace(verdict, state=State.WARNING, reason=reason, action=action, link=part.link, cause=Cause.NOT_RESTORED)


def _unknown(verdict: Verdict, part: Part, reason: str, action: str | None) -> Verdict:
    return replace(
        verdict,
        state=State.UNKNOWN,
        reason=reason,
        action=action,
        link=part.link,
        cause=Cause.UNREADABLE,
        unread=part.source,
    )
