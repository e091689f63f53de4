"""What real Backrest servers answered in situations that mislead, and what must be concluded from it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.history.record import record
from sidecar.core.model import JobRow, Outcome, PartKind, Run, State, Verdict
from sidecar.core.reports.facts import BackrestPlan, UpkeepJob
from sidecar.core.reports.report import Report, keep_what_failed
from sidecar.core.settings import JobSetting, Settings
from sidecar.sources.backrest import BackrestOptions, BackrestSource
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Upstream
from tests.core.sample_reports import BACKREST, row, service, settings
from tests.replies import Replies

SAMPLES = Path(__file__).parent / "samples_backrest_real"
DASHBOARD, OPERATIONS = "/v1.Backrest/GetSummaryDashboard", "/v1.Backrest/GetOperations"
SYSTEM = "_system_"

Operation = Mapping[str, Any]


def recorded(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def logged(name: str) -> list[Operation]:
    """The operations of a recorded log."""
    operations: list[Operation] = recorded(name)["operations"]
    return operations


def ms(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def summary(*plans: str, upcoming: Mapping[str, datetime] | None = None, repos: Sequence[str] = ()) -> Any:
    """A summary of plans that says nothing of their runs."""
    dues = upcoming or {}
    return {
        "repoSummaries": [{"id": repo} for repo in repos],
        "planSummaries": [
            {"id": plan, "recentBackups": {}, **({"nextBackupTimeMs": ms(dues[plan])} if plan in dues else {})}
            for plan in plans
        ],
        "dataPath": "/data",
    }


class Server:
    """A Backrest in process. A test sets its summary and its log; a log that is None can't be read.

    The log is filtered as Backrest does it: by plan and repository, then the newest ``lastN`` by start.
    """

    def __init__(self, dashboard: Any, *operations: Operation) -> None:
        self.dashboard = dashboard
        self.operations: Sequence[Operation] | None = operations
        self.asked: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == DASHBOARD:
            return httpx.Response(200, json=self.dashboard)
        body = json.loads(request.content)
        self.asked.append(body["selector"])
        if self.operations is None:
            return httpx.Response(500, json={"code": "unknown", "message": "database is locked"})
        selector = body["selector"]
        mine = [
            operation
            for operation in self.operations
            if operation["planId"] == selector.get("planId", operation["planId"])
            and all(operation.get(key) == selector[key] for key in ("repoGuid", "instanceId") if key in selector)
        ]
        newest = sorted(mine, key=lambda each: int(each.get("unixTimeStartMs", 0)))[-int(body["lastN"]) :]
        return httpx.Response(200, json={"operations": sorted(newest, key=lambda each: int(each["id"]))})


class Reader:
    """Reads one Backrest again and again, and remembers what it said as the running sidecar does."""

    def __init__(self, server: Server, given: Settings | None = None) -> None:
        options = BackrestOptions(name="backrest", url="https://backrest.lan", trust=Trust())
        self.server = server
        self.settings = given or settings(BACKREST)
        self.source = BackrestSource(options, connect=partial(Upstream, transport=Replies(server)))
        self.report: Report | None = None
        self.history = EMPTY
        self.now = datetime.min.replace(tzinfo=UTC)

    def read(self, now: datetime) -> Reader:
        self.now = now
        new = asyncio.run(self.source.read(lambda: now))
        self.report = keep_what_failed(new, self.report)
        self.history = record(self.history, self.report)
        return self

    def plan(self, name: str) -> BackrestPlan:
        assert self.report is not None
        return next(plan for plan in self.report.facts(BackrestPlan) if plan.id == name)

    def upkeep(self, kind: str, repo: str) -> UpkeepJob:
        assert self.report is not None
        return next(job for job in self.report.facts(UpkeepJob) if (job.kind, job.id) == (kind, repo))

    def verdict(self, service: str, now: datetime | None = None) -> Verdict:
        """The verdict of an unmapped plan, which is a service of its own name."""
        assert self.report is not None
        judged = board({"backrest": self.report}, self.history, self.settings, now or self.now)
        return row(judged, service).verdict

    def services(self) -> set[str]:
        assert self.report is not None
        judged = board({"backrest": self.report}, self.history, self.settings, self.now)
        return {service.name for service in judged.services}

    def job(self, name: str, now: datetime | None = None) -> JobRow:
        assert self.report is not None
        judged = board({"backrest": self.report}, self.history, self.settings, now or self.now)
        return next(job for job in judged.jobs if job.name == f"backrest/{name}")


def operation(kind: str, plan: str, start: datetime, status: str | None, **more: Any) -> Operation:
    """One operation as Backrest writes it; absent where it is empty."""
    fields = {
        "id": more.pop("id", ms(start)),
        "repoId": "s1",
        "repoGuid": "e9" * 32,
        "planId": plan,
        "unixTimeStartMs": ms(start),
        f"operation{kind}": {},
        **({"status": status} if status else {}),
    }
    if status not in (None, "STATUS_PENDING"):
        fields["logref"] = "t-1"
    if status not in (None, "STATUS_PENDING", "STATUS_INPROGRESS"):
        fields["unixTimeEndMs"] = ms(start + timedelta(minutes=3))
    return {**fields, **more}


# --- rule 10: what is a backup, and what is none ----------------------------------------------------------------------


AT_DRY_RUNS = moment(1_795_871_700_000)
"""A minute after the recorded dry runs."""


def test_a_dry_run_that_the_summary_calls_a_success_is_no_backup() -> None:
    operations = (*logged("dryrun_operations_dryonly"), *logged("dryrun_operations_dry"))
    reader = Reader(Server(recorded("dryrun_dashboard"), *operations)).read(AT_DRY_RUNS)

    assert reader.plan("dryonly").runs == ()
    assert reader.verdict("dryonly").state is State.NEW
    assert reader.plan("dry").runs[0].outcome is Outcome.FAILED
    assert reader.verdict("dry").state is State.FAILED


def test_a_dry_run_stays_none_while_the_log_cannot_be_read() -> None:
    server = Server(recorded("dryrun_dashboard"), *logged("dryrun_operations_dryonly"))
    reader = Reader(server).read(AT_DRY_RUNS)
    server.operations = None
    reader.read(AT_DRY_RUNS + timedelta(minutes=5))

    assert reader.plan("dryonly").runs == ()


def test_the_summary_alone_proves_no_backup_for_a_dry_run_may_be_one_in_it() -> None:
    """After a restart nothing is remembered of the dry runs, and the log can't be read."""
    server = Server(recorded("dryrun_dashboard"))
    server.operations = None
    verdict = Reader(server).read(AT_DRY_RUNS).verdict("dryonly")

    assert verdict.state is State.UNKNOWN
    assert "HTTP 500" in str(verdict.reason)


