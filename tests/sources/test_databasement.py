"""A whole refresh of Databasement, and what becomes of it when something goes wrong."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.history.record import record
from sidecar.core.model import SourceKind, State, Verdict
from sidecar.core.reports.facts import Dump, DumpPlan
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings, SourceSetting
from sidecar.sources.databasement import ALLOWED, DatabasementOptions, DatabasementSource
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Upstream
from tests.replies import Replies
from tests.simulators import HOMELAB, Rack
from tests.simulators.faults import CopyFails, DumpFails, DumpFileGone, Fault, ServerUnreachable
from tests.simulators.homelab import DatabaseServer, DumpBackup
from tests.simulators.timetable import Timetable
from tests.sources.recorded import Kept, texts

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""Monday 07:30 in the homelab."""
MONDAY = NOW.date()

SAMPLES = Path(__file__).parent / "samples_databasement"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


# --- a whole refresh --------------------------------------------------------------------------------------------------


def source_for(transport: httpx.AsyncBaseTransport, token: Kept | None = None) -> DatabasementSource:
    options = DatabasementOptions("databasement", "https://db.lan", Trust(), token or Kept(lambda: "17|sample"))
    return DatabasementSource(options, connect=partial(Upstream, transport=transport))


def read(source: DatabasementSource, at: datetime = NOW, *, whole: bool = True) -> Report:
    return asyncio.run(source.read(lambda: at, whole=whole))


def answering(*changes: tuple[str, int, object]) -> Replies:
    """A Databasement 1.9 that shows the samples; ``changes`` are path, status and body of other answers."""
    table: dict[str, tuple[int, object]] = {
        "/health": (200, {"success": True}),
        "/api/v1/database-servers": (200, sample("database_servers_v1.9")),
        "/api/v1/volumes": (200, sample("volumes")),
        "/api/v1/jobs": (200, sample("jobs_v1.9_with_cancelled")),
        "/api/v1/snapshots": (200, sample("snapshots_v1.9")),
        "/api/v1/scheduled-restores": (200, {"data": [], "meta": {"last_page": 1}}),
    }
    table |= {path: (status, body) for path, status, body in changes}

    def answer(request: httpx.Request) -> httpx.Response:
        status, body = table[request.url.path]
        if isinstance(body, str):
            return httpx.Response(status, text=body, headers={"location": "https://db.lan/login"})
        return httpx.Response(status, json=body)

    return Replies(answer)


@pytest.fixture
def rack(tmp_path: Path) -> Rack:
    """The homelab in process, without ports."""
    return Rack(HOMELAB, lambda: NOW, tmp_path)


@pytest.fixture
def token(rack: Rack) -> Kept:
    return Kept(lambda: rack.token("databasement"))


@pytest.fixture
def source(rack: Rack, token: Kept) -> DatabasementSource:
    return source_for(rack.transport("databasement"), token)


def databases(report: Report) -> set[tuple[str, str]]:
    return {(dump.server, dump.database) for dump in report.facts(Dump)}


def test_everything_is_read_page_by_page(rack: Rack, source: DatabasementSource) -> None:
    report = read(source)
    dumps = list(report.facts(Dump))

    assert (report.problem, texts(report.limits), report.version) == (None, (), None)
    assert [reading.as_of for reading in report.readings] == [NOW, NOW, NOW]
    assert {(plan.server, plan.schedule) for plan in report.facts(DumpPlan)} == {
        ("mariadb-main", "0 2 * * *"),
        ("postgres-main", "0 2 * * *"),
    }
    assert databases(report) == {(server.name, each) for server in HOMELAB.dumps.servers for each in server.databases}
    assert len(dumps) == len({dump.id for dump in dumps}) == 28 * 7
    assert all(dump.file_size and dump.file_exists and len(dump.copies) == 2 for dump in dumps)
    assert [(asked.path, asked.query) for asked in rack.requests] == [
        ("/health", ""),
        ("/api/v1/database-servers", "per_page=100&page=1"),
        ("/api/v1/volumes", "per_page=100&page=1"),
        ("/api/v1/jobs", "filter[type]=backup&sort=-created_at&per_page=100&page=1"),
        ("/api/v1/jobs", "filter[type]=backup&sort=-created_at&per_page=100&page=2"),
        ("/api/v1/snapshots", "per_page=100&page=1"),
        ("/api/v1/snapshots", "per_page=100&page=2"),
        ("/api/v1/scheduled-restores", "per_page=100&page=1"),
    ]
    # With another Accept a refused token is answered with the login page (DB-3).
    assert all(asked.headers["accept"] == "application/json" for asked in rack.requests)


