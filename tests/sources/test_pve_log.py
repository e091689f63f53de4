"""Logs of vzdump tasks, as Proxmox VE 7 to 9 write them and as nobody should: what is understood, and what is not (PVE-20)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.reports.facts import Task
from sidecar.core.reports.vzdump_log import GuestInLog, GuestStep, VzdumpLog
from sidecar.sources.pve_log import parse_log
from sidecar.sources.task_logs import Lines

START = datetime(2026, 11, 23, 3, 0, 1, tzinfo=UTC)
END = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
ENDED = Task(node="pve1", type="vzdump", id="", start=START, end=END, status="job errors", upid="UPID:pve1:1:")
RUNS = Task(node="pve1", type="vzdump", id="", start=START, end=None, status=None, upid="UPID:pve1:2:")


def parsed(*lines: str, task: Task = ENDED, zone: str | None = "Europe/Berlin") -> VzdumpLog:
    return parse_log(task, Lines(lines), zone)


def at(hour: int, minute: int, second: int) -> datetime:
    """UTC; Berlin's clock shows an hour more."""
    return datetime(2026, 11, 23, hour, minute, second, tzinfo=UTC)


NIGHT = (
    "INFO: starting new backup job: vzdump 101 104 106 --quiet 1 --storage pbs-main --notes-template '{{guestname}}'",
    "INFO: skip external VMs: 106",
    "INFO: Starting Backup of VM 101 (lxc)",
    "INFO: Backup started at 2026-11-23 04:00:05",
    "INFO: status = running",
    "INFO: CT Name: vaultwarden",
    "INFO: including mount point rootfs ('/') in backup",
    "INFO: Finished Backup of VM 101 (00:01:12)",
    "INFO: Backup finished at 2026-11-23 04:01:17",
    "INFO: Starting Backup of VM 104 (lxc)",
    "INFO: Backup started at 2026-11-23 04:01:17",
    "ERROR: Backup of VM 104 failed - no space left on device",
    "INFO: Failed at 2026-11-23 04:03:00",
    "INFO: Backup job finished with errors",
    "TASK ERROR: job errors",
)


def test_a_night_names_storage_and_guests_and_what_became_of_each() -> None:
    log = parsed(*NIGHT)

    assert (log.storage, log.named, log.external, log.whole) == ("pbs-main", (101, 104, 106), (106,), True)
    assert log.guests == (
        GuestInLog(vmid=101, step=GuestStep.DONE, type="lxc", start=at(3, 0, 5), end=at(3, 1, 17)),
        GuestInLog(
            vmid=104,
            step=GuestStep.FAILED,
            type="lxc",
            start=at(3, 1, 17),
            end=at(3, 3, 0),
            text="no space left on device",
        ),
    )
    assert [log.covers(vmid) for vmid in (101, 104, 106, 107)] == [True, True, True, False]


def test_a_task_under_way_saves_one_guest_and_has_others_waiting() -> None:
    log = parsed(*NIGHT[:4], task=RUNS)

    assert log.of(101) == GuestInLog(vmid=101, step=GuestStep.SAVING, type="lxc", start=at(3, 0, 5))
    assert (log.of(104), log.covers(104)) == (None, True)


@pytest.mark.parametrize(
    ("command", "storage", "named", "excluded"),
    [
        ("115", None, (115,), ()),
        ("102 --storage local --node sky --remove 0 --mode stop --compress 0", "local", (102,), ()),
        ("--mailnotification failure --node pve1 --quiet 1 --storage nas --exclude 9000 --all 1", "nas", None, (9000,)),
        ("--storage nas --all 1 --exclude '9000,101'", "nas", None, (9000, 101)),
        ("--pool lab --storage=nas", "nas", None, ()),
        ("9882 --notes-template 'it'\"'\"'s --storage evil' --storage 'pbs-main'", "pbs-main", (9882,), ()),
        ("9882 --prune-backups 'keep-daily=2,keep-last=3' --storage pbs-main", "pbs-main", (9882,), ()),
        ("101 --dumpdir /mnt/usb --storage nas", None, (101,), ()),
        ("101 --notes-template 'never closed --storage nas", None, None, ()),
        ("101 --storage", None, (101,), ()),
        ("101 --storage ../../etc", None, (101,), ()),
        ("7 99999999999 --storage nas", "nas", None, ()),
        ("", None, None, ()),
    ],
)
def test_the_first_line_is_a_command_with_options_in_any_order(
    command: str, storage: str | None, named: tuple[int, ...] | None, excluded: tuple[int, ...]
) -> None:
    log = parsed(f"INFO: starting new backup job: vzdump {command}".rstrip())

    assert (log.storage, log.named, log.excluded) == (storage, named, excluded)