def test_a_log_that_fails_for_a_moment_changes_nothing_until_it_is_too_old() -> None:
    good = [operation("Backup", "vault", NOW - timedelta(hours=ago), "STATUS_SUCCESS") for ago in (1, 25, 49)]
    server = Server(summary("vault", upcoming={"vault": NOW + timedelta(hours=23)}), *good)
    reader = Reader(server).read(NOW)
    server.operations = None

    states = [reader.read(NOW + timedelta(minutes=later)).verdict("vault").state for later in (5, 19, 21)]
    assert states == [State.OK, State.OK, State.UNKNOWN]


def test_dry_runs_that_hooks_pushed_out_of_the_log_are_no_backups_either() -> None:
    """Fifty of the sixty runs in the summary are in the log, each with three hooks: all of them dry."""
    starts = [NOW - timedelta(hours=ago) for ago in range(1, 61)]
    dashboard = summary("vault", upcoming={"vault": NOW + timedelta(minutes=30)})
    dashboard["planSummaries"][0]["recentBackups"] = {
        "timestampMs": [ms(start) for start in starts],
        "durationMs": ["1000"] * len(starts),
        "status": ["STATUS_SUCCESS"] * len(starts),
    }
    dry = [operation("Backup", "vault", start, "STATUS_SUCCESS", operationBackup={"dryRun": True}) for start in starts]
    hooks = [
        operation("RunHook", "vault", start + timedelta(seconds=second), "STATUS_SUCCESS")
        for start in starts
        for second in (1, 2, 3)
    ]
    reader = Reader(Server(dashboard, *dry, *hooks)).read(NOW)

    assert reader.plan("vault").runs == ()
    assert reader.verdict("vault").state is State.NEW


