"""What the log of a vzdump task adds: whose the task is, what failed in words, who waits. It proves no backup (rule 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.model import Outcome, ServiceRow, State
from sidecar.core.reports.facts import Archive, BackupJob, Guest, Storage, Task
from sidecar.core.reports.report import Reading, Report
from sidecar.core.reports.vzdump_log import GuestInLog, GuestStep, VzdumpLog
from tests.core.factories import at
from tests.core.sample_reports import STORAGE, group, pbs, pve, row, settings, vzdump

NAMES = {101: "vaultwarden", 102: "paperless", 103: "forgejo"}
GUESTS = tuple(Guest(vmid=vmid, type="lxc", name=name, node="pve1") for vmid, name in NAMES.items())
NIGHTLY = BackupJob(id="nightly", schedule="04:00", enabled=True, storage="pbs-main", node=None, guests=(101, 102, 103))
TO_NAS = replace(NIGHTLY, id="tonas", storage="nas")
NAS = Storage(name="nas", type="nfs", enabled=True, shared=True)
BEFORE = vzdump("22 04:00", "22 04:30")


def saved(vmid: int, start: str, end: str, text: str | None = None) -> GuestInLog:
    return GuestInLog(vmid=vmid, step=GuestStep.DONE, type="lxc", start=at(start), end=at(end), text=text)


def failed(vmid: int, start: str, end: str, text: str | None = "no space left on device") -> GuestInLog:
    return GuestInLog(vmid=vmid, step=GuestStep.FAILED, type="lxc", start=at(start), end=at(end), text=text)


def saving(vmid: int, start: str) -> GuestInLog:
    return GuestInLog(vmid=vmid, step=GuestStep.SAVING, type="lxc", start=at(start))


def log(*guests: GuestInLog, storage: str | None = "pbs-main", **more: object) -> VzdumpLog:
    return replace(VzdumpLog(storage=storage, named=(101, 102, 103), guests=guests), **more)  # type: ignore[arg-type]


def task(
    start: str, end: str | None, status: str = "job errors", told: VzdumpLog | None = None, vmid: str = ""
) -> Task:
    return replace(
        vzdump(start, end, status, vmid), log=told, upid=f"UPID:pve1:{start}:{vmid}:{told and told.storage}:"
    )


class House:
    """The board of three guests that two nights' tasks save."""

    def __init__(
        self,
        now: str,
        *tasks: Task,
        backups: Mapping[int, tuple[str, ...]] | None = None,
        jobs: tuple[BackupJob, ...] = (NIGHTLY,),
        archives: tuple[str, ...] = (),
    ) -> None:
        kept = {vmid: ("22 04:05", *(backups or {}).get(vmid, ())) for vmid in NAMES}
        cluster = pve(now, BEFORE, *tasks, guests=GUESTS, jobs=jobs, storages=(STORAGE, NAS))
        lies = tuple(
            Archive(storage="nas", vmid=vmid, time=at(time), size=5)
            for vmid in NAMES
            for time in ("22 04:06", *archives)
        )
        listing = Reading(("archives", "shared", "nas"), at(now), lies)
        cluster = replace(cluster, readings=(*cluster.readings, listing))
        server = pbs(now, *(group(*times, vmid=str(vmid)) for vmid, times in kept.items()))
        self.reports: dict[str, Report] = {"pve": cluster, "pbs": server}
        self._board = board(self.reports, EMPTY, settings(), at(now))

    def __getitem__(self, vmid: int) -> ServiceRow:
        return row(self._board, NAMES[vmid])

    def states(self) -> list[str]:
        return [str(self[vmid].verdict.state) for vmid in NAMES]

    def reason(self, vmid: int) -> str:
        return self[vmid].verdict.reason or ""


TONIGHT = {101: ("23 04:02",), 103: ("23 04:20",)}


# --- what failed, in words -----------------------------------------------------------------------------------------------


