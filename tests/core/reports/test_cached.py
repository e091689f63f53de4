"""Caches between boards change how long they take, never their content."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bench.workload import NOW, Workload, mixed
from sidecar.core.board.board import board_of
from sidecar.core.judgement.judged import judged
from sidecar.core.model import Outcome, SourceKind
from sidecar.core.reports.cached import LastMade, cached, cached_of, last_made
from sidecar.core.reports.facts import BackupGroup, Dump, Fact, Guest, Zone
from sidecar.core.reports.report import Reading, Report
from sidecar.core.reports.shared import shared
from sidecar.core.timeline.timeline import timeline_of

ROOT = Path(__file__).parents[3]
MONTH = NOW - timedelta(days=28), NOW + timedelta(days=14)

#: Minutes after the last reading: a failed dump may still be retried, then it may not, an upload has taken too long, and
#: after a day nothing ran.
MINUTES = (0, 5, 7 * 60, 23 * 60)


def troubled() -> Workload:
    """The bench's workload with a dump that failed just now and an upload that has just begun; its readings never get stale."""
    workload = mixed(40)
    reports = {
        **workload.reports,
        "databasement": changed(workload.reports["databasement"], with_failure),
        "pbs": changed(workload.reports["pbs"], with_upload),
    }
    patient = tuple(replace(source, stale_after=timedelta(days=3)) for source in workload.settings.sources)
    return replace(workload, reports=reports, settings=replace(workload.settings, sources=patient))


def changed(report: Report, change: Callable[[Fact], Fact]) -> Report:
    """The report with its facts changed."""
    return replace(
        report, readings=tuple(replace(reading, facts=tuple(map(change, reading.facts))) for reading in report.readings)
    )


def with_failure(fact: Fact) -> Fact:
    """The newest dump of db1, failed."""
    if not isinstance(fact, Dump) or fact.database != "db1" or NOW - fact.run.start > timedelta(days=1):
        return fact
    return replace(fact, run=replace(fact.run, outcome=Outcome.FAILED), changed_at=NOW - timedelta(minutes=1))


def with_upload(fact: Fact) -> Fact:
    """The newest snapshot of guest 1001, unfinished."""
    if not isinstance(fact, BackupGroup) or fact.id != "1001":
        return fact
    newest, *older = fact.snapshots
    return replace(fact, snapshots=(replace(newest, size=None), *older))


def views(workload: Workload, minutes: int) -> str:
    """A digest of a board and a month of calendar."""
    verdicts = judged(workload.reports, workload.history, workload.settings, NOW + timedelta(minutes=minutes))
    everything = repr((board_of(verdicts), timeline_of(verdicts).occurrences(*MONTH)))
    return hashlib.sha256(everything.encode()).hexdigest()


@pytest.fixture(scope="module")
def warm() -> dict[int, str]:
    """By minute, of the same reports, one after another, some of them twice."""
    workload = troubled()
    for minutes in reversed(MINUTES):
        views(workload, minutes)
    return {minutes: views(workload, minutes) for minutes in MINUTES}


def test_every_moment_says_something_else(warm: dict[int, str]) -> None:
    assert len(set(warm.values())) == len(MINUTES)


@pytest.mark.parametrize("minutes", MINUTES)
def test_a_process_that_never_judged_anything_says_the_same(minutes: int, warm: dict[int, str]) -> None:
    code = f"from tests.core.reports.test_cached import views, troubled; print(views(troubled(), {minutes}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}

    cold = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, check=True)

    assert cold.stdout.decode().strip() == warm[minutes]


def test_equal_reports_say_the_same(warm: dict[int, str]) -> None:
    assert {minutes: views(troubled(), minutes) for minutes in MINUTES} == warm


def test_what_is_kept_by_report_goes_with_the_report() -> None:
    made: list[str] = []

    @cached
    def length(report: Report) -> int:
        made.append(report.source)
        return len(report.readings)

    first = Report(source="pbs", kind=SourceKind.PBS, at=NOW)
    assert [length(first), length(first), length(replace(first))] == [0, 0, 0]
    assert made == ["pbs", "pbs"]

    del first
    gc.collect()
    others = [Report(source=f"pbs{number}", kind=SourceKind.PBS, at=NOW) for number in range(1000)]
    assert [length(report) for report in others] == [0] * 1000
    assert len(made) == 1002, "one of them got what was made of a report that is gone"


# --- from one report to the next ----------------------------------------------------------------------------------------

PLANS, DUMPS = ("plans",), ("dumps",)


