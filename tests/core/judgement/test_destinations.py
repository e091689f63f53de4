"""One verdict for each job and destination: a healthy job is never blamed for another one, and answers for none (rule 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sidecar.core.board.board import board_of
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.judgement.judged import judged
from sidecar.core.model import Board, Outcome, PartKind, SourceKind, State
from sidecar.core.reports.facts import Archive, BackupGroup, BackupJob, Dump, DumpCopy, DumpPlan, Storage, Task
from sidecar.core.reports.report import Reading, Report
from sidecar.core.settings import Settings
from sidecar.core.timeline.timeline import timeline_of
from tests.core.factories import at, due_states, run
from tests.core.sample_reports import (
    DATABASEMENT,
    PBS,
    PVE,
    STORAGE,
    group,
    pbs,
    pve,
    readings,
    row,
    settings,
    source,
    upload,
    vzdump,
)

DAILY = BackupJob(id="daily", schedule="22:00", enabled=True, storage="pbs-main", node=None, guests=(101,))
WEEKLY = BackupJob(id="weekly", schedule="sun 03:00", enabled=True, storage="nas", node=None, guests=(101,))
NAS = Storage(name="nas", type="nfs", enabled=True)
VZDUMPS = tuple(vzdump(f"{day} 22:00", f"{day} 22:15") for day in range(14, 23))
SAVED = tuple(f"{day} 22:02" for day in range(14, 23))
MORNING = "23 08:00"


def cluster(
    *tasks: Task,
    archives: tuple[str, ...] = (),
    jobs: tuple[BackupJob, ...] = (DAILY, WEEKLY),
    storages: tuple[Storage, ...] = (STORAGE, NAS),
    read: str = MORNING,
) -> Report:
    """One node with guest 101: daily to the backup server, Sundays to the NAS; ``archives`` lie on the NAS."""
    ended = (task for task in VZDUMPS if task.start < at(read))
    made = pve(read, *ended, *tasks, jobs=jobs, storages=storages)
    kept = tuple(Archive(storage="nas", vmid=101, time=at(when), size=5) for when in archives)
    listing = Reading(("archives", "shared", "nas"), at(read), kept)
    return replace(made, readings=(*made.readings, listing))


class House:
    """Board and calendar of some reports at one moment."""

    def __init__(self, now: str, *reports: Report, given: Settings | None = None, history: History = EMPTY) -> None:
        by_name = {report.source: report for report in reports}
        self._judged = judged(by_name, history, given or settings(), at(now))
        self.board: Board = board_of(self._judged)

    def jobs(self) -> Mapping[str, str]:
        return {job.name.split("/", 1)[1]: str(job.verdict.state) for job in self.board.jobs}

    def state(self, name: str = "vaultwarden") -> State:
        return row(self.board, name).verdict.state

    def reason(self, name: str = "vaultwarden") -> str:
        return row(self.board, name).verdict.reason or ""

    def calendar(self, job: str, start: str, end: str) -> list[tuple[str, str]]:
        every = timeline_of(self._judged).occurrences(at(start), at(end))
        return due_states(every, job)


def test_rule_3_a_destination_where_nothing_ever_arrived_is_never_whatever_lies_elsewhere() -> None:
    house = House(MORNING, cluster(), pbs(MORNING, group(*SAVED)))

    assert house.jobs() == {"backup/daily": "ok", "backup/weekly": "never"}
    assert house.state() is State.NEVER
    assert house.reason() == (
        "Weekly to nas: due Sun 15 Nov 03:00, nothing had started by 03:30, and no backup of vaultwarden exists on nas."
    )
    assert house.calendar("pve/backup/weekly", "15 00:00", "23 00:00") == [("15 03:00", "never"), ("22 03:00", "never")]
    assert {state for _, state in house.calendar("pve/backup/daily", "15 00:00", "23 00:00")} == {"ok"}


def test_rule_3_the_board_shows_each_expectation_beside_its_part() -> None:
    house = House(MORNING, cluster(archives=("15 03:02",)), pbs(MORNING, group(*SAVED)))
    (part,) = row(house.board, "vaultwarden").parts

    assert [(each.job, each.destination, each.verdict.state, each.last_backup) for each in part.expectations] == [
        ("pve/backup/daily", "pbs-main", State.OK, at("22 22:02")),
        ("pve/backup/weekly", "nas", State.MISSED, at("15 03:02")),
    ]
    assert part.last_backup == at("22 22:02")


def test_rule_1_an_edited_schedule_is_not_answered_at_another_destination() -> None:
    """The Sunday before the edit is still owed to the NAS; nights on the backup server answer nothing of it."""
    before, after = cluster(archives=("8 03:00",), read="18 08:00"), replace(WEEKLY, schedule="sun 03:15")
    history = record(record(EMPTY, before), cluster(archives=("8 03:00",), jobs=(DAILY, after)))
    edited = cluster(archives=("8 03:00",), jobs=(DAILY, after), read=MORNING)
    house = House(MORNING, edited, pbs(MORNING, group(*SAVED)), history=history)

    assert (house.jobs()["backup/daily"], house.jobs()["backup/weekly"]) == ("ok", "missed")
    assert "due Sun 15 Nov 03:00" in house.reason()


def test_rule_1_what_is_owed_to_a_destination_that_no_job_leads_to_is_answered_anywhere() -> None:
    nas_only = replace(WEEKLY, id="moves")
    to_server = replace(nas_only, storage="pbs-main", schedule="sun 22:00")
    before = cluster(archives=("8 03:00",), jobs=(nas_only,), read="18 08:00")
    after = cluster(archives=("8 03:00",), jobs=(to_server,), read=MORNING)
    history = record(record(EMPTY, before), cluster(archives=("8 03:00",), jobs=(to_server,), read="18 09:00"))

    assert House(MORNING, after, pbs(MORNING), history=history).state() is State.FAILED
    assert House(MORNING, after, pbs(MORNING, group("22 22:02")), history=history).state() is State.OK


def test_rule_3_both_destinations_filled_is_ok() -> None:
    house = House(MORNING, cluster(archives=("15 03:02", "22 03:02")), pbs(MORNING, group(*SAVED)))

    assert house.jobs() == {"backup/daily": "ok", "backup/weekly": "ok"}
    assert (house.state(), row(house.board, "vaultwarden").count) == (State.OK, len(SAVED) + 2)


@pytest.mark.parametrize(
    ("tasks", "weekly"),
    [
        ((), "missed"),
        ((vzdump("22 03:00", "22 03:10", "job errors"),), "failed"),
        ((vzdump("22 03:00", "22 03:10"),), "failed"),
        ((vzdump("22 03:00", "22 03:10", "job errors", vmid="101"),), "failed"),
    ],
    ids=["misses", "fails", "ends OK without a backup", "fails and names the guest"],
)
def test_rule_3_a_second_job_that_goes_wrong_leaves_the_first_one_ok(tasks: tuple[Task, ...], weekly: str) -> None:
    house = House(MORNING, cluster(*tasks, archives=("15 03:02",)), pbs(MORNING, group(*SAVED)))

    assert house.jobs() == {"backup/daily": "ok", "backup/weekly": weekly}
    assert str(house.state()) == weekly
    assert house.reason().startswith("Weekly to nas: ")
    assert {state for _, state in house.calendar("pve/backup/daily", "15 00:00", "23 00:00")} == {"ok"}
    assert house.calendar("pve/backup/weekly", "22 00:00", "23 00:00") == [("22 03:00", weekly)]


def test_rule_3_a_first_job_that_fails_leaves_the_second_one_ok() -> None:
    failing = vzdump("22 22:00", "22 22:15", "job errors")
    tasks = (*VZDUMPS[:-1], failing)
    made = pve(MORNING, *tasks, jobs=(DAILY, WEEKLY), storages=(STORAGE, NAS))
    listing = Reading(
        ("archives", "shared", "nas"), at(MORNING), (Archive(storage="nas", vmid=101, time=at("22 03:02"), size=5),)
    )
    house = House(MORNING, replace(made, readings=(*made.readings, listing)), pbs(MORNING, group(*SAVED[:-1])))

    assert house.jobs() == {"backup/daily": "failed", "backup/weekly": "ok"}
    assert house.calendar("pve/backup/weekly", "22 00:00", "23 00:00") == [("22 03:00", "ok")]


def test_rule_3_a_backup_by_hand_to_another_storage_accuses_nobody() -> None:
    by_hand = vzdump("23 06:00", "23 06:10", vmid="101")
    house = House(MORNING, cluster(by_hand, archives=("22 03:02",)), pbs(MORNING, group(*SAVED)))

    assert house.state() is State.OK


SECOND_PIN = ":".join(["cd"] * 32)
SECOND = source("pbs2", SourceKind.PBS)
OFFSITE = replace(STORAGE, name="pbs-far", server="pbs2.lan", fingerprint=SECOND_PIN)
TO_FAR = replace(WEEKLY, storage="pbs-far")


def second_server(*groups: BackupGroup) -> Report:
    return replace(pbs(MORNING, *groups), source="pbs2", tls_fingerprint=SECOND_PIN)


def test_rule_3_where_no_destination_has_a_backup_none_exists() -> None:
    names_it = vzdump("22 22:00", "22 22:15", vmid="101")
    house = House(MORNING, cluster(names_it), pbs(MORNING))

    assert house.state() is State.FAILED
    assert house.reason().endswith("; no backup of vaultwarden exists.")


def test_rule_1_tasks_for_several_guests_accuse_none_that_may_not_have_been_there() -> None:
    """No trace of it at first contact: it may have been made after the last night."""
    assert House(MORNING, cluster(), pbs(MORNING)).state() is State.NEW


@pytest.mark.parametrize(("there", "weekly"), [((), "never"), (("15 03:04",), "missed"), (("22 03:04",), "ok")])
def test_rule_3_two_backup_servers_each_answer_for_their_own_job(there: tuple[str, ...], weekly: str) -> None:
    house = House(
        MORNING,
        cluster(jobs=(DAILY, TO_FAR), storages=(STORAGE, OFFSITE)),
        pbs(MORNING, group(*SAVED)),
        second_server(*([group(*there)] if there else [])),
        given=settings(PVE, PBS, SECOND),
    )

    assert house.jobs() == {"backup/daily": "ok", "backup/weekly": weekly}


@pytest.mark.parametrize(("there", "weekly"), [((), "never"), (("15 03:04",), "missed"), (("22 03:04",), "ok")])
def test_rule_3_two_namespaces_of_one_datastore_are_two_destinations(there: tuple[str, ...], weekly: str) -> None:
    apart = replace(STORAGE, name="pbs-weekly", namespace="weekly")
    extra: Any = {("snapshots", "main", "weekly"): (group(*there, namespace="weekly"),) if there else ()}
    house = House(
        MORNING,
        cluster(jobs=(DAILY, replace(WEEKLY, storage="pbs-weekly")), storages=(STORAGE, apart)),
        pbs(MORNING, group(*SAVED), extra=extra),
    )

    assert house.jobs() == {"backup/daily": "ok", "backup/weekly": weekly}


def test_rule_6_a_destination_that_cannot_be_read_makes_only_its_own_job_unknown() -> None:
    house = House(
        MORNING,
        cluster(jobs=(DAILY, TO_FAR), storages=(STORAGE, OFFSITE)),
        pbs(MORNING, group(*SAVED)),
        given=settings(PVE, PBS, SECOND),
    )

    assert house.jobs() == {"backup/daily": "ok", "backup/weekly": "unknown"}
    assert house.state() is State.UNKNOWN


def test_rule_3_jobs_with_the_same_destination_share_its_runs() -> None:
    """The weekly job never started; the daily backup of that night lies at the same place and answers from then on."""
    same = replace(WEEKLY, storage="pbs-main")
    sunday = House("22 08:00", cluster(jobs=(DAILY, same), read="22 08:00"), pbs("22 08:00", group(*SAVED[:-1])))
    monday = House(MORNING, cluster(jobs=(DAILY, same)), pbs(MORNING, group(*SAVED)))

    assert sunday.jobs() == {"backup/daily": "ok", "backup/weekly": "missed"}
    assert monday.jobs() == {"backup/daily": "ok", "backup/weekly": "ok"}
    assert sunday.calendar("pve/backup/weekly", "22 00:00", "23 00:00") == [("22 03:00", "missed")]
    assert monday.calendar("pve/backup/weekly", "22 00:00", "23 00:00") == [], "what is kept no longer tells"


def test_rule_3_a_failed_upload_belongs_to_the_job_that_was_due_last() -> None:
    same = replace(WEEKLY, storage="pbs-main")
    reset = upload("22 03:02", "22 03:05", "connection reset")
    server = pbs("22 08:00", group(*SAVED[:-1]), extra={("tasks",): (reset,)})
    house = House("22 08:00", cluster(jobs=(DAILY, same), read="22 08:00"), server)

    assert house.jobs() == {"backup/daily": "ok", "backup/weekly": "failed"}


# --- Databasement ---


def plan(plan_id: str, schedule: str, *volumes: str, name: str | None = None) -> DumpPlan:
    return DumpPlan(
        server="pg",
        id=plan_id,
        schedule_name=name or plan_id,
        schedule=schedule,
        mode="all",
        volumes=tuple(volumes),
    )


def dump(start: str, *volumes: str, outcome: Outcome = Outcome.OK) -> Dump:
    copies = tuple(DumpCopy(volume, outcome is Outcome.OK) for volume in volumes)
    made = run(start, outcome, text="refused" if outcome is Outcome.FAILED else None)
    return Dump(
        id=f"{start}{volumes}", server="pg", database="crm", run=made, file_size=10, copies=copies, changed_at=made.end
    )


def server(*dumps: Dump, plans: tuple[DumpPlan, ...]) -> Report:
    scopes: Any = {("plans",): plans, ("dumps",): dumps}
    return Report(
        source="databasement", kind=SourceKind.DATABASEMENT, at=at(MORNING), readings=readings(MORNING, scopes)
    )


BOTH = (plan("daily", "0 2 * * *", "local"), plan("weekly", "0 4 * * 0", "s3"))
LOCAL = tuple(dump(f"{day} 02:00", "local") for day in range(14, 24))


@pytest.mark.parametrize(
    ("weekly", "state"),
    [
        ((), "never"),
        ((dump("15 04:00", "s3"),), "missed"),
        ((dump("15 04:00", "s3"), dump("22 04:00", "s3", outcome=Outcome.FAILED)), "failed"),
        ((dump("22 04:00", "s3"),), "ok"),
    ],
    ids=["never", "misses", "fails", "keeps"],
)
def test_rule_3_two_backups_of_a_database_with_different_volumes(weekly: tuple[Dump, ...], state: str) -> None:
    house = House(MORNING, server(*LOCAL, *weekly, plans=BOTH), given=settings(DATABASEMENT))

    assert house.jobs() == {"dump/daily": "ok", "dump/weekly": state}
    assert str(house.state("crm")) == state
    if state != "ok":
        assert house.reason("crm").startswith("Weekly to s3: ")
    assert ("no dump of crm exists on s3" in house.reason("crm")) is (state == "never")


def test_rule_3_two_backups_on_one_schedule_are_distinguished_by_their_volumes() -> None:
    both = (plan("a", "0 2 * * *", "local", name="Daily"), plan("b", "0 2 * * *", "s3", name="Daily"))
    house = House(MORNING, server(*LOCAL, plans=both), given=settings(DATABASEMENT))
    (daily,) = house.board.jobs

    assert (daily.members, daily.members_ok, daily.verdict.state) == (2, 1, State.NEVER)
    assert house.reason("crm").startswith("Daily to s3: ")


def test_rule_3_rows_that_name_no_volume_count_for_every_backup() -> None:
    untold = tuple(replace(each, copies=()) for each in LOCAL)
    house = House(MORNING, server(*untold, plans=BOTH), given=settings(DATABASEMENT))

    assert house.jobs() == {"dump/daily": "ok", "dump/weekly": "ok"}


def test_a_part_with_one_destination_does_not_name_it() -> None:
    house = House(MORNING, server(*LOCAL[:-1], plans=BOTH[:1]), given=settings(DATABASEMENT))

    assert house.reason("crm") == "Due today 02:00, nothing had started by 02:30; newest dump Sun 22 Nov 02:00."
    assert row(house.board, "crm").parts[0].kind is PartKind.DATABASE