def test_rule_3_the_error_of_a_guest_stands_in_its_reason() -> None:
    told = log(
        saved(101, "23 04:01", "23 04:05"), failed(102, "23 04:05", "23 04:08"), saved(103, "23 04:19", "23 04:30")
    )
    house = House("23 04:40", task("23 04:00", "23 04:30", told=told), backups=TONIGHT)

    assert house.states() == ["ok", "failed", "ok"]
    assert house.reason(102) == (
        "The run that ended today 04:08 failed: CT 102: no space left on device; newest backup Sun 22 Nov 04:05."
    )


def test_rule_3_without_a_log_it_shows_in_the_backup_that_did_not_arrive() -> None:
    house = House("23 04:40", task("23 04:00", "23 04:30"), backups=TONIGHT)

    assert house.states() == ["ok", "failed", "ok"]
    assert "CT 102 got no snapshot, job errors" in house.reason(102)


def test_rule_3_an_error_with_times_of_another_night_stands_in_the_reason_all_the_same() -> None:
    """A node whose clock was wrong when it wrote the log: a backup of that other night makes nothing of the error good."""
    told = log(
        saved(101, "23 04:01", "23 04:05"), failed(102, "22 04:00", "22 04:08"), saved(103, "23 04:19", "23 04:30")
    )
    house = House("23 04:40", task("23 04:00", "23 04:30", told=told), backups=TONIGHT)

    assert house.states() == ["ok", "failed", "ok"]
    assert "CT 102: no space left on device" in house.reason(102)


def test_rule_3_a_guest_that_failed_is_red_while_its_task_goes_on_with_others() -> None:
    told = log(saved(101, "23 04:01", "23 04:05"), failed(102, "23 04:05", "23 04:08"), saving(103, "23 04:08"))
    house = House("23 04:10", task("23 04:00", None, told=told), backups={101: ("23 04:02",)})

    assert house.states() == ["ok", "failed", "running"]


@pytest.mark.parametrize(
    ("told", "status", "says"),
    [
        (
            log(saved(102, "23 04:05", "23 04:08")),
            "OK",
            "CT 102 got no snapshot, although the log of its task says that",
        ),
        (log(saved(101, "23 04:01", "23 04:05")), "OK", "CT 102 was passed over: its task ended without saving it"),
        (
            log(saving(102, "23 04:05")),
            "interrupted by signal",
            "the task ended while CT 102 was being saved: interrupted",
        ),
        (log(saving(101, "23 04:05")), "unexpected status", "the task ended before CT 102: unexpected status"),
        (log(external=(102,)), "OK", "CT 102 was on another node when the task began here, and got no snapshot"),
        (
            log(failed(102, "23 04:05", "23 04:08", None)),
            "job errors",
            "CT 102 failed, and its task's log tells no cause",
        ),
        (log(whole=False), "job errors", "CT 102 got no snapshot, job errors"),
        (log(named=None), "OK", "CT 102 got no snapshot, its task ended OK"),
        (VzdumpLog(whole=False), "can't acquire lock", "CT 102 got no snapshot, can't acquire lock"),
    ],
)
def test_rule_3_a_task_that_left_no_backup_says_why_as_far_as_it_tells(told: VzdumpLog, status: str, says: str) -> None:
    house = House("23 04:40", task("23 04:00", "23 04:30", status, told), backups=TONIGHT)

    assert house[102].verdict.state is State.FAILED
    assert says in house.reason(102)


def test_a_log_proves_no_backup() -> None:
    """It says that all are saved; nothing of it is listed, and it was listed after the end."""
    every = [saved(vmid, "23 04:01", "23 04:30") for vmid in NAMES]

    assert House("23 04:40", task("23 04:00", "23 04:30", "OK", log(*every))).states() == ["failed"] * 3


@pytest.mark.parametrize("text", [None, "no efidisk configured"])
def test_a_warning_of_the_log_is_one_of_the_backup(text: str | None) -> None:
    told = log(saved(101, "23 04:01", "23 04:05", text))
    house = House(
        "23 04:40", task("23 04:00", "23 04:30", "WARNINGS: 1", told), backups={**TONIGHT, 102: ("23 04:10",)}
    )

    assert house.states() == ["warning" if text else "ok", "ok", "ok"]
    assert not text or "The newest backup finished with warnings: no efidisk configured" in house.reason(101)