def test_a_backup_without_a_snapshot_is_good_where_nothing_had_changed() -> None:
    reader = Reader(Server(summary("skip2"), *logged("skipped_unchanged_ops_1.14.1")))
    newest = reader.read(moment(1_795_873_600_000)).plan("skip2").runs[0]

    assert (newest.outcome, newest.start) == (Outcome.OK, moment(1_795_873_560_001))


def test_an_error_that_left_a_snapshot_is_a_backup_with_a_warning() -> None:
    """A hook after the backup failed."""
    reader = Reader(Server(summary("hookwarn"), *logged("ops_hookwarn_1.14.1"))).read(moment(1_795_871_800_000))
    newest = reader.plan("hookwarn").runs[0]

    assert (newest.outcome, newest.size) == (Outcome.WARNING, 600_000)
    assert newest.text == "snapshot end hook: run hook command hook plan/hookwarn/hook/0: fatal: exit status 1"
    assert reader.verdict("hookwarn").state is State.WARNING


@pytest.mark.parametrize("name", ["missing", "halfmissing", "hookfatal", "wrongpw-plan"])
def test_an_ordinary_failure_is_one(name: str) -> None:
    operations = logged(f"ops_{name}_1.14.1")
    plan = next(each["planId"] for each in operations if "operationBackup" in each)
    reader = Reader(Server(summary(plan), *operations)).read(moment(1_795_871_800_000))

    assert reader.plan(plan).runs[0].outcome is Outcome.FAILED


def test_a_partial_backup_is_one_with_a_warning() -> None:
    reader = Reader(Server(summary("partial"), *logged("ops_partial_1.14.1"))).read(moment(1_795_871_800_000))

    assert reader.plan("partial").runs[0].outcome is Outcome.WARNING


def test_a_run_that_was_interrupted_failed() -> None:
    reader = Reader(Server(summary("slow"), *logged("killed_running_ops_slow"))).read(moment(1_795_872_400_000))

    assert reader.verdict("slow").state is State.FAILED
    assert "incomplete when orchestrator was restarted" in (reader.verdict("slow").reason or "")


def test_a_run_that_a_person_cancelled_is_a_warning_until_the_next_one_is_due() -> None:
    now = moment(1_795_872_800_000)
    due = now + timedelta(hours=1)
    pending = operation("Backup", "slow", due, "STATUS_PENDING")
    dashboard = summary("slow", upcoming={"slow": due})
    operations = [each for each in logged("user_cancelled_ops_slow") if each["status"] != "STATUS_PENDING"]
    reader = Reader(Server(dashboard, *operations, pending)).read(now)
    verdict = reader.verdict("slow")

    assert verdict.state is State.WARNING
    assert "was cancelled: failed to get snapshots for plan" in (verdict.reason or "")
    reader.read(due + timedelta(minutes=5))
    assert reader.verdict("slow").state is State.LATE
    reader.read(due + timedelta(minutes=31))
    assert reader.verdict("slow").state is State.MISSED