def test_backup_configurations_and_dumps_name_their_volumes_alike(source: DatabasementSource) -> None:
    report = read(source)

    assert {plan.volumes for plan in report.facts(DumpPlan)} == {("nas", "s3")}
    assert {dump.volumes for dump in report.facts(Dump)} == {("nas", "s3")}


@pytest.mark.parametrize("schedule", ["Daily", "Weekly"])
def test_one_database_may_have_two_backups_with_volumes_of_their_own(tmp_path: Path, schedule: str) -> None:
    """The second one on the same or another schedule; what fails there is no failure of the first."""
    daily = DumpBackup("Daily", Timetable(2), ("nas",))
    other = DumpBackup(schedule, Timetable(2) if schedule == "Daily" else Timetable(3, weekday=0), ("s3",), ("crm",))
    server = DatabaseServer(
        name="pg", type="postgres", host="10.0.0.9", port=5432, databases=("crm", "wiki"), backups=(daily, other)
    )
    rack = Rack(replace(HOMELAB, dumps=replace(HOMELAB.dumps, servers=(server,))), lambda: NOW, tmp_path)
    if schedule == "Weekly":
        rack.faults = (DumpFails(server="pg", database="crm", due=MONDAY, error="disk full", schedule=schedule),)
    report = read(source_for(rack.transport("databasement"), Kept(lambda: rack.token("databasement"))))
    today = [dump for dump in report.facts(Dump) if dump.run.start.date() == MONDAY]

    assert {plan.volumes: (plan.schedule_name, plan.databases) for plan in report.facts(DumpPlan)} == {
        ("nas",): ("Daily", ("crm", "wiki")),
        ("s3",): (schedule, ("crm",)),
    }
    assert len({plan.id for plan in report.facts(DumpPlan)}) == 2
    assert len({dump.id for dump in report.facts(Dump)}) == len(list(report.facts(Dump)))
    assert sorted((dump.database, dump.volumes, dump.run.outcome.value) for dump in today) == [
        ("crm", ("nas",), "ok"),
        ("crm", ("s3",), "ok" if schedule == "Daily" else "failed"),
        ("wiki", ("nas",), "ok"),
    ]


@pytest.mark.parametrize("version", ["v1.3", "v1.9"])
def test_volumes_that_share_a_name_stay_apart(version: str) -> None:
    volumes = sample("volumes")
    volumes["data"][1]["name"] = volumes["data"][0]["name"]
    answers = (
        ("/api/v1/database-servers", 200, sample(f"database_servers_{version}")),
        ("/api/v1/volumes", 200, volumes),
        ("/api/v1/snapshots", 200, sample(f"snapshots_{version}")),
    )
    report = read(source_for(answering(*answers)))
    first, other = (f"nas-local ({volume['id']})" for volume in volumes["data"])

    of_plans = {name for plan in report.facts(DumpPlan) for name in plan.volumes or ()}
    of_dumps = {name for dump in report.facts(Dump) for name in dump.volumes}
    assert of_plans == {first, other}
    assert first in of_dumps
    assert of_dumps <= of_plans


@pytest.mark.parametrize("how", ["garbage", "truncated", "wrong-type", 500])
def test_without_volumes_those_that_were_read_before_still_hold(
    rack: Rack, source: DatabasementSource, how: Any
) -> None:
    read(source)
    rack.break_answer("databasement", "/api/v1/volumes", how)
    report = read(source)

    assert {plan.volumes for plan in report.facts(DumpPlan)} == {("nas", "s3")}
    assert [
        limit
        for limit in texts(report.limits)
        if limit.startswith("the volumes that backups write to could not be read: ")
    ]


