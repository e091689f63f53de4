"""One homelab, one story: the answers of the four upstreams fit together, at any moment and across clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.simulators import HOMELAB, Rack, demo_faults, demo_homelab
from tests.simulators.conftest import MONDAY
from tests.simulators.dumps import DumpRow
from tests.simulators.faults import (
    CopyFails,
    DumpFails,
    Fault,
    GuestFails,
    GuestTakes,
    JobDisabled,
    NodeDown,
    PlanFails,
    ServerUnreachable,
    UpkeepFails,
    UpkeepStuck,
)
from tests.simulators.story import Moment, Story
from tests.simulators.visitor import ask, tell

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = date(2026, 11, 20)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A local time of the homelab."""
    return datetime.combine(day, time(hour, minute), BERLIN).astimezone(UTC)


def moment_at(now: datetime, *faults: Fault) -> Moment:
    return Story(HOMELAB, faults).at(now)


def counts(moment: Moment) -> dict[int, int]:
    """Finished backups per guest."""
    backups: dict[int, int] = {}
    for backup in moment.backups:
        if backup.size is not None and isinstance(backup.guest.vmid, int):
            backups[backup.guest.vmid] = backups.get(backup.guest.vmid, 0) + 1
    return backups


def test_every_snapshot_of_a_guest_was_made_within_a_vzdump_task_of_its_node(demo: Rack) -> None:
    nodes = {guest.vmid: guest.node for guest in HOMELAB.guests}
    path = "/api2/json/nodes/{}/tasks?typefilter=vzdump&source=all&limit=1000"
    tasks = {node: ask(demo, "pve", path.format(node)).json()["data"] for node in HOMELAB.nodes}
    month_ago = int((MONDAY - timedelta(days=30)).timestamp())
    snapshots = ask(demo, "pbs", "/api2/json/admin/datastore/main/snapshots").json()["data"]
    recent = [s for s in snapshots if s["backup-time"] > month_ago]

    assert len(recent) > 200
    for snapshot in recent:
        of_node = tasks[nodes[int(snapshot["backup-id"])]]
        assert any(t["starttime"] <= snapshot["backup-time"] <= t.get("endtime", 2**40) for t in of_node), snapshot


def test_every_upload_left_a_pbs_task_and_a_snapshot(demo: Rack) -> None:
    tasks = ask(demo, "pbs", "/api2/json/nodes/localhost/tasks?typefilter=backup&limit=0").json()["data"]
    snapshots = ask(demo, "pbs", "/api2/json/admin/datastore/main/snapshots").json()["data"]
    held = {(f"main:{s['backup-type']}/{s['backup-id']}", s["backup-time"]) for s in snapshots}
    newest = [t for t in tasks if t["starttime"] > int((MONDAY - timedelta(days=6)).timestamp())]

    assert newest
    assert all((task["worker_id"], task["starttime"] + 1) in held for task in newest)


def test_every_database_and_plan_of_the_homelab_appears_but_the_one_that_was_never_dumped(demo: Rack) -> None:
    jobs = ask(demo, "databasement", "/api/v1/jobs?filter[type]=backup&per_page=100").json()["data"]
    seen = {(job["snapshot"]["server"]["name"], job["snapshot"]["database_name"]) for job in jobs}
    expected = {(server.name, database) for server in HOMELAB.dumps.servers for database in server.databases}
    operations = tell(demo, "Backrest/GetOperations", {"selector": {}}).json()["operations"]

    assert seen == expected - {("postgres-main", "n8n")}
    assert {o["planId"] for o in operations} == {plan.id for plan in HOMELAB.repository.plans} | {"_system_"}


def test_the_ten_schedule_lines_can_be_read_from_live_data(demo: Rack) -> None:
    pve = {job["id"]: job["schedule"] for job in ask(demo, "pve", "/api2/json/cluster/backup").json()["data"]}
    operations = tell(demo, "Backrest/GetOperations", {"selector": {}}).json()["operations"]
    pending = [o for o in operations if o["status"] == "STATUS_PENDING"]
    announced = [datetime.fromtimestamp(int(o["unixTimeStartMs"]) / 1000, BERLIN) for o in pending]
    servers = ask(demo, "databasement", "/api/v1/database-servers").json()["data"]

    assert pve == {"backup-critical": "04:00", "backup-noncritical": "mon 04:00"}
    assert ask(demo, "pbs", "/api2/json/admin/prune").json()["data"][0]["schedule"] == "05:00"
    assert ask(demo, "pbs", "/api2/json/admin/gc").json()["data"][0]["schedule"] == "sat 03:00"
    assert {b["backup_schedule"]["expression"] for s in servers for b in s["backups"]} == {"0 2 * * *"}
    assert sorted(f"{moment:%d %b %H:%M}" for moment in announced) == [
        "01 Dec 07:00",
        "24 Nov 02:15",
        "24 Nov 02:20",
        "24 Nov 02:30",
        "29 Nov 06:00",
    ]