def test_a_first_run_that_was_cancelled_is_a_warning_that_says_so() -> None:
    """Cancelled by a hook: Backrest writes the same status."""
    dashboard = summary("hookcancel", upcoming={"hookcancel": moment(1_795_871_880_000)})
    reader = Reader(Server(dashboard, *logged("ops_hookcancel_1.14.1"))).read(moment(1_795_871_800_000))
    verdict = reader.verdict("hookcancel")

    assert verdict.state is State.WARNING
    assert "was cancelled: snapshot start hook" in (verdict.reason or "")
    assert "no backup of hookcancel exists" in (verdict.reason or "")


NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


def test_a_run_that_was_taken_out_of_the_queue_before_its_time_is_none() -> None:
    cancelled = operation(
        "Backup", "vault", NOW + timedelta(hours=1), "STATUS_USER_CANCELLED", unixTimeEndMs=ms(NOW), logref=""
    )
    good = operation("Backup", "vault", NOW - timedelta(hours=20), "STATUS_SUCCESS")
    reader = Reader(Server(summary("vault"), good, cancelled)).read(NOW)

    assert [run.outcome for run in reader.plan("vault").runs] == [Outcome.OK]


def test_a_run_that_backrest_cut_off_itself_failed() -> None:
    cancelled = operation("Backup", "vault", NOW - timedelta(hours=1), "STATUS_SYSTEM_CANCELLED")
    never_begun = operation("Backup", "vault", NOW - timedelta(hours=2), "STATUS_SYSTEM_CANCELLED", logref="")
    reader = Reader(Server(summary("vault"), cancelled, never_begun)).read(NOW)

    assert [(run.start, run.outcome) for run in reader.plan("vault").runs] == [
        (NOW - timedelta(hours=1), Outcome.FAILED)
    ]


@pytest.mark.parametrize("status", [None, "STATUS_UNKNOWN", "STATUS_DREAMING", 9])
def test_a_run_of_unknown_status_failed_whatever_the_summary_says(status: Any) -> None:
    start = NOW - timedelta(hours=1)
    odd = {**operation("Backup", "vault", start, "STATUS_SUCCESS"), "status": status}
    dashboard = summary("vault")
    dashboard["planSummaries"][0]["recentBackups"] = {
        "timestampMs": [ms(start)],
        "durationMs": ["1000"],
        "status": ["STATUS_SUCCESS"],
    }
    (run,) = Reader(Server(dashboard, odd)).read(NOW).plan("vault").runs

    assert run.outcome is Outcome.FAILED
    assert "not known how it ended" in (run.text or "")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("STATUS_ERROR", "Operation was incomplete when orchestrator was restarted."),
        ("STATUS_USER_CANCELLED", "note: task was cancelled by user request"),
        ("STATUS_SYSTEM_CANCELLED", None),
        ("STATUS_DREAMING", None),
    ],
)
def test_upkeep_that_did_not_come_to_its_end_answers_its_due_time_as_a_warning(
    status: str, message: str | None
) -> None:
    start = NOW - timedelta(hours=1)
    check = operation("Check", SYSTEM, start, status, displayMessage=message)
    announced = operation("Check", SYSTEM, NOW + timedelta(days=1), "STATUS_PENDING")
    reader = Reader(Server(summary("vault", repos=["s1"]), check, announced)).read(NOW)

    assert reader.upkeep("check", "s1").runs[0].outcome is Outcome.WARNING
    assert reader.job("check/s1").verdict.state is State.WARNING


# --- rule 5: one queue ------------------------------------------------------------------------------------------------


IN_QUEUE = moment(1_795_872_245_000)
"""Seconds after q2, check and prune of s3 were due, while a check of s2 runs."""


def waiting() -> Server:
    operations = (*logged("check_blocks_queue_system_operations"), *logged("check_blocks_queue_operations_q2"))
    return Server(recorded("check_blocks_queue_dashboard"), *operations)