@pytest.mark.parametrize("how", [500, 403])
def test_volumes_that_were_never_read_are_not_known(rack: Rack, source: DatabasementSource, how: int) -> None:
    rack.break_answer("databasement", "/api/v1/volumes", how)

    assert {plan.volumes for plan in read(source).facts(DumpPlan)} == {None}


def test_volumes_that_may_no_longer_be_seen_are_dropped(rack: Rack, source: DatabasementSource) -> None:
    read(source)
    rack.break_answer("databasement", "/api/v1/volumes", 403)

    assert {plan.volumes for plan in read(source).facts(DumpPlan)} == {None}


def test_a_later_round_asks_only_for_what_may_have_changed(rack: Rack, source: DatabasementSource) -> None:
    read(source)
    known = len(rack.requests)
    report = read(source, NOW + timedelta(minutes=15), whole=False)

    assert (report.problem, texts(report.limits)) == (None, ())
    assert {plan.volumes for plan in report.facts(DumpPlan)} == {("nas", "s3")}
    assert [asked.path.rpartition("/")[2] for asked in rack.requests[known:]] == [
        "database-servers",
        "jobs",
        "snapshots",
        "scheduled-restores",
    ]


def test_volumes_have_their_new_names_after_some_hours() -> None:
    volumes = sample("volumes")
    answers = answering(("/api/v1/volumes", 200, volumes))
    source = source_for(answers)
    read(source)
    volumes["data"][0]["name"] = "renamed"

    def named(hours: int) -> bool:
        plans = read(source, NOW + timedelta(hours=hours), whole=False).facts(DumpPlan)
        return any("renamed" in (plan.volumes or ()) for plan in plans)

    assert [named(1), named(5), named(6)] == [False, False, True]


def test_a_volume_that_is_new_is_asked_for_at_once() -> None:
    servers, volumes = sample("database_servers_v1.9"), sample("volumes")
    source = source_for(answering(("/api/v1/database-servers", 200, servers), ("/api/v1/volumes", 200, volumes)))
    read(source)
    volumes["data"].append({**volumes["data"][0], "id": "new", "name": "second"})
    servers["data"][0]["backups"][0]["volume_ids"] = ["new"]

    plans = read(source, NOW + timedelta(minutes=15), whole=False).facts(DumpPlan)
    assert ("second",) in {plan.volumes for plan in plans}


def test_a_volume_is_never_under_two_names() -> None:
    """Of the dumps that are known only the newest page is asked for again; two names would count as two copies."""
    servers, volumes, snapshots = sample("database_servers_v1.9"), sample("volumes"), sample("snapshots_v1.9")
    changing = (("database-servers", servers), ("volumes", volumes), ("snapshots", snapshots))
    source = source_for(answering(*((f"/api/v1/{path}", 200, body) for path, body in changing)))
    read(source)
    servers["data"][0]["name"] = "renamed-server"
    before = read(source, NOW + timedelta(hours=3), whole=False)
    volumes["data"][0]["name"] = "renamed"
    del snapshots["data"][2:]

    after = read(source, NOW + timedelta(hours=6), whole=False)

    assert "nas-local" in {name for dump in before.facts(Dump) for name in dump.volumes}
    assert {name for dump in after.facts(Dump) for name in dump.volumes} == {"renamed"}


def test_a_volume_that_is_gone_does_not_stand_in_for_one_that_got_its_name() -> None:
    volumes = sample("volumes")
    gone = volumes["data"][0]["id"]
    volumes["data"][0]["id"] = "new"
    report = read(source_for(answering(("/api/v1/volumes", 200, volumes))))

    of_dumps = {name for dump in report.facts(Dump) for name in dump.volumes}
    assert f"nas-local ({gone})" in of_dumps
    assert "nas-local" not in of_dumps


