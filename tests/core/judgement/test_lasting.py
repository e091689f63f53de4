"""What is not judged anew on every board is what a new judgement would say, at any moment."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.core.board.board import board, board_of
from sidecar.core.history.history import EMPTY, History, PlanRow
from sidecar.core.history.record import record
from sidecar.core.ids import JobId, SourceName
from sidecar.core.judgement.judge import Judgement
from sidecar.core.judgement.judged import judged
from sidecar.core.judgement.lasting import holds_until
from sidecar.core.model import Cause, State
from sidecar.core.parts.expectation import Activity, PauseWindow, ScheduleInForce
from sidecar.core.parts.part import Part
from sidecar.core.parts.plan_history import Owed, PlanHistory
from sidecar.core.reports.facts import Guest, Zone
from sidecar.core.reports.report import Reading, Report
from sidecar.core.reports.shared import shared
from sidecar.core.settings import Settings
from tests.core import sample_reports
from tests.core.factories import BERLIN, at
from tests.core.racks import Rack, racks
from tests.core.sample_reports import CRITICAL, PBS, PVE, STORAGE, group, pbs, pve, vzdump

#: Minutes after the moment of a rack, also back: clocks are set.
LATER = (0, 1, 2, 9, 31, 8, 200, 190, 700, 1441, 3000, -30, 0)


def anew(reports: Mapping[str, Report]) -> dict[str, Report]:
    """The same reports, of which nothing was made yet."""
    return {name: replace(report) for name, report in reports.items()}


def read_again(report: Report, now: datetime, *, all_of_it: bool = True) -> Report:
    """What a source says again at ``now``, in facts that are no longer the same objects; or the last of it no more."""
    readings = tuple(
        replace(
            reading,
            as_of=now if reading.as_of is not None else None,
            facts=tuple(replace(fact) for fact in (reading.facts if all_of_it else reading.facts[:-1])),
        )
        for reading in report.readings
    )
    return shared(replace(report, at=now, readings=readings), report)


@settings(suppress_health_check=list(HealthCheck))
@given(racks(), st.lists(st.sampled_from(LATER) | st.integers(0, 1440), min_size=2, max_size=3), st.data())
def test_a_board_is_the_same_however_often_a_source_said_the_same(
    rack: Rack, minutes: list[int], data: st.DataObject
) -> None:
    """Each time some are read again, by the clock of that moment, and may have lost something."""
    reports, history = rack.live()
    board(reports, history, rack.settings, rack.now)
    for later in minutes:
        now = rack.now + timedelta(minutes=later)
        for name in data.draw(st.sets(st.sampled_from(sorted(reports)))):
            reports = {**reports, name: read_again(reports[name], now, all_of_it=data.draw(st.booleans()))}
        assert board(reports, history, rack.settings, now) == board(anew(reports), history, rack.settings, now)


@settings(suppress_health_check=list(HealthCheck))
@given(racks(), st.lists(st.sampled_from(LATER) | st.integers(0, 1440), min_size=2, max_size=3), st.booleans())
def test_a_board_is_the_same_whatever_was_judged_before(rack: Rack, minutes: list[int], newer: bool) -> None:
    """Some minutes later or earlier, and with one report that is newer than the others."""
    reports, history = rack.live()
    board(reports, history, rack.settings, rack.now)
    if newer:
        name = min(reports)
        reports = {**reports, name: replace(reports[name])}
    for later in minutes:
        now = rack.now + timedelta(minutes=later)
        assert board(reports, history, rack.settings, now) == board(anew(reports), history, rack.settings, now)


REPORTS = {
    "pve": pve("23 07:25", vzdump("22 04:00", "22 04:10"), vzdump("23 04:00", "23 04:10")),
    "pbs": pbs("23 07:25", group("21 04:05", "22 04:05", "23 04:05")),
}


def remembered() -> History:
    return record(record(EMPTY, REPORTS["pve"]), REPORTS["pbs"])


def a_house(stale_after: timedelta = timedelta(days=3)) -> Settings:
    sources = tuple(replace(source, stale_after=stale_after) for source in (PVE, PBS))
    return sample_reports.settings(*sources)


NAS = replace(STORAGE, name="nas", datastore="other")


def cluster(zones: Sequence[tuple[str, str]] = (("pve1", "Europe/Berlin"),), node: str = "pve1") -> Report:
    """One with two jobs and two storages; zones in the order in which its nodes are listed."""
    guest = Guest(vmid=101, type="lxc", name="vaultwarden", node=node)
    weekly = replace(CRITICAL, id="weekly", schedule="sun 05:00", storage="nas")
    report = pve(
        "23 07:25", vzdump("23 04:00", "23 04:10"), guests=(guest,), jobs=(CRITICAL, weekly), storages=(STORAGE, NAS)
    )
    others = (reading for reading in report.readings if reading.scope[0] != "zone")
    told = (Reading(("zone", name), report.at, (Zone(name, zone),)) for name, zone in zones)
    return replace(report, readings=(*others, *told))


def schedules_of(reports: Mapping[str, Report], house: Settings) -> tuple[ScheduleInForce | None, ...]:
    part = judged(reports, remembered(), house, at("23 07:30")).services[0].parts[0].part
    return tuple(expectation.schedule for expectation in part.expectations)


def test_the_schedules_of_jobs_are_the_same_objects_until_their_cluster_says_something_else() -> None:
    reports, house, now = {"pve": cluster(), "pbs": replace(REPORTS["pbs"])}, a_house(), at("23 07:29")
    first = schedules_of(reports, house)
    again = {name: read_again(report, now) for name, report in reports.items()}
    assert all(schedule is before for schedule, before in zip(schedules_of(again, house), first, strict=True))
    assert schedules_of(again, a_house())[0] is not first[0], "the owner may have said something else"
    for scope, fact in (
        ("jobs", replace(CRITICAL, schedule="03:30")),
        ("zone", Zone("pve1", "Asia/Tokyo")),
        ("storages", replace(STORAGE, namespace="edited")),
    ):
        readings = [
            replace(reading, facts=(fact,)) if reading.scope[0] == scope else reading
            for reading in again["pve"].readings
        ]
        other = shared(replace(again["pve"], readings=tuple(readings)), again["pve"])
        assert schedules_of({**again, "pve": other}, house)[0] is not first[0], scope


def test_a_node_that_is_not_read_has_the_zone_of_the_neighbour_that_is_listed_first_now() -> None:
    zones, house = (("pve1", "Europe/Berlin"), ("pve2", "America/New_York")), a_house()
    before = {"pve": cluster(zones, node="pve3"), "pbs": replace(REPORTS["pbs"])}
    assert [each and each.timezone for each in schedules_of(before, house)] == ["Europe/Berlin"] * 2
    after = {**before, "pve": shared(cluster(zones[::-1], node="pve3"), before["pve"])}
    assert [each and each.timezone for each in schedules_of(after, house)] == ["America/New_York"] * 2


def test_what_no_member_remembers_any_more_is_forgotten_when_the_memory_changes_again() -> None:
    schedule, rows = ScheduleInForce(job=JobId(SourceName("pve"), "backup", "daily")), {}
    for number in range(3):
        row = PlanRow(
            job=str(schedule.job), schedule="04:00", timezone=None, enabled=True, valid_from=at(f"{number + 1} 12:00")
        )
        rows[number] = (row,)
    first = PlanHistory(a_house(), [Owed(schedule)])
    made = [first.of(rows[number]) for number in (0, 1)]
    second = first.next({})
    assert second.of(rows[0]) is made[0]
    third = second.next({})
    assert third.of(rows[0]) is made[0]
    assert third.of(rows[1]) is not made[1]


def test_what_a_member_remembers_is_looked_up_by_its_name_until_the_memory_is_another_one() -> None:
    schedule = ScheduleInForce(job=JobId(SourceName("pve"), "backup", "daily"))
    row = PlanRow(job=str(schedule.job), schedule="04:00", timezone=None, enabled=True, valid_from=at("1 12:00"))
    before = {"guest:pve:101": (row,), "guest:pve:102": (row,)}
    after = {"guest:pve:101": (replace(row, valid_from=at("2 12:00")),), "guest:pve:102": (row,)}
    first = PlanHistory(a_house(), [Owed(schedule)], before)
    made = [first.of_member(name) for name in before]
    assert made[0] is made[1]
    assert first.next(before) is first
    second = first.next(after)

    assert [each.schedule and each.schedule.valid_from for each in made[0]] == [at("1 12:00")]
    assert [each.schedule and each.schedule.valid_from for each in second.of_member("guest:pve:101")] == [at("2 12:00")]
    assert second.of_member("guest:pve:102") is made[1], "what it remembers is the same"
    assert [each.schedule and each.schedule.valid_from for each in second.of_member("guest:pve:103")] == [None]


class Name(str):
    """A text of which can be told whether anybody holds it."""


def test_names_of_which_nothing_is_remembered_do_not_pile_up() -> None:
    """Guests in no job change no plans, however many come and go."""
    schedule = ScheduleInForce(job=JobId(SourceName("pve"), "backup", "daily"))
    plans = PlanHistory(a_house(), [Owed(schedule)], {})
    name = Name("guest:pve:101")
    assert plans.of_member(name) is plans.of_member("guest:pve:102")
    held = weakref.ref(name)
    del name
    assert held() is None


def test_parts_of_one_source_are_kept_apart() -> None:
    guests = tuple(Guest(vmid=vmid, type="lxc", name=f"guest{vmid}", node="pve1") for vmid in (101, 102))
    job = replace(CRITICAL, guests=(101, 102))
    reports = {
        "pve": pve("23 07:25", vzdump("23 04:00", "23 04:10"), guests=guests, jobs=(job,)),
        "pbs": pbs("23 07:25", group("22 04:05", "23 04:05"), group("22 04:07", "23 04:07", vmid="102")),
    }
    history = record(record(EMPTY, reports["pve"]), reports["pbs"])
    house = a_house()
    first, second = (judged(reports, history, house, at("23 07:30")) for _ in range(2))
    parts = [[part for service in made.services for part in service.parts] for made in (first, second)]

    assert [part.verdict.state.value for part in parts[0]] == ["ok", "ok"]
    assert all(one is other for one, other in zip(*parts, strict=True))


def test_what_was_well_and_lost_its_backups_is_judged_by_when_it_was_seen_first() -> None:
    """A guest that is new, in a cluster that is known for long."""
    other, house = group("23 04:00", vmid="102"), a_house()
    reports = {"pve": pve("23 07:25"), "pbs": pbs("23 07:25", group("23 04:05"), other)}
    history = replace(remembered(), contacts={"pve": at("1 07:25"), "pbs": at("1 07:25")})
    assert board(reports, history, house, at("23 07:30")).services[0].verdict.state is State.OK
    later = {**reports, "pbs": shared(pbs("23 07:35", other), reports["pbs"])}
    made = board(later, history, house, at("23 07:40"))

    assert made == board(anew(later), history, house, at("23 07:40"))
    assert made.services[0].verdict.state is State.NEW


def test_what_is_well_is_judged_once() -> None:
    reports, history, house = anew(REPORTS), remembered(), a_house()
    first, second = (judged(reports, history, house, at(now)) for now in ("23 07:30", "23 19:30"))
    assert [part.verdict.state.value for service in first.services for part in service.parts] == ["ok"]
    assert first.services[0].parts[0] is second.services[0].parts[0]


@pytest.mark.parametrize(
    ("later", "changed"),
    [
        ("24 00:00", "the reason no longer says today"),
        ("24 04:00", "it is due"),
        ("23 07:29", "the clock was set back"),
    ],
)
def test_it_is_judged_anew_when_that_may_change_anything(later: str, changed: str) -> None:
    reports, history, house = anew(REPORTS), remembered(), a_house()
    first, second = (judged(reports, history, house, at(now)) for now in ("23 07:30", later))
    assert first.services[0].parts[0] is not second.services[0].parts[0], changed


def test_it_is_judged_anew_when_a_reading_is_too_old_or_another_one() -> None:
    reports, history, house = anew(REPORTS), remembered(), a_house(timedelta(hours=1))
    first = judged(reports, history, house, at("23 07:30")).services[0].parts[0]
    stale = judged(reports, history, house, at("23 08:26")).services[0].parts[0]
    assert (first.verdict.state.value, stale.verdict.state.value) == ("ok", "unknown")
    for name in reports:
        newer = {**reports, name: replace(reports[name])}
        assert judged(newer, history, house, at("23 07:30")).services[0].parts[0] is not first
    assert (
        judged(reports, history, a_house(timedelta(hours=2)), at("23 08:26")).services[0].parts[0].verdict.state == "ok"
    )


def test_a_source_that_says_the_same_makes_no_new_verdict_and_no_new_row() -> None:
    reports, history, house = anew(REPORTS), remembered(), a_house(timedelta(hours=1))
    first = judged(reports, history, house, at("23 07:30"))
    rows = board_of(first).services
    now = at("23 08:20")
    later = {name: read_again(report, now) for name, report in reports.items()}
    again = judged(later, history, house, now)
    before, part = first.services[0].parts[0], again.services[0].parts[0]
    assert part.verdict is before.verdict
    assert all(row is shown for row, shown in zip(board_of(again).services, rows, strict=True))

    assert part.part.evidence.as_of == now, "the evidence is the newer one"
    for newer, older in ((part, before), (part.judgements[0], before.judgements[0])):
        kept = [each.name for each in fields(older) if each.name not in ("part", "judgements", "next", "expectation")]
        assert [getattr(newer, name) for name in kept] == [getattr(older, name) for name in kept]
    assert part.next is part.judgements[0]
    assert part.judgements[0].expectation is part.part.expectations[0]
    assert not judged(later, history, house, at("23 09:19")).services[0].parts[0].part.evidence.stale(at("23 09:19"))
    assert judged(later, history, house, at("23 09:21")).services[0].parts[0].verdict.state == "unknown"


def test_what_is_remembered_of_its_first_day_counts_for_what_was_seen_again() -> None:
    reports, house, now = anew(REPORTS), a_house(), at("23 07:40")
    first = judged(reports, remembered(), house, at("23 07:30")).services[0].parts[0]
    later = {name: read_again(report, now) for name, report in reports.items()}
    assert judged(later, EMPTY, house, now).services[0].parts[0].verdict is not first.verdict


# --- until when ---------------------------------------------------------------------------------------------------------

NOW = at("23 07:30")


def well() -> tuple[Part, Judgement]:
    """A part that is well, with its only judgement: due at 04:00, the next time tomorrow."""
    (service,) = judged(anew(REPORTS), remembered(), a_house(), NOW).services
    (part,) = service.parts
    return part.part, part.judgements[0]


def until(part: Part, *judgements: Judgement, zone: ZoneInfo = BERLIN) -> datetime | None:
    return holds_until(part, judgements, NOW, zone)


def owed(judgement: Judgement, **changes: Any) -> Judgement:
    return replace(judgement, expectation=replace(judgement.expectation, **changes))


def scheduled(judgement: Judgement, **changes: Any) -> Judgement:
    assert judgement.expectation.schedule is not None
    return owed(judgement, schedule=replace(judgement.expectation.schedule, **changes))


def test_it_holds_until_the_first_of_due_time_next_run_age_and_midnight() -> None:
    part, judgement = well()
    far = replace(judgement, due=at("30 04:00"), next_run=at("30 04:00"))
    assert until(part, judgement) == until(part, far) == at("24 00:00")
    assert until(part, far, zone=ZoneInfo("America/New_York")) == at("24 06:00")
    # It is still the day before in New York.
    assert holds_until(part, (far,), at("23 02:00"), ZoneInfo("America/New_York")) == at("23 06:00")
    assert until(part, replace(far, due=at("23 20:00"))) == at("23 20:00")
    assert until(part, replace(far, next_run=at("23 21:00"))) == at("23 21:00")

    short = replace(judgement.expectation.observed.evidence, stale_after=timedelta(hours=2))
    seen = replace(judgement.expectation.observed, evidence=short)
    aged = replace(part, observed=seen)
    assert short.as_of is not None
    assert until(aged, owed(far, observed=seen)) == short.as_of + timedelta(hours=2)


@pytest.mark.parametrize(
    "change",
    [{"gone": NOW}, {"note": "no such guest"}, {"pauses": (PauseWindow(NOW, NOW + timedelta(hours=1)),)}],
    ids=lambda change: next(iter(change)),
)
def test_a_part_with_more_to_it_is_judged_on_every_board(change: dict[str, Any]) -> None:
    part, judgement = well()
    assert until(replace(part, **change), judgement) is None


def test_only_one_expectation_that_is_in_time_lasts() -> None:
    part, judgement = well()
    verdict = judgement.verdict
    assert until(part) is until(part, judgement, judgement) is None
    assert until(part, replace(judgement, verdict=replace(verdict, state=State.WARNING))) is None
    assert until(part, replace(judgement, verdict=replace(verdict, cause=Cause.NOTHING_WAS_DUE))) is None
    assert until(part, replace(judgement, due=None)) is None
    assert until(part, replace(judgement, next_run=None)) is None


@pytest.mark.parametrize(
    "change",
    [{"by_rhythm": True}, {"overdue": True}, {"activities": (Activity(NOW),)}, {"schedule": None}],
    ids=lambda change: next(iter(change)),
)
def test_what_time_alone_may_change_does_not_last(change: dict[str, Any]) -> None:
    part, judgement = well()
    assert until(part, owed(judgement, **change)) is None


@pytest.mark.parametrize("change", [{"schedule": None}, {"enabled": False}, {"silenced": True}], ids=repr)
def test_a_schedule_that_asks_for_nothing_does_not_last(change: dict[str, Any]) -> None:
    part, judgement = well()
    assert until(part, scheduled(judgement, **change)) is None


def test_a_grace_that_follows_from_the_period_lasts_only_where_starts_are_seen() -> None:
    part, judgement = well()
    unseen = owed(judgement, starts_seen=False)
    assert until(part, unseen) is None
    assert until(part, scheduled(unseen, grace=timedelta(hours=1))) is not None
    assert until(part, scheduled(judgement, grace=timedelta(hours=1))) is not None


def test_what_was_seen_must_be_the_newest_good_run_of_the_part() -> None:
    part, judgement = well()
    seen = judgement.expectation.observed
    other = replace(seen, runs=(replace(seen.runs[0]), *seen.runs[1:]))
    assert until(part, owed(judgement, observed=replace(seen, evidence=replace(seen.evidence)))) is None
    for changed in (replace(seen, runs=()), other):
        assert until(part, owed(judgement, observed=changed)) is None
        assert until(replace(part, observed=changed), judgement) is None


def test_what_was_never_read_does_not_last() -> None:
    part, judgement = well()
    seen = replace(part.observed, evidence=replace(part.observed.evidence, as_of=None))
    assert until(replace(part, observed=seen), owed(judgement, observed=seen)) is None
