"""A part as it was, seen again: its source was read since and said the same, so only its evidence is newer (rule 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from .expectation import Evidence, Expectation, Observed, ScheduleInForce
from .part import Part
from .stored import Stored


def _all_but(kind: type, *names: str) -> Callable[[Any], tuple[object, ...]]:
    return attrgetter(*(each.name for each in fields(kind) if each.name not in names))


_of_part = _all_but(Part, "observed", "expectations", "stored", "restore_tests")
# The hint follows from the settings, and is asked for what is overdue.
_of_expectation = _all_but(Expectation, "observed", "schedule", "past", "hint")
_of_schedule = _all_but(ScheduleInForce)
_of_observed = _all_but(Observed, "evidence")
_of_stored = _all_but(Stored, "evidence")


def seen_again(before: Part, part: Part, now: datetime) -> bool:
    """All that is known of it is as before, and it was read since; ``now`` it proves as much as it did.

    What is expected of it rests on the same evidence as itself: where it does not, the answer is no.
    """
    return (
        _of_part(before) == _of_part(part)
        and _confirmed(before.evidence, part.evidence, now)
        and all(each.observed.evidence is part.evidence for each in part.expectations)
        and _of_observed(before.observed) == _of_observed(part.observed)
        and _all(_expected_again, before.expectations, part.expectations)
        and _all(_stored_again, before.stored, part.stored)
        and (before.restore_tests is part.restore_tests or _tests(before) == _tests(part))
    )


def _confirmed(before: Evidence, evidence: Evidence, now: datetime) -> bool:
    """It is no older in any respect, not stale, and nothing could not be read in between."""
    if before.as_of is None or evidence.as_of is None or evidence.as_of < before.as_of or evidence.stale(now):
        return False
    if (evidence.newest or evidence.as_of) < (before.newest or before.as_of):
        return False
    return (before.gap, before.starts_gap, before.problem) == (evidence.gap, evidence.starts_gap, evidence.problem)


def _all(same: Callable[[Any, Any], bool], before: Sequence[object], after: Sequence[object]) -> bool:
    return len(before) == len(after) and all(map(same, before, after))


def _expected_again(before: Expectation, expectation: Expectation) -> bool:
    return (
        _of_expectation(before) == _of_expectation(expectation)
        and _of_observed(before.observed) == _of_observed(expectation.observed)
        and (before.schedule is None) == (expectation.schedule is None)
        and _all(_in_force_again, before.schedules, expectation.schedules)
    )


def _in_force_again(before: ScheduleInForce, schedule: ScheduleInForce) -> bool:
    return before is schedule or _of_schedule(before) == _of_schedule(schedule)


def _stored_again(before: Stored, stored: Stored) -> bool:
    return _of_stored(before) == _of_stored(stored)


def _tests(part: Part) -> object:
    return part.restore_tests and part.restore_tests.tests