@pytest.mark.parametrize("whole", [True, False])
def test_maintenance_is_a_problem_of_the_whole_source(rack: Rack, source: DatabasementSource, *, whole: bool) -> None:
    read(source)
    for path in ("/health", "/api/v1/database-servers"):
        rack.break_answer("databasement", path, 503)
    report = read(source, NOW + timedelta(minutes=15), whole=whole)

    assert report.problem is not None
    assert report.problem.cause.startswith("HTTP 503")


def test_only_reading_calls_are_possible() -> None:
    assert {call.method for call in ALLOWED} == {"GET"}
    assert not any("test-connection" in call.path for call in ALLOWED)


def test_what_went_wrong_in_the_night_is_in_the_facts(rack: Rack, source: DatabasementSource) -> None:
    faults: list[Fault] = [
        CopyFails("s3", MONDAY, databases=("forgejo",)),
        DumpFileGone("postgres-main", "immich", MONDAY),
        ServerUnreachable("mariadb-main", MONDAY, "connection refused"),
    ]
    rack.faults = faults
    newest: dict[str, Dump] = {}
    for dump in sorted(read(source).facts(Dump), key=lambda dump: dump.run.start):
        newest[dump.database] = dump

    assert [copy.ok for copy in newest["forgejo"].copies] == [True, False]
    assert newest["immich"].file_exists is False
    whole = newest["(all databases)"]
    assert (whole.server, whole.whole_server, whole.run.text) == ("mariadb-main", True, "connection refused")


def test_reading_stops_at_the_page_that_is_older_than_forty_days(tmp_path: Path) -> None:
    homelab = replace(HOMELAB, dumps=replace(HOMELAB.dumps, keep_days=90))
    rack = Rack(homelab, lambda: NOW, tmp_path)
    report = read(source_for(rack.transport("databasement"), Kept(lambda: rack.token("databasement"))))
    oldest = min(dump.run.start for dump in report.facts(Dump))

    assert timedelta(days=40) < NOW - oldest < timedelta(days=60)
    assert texts(report.limits) == ()
    assert sum(asked.path == "/api/v1/jobs" for asked in rack.requests) == 3


def test_a_list_without_end_is_cut_off_and_reported() -> None:
    endless = sample("jobs_v1.3") | {"meta": {"last_page": 10**9}}
    report = read(source_for(answering(("/api/v1/jobs", 200, endless))))

    assert texts(report.limits) == ("only the newest 10000 jobs were read, back to 2026-11-20",)
    assert len(list(report.facts(Dump))) == 10


def test_rows_that_move_to_the_next_page_while_it_is_read_count_once() -> None:
    page = sample("jobs_page2_of_3")
    report = read(source_for(answering(("/api/v1/jobs", 200, page))))

    assert len(list(report.facts(Dump))) == len({row["id"] for row in page["data"] if row["snapshot"]})


def test_rows_that_cannot_be_read_are_counted_and_spoil_nothing() -> None:
    jobs = sample("jobs_v1.3")
    jobs["data"] += [{"id": "01", "status": "queued"}, 17]
    report = read(source_for(answering(("/api/v1/jobs", 200, jobs))))

    assert texts(report.limits) == ("2 of 13 jobs could not be read",)
    assert len(list(report.facts(Dump))) == 10


def test_a_list_of_which_nothing_can_be_read_is_a_problem() -> None:
    jobs = {"data": [{"id": "01", "status": "queued"}, 17], "meta": {"last_page": 1}}
    dumps = read(source_for(answering(("/api/v1/jobs", 200, jobs)))).reading("dumps")

    assert dumps is not None
    assert dumps.problem is not None
    assert dumps.problem.cause == "none of the 2 rows of its answer could be read"


def test_an_old_databasement_is_read_and_called_old() -> None:
    server = sample("database_server_v1.0_single_backup")["data"]
    servers = {"data": [server], "meta": {"last_page": 1}}
    report = read(source_for(answering(("/api/v1/database-servers", 200, servers))))

    assert [plan.pattern for plan in report.facts(DumpPlan)] == ["^crm"]
    assert any("older than 1.1" in limit for limit in texts(report.limits))


