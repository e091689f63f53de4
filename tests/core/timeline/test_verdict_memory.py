"""What one judgement adds to the memory of verdicts, day by day, and that nothing is added twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from sidecar.core.board.board import board_of
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.history.verdict_log import ExpectationKey, FinalState, VerdictLog
from sidecar.core.judgement.judged import judged
from sidecar.core.model import Outcome, PartKind, Run, SourceKind, State
from sidecar.core.reports.facts import Dump, Guest, Namespace, Storage, UpkeepJob, Verification
from sidecar.core.reports.report import Reading, Report, keep_what_failed
from sidecar.core.settings import JobSetting, Pause, ServiceSetting, Settings
from sidecar.core.timeline import remembered_names, verdict_memory
from sidecar.core.timeline.verdict_memory import VerdictMemory, remember_verdicts
from tests.core.factories import at, failed, local, run
from tests.core.remembering import DAILY, backrest
from tests.core.sample_reports import (
    BACKREST,
    CRITICAL,
    DATABASEMENT,
    PBS,
    PVE,
    STORAGE,
    away,
    group,
    pbs,
    pve,
    readings,
    service,
    settings,
    vzdump,
)


class Memory:
    """A sidecar that remembers its verdicts: takes reports, judges when a test asks for it."""

    def __init__(self, given: Settings | None = None) -> None:
        self.settings = given or settings()
        self.reports: dict[str, Report] = {}
        self.history: History = EMPTY
        self.memory = VerdictMemory()

    def take(self, *reports: Report) -> Memory:
        for report in reports:
            merged = keep_what_failed(report, self.reports.get(report.source))
            self.reports[report.source] = merged
            self.history = record(self.history, merged)
        return self

    def judge(self, now: str) -> VerdictLog:
        made = judged(dict(self.reports), self.history, self.settings, at(now))
        self.memory, new = remember_verdicts(self.memory, made, board_of(made))
        return new


def read(when: str, *kept: str) -> tuple[Report, Report]:
    """What both servers report: the nights until then, and these backups of the guest."""
    day = int(when.split()[0])
    tasks = [vzdump(f"{number} 04:00", f"{number} 04:10") for number in range(20, day + 1)]
    begun = [task for task in tasks if task.end is not None and task.end < at(when)]
    return pve(when, *begun), pbs(when, group(*kept))


def finals(log: VerdictLog) -> list[tuple[str, str]]:
    return [(local(final.due), str(final.state)) for final in log.finals]


def states(log: VerdictLog) -> list[tuple[str | None, str, str]]:
    return [
        (str(change.state_from) if change.state_from else None, str(change.state_to), change.cause)
        for change in log.changes
        if change.member == "guest:pve:101"
    ]


def test_a_change_of_state_is_remembered_once_with_its_cause() -> None:
    memory = Memory().take(*read("22 12:00", "20 04:00", "21 04:00", "22 04:00"))

    assert states(memory.judge("22 12:01")) == [(None, "ok", "in_time")]
    assert memory.judge("22 12:02") == VerdictLog()
    assert states(memory.judge("22 13:00")) == [("ok", "unknown", "unreadable")]
    memory.take(*read("23 04:20", "21 04:00", "22 04:00"))
    assert states(memory.judge("23 04:20")) == [("unknown", "failed", "run_failed")]


def test_rule_9_an_age_limit_of_a_member_is_remembered_beside_what_its_job_owes() -> None:
    """A client that follows the changes learns of every change of the row: it stands as the worst of what is remembered."""
    given = settings(services=(service("wallet", "101", verify_within=timedelta(hours=3)),))
    memory = Memory(given).take(*verified("22 12:00", "22 10:00"))

    def of_no_job(log: VerdictLog) -> list[tuple[str | None, str, str, str | None]]:
        return [
            (change.state_from and str(change.state_from), str(change.state_to), change.cause, change.reason)
            for change in log.changes
            if change.expectation == ExpectationKey("guest:pve:101", "", "")
        ]

    assert of_no_job(memory.judge("22 12:01")) == [(None, "ok", "in_time", None)]
    memory.take(*verified("22 13:01", "22 10:00"))
    too_old = ("ok", "warning", "not_verified", "Verified last today 10:00, the limit is 3h.")
    assert of_no_job(memory.judge("22 13:01")) == [too_old]
    assert of_no_job(memory.judge("22 13:02")) == []
    assert of_no_job(memory.judge("22 14:00")) == [], "unreadable: only what its job owes has changed"
    memory.take(*verified("22 14:01", "22 14:00"))
    assert of_no_job(memory.judge("22 14:01")) == [("warning", "ok", "in_time", None)]


def verified(when: str, verified_at: str) -> tuple[Report, Report]:
    kept = group("21 04:00", "22 04:00")
    newest = replace(kept.snapshots[0], verification=Verification(True, at(verified_at), True))
    cluster, _ = read(when)
    return cluster, pbs(when, replace(kept, snapshots=(newest, *kept.snapshots[1:])))


def test_rule_9_of_two_services_with_one_member_the_stricter_age_limit_is_remembered() -> None:
    strict, loose = (timedelta(hours=hours) for hours in (1, 3))
    services = (service("safe", "101", verify_within=loose), service("wallet", "101", verify_within=strict))
    log = Memory(settings(services=services)).take(*verified("22 12:00", "22 10:00")).judge("22 12:01")

    assert [str(change.state_to) for change in log.changes if not change.job] == ["warning"]


@pytest.mark.parametrize("services", [(), (service("wallet", "101"), service("safe", "101"))], ids=["own", "of two"])
def test_each_due_time_gets_one_final_state(services: tuple[ServiceSetting, ...]) -> None:
    memory = Memory(settings(services=services)).take(*read("21 12:00", "20 04:00", "21 04:00"))
    assert finals(memory.judge("21 12:01")) == []

    memory.take(*read("22 12:00", "20 04:00", "21 04:00", "22 09:00"))
    assert finals(memory.judge("22 12:01")) == [("22 04:00", "kept_late")]
    assert finals(memory.judge("22 12:02")) == []

    memory.take(*read("23 12:00", "20 04:00", "21 04:00", "22 09:00", "23 04:01"))
    assert finals(memory.judge("23 12:01")) == [("23 04:00", "kept")]


@pytest.mark.parametrize(("judges_size", "state"), [(True, "warning"), (False, "ok")])
def test_a_part_of_two_services_is_remembered_as_the_first_of_them_judges_it(*, judges_size: bool, state: str) -> None:
    """The other one says the opposite of a backup that shrank."""
    both = (service("wallet", "101", shrink=judges_size), service("safe", "101", shrink=not judges_size))
    memory = Memory(settings(services=both))
    nights = [f"{day} 04:00" for day in range(17, 23)]
    shrank, *others = group(*nights).snapshots
    kept = (replace(shrank, size=2**30), *(replace(other, size=2**33) for other in others))
    memory.take(read("22 12:00")[0], pbs("22 12:00", replace(group(), snapshots=kept)))

    assert [(start, end) for start, end, _ in states(memory.judge("22 12:01"))] == [(None, state)]
    assert memory.judge("22 12:02") == VerdictLog()


def test_what_failed_is_final_when_the_next_due_time_has_come_and_not_before() -> None:
    memory = Memory().take(*read("21 12:00", "20 04:00", "21 04:00"))
    memory.judge("21 12:01")
    memory.take(*read("22 12:00", "20 04:00", "21 04:00"))
    assert finals(memory.judge("22 12:01")) == [], "a run in the afternoon may still answer it"

    memory.take(*read("23 04:02", "20 04:00", "21 04:00"))
    assert finals(memory.judge("23 04:03")) == [("22 04:00", "failed")]


def test_rule_10_a_cancelled_backup_is_not_kept() -> None:
    cancelled = replace(failed("21 05:00", "by Anna"), cancelled=True)
    memory = Memory(settings(BACKREST)).take(backrest("20 12:00", "21 05:00", run("20 05:00")))
    memory.judge("20 12:01")
    memory.take(backrest("21 12:00", "22 05:00", run("20 05:00"), cancelled))
    assert finals(memory.judge("21 12:01")) == [("21 05:00", "failed")]


def test_what_a_pause_excuses_is_paused_and_days_before_anybody_looked_stay_blank() -> None:
    paused = settings(pauses=(Pause(date(2026, 11, 22), date(2026, 11, 23), (), "holiday"),))
    memory = Memory(paused).take(*read("21 12:00", "20 04:00", "21 04:00"))
    assert memory.judge("21 12:01").finals == ()

    memory.take(*read("24 04:20", "20 04:00", "21 04:00", "24 04:01"))
    assert finals(memory.judge("24 04:21"))[0] == ("22 04:00", "paused")


def test_rule_7_what_the_clocks_skip_is_skipped() -> None:
    job = {"backrest/plan/photos": JobSetting(schedule="15 2 * * *", timezone="Europe/Berlin")}
    memory = Memory(settings(BACKREST, jobs=MappingProxyType(job)))
    memory.take(backrest("2026-03-28 12:00", None, run("2026-03-28 02:15")))
    memory.judge("2026-03-28 12:01")
    memory.take(backrest("2026-03-30 12:00", None, run("2026-03-28 02:15"), run("2026-03-30 02:15")))

    assert finals(memory.judge("2026-03-30 12:01")) == [("29 03:15", "skipped"), ("30 02:15", "kept")]


def sync(when: str, schedule: str, *starts: str) -> Report:
    """A backup server with one sync job."""
    runs = tuple(run(start, minutes=2) for start in sorted(starts, key=at, reverse=True))
    job = UpkeepJob(kind="sync", id="s1", datastore="main", schedule=schedule, runs=runs)
    return pbs(when, extra={("upkeep", "sync"): (job,)})


def test_rule_7_an_hourly_job_has_one_occurrence_at_the_moment_that_both_hours_are() -> None:
    night = [f"2026-03-29 {hour:02}:15" for hour in (0, 1, 3, 4)]
    memory = Memory().take(sync("2026-03-28 23:30", "*:15", "2026-03-28 23:15"))
    memory.judge("2026-03-28 23:31")
    memory.take(sync("2026-03-29 04:30", "*:15", *night))

    assert finals(memory.judge("2026-03-29 04:31")) == [(moment[8:], "kept") for moment in night]


def test_a_first_judgement_after_long_decides_a_part_and_the_next_ones_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdict_memory, "MOST_IN_ALL", 1)
    memory = Memory().take(*read("20 12:00", "20 04:00"), sync("20 12:00", "04:00", "20 04:00"))
    memory.judge("20 12:01")
    cluster, server = read("21 12:00", "20 04:00", "21 04:00")
    upkeep = Reading(("upkeep", "sync"), at("21 12:00"), tuple(sync("21 12:00", "04:00", "21 04:00").facts(UpkeepJob)))
    memory.take(cluster, replace(server, readings=(*server.readings, upkeep)))

    jobs = [[final.job for final in memory.judge(f"21 12:0{minute}").finals] for minute in (1, 2, 3)]
    assert jobs == [["pve/backup/critical"], ["pbs/sync/s1"], []]


def test_a_long_time_without_a_look_is_decided_piece_by_piece_and_no_run_answers_what_was_due_long_before() -> None:
    memory = Memory().take(sync("20 00:10", "*:0/15", "20 00:00"))
    memory.judge("20 00:11")
    memory.take(sync("28 12:00", "*:0/15", "28 11:30", "28 11:45"))

    first, second = finals(memory.judge("28 12:01")), finals(memory.judge("28 12:02"))
    assert (len(first), first[0], first[-1]) == (500, ("20 00:15", "not_observed"), ("25 05:00", "not_observed"))
    assert second[0] == ("25 05:15", "not_observed")
    assert second[-3:] == [("28 11:15", "not_observed"), ("28 11:30", "kept"), ("28 11:45", "kept")]
    assert finals(memory.judge("28 12:03")) == []


def test_rule_10_a_run_that_nobody_saw_the_end_of_blocks_nothing() -> None:
    def read_dumps(when: str, *runs: Run) -> Report:
        rows = tuple(Dump(id=f"{each.start}", server="pg", database="crm", run=each, file_size=10) for each in runs)
        scopes: Any = {("plans",): (DAILY,), ("dumps",): rows}
        return Report(source="databasement", kind=SourceKind.DATABASEMENT, at=at(when), readings=readings(when, scopes))

    stuck, first = run("21 02:00", Outcome.RUNNING), run("20 02:00")
    memory = Memory(settings(DATABASEMENT)).take(read_dumps("20 12:00", first))
    memory.judge("20 12:01")
    memory.take(read_dumps("22 03:30", run("22 02:00"), stuck, first))
    assert finals(memory.judge("22 03:31")) == [("21 02:00", "failed"), ("22 02:00", "kept")]
    memory.take(read_dumps("23 03:30", run("23 02:00"), run("22 02:00"), stuck, first))
    assert finals(memory.judge("23 03:31")) == [("23 02:00", "kept")]


def test_rule_10_while_a_run_may_still_end_nothing_from_its_due_time_on_is_final() -> None:
    """It began late, and the next night came and was good."""
    memory = Memory(settings(BACKREST)).take(backrest("20 12:00", "21 02:00", run("20 02:00")))
    memory.judge("20 12:01")
    late = run("21 20:00", Outcome.RUNNING)
    memory.take(backrest("21 20:05", "22 02:00", late, run("20 02:00")))
    memory.judge("21 20:06")
    memory.take(backrest("22 03:00", "23 02:00", run("22 02:00"), late, run("20 02:00")))
    assert finals(memory.judge("22 03:01")) == []

    ended = run("21 20:00", minutes=600)
    memory.take(backrest("22 07:00", "23 02:00", run("22 02:00"), ended, run("20 02:00")))
    assert finals(memory.judge("22 07:01")) == [("21 02:00", "kept_late"), ("22 02:00", "kept")]


def moved(when: str, storage: Storage, before: tuple[str, ...], after: tuple[str, ...] = ()) -> tuple[Report, Report]:
    """A cluster whose storage leads to ``storage`` now, with what lies in namespace a and what lies in namespace b."""
    nights = [vzdump(f"{day} 04:00", f"{day} 04:10") for day in range(18, int(when.split()[0]) + 1)]
    job = replace(CRITICAL, storage=storage.name)
    kept: Any = {
        ("namespaces", "main"): (Namespace("main", "a"), Namespace("main", "b")),
        ("snapshots", "main", "a"): (group(*before, namespace="a"),),
        ("snapshots", "main", "b"): (group(*after, namespace="b"),),
    }
    return pve(when, *nights, jobs=(job,), storages=(storage,)), pbs(when, extra=kept)


KEPT = ("18 04:01", "19 04:01", "20 04:01", "21 04:01")
IN_A, IN_B = replace(STORAGE, namespace="a"), replace(STORAGE, namespace="b")


def test_rule_1_a_storage_that_leads_to_another_namespace_is_one_name_with_one_state() -> None:
    memory = Memory().take(*moved("20 12:00", IN_A, KEPT[:3]))
    memory.judge("20 12:01")
    memory.take(*moved("21 12:00", IN_A, KEPT))
    memory.judge("21 12:01")
    memory.take(*moved("21 13:00", IN_B, KEPT))
    assert states(memory.judge("21 13:01")) == [("ok", "new", "nothing_was_due")]
    assert memory.judge("21 13:02") == VerdictLog()

    memory.take(*moved("22 12:00", IN_B, KEPT, ("22 04:01",)))
    log = memory.judge("22 12:01")
    assert (states(log), finals(log)) == ([("new", "ok", "in_time")], [("22 04:00", "kept")])


def test_rule_1_a_storage_with_another_name_has_no_past_of_its_own() -> None:
    memory = Memory().take(*moved("20 12:00", IN_A, KEPT[:3]))
    memory.judge("20 12:01")
    memory.take(*moved("21 12:00", IN_A, KEPT))
    assert finals(memory.judge("21 12:01")) == [("21 04:00", "kept")]
    renamed = replace(IN_A, name="backup-server")
    memory.take(*moved("21 13:00", renamed, KEPT))
    log = memory.judge("21 13:01")
    assert (states(log), finals(log)) == ([(None, "ok", "in_time")], [])

    memory.take(*moved("22 12:00", renamed, (*KEPT, "22 04:01")))
    assert [(final.destination, final.due) for final in memory.judge("22 12:01").finals] == [
        ("backup-server", at("22 04:00"))
    ]


def test_what_was_judged_as_failed_is_no_gap_in_observation_afterwards() -> None:
    memory = Memory().take(*read("20 12:00", "20 04:00"))
    memory.judge("20 12:01")
    memory.take(*read("21 12:00", "20 04:00"))
    assert states(memory.judge("21 12:01")) == [("ok", "failed", "run_failed")]
    memory.take(*read("22 04:20", "20 04:00", "22 04:01"))

    assert finals(memory.judge("22 04:21")) == [("21 04:00", "failed"), ("22 04:00", "kept")]


def test_rule_2_what_a_deleted_job_owed_is_final_and_its_last_state_is_not_red() -> None:
    memory = Memory().take(*read("21 12:00", "20 04:00", "21 04:00"))
    memory.judge("21 12:01")
    memory.take(*read("22 12:00", "20 04:00", "21 04:00"))
    assert states(memory.judge("22 12:01")) == [("ok", "failed", "run_failed")]
    cluster, server = read("22 13:00", "20 04:00", "21 04:00")
    jobs = tuple(replace(reading, facts=()) if reading.scope == ("jobs",) else reading for reading in cluster.readings)
    memory.take(replace(cluster, readings=jobs), server)

    log = memory.judge("22 13:01")
    assert states(log) == [("failed", "warning", "in_no_job")]
    assert finals(log) == [("22 04:00", "failed")]
    assert memory.judge("22 13:02") == VerdictLog()


def test_the_last_night_of_a_job_that_another_one_replaces_is_final() -> None:
    memory = Memory().take(*read("21 12:00", "20 04:00", "21 04:00"))
    memory.judge("21 12:01")
    memory.take(*read("22 12:00", "21 04:00", "22 04:00"))
    assert finals(memory.judge("22 12:01")) == [("22 04:00", "kept")]
    memory.take(*read("23 03:00", "21 04:00", "22 04:00"))
    memory.judge("23 03:01")
    cluster, server = read("23 12:00", "21 04:00", "22 04:00", "23 04:00")
    other = replace(CRITICAL, id="other", schedule="20:00")
    jobs = tuple(
        replace(reading, facts=(other,)) if reading.scope == ("jobs",) else reading for reading in cluster.readings
    )
    memory.take(replace(cluster, readings=jobs), server)

    log = memory.judge("23 12:01")
    assert [(final.job, final.state) for final in log.finals] == [("pve/backup/critical", FinalState.KEPT)]


def test_a_source_that_is_away_is_a_gap_with_a_beginning_and_an_end() -> None:
    memory = Memory().take(*read("22 12:00", "22 04:00"))
    memory.judge("22 12:01")
    memory.take(away("pbs", SourceKind.PBS, "22 12:05", denied=True))
    (gap,) = memory.judge("22 12:15").gaps
    assert (gap.source, gap.start, gap.until) == ("pbs", at("22 12:15"), None)
    assert memory.judge("22 12:16").gaps == ()

    memory.take(*read("22 13:00", "22 04:00"))
    (gap,) = memory.judge("22 13:01").gaps
    assert (gap.start, gap.until) == (at("22 12:15"), at("22 13:01"))


def test_a_service_leaves_one_line_a_day_and_a_new_one_only_when_something_changed() -> None:
    memory = Memory().take(*read("22 12:00", "21 04:00", "22 04:00"))
    (day,) = memory.judge("22 12:01").days
    assert (day.service, day.day, day.count, day.size, day.verified, day.copies) == (
        "vaultwarden",
        date(2026, 11, 22),
        2,
        1000,
        0,
        0,
    )
    assert memory.judge("22 12:02").days == ()
    assert [day.day for day in memory.judge("23 00:01").days] == [date(2026, 11, 23)]


def test_the_size_of_a_service_is_not_known_while_one_of_its_parts_cannot_be_read() -> None:
    parts = (*service("", "101").parts, *service("", "pg/crm", kind=PartKind.DATABASE).parts)
    memory = Memory(settings(PVE, PBS, DATABASEMENT, services=(ServiceSetting(name="crm", parts=parts),)))
    memory.take(*read("22 12:00", "22 04:00"))
    (alone,) = memory.judge("22 12:01").days
    scopes: Any = {("plans",): (DAILY,), ("dumps",): (Dump(id="1", server="pg", database="crm", run=run("22 02:00")),)}
    dumps = Report(
        source="databasement",
        kind=SourceKind.DATABASEMENT,
        at=at("22 12:02"),
        readings=readings("22 12:02", scopes),
    )

    (both,) = memory.take(dumps).judge("22 12:03").days

    assert (alone.size, both.size) == (None, 2000)


@pytest.mark.parametrize("weeks", [1, 3])
def test_rule_1_a_dead_job_has_every_due_time_decided_once(weeks: int) -> None:
    memory = Memory().take(*read("20 12:00", "20 04:00"))
    memory.judge("20 12:01")
    seen: list[Any] = []
    for day in range(1, 7 * weeks):
        moment = at("20 12:00") + timedelta(days=day)
        for report in (*read("20 12:00", "20 04:00"),):
            moved = tuple(replace(reading, as_of=moment) for reading in report.readings)
            memory.take(replace(report, at=moment, readings=moved))
        made = judged(dict(memory.reports), memory.history, memory.settings, moment)
        memory.memory, new = remember_verdicts(memory.memory, made, board_of(made))
        seen += new.finals

    assert len({final.due for final in seen}) == len(seen) == 7 * weeks - 2
    assert {final.state for final in seen} == {FinalState.MISSED}


def test_an_upstream_that_makes_up_new_guests_every_day_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered_names, "MOST_EXPECTATIONS", 7)
    memory = Memory().take(pbs("20 12:00"))
    for day in range(10):
        vmids = tuple(range(1000 * day, 1000 * day + 3 + day))
        guests = tuple(Guest(vmid=vmid, type="lxc", name=f"guest{vmid}", node="pve1") for vmid in vmids)
        memory.take(pve("20 12:00", guests=guests, jobs=(replace(CRITICAL, guests=vmids),)))
        first, again = memory.judge("20 12:01"), memory.judge("20 12:02")

        assert len(memory.memory.remembered.states) <= 7
        assert len(memory.memory.remembered.decided) <= 7
        assert len(first.changes) == min(len(vmids), 7)
        assert again.changes == (), "what there is no room for is not said again and again"


def test_states_and_outcomes_have_the_words_that_are_remembered() -> None:
    assert {str(state) for state in FinalState} == {
        "kept", "kept_late", "missed", "failed", "paused", "skipped", "not_observed",
    }  # fmt: skip
    assert Outcome.OK.value == State.OK.value