@cached_of("plans", "dumps")
def made_of_both(report: Report) -> list[Fact]:
    return [fact for reading in report.readings if reading.scope in (PLANS, DUMPS) for fact in reading.facts]


@cached
def made_of_all(report: Report) -> list[Fact]:
    return made_of_both.__wrapped__(report)  # type: ignore[attr-defined, no-any-return]


def a_report(plans: str, guests: str = "a", *, dumps: bool = True) -> Report:
    """Facts as they are read: equal ones are not the same objects."""
    texts = {PLANS: plans, ("guests",): guests} | ({DUMPS: "a"} if dumps else {})
    facts = {scope: (Guest(vmid=1, type="lxc", name=text, node="n"),) for scope, text in texts.items()}
    readings = tuple(Reading(scope, NOW, told) for scope, told in facts.items())
    return Report(source="s", kind=SourceKind.DATABASEMENT, at=NOW, readings=readings)


@pytest.mark.parametrize(
    ("later", "is_same"),
    [
        (a_report("a"), True),
        (a_report("a", guests="b"), True),
        (a_report("b"), False),
        (a_report("a", dumps=False), False),
    ],
    ids=["all is the same", "what it does not rest on is another", "one scope is another", "one scope is gone"],
)
def test_what_rests_on_some_scopes_is_made_again_when_one_of_them_says_something_else(
    later: Report, is_same: bool
) -> None:
    before = a_report("a")
    first, all_of_it = made_of_both(before), made_of_all(before)
    after = shared(later, before)

    assert (made_of_both(after) is first) is is_same
    assert made_of_both(after) == made_of_both.__wrapped__(after)  # type: ignore[attr-defined]
    assert made_of_all(after) is not all_of_it


@pytest.mark.parametrize(("scope", "is_same"), [("dumps", False), ("guests", True)])
def test_what_rests_on_scopes_is_made_again_when_they_come_in_another_order(scope: str, is_same: bool) -> None:
    first, second = (
        Reading((scope, server), NOW, (Guest(vmid=1, type="lxc", name=server, node="n"),)) for server in "ab"
    )
    before, after = (
        replace(report, readings=(*report.readings, *more))
        for report, more in ((a_report("a"), (first, second)), (a_report("a"), (second, first)))
    )
    made = made_of_both(before)
    assert (made_of_both(shared(after, before)) is made) is is_same


def test_facts_by_kind_are_those_of_the_readings_whatever_was_handed_on() -> None:
    """In their order, of readings that hold one kind and of those that hold several."""
    guest, zone = Guest(vmid=1, type="lxc", name="a", node="n"), Zone("n", "Europe/Berlin")
    first = Reading(("guests",), NOW, (guest, zone, replace(guest, vmid=2)))
    second = Reading(("zone", "n"), NOW, (replace(zone, node="m"),))
    before = replace(a_report("a"), readings=(first, second))
    assert list(before.facts(Guest)) == [guest, replace(guest, vmid=2)]
    assert list(before.facts(Zone)) == [zone, replace(zone, node="m")]

    other = replace(first, facts=(replace(zone, node="o"),))
    after = shared(replace(before, readings=(replace(second), other)), before)
    assert list(after.facts(Guest)) == []
    assert list(after.facts(Zone)) == [replace(zone, node="m"), replace(zone, node="o")]
    again = shared(replace(before, readings=(other,)), after)
    assert list(again.facts(Zone)) == [replace(zone, node="o")]


@last_made
def letters(_report: Report) -> LastMade[str, int]:
    return LastMade()


def test_what_was_made_last_of_members_is_handed_on_whatever_is_read() -> None:
    before = a_report("a")
    letters(before).keep("a", 1)
    letters(before).keep("a", 2)
    after = shared(a_report("b", dumps=False), before)

    assert letters(after).get("a") == 2
    assert letters(after).get("b") is None
    letters(after).keep("a", 3)
    assert (letters(after).get("a"), letters(before).get("a")) == (3, 2), "each report has its own"


def test_members_that_no_board_of_a_report_asked_for_are_forgotten_with_the_next_one() -> None:
    first = a_report("a")
    for name in ("a", "gone"):
        letters(first).keep(name, 1)
    second = shared(a_report("a"), first)
    letters(second).keep("a", 1)
    third = shared(a_report("a"), second)

    assert letters(second).get("gone") == 1
    assert (letters(third).get("a"), letters(third).get("gone")) == (1, None)


def test_of_a_report_that_no_board_was_judged_of_what_it_got_is_handed_on() -> None:
    first = a_report("a")
    letters(first).keep("a", 1)
    third = shared(a_report("a"), shared(a_report("a"), first))
    assert letters(third).get("a") == 1