# --- when it can't be read --------------------------------------------------------------------------------------------


def test_a_rotated_token_costs_one_fresh_read(rack: Rack, source: DatabasementSource, token: Kept) -> None:
    assert read(source).problem is None
    rack.rotate_token("databasement")
    report = read(source)

    assert (report.problem, token.fresh_reads) == (None, 1)
    assert len(report.readings) == 3


def test_a_refused_token_is_denied_in_words_and_shown_nowhere(
    rack: Rack, source: DatabasementSource, token: Kept
) -> None:
    rack.refuse_token("databasement")
    report = read(source)

    assert report.problem is not None
    assert report.problem.denied
    assert report.problem.cause == "its token was refused (HTTP 401: Unauthenticated.)"
    assert "token" in (report.problem.action or "")
    assert report.readings == ()
    assert token.known not in repr(report)
    assert token.known not in repr(source)


def test_a_secret_that_is_no_token_is_not_sent() -> None:
    report = read(source_for(answering(), Kept(lambda: "geheim\nüber")))

    assert report.problem is not None
    assert "is not an API token" in report.problem.cause
    assert "geheim" not in repr(report)


@pytest.mark.parametrize(
    ("case", "cause", "denied", "action"),
    [
        (
            "user belongs to no organization (json request)",
            "its token was refused (HTTP 401: Your account is not a member",
            True,
            "role viewer",
        ),
        ("org_id / X-Organization-Id not accessible", "HTTP 403: The requested organization", True, "role viewer"),
        ("same but WITHOUT Accept: application/json", "HTTP 302: redirects to its login page", True, "url"),
        ("server error, APP_DEBUG=false", "HTTP 500: Server Error", False, None),
    ],
)
def test_a_refused_server_list_says_what_to_do(case: str, cause: str, denied: bool, action: str | None) -> None:
    (error,) = [answer for answer in sample("errors") if answer["case"] == case]
    report = read(source_for(answering(("/api/v1/database-servers", error["status"], error["body"]))))
    plans = report.reading("plans")
    problem = report.problem or (plans.problem if plans else None)

    assert problem is not None
    assert problem.cause.startswith(cause)
    assert (problem.denied, report.problem is not None) == (denied, denied)
    assert (action or "") in (problem.action or "")


def test_an_empty_server_list_is_unknown_and_not_fine() -> None:
    nothing = {"data": [], "meta": {"last_page": 1}}
    plans = read(source_for(answering(("/api/v1/database-servers", 200, nothing)))).reading("plans")

    assert plans is not None
    assert plans.as_of is None
    assert plans.problem is not None
    assert "another organization" in plans.problem.cause
    assert plans.problem.action
    assert not plans.problem.denied


def test_a_web_page_is_no_answer() -> None:
    report = read(source_for(answering(("/health", 200, "<!doctype html>"))))

    assert report.problem is not None
    assert report.problem.cause.startswith("a web page came instead of an answer")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_proxy_may_keep_the_health_page_to_itself(status: int) -> None:
    assert read(source_for(answering(("/health", status, "no")))).problem is None


def test_when_it_is_away_that_is_a_problem_of_the_whole_source(rack: Rack, source: DatabasementSource) -> None:
    rack.close("databasement")
    report = read(source)

    assert report.problem is not None
    assert not report.problem.denied
    assert report.readings == ()


@pytest.mark.parametrize("how", ["garbage", "truncated", "wrong-type", "redirect", 500])
@pytest.mark.parametrize(("path", "scope"), [("/api/v1/database-servers", "plans"), ("/api/v1/jobs", "dumps")])
def test_a_broken_list_blanks_only_itself(
    rack: Rack, source: DatabasementSource, how: Any, path: str, scope: str
) -> None:
    rack.break_answer("databasement", path, how)
    report = read(source)
    broken = [reading.scope for reading in report.readings if reading.problem]

    assert report.problem is None
    assert broken == [(scope,)]
    assert len(databases(report)) == (7 if scope == "plans" else 0)