def test_the_demo_is_the_bad_morning() -> None:
    moment = Story(demo_homelab(), demo_faults()).at(MONDAY)
    critical, other = moment.vzdump_tasks[-2:]
    paperless = next(run for run in critical.runs if run.guest.name == "paperless")
    s3 = [row.database for row in moment.dump_rows if row.due == date(2026, 11, 23) and row.lost_copies]

    assert (critical.node, critical.status, paperless.end.astimezone(BERLIN).strftime("%H:%M")) == (
        "pve1",
        "job errors",
        "04:11",
    )
    assert paperless.error == "no space left on local-lvm"
    assert not [t for t in moment.vzdump_tasks if t.node == "pve2" and t.start > at(date(2026, 11, 23), 0)]
    assert [run.guest.name for run in other.runs if run.start <= MONDAY < run.end] == ["jellyfin"]
    assert other.runs[0].start.astimezone(BERLIN).strftime("%H:%M") == "04:48"
    assert s3 == ["homeassistant"]
    backups = counts(moment)
    assert (backups[104], backups[101], backups[107], backups[201]) == (27, 27, 28, 7)


def test_an_ordinary_monday_morning_has_no_failure_and_28_or_7_backups_each() -> None:
    moment = moment_at(at(date(2026, 11, 23), 12))

    assert {task.status for task in moment.vzdump_tasks} == {"OK"}
    assert set(counts(moment).values()) == {28, 7, 5}
    assert len(moment.dump_rows) == 28 * 7
    assert {run.state for run in moment.upkeep} == {"OK"}


def test_a_backup_has_no_size_while_it_is_uploaded_and_pve_shows_the_lock() -> None:
    moment = moment_at(at(FRIDAY, 4, 25))
    under_way = [backup.guest.name for backup in moment.backups if backup.size is None]

    assert under_way == ["nextcloud"]


def test_tasks_of_a_node_queue_behind_its_lock() -> None:
    monday = date(2026, 11, 23)
    slow = GuestTakes(102, monday, timedelta(hours=4))
    _, other = [task for task in moment_at(at(monday, 12), slow).vzdump_tasks if task.node == "pve1"][-2:]

    assert (other.status, other.runs) == ("can't acquire lock '/var/run/vzdump.lock' - got timeout", ())
    assert other.end - other.start == timedelta(hours=3)


def test_a_failed_upload_is_there_without_size_and_vanishes() -> None:
    failure = GuestFails(102, FRIDAY, "connection error", uploading=True)

    during = [b for b in moment_at(at(FRIDAY, 4, 2), failure).backups if b.guest.vmid == 102]
    after = [b for b in moment_at(at(FRIDAY, 4, 10), failure).backups if b.guest.vmid == 102]
    assert [backup.size is None for backup in during[:2]] == [True, False]
    assert after[0].time < at(FRIDAY, 0)


def test_a_node_that_goes_off_cuts_its_task_and_starts_none() -> None:
    off = NodeDown("pve1", at(FRIDAY, 4, 5), at(FRIDAY + timedelta(days=1), 5))
    tasks = [t for t in moment_at(at(FRIDAY, 12) + timedelta(days=1), off).vzdump_tasks if t.node == "pve1"]

    assert (tasks[-1].status, tasks[-1].end) == ("unexpected status", at(FRIDAY, 4, 5))


def test_a_job_that_was_switched_off_runs_no_more() -> None:
    tasks = moment_at(MONDAY, JobDisabled("backup-critical", at(FRIDAY, 12))).vzdump_tasks

    assert max(task.start for task in tasks if task.job.id == "backup-critical") < at(FRIDAY, 12)


def test_a_dump_that_fails_is_tried_three_times_and_keeps_the_error_when_it_succeeds() -> None:
    def newest(tries: int) -> DumpRow:
        fault = DumpFails(server="mariadb-main", database="nextcloud", due=FRIDAY, error="Lost connection", tries=tries)
        return next(row for row in moment_at(at(FRIDAY, 3), fault).dump_rows if row.database == "nextcloud")

    assert [attempt.error for attempt in newest(3).attempts] == ["Lost connection"] * 3
    assert [attempt.error for attempt in newest(1).attempts] == ["Lost connection", None]