def test_what_is_due_while_a_check_runs_waits_for_it_by_name() -> None:
    reader = Reader(waiting())
    for minutes in (0, 29, 31, 180):
        reader.read(IN_QUEUE + timedelta(minutes=minutes))
        for verdict in (reader.verdict("q2"), reader.job("prune/s3").verdict, reader.job("check/s3").verdict):
            assert verdict.state is State.RUNNING
            assert "Waits for check s2, which runs since today 14:22" in (verdict.reason or "")


def test_a_queue_is_not_held_for_ever() -> None:
    reader = Reader(waiting()).read(IN_QUEUE + timedelta(days=8))

    assert reader.verdict("q2").state is State.MISSED


@pytest.mark.parametrize("kind", ["Backup", "Prune", "Check", "Restore", "Forget", "Stats", "RunCommand"])
def test_whatever_runs_holds_the_queue(kind: str) -> None:
    due = NOW - timedelta(hours=2)
    plan = SYSTEM if kind in ("Prune", "Check", "Stats") else "photos"
    good = operation("Backup", "vault", due - timedelta(days=1), "STATUS_SUCCESS")
    holder = operation(kind, plan, due - timedelta(minutes=5), "STATUS_INPROGRESS")
    waits = operation("Backup", "vault", due, "STATUS_PENDING")
    reader = Reader(Server(summary("vault", "photos", upcoming={"vault": due}), good, holder, waits)).read(NOW)
    verdict = reader.verdict("vault")

    assert verdict.state is State.RUNNING
    word = "command" if kind == "RunCommand" else kind.lower()
    assert f"Waits for {word} {'s1' if plan == SYSTEM else plan}, which runs" in (verdict.reason or "")


def test_a_plan_that_is_owed_but_not_in_the_queue_waits_for_nothing() -> None:
    """Backrest was restarted over its due time, and announces tomorrow's run while another plan runs."""
    due = NOW - timedelta(hours=2)
    good = operation("Backup", "vault", due - timedelta(days=1), "STATUS_SUCCESS")
    server = Server(
        summary("vault", "photos", upcoming={"vault": due}), good, operation("Backup", "vault", due, "STATUS_PENDING")
    )
    reader = Reader(server).read(due - timedelta(hours=1)).read(due + timedelta(minutes=1))
    tomorrow = due + timedelta(days=1)
    server.dashboard = summary("vault", "photos", upcoming={"vault": tomorrow})
    server.operations = (
        good,
        operation("Backup", "photos", NOW - timedelta(minutes=20), "STATUS_INPROGRESS"),
        operation("Backup", "vault", tomorrow, "STATUS_PENDING"),
    )
    verdict = reader.read(NOW).verdict("vault")

    assert verdict.state is State.MISSED


# --- rule 1: what was seen is remembered ------------------------------------------------------------------------------


def daily(*days_ago: int, plan: str = "vault", kind: str = "Backup") -> list[Operation]:
    """Good runs at 02:00, so many days before NOW."""
    nights = [NOW.replace(hour=2) - timedelta(days=days) for days in days_ago]
    return [operation(kind, plan, night, "STATUS_SUCCESS", snapshotId="ab" * 32) for night in nights]


def announced(due: datetime, plan: str = "vault", kind: str = "Backup", **more: Any) -> Operation:
    return operation(kind, plan, due, "STATUS_PENDING", **more)


TOMORROW = NOW.replace(hour=2) + timedelta(days=1)


def test_a_cleared_log_takes_no_run_away() -> None:
    server = Server(summary("vault", upcoming={"vault": TOMORROW}), *daily(0, 1, 2), announced(TOMORROW))
    reader = Reader(server).read(NOW)
    assert reader.verdict("vault").state is State.OK

    server.operations = (announced(TOMORROW),)
    assert reader.read(NOW + timedelta(minutes=5)).verdict("vault").state is State.OK
    assert reader.read(TOMORROW + timedelta(minutes=31)).verdict("vault").state is State.MISSED