def test_a_directory_of_its_own_is_no_storage_of_a_job() -> None:
    assert parsed("INFO: starting new backup job: vzdump 101 --dumpdir /mnt/usb").elsewhere


TAR = "command 'set -o pipefail && lxc-usernsexec -m u:0:100000:65536 -- tar cpf - --totals' failed: exit code 2"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("ERROR: Backup of VM 104 failed - VM is locked (snapshot)",), "VM is locked (snapshot)"),
        ((f"ERROR: Backup of VM 104 failed - {TAR}",), "exit code 2"),
        (
            ("INFO: zstd: error 70 : Write error : No space left on device", f"ERROR: Backup of VM 104 failed - {TAR}"),
            "No space left on device (exit code 2)",
        ),
        (
            ("INFO: tar: /mnt/nas/dump/x.tmp: Cannot open: Permission denied", f"ERROR: Backup of VM 104 failed - {TAR}"),
            "Permission denied (exit code 2)",
        ),
        (
            ("INFO: tar: Input/output error", "ERROR: Backup of VM 104 failed - disk: No space left on device"),
            "disk: No space left on device",
        ),
        (("ERROR: Backup of VM 104 failed",), None),
        (("ERROR: Backup of VM 104 failed - ",), None),
        (("ERROR: Backup of VM 104 failed - \u202egnp.exe\u2066\x1b[31m\x00 red",), r"\u202egnp.exe\u2066\u001b[31m\u0000 red"),
        ((f"ERROR: Backup of VM 104 failed - {'x ' * 5000}",), f"{'x ' * 100}…"),
        (
            ("ERROR: Backup of VM 104 failed - mount //nas/dump -o username=u,password=hunter2 failed",),
            "mount //nas/dump -o username=u,password=… failed",
        ),
    ],
)  # fmt: skip
def test_the_error_of_a_guest_in_words(lines: tuple[str, ...], text: str | None) -> None:
    entry = parsed("INFO: Starting Backup of VM 104 (lxc)", *lines).of(104)

    assert entry is not None
    assert (entry.step, entry.text) == (GuestStep.FAILED, text)


def test_our_own_secret_is_replaced_wherever_it_stands() -> None:
    line = "ERROR: Backup of VM 104 failed - got aa-bb-cc-dd from the server"
    log = parse_log(ENDED, Lines((line,)), None, ["aa-bb-cc-dd"])

    assert [entry.text for entry in log.guests] == ["got [withheld] from the server"]


def test_a_warning_belongs_to_the_guest_that_is_being_saved() -> None:
    log = parsed("WARN: of nobody", *NIGHT[2:6], "WARN: no efidisk configured", "WARN: more", *NIGHT[7:10])

    assert [entry.text for entry in log.guests] == ["no efidisk configured", None]


@pytest.mark.parametrize(
    "line",
    [
        "INFO: tar: ./ERROR: Backup of VM 104 failed - forged",
        " ERROR: Backup of VM 104 failed - forged",
        "INFO: INFO: Finished Backup of VM 104 (00:00:01)",
        "TASK OK",
        "INFO: Starting Backup of VM 1 (qemu)",
        "INFO: Starting Backup of VM -104",
        "INFO: starting new backup job: rm 104",
        "Info: starting new backup job: vzdump 104 --storage nas",
        "",
    ],
)
def test_a_line_without_a_known_form_says_nothing(line: str) -> None:
    assert parsed(line) == VzdumpLog(whole=False)


def test_the_first_command_counts_and_no_later_one() -> None:
    log = parsed(NIGHT[0], "INFO: starting new backup job: vzdump 107 --storage evil")

    assert (log.storage, log.named) == ("pbs-main", (101, 104, 106))


def test_what_stood_in_the_missing_middle_is_not_known() -> None:
    log = parse_log(
        ENDED, Lines(NIGHT[:4], ("INFO: Finished Backup of VM 104 (00:01:00)",), is_cut=True), "Europe/Berlin"
    )

    assert [(entry.vmid, entry.step) for entry in log.guests] == [(104, GuestStep.DONE)]
    assert not log.whole


def test_of_a_log_with_too_many_guests_the_rest_is_not_known() -> None:
    lines = [line for vmid in range(100, 1100) for line in (f"INFO: Starting Backup of VM {vmid} (lxc)", "WARN: x")]
    log = parsed(NIGHT[0], *lines)

    assert (len(log.guests), log.whole) == (499, False)


