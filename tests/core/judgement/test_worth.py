"""Rule 13: what counts as much smaller than usual, where it is looked for, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from sidecar.core.ids import JobId, SourceName
from sidecar.core.judgement import worth
from sidecar.core.judgement.worth import of_sizes
from sidecar.core.model import Outcome, PartKind, Run, State
from sidecar.core.parts.expectation import Observed
from sidecar.core.parts.part import Part
from sidecar.core.reports.facts import LeftOutVolume
from tests.core.factories import at, evidence, part, run, verdict_of

MIB, GIB = 2**20, 2**30


@pytest.mark.parametrize(
    ("sizes", "is_dump", "usual"),
    [
        ((3 * GIB, *[10 * GIB] * 4), False, 10 * GIB),
        ((3 * GIB, *[10 * GIB] * 3), False, None),
        ((5 * GIB, *[10 * GIB] * 4), False, None),
        ((20 * MIB, *[80 * MIB] * 4), False, None),
        ((16 * MIB, *[80 * MIB] * 4), False, 80 * MIB),
        ((0, *[80 * MIB] * 4), False, 80 * MIB),
        ((16 * MIB, *[80 * MIB] * 4), True, 80 * MIB),
        ((90, *[1000] * 4), True, 1000),
        ((110, *[1000] * 4), True, None),
        ((90, *[1000] * 4), False, None),
        ((3 * GIB, 3 * GIB, *[10 * GIB] * 6), False, 10 * GIB),
        ((3 * GIB, 3.7 * GIB, 3 * GIB, *[10 * GIB] * 6), False, None),
        ((3 * GIB, 3.8 * GIB, 3 * GIB, *[10 * GIB] * 6), False, 10 * GIB),
        ((3 * GIB, *[4 * GIB] * 8, *[100 * GIB] * 20), False, None),
        ((30 * GIB, 4 * GIB, *[10 * GIB] * 4), False, None),
        ((64 * MIB, *[128 * MIB] * 3, 200 * MIB), False, None),
        ((100, *[1000] * 4), True, None),
        ((100 * GIB, 125 * GIB, 125 * GIB, *[1000 * GIB] * 4), False, None),
        ((30 * GIB, *[40 * GIB] * 4, *[100 * GIB] * 4, 40 * GIB), False, 70 * GIB),
        ((), False, None),
    ],
    ids=[
        "below half",
        "too few earlier ones",
        "half",
        "little is missing",
        "64 MiB are missing",
        "nothing at all",
        "a dump below half",
        "a small dump below a tenth",
        "a small dump above a tenth",
        "something small that is no dump",
        "a second one",
        "three alike are the new usual",
        "three that are not alike",
        "only the last eight",
        "growth",
        "half of what is usual, less than half of the largest",
        "a small dump of a tenth",
        "three just alike",
        "all of the last eight, and no ninth",
        "no backup",
    ],
)
def test_rule_13_what_is_much_smaller_than_usual(sizes: tuple[int, ...], *, is_dump: bool, usual: int | None) -> None:
    shrunk = of_sizes([int(size) for size in sizes], is_dump=is_dump)

    assert (shrunk.usual if shrunk else None) == usual


def sized(day: int, gib: float | None) -> Run:
    return replace(run(f"{day} 04:00"), size=None if gib is None else int(gib * GIB))


WEEK = tuple(sized(day, 10) for day in range(18, 23))


def test_rule_13_a_backup_that_shrank_is_a_warning_and_says_how_much() -> None:
    shrank = part(*WEEK, sized(23, 3), read="23 08:00")
    verdict = verdict_of(shrank, "23 08:00")

    assert verdict.state is State.WARNING
    assert verdict.reason == "The newest backup has only 3.0 GiB, usually 10 GiB; newest backup today 04:00."
    assert "shrink: false" in str(verdict.action)


def test_rule_13_what_is_no_good_backup_or_tells_no_size_is_not_compared() -> None:
    broken = replace(sized(22, 0.1), outcome=Outcome.FAILED)
    fine = part(*WEEK[:-1], broken, sized(23, 9), read="23 08:00")
    untold = part(*WEEK, sized(23, None), read="23 08:00")

    assert verdict_of(fine, "23 08:00").state is State.OK
    assert verdict_of(untold, "23 08:00").state is State.OK


def test_rule_13_the_owner_may_say_that_sizes_mean_nothing() -> None:
    shrank = part(*WEEK, sized(23, 3), read="23 08:00")
    (expectation,) = shrank.expectations

    assert verdict_of(replace(shrank, expectations=(replace(expectation, judges_size=False),)), "23 08:00").state is (
        State.OK
    )


def test_rule_13_sizes_at_two_destinations_are_not_compared() -> None:
    """An archive is compressed, a snapshot on PBS counts every byte of the disk."""
    snapshots = tuple(replace(sized(day, 100), start=at(f"{day} 12:00")) for day in range(16, 23))
    archives = (*WEEK, sized(23, 10))
    verdict = verdict_of(_at_both(archives, snapshots), "23 08:00")
    shrank = verdict_of(_at_both((*WEEK, sized(23, 4)), snapshots), "23 08:00")

    assert verdict.state is State.OK
    assert shrank.state is State.WARNING


def _at_both(*series: tuple[Run, ...]) -> Part:
    """A part that ``expect`` is for: any of its destinations answers."""
    newest_first = tuple(tuple(sorted(runs, key=lambda each: each.start, reverse=True)) for runs in series)
    whole = part(*(each for runs in series for each in runs), read="23 08:00")
    observed = Observed(evidence=evidence("23 08:00"), runs=whole.observed.runs, by_destination=newest_first)
    (expectation,) = whole.expectations
    return replace(whole, observed=observed, expectations=(replace(expectation, observed=observed),))


def test_rule_13_what_another_job_made_at_the_same_destination_is_not_compared() -> None:
    """On Sundays a second backup of the database leaves out its logs."""
    whole = part(*WEEK, sized(23, 3), read="23 08:00")
    (expectation,) = whole.expectations
    of_another = replace(expectation, not_its_own=frozenset({at("23 04:00")}))

    assert worth.shrunk(PartKind.DATABASE, of_another, sized(23, 3)) is None
    assert worth.shrunk(PartKind.DATABASE, expectation, sized(23, 3)) is not None


@pytest.mark.parametrize("untold", [True, False], ids=["its size is not told", "it is another job's"])
def test_rule_13_what_shrank_before_the_newest_one_is_told_of_it_alone(*, untold: bool) -> None:
    """It was told of when it was the newest."""
    newest = sized(24, None if untold else 3)
    (expectation,) = part(*WEEK, sized(23, 3), newest, read="24 08:00").expectations
    others = frozenset[datetime]() if untold else frozenset({newest.start})

    assert worth.shrunk(PartKind.GUEST, replace(expectation, not_its_own=others), newest) is None
    assert worth.shrunk(PartKind.GUEST, expectation, sized(23, 3)) == worth.Shrunk(3 * GIB, 10 * GIB)


def test_rule_13_a_dump_is_judged_however_small_it_is() -> None:
    dumps = [replace(run(f"{day} 04:00"), size=1000) for day in range(18, 23)]
    newest = replace(run("23 04:00"), size=80)

    dumped = part(*dumps, newest, read="23 08:00", kind=PartKind.DATABASE)
    assert verdict_of(dumped, "23 08:00").state is State.WARNING
    assert verdict_of(part(*dumps, newest, read="23 08:00"), "23 08:00").state is State.OK


def test_rule_13_runs_of_another_job_are_no_measure_of_its_own() -> None:
    others = tuple(replace(sized(day, 100), start=at(f"{day} 12:00")) for day in range(17, 23))
    not_its_own = frozenset(each.start for each in others)

    def shrunk(gib: float) -> worth.Shrunk | None:
        (expectation,) = part(
            *sorted((*WEEK, *others, sized(23, gib)), key=lambda each: each.start), read="23 08:00"
        ).expectations
        return worth.shrunk(PartKind.GUEST, replace(expectation, not_its_own=not_its_own), sized(23, gib))

    assert shrunk(9) is None
    assert shrunk(3) == worth.Shrunk(3 * GIB, 10 * GIB)


def test_rule_13_a_run_that_tells_no_size_is_passed_over_and_eight_before_the_newest_count() -> None:
    earlier = [*(sized(day, 100) for day in range(13, 17)), sized(17, None), *(sized(day, 40) for day in range(18, 22))]
    (expectation,) = part(*earlier, sized(22, 30), read="22 08:00").expectations

    assert worth.shrunk(PartKind.GUEST, expectation, sized(22, 30)) == worth.Shrunk(30 * GIB, 70 * GIB)
    assert worth.shrunk(PartKind.GUEST, expectation, sized(22, None)) is None


def test_rule_13_what_jobs_leave_out_may_be_why() -> None:
    disk = LeftOutVolume(vmid=101, volume="mp0", reason="disabled")
    made = replace(part(*WEEK, read="22 08:00"), left_out=((JobId(SourceName("pve"), "backup", "critical"), disk),))
    text = "the newest backup has only 3.0 GiB, usually 10 GiB"

    assert worth.in_words(worth.Shrunk(3 * GIB, 10 * GIB), part(*WEEK, read="22 08:00")) == text
    assert worth.in_words(worth.Shrunk(3 * GIB, 10 * GIB), made) == f"{text}, and is made without {disk}"