def test_what_only_the_summary_tells_is_not_remembered() -> None:
    """It may be a dry run: only the log says so."""
    server = Server(recorded("dryrun_dashboard"))
    server.operations = None
    reader = Reader(server).read(AT_DRY_RUNS)

    assert reader.history.runs == {}


def test_a_plan_that_was_removed_while_backrest_was_away_is_missed() -> None:
    """Its loss is seen only after its due time."""
    given = settings(BACKREST, services=(service("files", "vault", kind=PartKind.PLAN),))
    server = Server(summary("vault", "photos", upcoming={"vault": TOMORROW}), *daily(0, 1, 2), announced(TOMORROW))
    reader = Reader(server, given).read(NOW)
    server.dashboard = summary("photos")
    verdict = reader.read(TOMORROW + timedelta(hours=7)).verdict("files")

    assert verdict.state is State.MISSED
    assert "Gone from backrest" in (verdict.reason or "")


def test_a_plan_that_was_switched_off_before_it_was_removed_is_not_missed() -> None:
    given = settings(BACKREST, services=(service("files", "vault", kind=PartKind.PLAN),))
    server = Server(summary("vault", "photos", upcoming={"vault": TOMORROW}), *daily(0, 1, 2), announced(TOMORROW))
    reader = Reader(server, given).read(NOW)
    server.dashboard, server.operations = summary("vault", "photos"), daily(0, 1, 2)
    reader.read(NOW + timedelta(hours=1))
    server.dashboard = summary("photos")

    assert reader.read(TOMORROW + timedelta(hours=7)).services() == {"photos"}


# --- what is announced ------------------------------------------------------------------------------------------------


def test_a_summary_read_during_a_run_and_a_log_read_after_it_switch_nothing_off() -> None:
    server = Server(recorded("race_1_dashboard_running_no_next"), *logged("race_2_operations_after_end"))
    reader = Reader(server).read(moment(1_795_872_722_000))

    assert reader.plan("min1").next_run == moment(1_795_872_780_000)
    assert reader.verdict("min1").state is State.OK


@pytest.mark.parametrize("before", [True, False], ids=["known before", "at first contact"])
def test_a_log_read_between_the_end_of_a_run_and_the_next_announcement_switches_nothing_off(before: bool) -> None:
    due = NOW.replace(hour=2)
    server = Server(summary("vault", upcoming={"vault": due}), *daily(1, 2), announced(due))
    reader = Reader(server)
    if before:
        reader.read(due - timedelta(hours=1))
    running = {"timestampMs": [ms(due)], "durationMs": ["1000"], "status": ["STATUS_INPROGRESS"]}
    server.dashboard = summary("vault")
    server.dashboard["planSummaries"][0]["recentBackups"] = running
    server.operations = daily(0, 1, 2)
    reader.read(due + timedelta(minutes=1))

    assert reader.verdict("vault").state is State.OK
    server.dashboard = summary("vault")
    reader.read(due + timedelta(minutes=6))
    assert "is switched off" in (reader.verdict("vault").reason or "")


def test_a_run_that_began_between_summary_and_log_runs() -> None:
    dashboard = recorded("race_1_dashboard_while_running")
    reader = Reader(Server(dashboard, *logged("killed_running_ops_slow"))).read(moment(1_795_872_600_000))

    assert reader.plan("slow").runs[0] == Run(start=moment(1_795_872_544_523), end=None, outcome=Outcome.RUNNING)


def test_a_retry_keeps_the_time_at_which_the_run_was_first_due() -> None:
    due = NOW.replace(hour=2)
    server = Server(summary("vault", upcoming={"vault": due}), *daily(1, 2), announced(due, id="77"))
    reader = Reader(server).read(due - timedelta(minutes=3))
    for minutes in (10, 20, 40):
        server.operations = (*daily(1, 2), announced(due + timedelta(minutes=minutes), id="77"))
        reader.read(due + timedelta(minutes=minutes - 5))
        assert reader.plan("vault").next_run == due

    assert reader.verdict("vault").state is State.MISSED
    assert "due today 03:00" in (reader.verdict("vault").reason or "").lower()