@pytest.mark.parametrize("how", ["garbage", "truncated", "wrong-type", 500])
def test_without_snapshots_the_dumps_stay_and_what_was_gone_stays_gone(
    rack: Rack, source: DatabasementSource, how: Any
) -> None:
    def gone(report: Report) -> list[str]:
        return [dump.database for dump in report.facts(Dump) if dump.file_exists is False]

    rack.faults = (DumpFileGone("postgres-main", "immich", MONDAY),)
    assert gone(read(source)) == ["immich"]
    rack.break_answer("databasement", "/api/v1/snapshots", how)
    report = read(source)

    assert gone(report) == ["immich"]
    assert len(databases(report)) == 7
    assert [
        limit for limit in texts(report.limits) if limit.startswith("sizes and copies of the dumps could not be read: ")
    ]


def test_when_snapshots_may_no_longer_be_seen_what_was_known_of_them_is_dropped(
    rack: Rack, source: DatabasementSource
) -> None:
    assert any(dump.copies for dump in read(source).facts(Dump))
    rack.break_answer("databasement", "/api/v1/snapshots", 403)

    assert not any(dump.copies for dump in read(source).facts(Dump))


def test_without_any_snapshots_sizes_are_not_known(rack: Rack, source: DatabasementSource) -> None:
    rack.break_answer("databasement", "/api/v1/snapshots", 500)
    dumps = list(read(source).facts(Dump))

    assert len(dumps) == 28 * 7
    assert {(dump.file_size, dump.file_exists, dump.copies) for dump in dumps} == {(None, None, ())}


# --- schedules that come round rarely ---------------------------------------------------------------------------------


