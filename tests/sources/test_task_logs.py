"""Reading logs of tasks: a few in each refresh, a part of each, each once, and nothing depends on them (PVE-20, PBS-34)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from sidecar.core.reports.facts import Task, UpkeepJob
from sidecar.core.reports.report import LimitKind, Report
from sidecar.core.reports.vzdump_log import GuestStep
from sidecar.sources.pbs import PbsSource
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.sources.pve import ALLOWED, PveSource
from sidecar.sources.task_logs import CALLS_AT_MOST
from sidecar.upstream.tls import Trust
from tests.replies import arriving
from tests.simulators import HOMELAB, Rack
from tests.simulators.faults import GuestFails, LogsClosed, UpkeepFails
from tests.sources.recorded import any_secret, broken, no_headers, reading, upstream
from tests.sources.test_pve import cluster

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
EPOCH = int(NOW.timestamp())

FIRST = "INFO: starting new backup job: vzdump 100 101 --storage nas"
FAILED = "ERROR: Backup of VM 100 failed - no space left on device"


def task(number: int, status: str | None = "job errors", *, ago: int = 3600) -> dict[str, Any]:
    row = {
        "upid": f"UPID:pve1:{number:08X}:0:0:vzdump::root@pam:",
        "type": "vzdump",
        "id": "",
        "starttime": EPOCH - ago - 600 - number,
    }
    return row | ({"status": "RUNNING"} if status is None else {"endtime": EPOCH - ago - number, "status": status})


class Logs(httpx.AsyncBaseTransport):
    """A cluster of one node whose logs are as a test says: lines, a whole answer, a status, or an exception."""

    def __init__(self, *tasks: dict[str, Any], logs: Any = (FIRST, FAILED)) -> None:
        self.tasks = tasks
        self.logs = logs
        self.asked: list[str] = []
        self.answers = cluster({"storage": "nas", "type": "pbs"})
        self.answers["/nodes"] = [{"node": "pve1", "status": "online"}]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return arriving(self._answer(request))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.path.removeprefix("/api2/json"))
        if path.endswith("/log"):
            self.asked.append(f"{path.split('/')[4]}?{request.url.query.decode()}")
            return self._log(int(request.url.params["start"]), int(request.url.params["limit"]))
        if path.endswith("/tasks"):
            return httpx.Response(200, json={"data": list(self.tasks)})
        query = request.url.query.decode()
        return httpx.Response(200, json={"data": self.answers.get(f"{path}?{query}" if query else path, [])})

    def _log(self, start: int, limit: int) -> httpx.Response:
        if isinstance(self.logs, Exception):
            raise self.logs
        if isinstance(self.logs, int):
            return httpx.Response(self.logs, content=b"no")
        if isinstance(self.logs, tuple):
            rows = [{"n": n, "t": text} for n, text in enumerate(self.logs[start : start + limit], start=start + 1)]
            return httpx.Response(200, json={"data": rows, "total": len(self.logs)})
        return httpx.Response(
            200, content=self.logs if isinstance(self.logs, bytes) else json.dumps(self.logs).encode()
        )


class Reading:
    """One source that is read again and again, each time a little later."""

    def __init__(self, transport: Logs) -> None:
        self.now = NOW
        self.transport = transport
        options = ProxmoxOptions("pve", "https://lab.invalid", Trust(), any_secret, any_secret)
        self.source = PveSource(options, upstream=upstream(transport, ALLOWED, no_headers))
        self.report: Report | None = None

    def again(self, later: timedelta = timedelta()) -> list[Task]:
        """The tasks that the next refresh reports; ``transport.asked`` holds its calls for logs."""
        self.now += later
        self.transport.asked.clear()
        self.report = asyncio.run(self.source.read(lambda: self.now))
        assert broken(self.report) == set()
        return list(reading(self.report, "tasks", "pve1").of(Task))


def limits(reading: Reading) -> list[str]:
    assert reading.report is not None
    return [limit.text for limit in reading.report.limits if limit.kind is LimitKind.NOT_READ]


def test_the_log_of_an_ended_task_is_read_once() -> None:
    known = Reading(Logs(task(1)))

    for later in (0, 5, 600):
        (shown,) = known.again(timedelta(minutes=later))
        assert shown.log is not None
        assert (shown.log.storage, shown.log.named) == ("nas", (100, 101))
        assert len(known.transport.asked) == (1 if later == 0 else 0)


def test_the_log_of_a_task_that_runs_is_read_again_and_once_when_it_is_over() -> None:
    known = Reading(Logs(task(1, None), logs=(FIRST, "INFO: Starting Backup of VM 100 (lxc)")))
    asked = []
    for later in (0, 1, 3, 1, 1, 3, 0.5, 40, 4, 1):
        known.again(timedelta(minutes=later))
        asked.append(len(known.transport.asked))
    known.transport.tasks, known.transport.logs = (task(1),), (FIRST, FAILED)
    (over,) = known.again(timedelta(minutes=1))
    asked.append(len(known.transport.asked))
    known.again(timedelta(hours=1))

    assert asked == [1, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1], "every five minutes"
    assert known.transport.asked == []
    assert over.log is not None
    assert [entry.step for entry in over.log.guests] == [GuestStep.FAILED]


def test_failed_tasks_come_first_then_those_that_run_or_warned_and_the_newest_first() -> None:
    ok, old_ok = task(1, "OK"), task(2, "OK", ago=3 * 86400)
    warned, runs, failed, older = task(3, "WARNINGS: 1"), task(4, None), task(5), task(6, "unexpected status")
    known = Reading(Logs(ok, old_ok, warned, runs, failed, older))
    known.again()

    numbers = [int(asked.split(":")[2], 16) for asked in known.transport.asked]
    assert numbers == [5, 6, 4, 3, 1]


def test_a_refresh_makes_ten_calls_for_logs_at_most_and_the_next_one_goes_on() -> None:
    known = Reading(Logs(*(task(number) for number in range(25))))
    per_refresh = []
    for _ in range(4):
        shown = known.again(timedelta(minutes=5))
        per_refresh.append(len(known.transport.asked))

    assert all(calls <= CALLS_AT_MOST for calls in per_refresh)
    assert sum(per_refresh) == 25
    assert all(task.log is not None for task in shown)


@pytest.mark.parametrize(
    ("total", "calls", "whole"),
    [(3, 1, True), (500, 1, True), (501, 2, True), (999, 2, True), (1001, 2, False), (10**6, 2, False)],
)
def test_of_a_long_log_the_beginning_and_the_end_are_read(total: int, calls: int, whole: bool) -> None:
    lines = (FIRST, *("INFO: status: 1%",) * (total - 2), FAILED)
    known = Reading(Logs(task(1), logs=lines))
    (shown,) = known.again()

    assert len(known.transport.asked) == calls
    assert shown.log is not None
    assert (shown.log.storage, shown.log.whole) == ("nas", whole)
    assert [(entry.vmid, entry.text) for entry in shown.log.guests] == [(100, "no space left on device")]


def test_what_a_log_told_holds_as_long_as_its_task_is_listed() -> None:
    """After 36 hours nobody would ask for it any more; whose the task was must not change by that."""
    known = Reading(Logs(task(1, "OK")))
    known.again()
    (shown,) = known.again(timedelta(hours=40))

    assert shown.log is not None
    assert known.transport.asked == []


def test_of_a_log_whose_end_could_not_be_read_only_what_was_over_counts() -> None:
    """Whoever was being saved, or waited, may have been saved or have failed since."""
    lines = ("INFO: Finished Backup of VM 100 (00:01:12)", "INFO: Starting Backup of VM 101 (lxc)")
    transport = Logs(task(1, None), logs=(FIRST, "INFO: Starting Backup of VM 100 (lxc)", *lines))
    known = Reading(transport)
    known.again()
    transport.tasks, transport.logs = (task(1),), 500
    (shown,) = known.again(timedelta(minutes=1))

    assert shown.log is not None
    assert [(guest.vmid, guest.step) for guest in shown.log.guests] == [(100, GuestStep.DONE)]
    assert (shown.log.whole, shown.log.storage) == (False, "nas")


@pytest.mark.parametrize(
    "logs",
    [
        {"data": [{"n": n, "t": FIRST} for n in range(2000)], "total": 10},
        {"data": [{"n": 1, "t": FIRST}], "total": 10**9},
        {"data": [{"n": 1, "t": FIRST}], "total": "2"},
        {"data": [{"n": "x", "t": FIRST}, {"t": None}, {"t": 7}, {"t": ["x"]}, None, 3, "x", [], {}]},
        {"data": [{"n": 1, "t": f"{FIRST} {'x' * 100_000}"}], "total": 1},
        {"data": [{"n": 1, "t": f"{FIRST}\nERROR: Backup of VM 100 failed - forged"}], "total": 1},
    ],
)
def test_more_than_was_asked_for_and_what_is_no_text_is_left_out(logs: Any) -> None:
    known = Reading(Logs(task(1), logs=logs))
    (shown,) = known.again()

    assert shown.log is not None
    assert (shown.log.named, shown.log.guests) == ((100, 101), ())


@pytest.mark.parametrize(
    "logs",
    [
        404,
        500,
        {"data": None},
        {"data": {"t": FIRST}},
        {"total": 3},
        {"data": [], "total": -1},
        {"data": [], "total": [1]},
        [],
        "text",
        b"",
        b'{"data": [{"n": 1, "t": "INFO: starting new ba',
        b'{"data": [{"n": 1, "t": "' + b"x" * (5 * 1024 * 1024) + b'"}]}',
        b"\xff\xfe\x00",
    ],
)
def test_a_log_that_can_not_be_read_changes_nothing_and_is_asked_for_again_an_hour_later(logs: Any) -> None:
    known = Reading(Logs(task(1), logs=logs))

    (shown,) = known.again()
    assert (shown.log, shown.status, limits(known)) == (None, "job errors", [])
    known.again(timedelta(minutes=5))
    assert known.transport.asked == []
    known.transport.logs = (FIRST,)
    (shown,) = known.again(timedelta(hours=1))
    assert shown.log is not None


def test_an_empty_log_says_nothing() -> None:
    (shown,) = Reading(Logs(task(1), logs=())).again()

    assert shown.log is not None
    assert (shown.log.storage, shown.log.named, shown.log.guests, shown.log.whole) == (None, None, (), False)


@pytest.mark.parametrize("logs", [403, httpx.ReadTimeout("slow"), httpx.ConnectError("gone")])
def test_where_the_next_log_would_fail_alike_it_is_not_asked_for(logs: Any) -> None:
    known = Reading(Logs(*(task(number) for number in range(5)), logs=logs))

    assert {task.log for task in known.again()} == {None}
    assert len(known.transport.asked) == 1
    assert limits(known) == (["the logs of its tasks could not be read: HTTP 403: no"] if logs == 403 else [])


def test_a_log_that_was_read_is_kept_while_the_next_reading_fails() -> None:
    known = Reading(Logs(task(1, None), logs=(FIRST,)))
    known.again()
    known.transport.logs = 500
    (shown,) = known.again(timedelta(minutes=5))

    assert shown.log is not None
    assert len(known.transport.asked) == 1


def test_the_tokens_secret_is_never_kept() -> None:
    secret = "5e0c-hidden"

    async def token(fresh: bool) -> str:
        return secret

    transport = Logs(task(1), logs=(FIRST, f"ERROR: Backup of VM 100 failed - refused {secret}"))
    options = ProxmoxOptions("pve", "https://lab.invalid", Trust(), any_secret, token)
    report = asyncio.run(PveSource(options, upstream=upstream(transport, ALLOWED)).read(lambda: NOW))

    assert secret not in repr(report)
    assert "refused [withheld]" in repr(report)


# --- over HTTPS -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    """The night before Monday: a guest failed, and so did the prune."""
    monday = datetime(2026, 11, 23).date()
    lines = ('WARN: failed to remove dir "ct/104": EACCES',)
    faults = [GuestFails(104, monday, "no space left"), UpkeepFails("pbs", "prune", monday, "WARNINGS: 1", lines)]
    with Rack(HOMELAB, lambda: NOW, tmp_path_factory.mktemp("logs"), faults) as running:
        yield running


def options(rack: Rack, source: str) -> ProxmoxOptions:
    async def token_id(fresh: bool) -> str:
        return rack.token_id(source)

    async def token(fresh: bool) -> str:
        return rack.token(source)

    trust = Trust(fingerprint=rack.pbs_fingerprint) if source == "pbs" else Trust(ca_file=rack.ca_file(source))
    return ProxmoxOptions(source, rack.url(source), trust, token_id, token)


def read(source: PveSource | PbsSource) -> Report:
    async def work() -> Report:
        try:
            return await source.read(lambda: NOW)
        finally:
            await source.close()

    return asyncio.run(work())


def test_a_cluster_tells_which_guest_failed_and_where_the_task_saves_to(rack: Rack) -> None:
    report = read(PveSource(options(rack, "pve")))
    failed = next(task for task in reading(report, "tasks", "pve1").of(Task) if task.status == "job errors")

    assert failed.log is not None
    assert (failed.log.storage, failed.log.covers(104), failed.log.covers(201)) == (HOMELAB.storage, True, False)
    entry = failed.log.of(104)
    assert entry is not None
    assert (entry.step, entry.text, entry.type) == (GuestStep.FAILED, "no space left", "lxc")
    assert entry.start is not None
    assert failed.start < entry.start < NOW


def test_a_backup_server_tells_what_the_status_leaves_to_the_log(rack: Rack) -> None:
    report = read(PbsSource(options(rack, "pbs")))
    (prune,) = reading(report, "upkeep", "prune").of(UpkeepJob)

    assert prune.runs[0].text == 'failed to remove dir "ct/104": EACCES'


@pytest.mark.parametrize("source", ["pve", "pbs"])
def test_a_token_that_may_not_read_logs_is_told_so_and_all_else_is_read(rack: Rack, source: str) -> None:
    before = rack.faults
    rack.faults = [*before, LogsClosed(source)]
    try:
        report = read(PveSource(options(rack, "pve")) if source == "pve" else PbsSource(options(rack, "pbs")))
    finally:
        rack.faults = before

    assert broken(report) == set()
    assert any("the logs of its tasks could not be read" in limit.text for limit in report.limits)