def test_an_error_after_a_backup_that_is_there_is_a_warning_of_it() -> None:
    told = log(failed(101, "23 04:01", "23 04:05", "error pruning backups - check log"))
    house = House("23 04:40", task("23 04:00", "23 04:30", told=told), backups={**TONIGHT, 102: ("23 04:10",)})

    assert house[101].verdict.state is State.WARNING
    assert "error pruning backups" in house.reason(101)
    assert house[101].last_backup == at("23 04:02")


def test_a_failed_upload_and_the_error_in_the_log_are_one_failure() -> None:
    """The server's task of the upload began after the guest did, and says only that its connection broke."""
    told = log(failed(102, "23 04:05", "23 04:08"))
    house = House("23 04:40", task("23 04:00", "23 04:30", told=told), backups={**TONIGHT, 102: ("!23 04:05",)})

    assert "CT 102: no space left on device" in house.reason(102)
    (part,) = house[102].parts
    assert part.last_run is None or part.last_run.outcome is Outcome.FAILED


# --- whose the task is ---------------------------------------------------------------------------------------------------


def jobs_of(house: House, vmid: int) -> dict[str, str]:
    (part,) = house[vmid].parts
    return {each.job.rpartition("/")[2]: str(each.verdict.state) for each in part.expectations}


@pytest.mark.parametrize("logged", [True, False])
def test_rule_3_of_two_jobs_at_one_minute_only_that_fails_whose_storage_the_log_names(logged: bool) -> None:
    good = log(*(saved(vmid, "23 04:01", "23 04:05") for vmid in NAMES))
    bad = log(failed(101, "23 04:06", "23 04:07"), storage="nas")
    tasks = (
        task("23 04:00", "23 04:05", "OK", good if logged else None),
        task("23 04:01", "23 04:30", "job errors", bad if logged else None),
    )
    every = dict.fromkeys(NAMES, ("23 04:02",))
    house = House("23 04:40", *tasks, backups=every, jobs=(NIGHTLY, TO_NAS))

    assert jobs_of(house, 101) == {"nightly": "ok", "tonas": "failed"}
    assert ("CT 101: no space left on device" in house.reason(101)) is logged


def test_rule_3_a_failed_task_to_a_storage_of_another_job_is_no_failure_of_the_healthy_one() -> None:
    """Both saved what they had to, but for the NAS of guest 101: its archive is missing and its task failed at once."""
    bad = task("23 04:00", "23 04:02", "job errors", log(failed(101, "23 04:00", "23 04:01"), storage="nas"))
    house = House("23 04:10", bad, jobs=(NIGHTLY, TO_NAS))

    assert jobs_of(house, 101) == {"nightly": "late", "tonas": "failed"}


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (log(failed(101, "23 04:11", "23 04:12"), storage="usb", named=(101,)), "late"),
        (log(failed(101, "23 04:11", "23 04:12"), storage=None, elsewhere=True, named=(101,)), "late"),
        (log(failed(101, "23 04:11", "23 04:12"), named=(101,)), "failed"),
        (None, "failed"),
    ],
    ids=["another storage", "a directory", "the job's storage", "no log"],
)
def test_rule_3_backup_now_to_another_storage_accuses_nobody(told: VzdumpLog | None, state: str) -> None:
    house = House("23 04:20", task("23 04:10", "23 04:13", "job errors", told, "101"))

    assert house.states()[0] == state


@pytest.mark.parametrize("logged", [True, False])
def test_rule_3_backup_now_to_the_jobs_storage_is_a_failure_outside_the_schedule(logged: bool) -> None:
    told = log(failed(101, "23 12:00", "23 12:03"), named=(101,)) if logged else None
    every = dict.fromkeys(NAMES, ("23 04:02",))
    night = task("23 04:00", "23 04:30", "OK")
    house = House("23 12:10", night, task("23 12:00", "23 12:04", "job errors", told, "101"), backups=every)

    assert house.states() == ["warning" if logged else "ok", "ok", "ok"]
    assert not logged or "A later run outside the schedule failed today 12:00: CT 101: no space" in house.reason(101)