def test_a_first_contact_during_retries_knows_the_attempt_that_was_made() -> None:
    reader = Reader(Server(recorded("check_blocks_queue_dashboard"), *logged("retry_pending_ops")))
    reader.read(moment(1_795_872_130_000))

    assert reader.plan("q-retry").next_run == moment(1_795_872_120_038)


def test_what_a_restart_left_over_is_not_announced() -> None:
    """Backrest 1.9 leaves announced operations behind, at times that mean nothing any more."""
    left_over = announced(NOW - timedelta(hours=30), id="5"), announced(NOW - timedelta(minutes=50), id="6")
    server = Server(
        summary("vault", upcoming={"vault": NOW - timedelta(hours=30)}), *left_over, *daily(0, 1), announced(TOMORROW)
    )
    reader = Reader(server).read(NOW)

    assert reader.plan("vault").next_run == TOMORROW
    assert reader.verdict("vault").state is State.OK


def test_a_plan_that_is_switched_off_is_so_beside_what_was_left_over() -> None:
    left_over = announced(NOW - timedelta(hours=30), id="5")
    server = Server(summary("vault", upcoming={"vault": NOW - timedelta(hours=30)}), left_over, *daily(0, 1))
    verdict = Reader(server).read(NOW).verdict("vault")

    assert verdict.state is State.WARNING
    assert "switched off" in (verdict.reason or "")


def test_a_failed_check_that_hooks_pushed_out_of_the_common_log_is_read() -> None:
    operations = {each["id"]: each for each in logged("system_log_pushed_out_last200")}
    operations |= {each["id"]: each for each in logged("system_log_pushed_out_missing_check")}
    server = Server(summary("vault", repos=["s1", "s2", "s3"]), *operations.values())
    reader = Reader(server).read(moment(1_795_875_000_000))

    assert reader.job("check/s1").verdict.state is State.FAILED
    assert "pack 1234 damaged" in (reader.job("check/s1").verdict.reason or "")
    server.asked.clear()
    reader.read(moment(1_795_875_300_000))
    assert [set(selector) for selector in server.asked] == [{"planId"}, *[{"planId", "repoGuid"}] * 3]


def test_operations_of_other_backrests_push_none_of_our_own_out() -> None:
    """Synced peers that have a plan of the same name."""
    peers = [
        operation(
            "Backup",
            "vault",
            NOW - timedelta(minutes=5 * number),
            "STATUS_SUCCESS",
            instanceId="cellar",
            originalInstanceKeyid="ed25519.cellar",
        )
        for number in range(250)
    ]
    failure = operation(
        "Backup", "vault", NOW - timedelta(hours=30), "STATUS_ERROR", displayMessage="repository is locked"
    )
    own = [{**each, "instanceId": "nas"} for each in (failure, *daily(2, 3), announced(TOMORROW))]
    reader = Reader(Server(summary("vault", upcoming={"vault": TOMORROW}), *peers, *own)).read(NOW)

    assert [run.outcome for run in reader.plan("vault").runs] == [Outcome.FAILED, Outcome.OK, Outcome.OK]
    assert reader.plan("vault").runs[0].text == "repository is locked"


# --- rule 12: how often it came before --------------------------------------------------------------------------------


OVERDUE = moment(1_795_872_900_000)


@pytest.mark.parametrize(("plan", "newest"), [("freqdays", "Mon 23 Nov"), ("stopped", "Wed 25 Nov")])
def test_what_backrest_itself_calls_overdue_is_a_warning_at_first_contact(plan: str, newest: str) -> None:
    server = Server(recorded("overdue_dashboard_freqdays_stopped"), *logged("overdue_operations_freqdays"))
    verdict = Reader(server).read(OVERDUE).verdict(plan)

    assert verdict.state is State.WARNING
    assert "Overdue, as backrest itself says" in (verdict.reason or "")
    assert newest in (verdict.reason or "")