class BusyServer:
    """Thirty dumps a day of a nightly backup, and a quarterly one whose last run is 83 days ago; ``pages`` counts calls."""

    def __init__(self, schedule: str = "0 3 1 */3 *") -> None:
        quarterly = {"id": "b2", "backup_schedule": {"name": "Quarterly", "expression": schedule}, "volume_ids": []}
        daily = {"id": "b1", "backup_schedule": {"name": "Daily", "expression": "0 2 * * *"}, "volume_ids": []}
        shop, chosen = ({"database_selection_mode": "selected", "database_names": [one]} for one in ("shop", "archive"))
        self.server = {"id": "s1", "name": "pg", "backups": [{**daily, **shop}, {**quarterly, **chosen}]}
        self.pages: list[str] = []
        self.jobs = [
            self._job(f"{day}-{number}", "shop", NOW - timedelta(days=day, minutes=number))
            for day in range(120)
            for number in range(30)
        ]
        self.jobs.append(self._job("old", "archive", datetime(2026, 9, 1, 3, tzinfo=UTC)))
        self.jobs.sort(key=lambda job: job["created_at"], reverse=True)

    def _job(self, id_: str, database: str, start: datetime) -> dict[str, Any]:
        snapshot = {"database_name": database, "server": {"id": "s1", "name": "pg"}, "triggered_by": None}
        times = dict.fromkeys(("created_at", "started_at", "completed_at", "updated_at"), start.isoformat())
        return {"id": id_, "status": "completed", **times, "snapshot": snapshot}

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.pages.append(request.url.path)
        lists: dict[str, list[Any]] = {"/api/v1/database-servers": [self.server], "/api/v1/jobs": self.jobs}
        rows, page = lists.get(request.url.path, []), int(request.url.params.get("page", 1))
        body = {"data": rows[(page - 1) * 100 : page * 100], "meta": {"last_page": max(1, -(-len(rows) // 100))}}
        return httpx.Response(200, json=body)


def of_archive(report: Report) -> list[str]:
    return [dump.id for dump in report.facts(Dump) if dump.database == "archive"]


def test_runs_are_read_back_to_the_due_time_before_the_last_one_of_the_rarest_schedule() -> None:
    """On the first of every third month: the last due time was in October and nobody came; in July it was not yet there."""
    busy = BusyServer()
    report = read(source_for(Replies(busy.answer)))

    assert of_archive(report) == ["old"]
    assert texts(report.limits) == ()


def test_what_lies_far_back_is_read_again_after_some_hours_only() -> None:
    busy, now = BusyServer(), NOW
    source = source_for(Replies(busy.answer))

    def asked() -> int:
        busy.pages.clear()
        assert of_archive(asyncio.run(source.read(lambda: now))) == ["old"]
        return busy.pages.count("/api/v1/jobs")

    first = asked()
    now += timedelta(minutes=5)
    second = asked()
    now += timedelta(hours=6)

    assert (first, second) == (37, 13)
    assert asked() == 37


def test_a_schedule_that_changes_is_read_back_for_at_once() -> None:
    busy = BusyServer("0 3 * * *")
    source = source_for(Replies(busy.answer))

    assert of_archive(read(source)) == []
    busy.server["backups"][1]["backup_schedule"]["expression"] = "0 3 1 */3 *"  # type: ignore[index]
    assert of_archive(read(source)) == ["old"]


def test_how_far_was_read_is_said_where_a_list_is_too_long() -> None:
    busy = BusyServer()
    busy.jobs = [busy._job(str(number), "shop", NOW - timedelta(minutes=number)) for number in range(12_000)]
    source = source_for(Replies(busy.answer))

    for _ in range(2):
        assert "only the newest 10000 jobs were read, back to 2026-11-16" in texts(read(source).limits)


def busier(*more: tuple[int, str]) -> BusyServer:
    """A dump each minute for eight days; ``more``: how many minutes ago another one began, and of which database.

    "books" is dumped on the twentieth of each month.
    """
    busy = BusyServer()
    begun = sorted([*((minutes, "shop") for minutes in range(12_000)), *more])
    busy.jobs = [
        busy._job(f"{database}-{minutes}", database, NOW - timedelta(minutes=minutes)) for minutes, database in begun
    ]
    monthly = {"name": "Monthly", "expression": "0 3 20 * *"}
    chosen = {"database_selection_mode": "selected", "database_names": ["books"], "volume_ids": []}
    busy.server["backups"].append({"id": "b3", "backup_schedule": monthly, **chosen})  # type: ignore[attr-defined]
    return busy


def test_what_was_cut_off_is_said_where_no_run_is_known() -> None:
    """The quarterly dump may have run before that; what was due on the twentieth and did not come was missed."""
    report = read(source_for(Replies(busier().answer)))

    for contact, of_books in ((NOW, State.NEW), (NOW - timedelta(days=90), State.NEVER)):
        verdict = concluded("archive", report, contact)
        assert verdict.state is State.NEW
        assert verdict.reason == "No run is known since Mon 16 Nov 08:51, and older ones could not be read."
        assert concluded("books", report, contact).state is of_books


def test_on_a_busy_server_a_monthly_run_is_read_back_for_as_well() -> None:
    """Thirty pages hold two days there; the run of the twentieth lies behind them."""
    busy, now = busier((4560, "books")), NOW
    busy.server["backups"].pop(1)  # type: ignore[attr-defined]
    source = source_for(Replies(busy.answer))

    def asked() -> int:
        busy.pages.clear()
        assert concluded("books", asyncio.run(source.read(lambda: now)), NOW).state is State.OK
        return busy.pages.count("/api/v1/jobs")

    first = asked()
    now += timedelta(minutes=5)

    assert (first, asked()) == (130, 30)


def concluded(database: str, report: Report, contact: datetime) -> Verdict:
    """What is concluded of a database when Databasement was read first at ``contact``."""
    setting = SourceSetting(
        name="databasement",
        kind=SourceKind.DATABASEMENT,
        url="https://db.lan",
        stale_after=timedelta(minutes=20),
    )
    seen_then = replace(
        report, at=contact, readings=tuple(replace(reading, as_of=contact) for reading in report.readings)
    )
    history = replace(record(EMPTY, seen_then), contacts=MappingProxyType({"databasement": contact}))
    given = Settings(timezone=ZoneInfo("Europe/Berlin"), sources=(setting,))
    rows = board({"databasement": report}, history, given, report.at).services
    return next(row.verdict for row in rows if row.name == database)