def test_a_server_that_does_not_answer_is_one_row_in_mode_all_and_one_per_database_when_selected() -> None:
    faults = [ServerUnreachable(server.name, FRIDAY, "refused") for server in HOMELAB.dumps.servers]
    rows = [row for row in moment_at(at(FRIDAY, 3), *faults).dump_rows if row.due == FRIDAY]

    assert sorted(row.database for row in rows) == ["(all databases)", "forgejo", "immich", "n8n", "paperless"]
    assert all(row.preflight or row.attempts[-1].error for row in rows)


def test_lost_copies_failed_plans_and_failed_upkeep_are_in_the_answers() -> None:
    moment = moment_at(
        at(FRIDAY, 12),
        CopyFails("s3", FRIDAY),
        PlanFails("vault", FRIDAY, "repository is already locked"),
        UpkeepFails("pbs", "prune", FRIDAY, "unable to open chunk store"),
    )
    assert all(row.lost_copies == ("s3",) for row in moment.dump_rows if row.due == FRIDAY)
    assert [run.task.name for run in moment.queue_runs if run.status == "STATUS_ERROR"] == ["vault"]
    assert moment.upkeep[-1].state == "unable to open chunk store"


def test_a_stuck_scheduler_leaves_the_next_run_in_the_past() -> None:
    assert moment_at(MONDAY, UpkeepStuck("prune", at(FRIDAY, 0))).upkeep_next("prune") == at(FRIDAY, 5)


def test_backrest_announces_nothing_while_a_plan_runs_and_the_next_run_afterwards() -> None:
    vault = moment_at(MONDAY).queued()[0]

    assert moment_at(at(FRIDAY, 2, 14)).announced(vault) == at(FRIDAY, 2, 15)
    assert moment_at(at(FRIDAY, 2, 16)).announced(vault) is None
    assert moment_at(at(FRIDAY, 2, 25)).announced(vault) == at(FRIDAY + timedelta(days=1), 2, 15)


@pytest.mark.parametrize(
    ("day", "dumps", "plan"),
    [
        # 02:00 comes twice and Laravel looks at the wall clock; Go takes the second 02:15.
        (date(2026, 10, 25), ["00:00", "01:00"], "01:15"),
        # Neither 02:00 nor 02:15 exists; Go moves on to 03:15.
        (date(2027, 3, 28), [], "01:15"),
        (date(2026, 11, 23), ["01:00"], "01:15"),
    ],
)
def test_each_scheduler_reads_a_changing_clock_in_its_own_way(day: date, dumps: list[str], plan: str) -> None:
    moment = moment_at(at(day, 23))
    started = sorted({row.created.strftime("%H:%M") for row in moment.dump_rows if row.due == day})
    vault = [run.due for run in moment.queue_runs if run.task.name == "vault" and run.start > at(day, 0)]

    assert started == dumps
    assert [due.strftime("%H:%M") for due in vault] == [plan]
    assert [task.start for task in moment.vzdump_tasks if at(day, 3) <= task.start <= at(day, 5)]


def test_the_same_moment_has_the_same_views_whatever_was_asked_before() -> None:
    asked = Story(HOMELAB)
    for hours in range(0, 24 * 20, 7):
        asked.at(MONDAY - timedelta(hours=hours)).backups  # noqa: B018 (asked for its side effect: remembering)

    assert asked.at(MONDAY).backups == moment_at(MONDAY).backups
    assert asked.at(MONDAY).dump_rows == moment_at(MONDAY).dump_rows


@pytest.mark.fortnight
def test_over_two_weeks_nothing_vanishes_but_by_retention_and_nothing_comes_out_of_the_future() -> None:
    story = Story(HOMELAB)
    moments = [story.at(at(date(2026, 10, 18), 0) + timedelta(minutes=31 * step)) for step in range(14 * 46)]

    for before, after in pairwise(moments):
        held = {(b.group, b.time) for b in after.backups}
        gone = [b for b in before.backups if (b.group, b.time) not in held]
        assert all(b.size is not None and before.now - b.time > timedelta(days=27) for b in gone)
        assert all(b.time <= after.now for b in after.backups)
        assert all(row.created <= after.now for row in after.dump_rows)