def test_rule_3_the_run_by_hand_of_a_whole_job_that_missed_its_night_counts() -> None:
    told = log(
        failed(101, "23 09:00", "23 09:03"), saved(102, "23 09:03", "23 09:05"), saved(103, "23 09:05", "23 09:07")
    )
    house = House("23 09:10", task("23 09:00", "23 09:08", told=told), backups={102: ("23 09:03",), 103: ("23 09:05",)})

    assert house.states() == ["failed", "ok", "ok"]


def test_a_backup_by_hand_that_was_removed_by_hand_is_no_failure() -> None:
    told = log(saved(101, "23 12:00", "23 12:03"), named=(101,))
    every = dict.fromkeys(NAMES, ("23 04:02",))
    house = House(
        "23 20:00", task("23 04:00", "23 04:30", "OK"), task("23 12:00", "23 12:04", "OK", told, "101"), backups=every
    )

    assert house.states() == ["ok", "ok", "ok"]


def test_rule_3_of_two_jobs_to_one_storage_the_named_guests_tell_whose_a_task_is() -> None:
    one, others = replace(NIGHTLY, id="one", guests=(101,)), replace(NIGHTLY, id="others", guests=(102, 103))
    first = task("23 04:00", "23 04:10", "OK", log(saved(101, "23 04:00", "23 04:05"), named=(101,)), "101")
    second = task("23 04:01", None, told=log(saving(102, "23 04:10"), named=(102, 103)))
    house = House("23 04:35", first, second, backups={101: ("23 04:02",)}, jobs=(one, others))

    assert house.states() == ["ok", "running", "running"]
    assert not House("23 04:35", first, second, jobs=(one, others))[101].verdict.state.value.startswith("run")


def test_rule_3_a_job_that_was_edited_after_it_failed_keeps_its_failure() -> None:
    """103 was taken out of the job that ran at night. A weekly one to the same storage has more guests than its log."""
    edited = replace(NIGHTLY, id="edited", guests=(101, 102))
    weekly = replace(NIGHTLY, id="weekly", schedule="sat 03:00", guests=(101, 102, 103, 104))
    told = log(saved(101, "23 04:01", "23 04:05"), failed(102, "23 04:05", "23 04:08"))
    night = task("23 04:00", "23 04:30", told=told)
    house = House("23 09:00", night, backups={101: ("23 04:02",)}, jobs=(edited, weekly))

    assert jobs_of(house, 102) == {"edited": "failed", "weekly": "ok"}
    assert "CT 102: no space left on device" in house.reason(102)


def test_a_task_whose_log_names_other_guests_is_not_waited_for() -> None:
    told = log(saving(102, "23 04:01"), named=(102, 103))
    house = House("23 04:35", task("23 04:00", None, told=told))

    assert house.states() == ["missed", "running", "running"]


def test_a_guest_that_a_task_passed_over_as_external_is_not_waiting_for_it() -> None:
    """It moved here while the task ran, from a node whose own task did not save it."""
    told = log(saved(101, "23 04:01", "23 04:05"), saving(103, "23 04:08"), external=(102,))
    house = House("23 04:40", task("23 04:00", None, told=told), backups={101: ("23 04:02",)})

    assert house.states() == ["ok", "missed", "running"]


def test_a_guest_that_the_command_leaves_out_is_neither_accused_nor_waited_for() -> None:
    told = log(saved(101, "23 04:01", "23 04:05"), named=None, excluded=(102,))
    over = House("23 04:40", task("23 04:00", "23 04:30", "OK", told), backups=TONIGHT)
    runs = House("23 04:40", task("23 04:00", None, told=told), backups=TONIGHT)

    assert over.states() == runs.states() == ["ok", "missed", "ok"]


def test_of_two_tasks_for_one_due_time_the_one_with_a_log_speaks() -> None:
    """Both are of one job; of the second, a try by hand, no log can be read."""
    told = log(saving(102, "23 04:05"))
    first, second = task("23 04:00", "23 04:10", "unexpected status", told), task("23 04:15", "23 04:20", "job errors")
    house = House("23 04:40", first, second, backups=TONIGHT)

    assert "the task ended while CT 102 was being saved: unexpected status" in house.reason(102)