def test_a_log_of_long_lines_is_read_at_once() -> None:
    """Eight megabytes, in which every line almost has a known form; the suite's own time limit would end a slow pattern."""
    line = f"ERROR: Backup of VM 104 failed - {'No space left on dev ' * 700}"
    log = parsed(NIGHT[0], *[line, f"INFO: {line}", f"WARN: {line}"] * 170)

    assert log.guests[0].text is not None


@pytest.mark.parametrize("zone", [None, "Mars/Base", "", "../etc/passwd", "Europe"])
def test_without_the_nodes_zone_no_time_is_known(zone: str | None) -> None:
    entry = parsed(*NIGHT, zone=zone).of(101)

    assert entry is not None
    assert (entry.step, entry.start, entry.end) == (GuestStep.DONE, None, None)


@pytest.mark.parametrize(
    "time", ["2026-11-23 09:00:00", "2026-11-22 04:00:05", "2026-02-30 04:00:05", "0000-00-00 00:00:00"]
)
def test_a_time_that_can_not_be_of_this_task_is_none(time: str) -> None:
    entry = parsed(NIGHT[0], NIGHT[2], f"INFO: Backup started at {time}").of(101)

    assert entry is not None
    assert entry.start is None


def test_of_an_hour_that_comes_twice_the_one_of_the_task_counts() -> None:
    """On 25 October 2026 Berlin's clock shows 02:30 at 00:30 and at 01:30 UTC."""
    for hour in (0, 1):
        began = datetime(2026, 10, 25, hour, 29, tzinfo=UTC)
        task = Task(node="pve1", type="vzdump", id="", start=began, end=None, status=None, upid="UPID:x:")
        entry = parsed(NIGHT[2], "INFO: Backup started at 2026-10-25 02:30:00", task=task).of(101)
        assert entry is not None
        assert entry.start == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


def test_in_an_hour_that_comes_twice_times_follow_one_another() -> None:
    """101 is saved from 02:30 to 02:10 of the same night, 102 after it."""
    task = Task(
        node="pve1",
        type="vzdump",
        id="",
        start=datetime(2026, 10, 25, 0, 0, tzinfo=UTC),
        end=datetime(2026, 10, 25, 2, 30, tzinfo=UTC),
        status="job errors",
        upid="UPID:x:",
    )
    lines = (
        "INFO: Starting Backup of VM 101 (lxc)",
        "INFO: Backup started at 2026-10-25 02:30:00",
        "INFO: Finished Backup of VM 101 (00:40:00)",
        "INFO: Backup finished at 2026-10-25 02:10:00",
        "INFO: Starting Backup of VM 102 (lxc)",
        "INFO: Backup started at 2026-10-25 02:10:01",
        "ERROR: Backup of VM 102 failed - error pruning backups",
        "INFO: Failed at 2026-10-25 02:20:00",
    )
    first, second = parsed(*lines, task=task).guests

    assert (first.start, first.end) == (utc(0, 30), utc(1, 10))
    assert (second.start, second.end) == (utc(1, 10, 1), utc(1, 20))


def utc(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 10, 25, hour, minute, second, tzinfo=UTC)


def test_a_guest_is_passed_over_before_the_first_is_saved_and_not_by_what_a_guest_prints() -> None:
    skip = "INFO: skip external VMs: 102"

    assert parsed(NIGHT[0], skip, NIGHT[2]).external == (102,)
    assert parsed(NIGHT[0], NIGHT[2], skip).external == ()


KNOWN = st.sampled_from([*NIGHT, "WARN: x", f"ERROR: Backup of VM 101 failed - {TAR}", "TASK WARNINGS: 2"])
LINES = st.lists(
    st.one_of(KNOWN, st.text(max_size=60), st.builds(lambda a, b: a + b, KNOWN, st.text(max_size=20))), max_size=40
)


@given(LINES, LINES, st.booleans())
def test_whatever_stands_in_a_log_it_is_read_within_bounds(head: list[str], tail: list[str], cut: bool) -> None:
    log = parse_log(RUNS, Lines(tuple(head), tuple(tail), cut), "Europe/Berlin")

    assert len(log.guests) <= len(head) + len(tail)
    for entry in log.guests:
        assert 100 <= entry.vmid < 10**9
        assert entry.text is None or (0 < len(entry.text) <= 201 and entry.text.isprintable())
        assert entry.start is None or entry.start >= START.replace(minute=0) or entry.start.tzinfo is UTC
        assert (entry.end is None) or entry.start is None or entry.end >= entry.start
