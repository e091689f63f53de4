"""Judges one expectation at one moment: the rules of docs/verdicts.md, each marked with its number.

The questions are asked in this order, and the first that applies answers: Does the owner want it quiet? Can anything be
known? Is it still there? Does the job owe a backup? Is the newest one worth anything? Is one due, and what became of it?
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.model import Cause, Run, Verdict
from sidecar.core.parts.expectation import Expectation
from sidecar.core.parts.part import Part
from sidecar.core.value import value

from .by_time import by_time
from .case import Case
from .concerns import unusable, with_concerns
from .due import next_run
from .out_of_rhythm import by_rhythm
from .switched_off import nothing_owed, silenced, switched_off
from .under_way import activity_under_way, within_limit
from .unreadable import unknown
from .unscheduled import only_kept, why_only_kept
from .whole_part import of_the_part_alone


@value(kw_only=True)
class Judgement:
    """An expectation's verdict and the times that go with it.

    Attributes:
        due: the due time that counts (rule 3); None where none is known.
        good: the newest good run that counts as evidence: at its destination, or anywhere where no job leads there any more.
        next_run: the next due time after now.
        grace: how long after a due time a run may still start (rule 4).
        under_way: something runs that may still answer what is due (rule 5), and not for too long.
    """

    expectation: Expectation
    verdict: Verdict
    good: Run | None
    due: datetime | None
    next_run: datetime | None
    grace: timedelta
    under_way: bool = False

    @property
    def speaks(self) -> bool:
        """It counts for the part: an ended expectation has a say only while it is still owed something (rule 1)."""
        return self.expectation.schedule is not None or self.due is not None


def judge(
    part: Part,
    expectation: Expectation,
    known_since: datetime | None,
    now: datetime,
    zone: ZoneInfo,
    *,
    names_job: bool,
) -> Judgement:
    """The verdict of one of the part's expectations at ``now``; times in its reason are read in ``zone``.

    Args:
        known_since: see History.known_since.
        names_job: see Case.
    """
    case = Case.of(part, expectation, known_since, now, zone, names_job=names_job)
    why_kept = why_only_kept(case)
    if why_kept is not None:
        case = replace(case, due=None)
    activity = activity_under_way(case)
    in_limit = within_limit(case, activity)
    verdict = (
        of_the_part_alone(part, now, zone)  # rules 2 and 11
        or silenced(case)  # rule 2
        or _unknown(case, known_since)  # rule 6
        or nothing_owed(case)  # rule 8
        or (only_kept(case, why_kept) if why_kept is not None else None)  # rule 12
        or switched_off(case, activity)  # rule 2
        or unusable(case)  # rule 9
        # Rule 3; what it leaves green may be out of its rhythm by rule 12, or lowered by rules 3, 9 and 13.
        or with_concerns(case, by_rhythm(case, by_time(case, activity), in_limit))
    )
    return Judgement(
        expectation=expectation,
        verdict=verdict,
        good=case.good,
        due=case.due,
        next_run=next_run(expectation, part.pauses, now),
        grace=case.grace,
        under_way=in_limit is not None,
    )


def _unknown(case: Case, known_since: datetime | None) -> Verdict | None:
    """Rule 6, with what the state was by the readings that are too old now, when they were made."""
    verdict, read = unknown(case), case.evidence.as_of
    if verdict is None or verdict.cause is not Cause.UNREADABLE or read is None or read > case.now:
        return verdict
    then = judge(case.part, case.expectation, known_since, read, case.zone, names_job=case.names_job)
    return replace(verdict, before=then.verdict.state)