# --- who is done, who is being saved, who waits ------------------------------------------------------------------------------


def test_rule_5_a_shared_task_says_who_is_done_who_is_saved_and_who_waits() -> None:
    told = log(saved(101, "23 04:01", "23 04:05"), saving(102, "23 04:05"))
    house = House("23 04:10", task("23 04:00", None, told=told))

    assert house.states() == ["running"] * 3
    assert house.reason(101).startswith("Running since today 04:00, usually 30m: its own part is over, 1 of 3 done")
    assert house.reason(102).endswith(": being saved since today 04:05, 1 of 3 done.")
    assert house.reason(103).endswith(": waits for CT 102, 1 of 3 done.")


def test_rule_5_what_runs_for_too_long_says_what_it_waits_for() -> None:
    house = House("23 20:00", task("23 04:00", None, told=log(saving(102, "23 04:05"))))

    assert house[103].verdict.state is State.MISSED
    assert "longer than 12h: waits for CT 102, 0 of 3 done" in house.reason(103)


@pytest.mark.parametrize("logged", [True, False])
def test_rule_5_a_task_that_waits_for_the_lock_is_not_taken_for_that_of_the_job_before_it(logged: bool) -> None:
    """The nightly job still saves 102 when the NAS's turn comes. What that one saves is no sign of whose the other is."""
    to_nas = replace(TO_NAS, schedule="04:20", guests=(101, 103))
    works = log(saved(101, "23 04:01", "23 04:10"), saving(102, "23 04:25"))
    tasks = (
        task("23 04:00", None, told=works if logged else None),
        task("23 04:20", None, told=VzdumpLog(whole=False) if logged else None),
    )
    begun = {101: ("23 04:01",), 102: ("!23 04:25",)}
    house = House("23 04:55", *tasks, backups=begun, jobs=(NIGHTLY, to_nas), archives=("22 04:25",))

    assert jobs_of(house, 101) == {"nightly": "ok", "tonas": "running"}
    assert jobs_of(house, 103) == {"nightly": "running", "tonas": "running"}


def test_rule_3_without_a_log_a_task_for_one_guest_is_of_the_job_that_was_due_last() -> None:
    """Every day the NAS gets 101 twenty minutes after the nightly job: that is no failure of the nightly job."""
    to_nas = replace(TO_NAS, schedule="04:20", guests=(101,))
    tasks = task("23 04:00", "23 04:19", "OK"), task("23 04:20", "23 04:25", "OK", vmid="101")
    every = dict.fromkeys(NAMES, ("23 04:02",))
    house = House("23 12:00", *tasks, backups=every, jobs=(NIGHTLY, to_nas), archives=("22 04:21", "23 04:21"))

    assert jobs_of(house, 101) == {"nightly": "ok", "tonas": "ok"}


def test_rule_5_of_two_jobs_to_one_place_the_one_before_still_runs_while_it_saves_after_the_time_of_the_other() -> None:
    early, later = replace(NIGHTLY, id="early", guests=(102, 103)), replace(NIGHTLY, id="later", schedule="04:20")
    works = log(saved(102, "23 04:00", "23 04:34"), saving(103, "23 04:35"), named=(102, 103))
    tasks = task("23 04:00", None, told=works), task("23 04:20", None, told=VzdumpLog(whole=False))
    before = ("22 04:25",)
    begun = {101: before, 102: (*before, "23 04:00"), 103: (*before, "!23 04:35")}
    house = House("23 04:56", *tasks, backups=begun, jobs=(early, later))

    assert jobs_of(house, 103) == {"early": "running", "later": "running"}


def test_rule_3_without_a_log_a_task_for_one_guest_that_ended_well_accuses_no_job_of_the_same_minute() -> None:
    to_nas = replace(TO_NAS, guests=(101,))
    tasks = task("23 04:00", "23 04:09", "OK", vmid="101"), task("23 04:00", None)
    house = House("23 04:40", *tasks, jobs=(NIGHTLY, to_nas), archives=("23 04:01",))

    assert jobs_of(house, 101) == {"nightly": "running", "tonas": "ok"}