@pytest.mark.parametrize("days", [3, 8, 20])
def test_a_daily_plan_that_stopped_before_the_first_contact_is_a_warning(days: int) -> None:
    nights = daily(*range(days, days + 10))
    server = Server(summary("vault", upcoming={"vault": TOMORROW}), *nights, announced(TOMORROW))
    verdict = Reader(server).read(NOW).verdict("vault")

    assert verdict.state is State.WARNING
    assert f"Usually every day; the newest is {days} days old" in (verdict.reason or "")


@pytest.mark.parametrize("kind", ["Prune", "Check"])
def test_upkeep_that_stopped_before_the_first_contact_is_a_warning(kind: str) -> None:
    runs = daily(*range(8, 14), plan=SYSTEM, kind=kind)
    server = Server(summary("vault", repos=["s1"]), *runs, announced(TOMORROW, SYSTEM, kind))
    verdict = Reader(server).read(NOW).job(f"{kind.lower()}/s1").verdict

    assert verdict.state is State.WARNING
    assert "the newest is 8 days old" in (verdict.reason or "")


@pytest.mark.parametrize("newest", [0, 1])
def test_a_daily_plan_that_ran_today_or_is_a_few_hours_behind_is_ok(newest: int) -> None:
    nights = daily(*range(newest, 10))
    due = NOW + timedelta(minutes=20)
    reader = Reader(Server(summary("vault", upcoming={"vault": due}), *nights, announced(due))).read(NOW)

    assert reader.verdict("vault").state is State.OK


def test_a_run_that_is_put_off_again_and_again_becomes_a_warning_but_never_red() -> None:
    """Backrest counts a maximum frequency from its own start, so each restart moves the next run."""
    server = Server(summary("vault"), *daily(*range(10)))
    reader = Reader(server)
    states = []
    for hours in range(0, 60, 6):
        due = NOW + timedelta(hours=hours + 24)
        server.dashboard = summary("vault", upcoming={"vault": due})
        server.operations = (*daily(*range(10)), announced(due))
        states.append(reader.read(NOW + timedelta(hours=hours)).verdict("vault").state)

    assert states == [State.OK] * 5 + [State.WARNING] * 5


def test_a_schedule_that_was_edited_from_daily_to_weekly_is_its_rhythm_once_it_was_kept() -> None:
    week = timedelta(days=7)
    nights = daily(*range(10))
    server = Server(summary("vault", upcoming={"vault": NOW + week}), *nights, announced(NOW + week))
    reader = Reader(server).read(NOW)
    kept = operation("Backup", "vault", NOW + week, "STATUS_SUCCESS")
    server.dashboard = summary("vault", upcoming={"vault": NOW + 2 * week})
    server.operations = (*nights, kept, announced(NOW + 2 * week))

    assert reader.read(NOW + week + timedelta(days=5)).verdict("vault").state is State.OK


def test_the_owners_schedule_needs_no_rhythm() -> None:
    given = settings(BACKREST, jobs={"backrest/plan/vault": JobSetting(schedule="0 3 1 * *")})
    server = Server(summary("vault", upcoming={"vault": TOMORROW}), *daily(*range(8, 18)), announced(TOMORROW))

    assert Reader(server, given).read(NOW).verdict("vault").state is State.OK


def test_a_plan_that_is_switched_off_is_missed_once_its_rhythm_is_broken() -> None:
    server = Server(summary("vault"), *daily(*range(10)))

    assert Reader(server).read(NOW).verdict("vault").state is State.WARNING
    assert Reader(server).read(NOW + timedelta(days=2)).verdict("vault").state is State.MISSED
