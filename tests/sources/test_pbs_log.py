"""Logs of upkeep tasks of PBS, as a real 3.2.4 and its sources write them, and as nobody should (PBS-34)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.reports.facts import Task
from sidecar.sources.pbs_log import status_with_log
from sidecar.sources.task_logs import Lines

SAMPLES = Path(__file__).parent / "samples_pbs_real"
START = datetime(2026, 11, 23, 19, tzinfo=UTC)
STAMP = "2026-11-23T19:23:13+01:00: "

VERIFY, SYNC, PRUNE, GC = "verificationjob", "syncjob", "prunejob", "garbage_collection"
SEE_LOG = "verification failed - please check the log for details"


def task(kind: str, status: str) -> Task:
    return Task(node="localhost", type=kind, id="main", start=START, end=START, status=status, upid="UPID:pbs:x:")


def recorded(name: str) -> Lines:
    rows = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))["data"]
    return Lines(tuple(row["t"] for row in rows))


def stamped(*lines: str) -> Lines:
    return Lines(tuple(f"{STAMP}{line}" for line in lines))


LOST = "host/orphan/2026-11-23T18:45:37Z and vm/100/2026-11-23T18:45:27Z in clusterA"
DAMAGED = "vm/100/2026-11-23T01:30:00Z in clusterB, vm/100/2026-11-21T01:30:00Z in clusterB and 2 more"
LACKING = "vm/100/2026-11-21T01:30:00Z in clusterB, vm/100/2026-11-17T01:30:00Z in clusterB and 9 more"
DENIED = "sync into datastore 'store4', root namespace not allowed - permission check failed - missing Datastore.Backup"


@pytest.mark.parametrize(
    ("kind", "status", "log", "said"),
    [
        (VERIFY, SEE_LOG, "verify_failed_log", f"verification failed: {DAMAGED}"),
        (VERIFY, SEE_LOG, "verify_lost_uploads_log", f"verification failed: only uploads that never finished: {LOST}"),
        (GC, "WARNINGS: 11", "gc_warning_log", f"chunks are missing of {LACKING}"),
        (
            SYNC,
            "sync failed with some errors.",
            "sync_failed_log",
            f"sync failed with some errors: datastore store1: namespace clusterB: {DENIED} on /datastore/store4",
        ),
    ],
)
def test_recorded_logs_say_what_their_status_does_not(kind: str, status: str, log: str, said: str) -> None:
    assert status_with_log(task(kind, status), recorded(log)) == said


ATTIC = "Starting datastore sync job 'attic:far:main:lab:s-main'"


@pytest.mark.parametrize(
    ("kind", "status", "lines", "said"),
    [
        (SYNC, "sync failed with some errors.", (ATTIC, "sync group ct/107 failed - timed out"),
         "sync failed with some errors: remote attic, datastore far: ct/107: timed out"),
        (SYNC, "sync failed with some errors.",
         (ATTIC, "ERROR: sync group ct/107 failed - timed out", "sync snapshot vm/9/2026-11-23T01:30:00Z failed - gone"),
         "sync failed with some errors: remote attic, datastore far: ct/107: timed out (and 1 more)"),
        (SYNC, "Querying namespaces failed - error trying to connect", (ATTIC,),
         "Querying namespaces failed - error trying to connect: remote attic, datastore far"),
        (SYNC, "sync failed with some errors.",
         ("Cannot sync datastore 'far', root namespace into datastore 'main', namespace 'x' - no",),
         "sync failed with some errors: root namespace: no"),
        (SYNC, "client error", ("nothing that is known",), None),
        (PRUNE, "WARNINGS: 1", ('WARN: failed to remove dir "ct/104": EACCES',), 'failed to remove dir "ct/104": EACCES'),
        (PRUNE, "unable to lock", ("retention options: --keep-last 5",), None),
        (GC, "WARNINGS: 1", ('WARN: warning: unable to access non-existent chunk ab, required by "/mnt/host/x/odd"',),
         'unable to access non-existent chunk ab, required by "/mnt/host/x/odd"'),
        (GC, "input/output error", ("TASK ERROR: input/output error",), None),
        (VERIFY, "verification failed - job aborted", ("verify datastore main",), None),
        (VERIFY, SEE_LOG, ("Failed to verify the following snapshots/groups:", "\tns/a/ns/b/vm/100", "\t../../etc/passwd"),
         "verification failed: vm/100 in a/b"),
        (VERIFY, SEE_LOG, ("\thost/not/2026-11-23T01:30:00Z", "Failed to verify the following snapshots/groups:"), None),
        (VERIFY, SEE_LOG,
         ("verify main:vm/1/2026-11-23T01:30:00Z - manifest load error: x - No such file or directory",
          "Failed to verify the following snapshots/groups:", "\tvm/1/2026-11-23T01:30:00Z", "\tvm/2/2026-11-23T01:30:00Z"),
         "verification failed: vm/1/2026-11-23T01:30:00Z and vm/2/2026-11-23T01:30:00Z"),
        (PRUNE, "WARNINGS: 1", ("WARN: password=hunter2 \u202eeb\x1b[2J",), r"password=… \u202eeb\u001b[2J"),
        ("backup", "connection error", ("ERROR: whatever",), None),
        (VERIFY, SEE_LOG, (), None),
    ],
)  # fmt: skip
def test_known_forms_are_told_and_nothing_else(
    kind: str, status: str, lines: tuple[str, ...], said: str | None
) -> None:
    assert status_with_log(task(kind, status), stamped(*lines)) == said


def test_our_own_secret_is_replaced() -> None:
    text = status_with_log(task(PRUNE, "WARNINGS: 1"), stamped("WARN: 401 for aa-bb-cc"), ["aa-bb-cc"])

    assert text == "401 for [withheld]"


KNOWN = st.sampled_from(
    [*recorded("verify_lost_uploads_log").head, *recorded("gc_warning_log").head, *recorded("sync_failed_log").head]
)


@given(
    st.sampled_from([VERIFY, SYNC, PRUNE, GC]),
    st.lists(
        st.one_of(KNOWN, st.text(max_size=60), st.builds(lambda a, b: a + b, KNOWN, st.text(max_size=20))), max_size=30
    ),
)
def test_whatever_stands_in_a_log_what_is_told_is_short_and_plain(kind: str, lines: list[str]) -> None:
    text = status_with_log(task(kind, SEE_LOG), Lines(tuple(lines)))

    assert text is None or (0 < len(text) <= 201 and text.isprintable())
