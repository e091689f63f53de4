"""Rows of Databasement become facts, and hostile ones are unreadable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model import Outcome
from sidecar.core.reports.facts import Dump, DumpCopy, DumpPlan
from sidecar.sources.databasement_parse import (
    Stored,
    distinct,
    parse_job,
    parse_page,
    parse_server,
    parse_snapshot,
    parse_volume,
    volume_names,
    with_files,
    with_volumes,
)
from sidecar.sources.fields import UnreadableError

SAMPLES = Path(__file__).parent / "samples_databasement"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}+00:00")


def dumps_of(version: str, *, servers: str) -> list[Dump]:
    """The dumps of a sample, with their files."""
    known = distinct(map(parse_server, sample(servers)["data"]))
    jobs = (parse_job(row, known) for row in sample(f"jobs_{version}")["data"])
    files = filter(None, map(parse_snapshot, sample(f"snapshots_{version[:4]}")["data"]))
    return list(with_files(filter(None, jobs), {one.id: one for one in files}))


def job(**changes: Any) -> dict[str, Any]:
    """A finished job of database shop."""
    row = next(row for row in sample("jobs_v1.3")["data"] if row["status"] == "completed" and not row["error_message"])
    return {**row, **changes}


# --- servers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1.3", "v1.9"])
def test_a_server_has_a_plan_for_each_of_its_backup_configurations(version: str) -> None:
    servers = [parse_server(row) for row in sample(f"database_servers_{version}")["data"]]
    shop, weekly = servers[0].plans
    (crm,), (cache,), (kiosk,), spare = (server.plans for server in servers[1:])

    assert not any(server.outdated for server in servers)
    assert (shop.server, shop.schedule_name, shop.schedule) == ("shop-mysql", "Daily", "0 2 * * *")
    assert (shop.mode, shop.databases, shop.enabled) == ("selected", ("shop", "shop_audit"), True)
    assert (weekly.mode, weekly.databases, weekly.schedule) == ("all", (), "0 3 * * 0")
    assert (crm.mode, crm.pattern, crm.server_type) == ("pattern", "^crm", "postgres")
    assert (cache.enabled, cache.mode) == (False, "all")
    assert kiosk.databases == ("/data/kiosk/app.sqlite",)
    assert spare == ()


def test_before_1_1_the_server_has_one_backup_and_says_itself_which_databases() -> None:
    server = parse_server(sample("database_server_v1.0_single_backup")["data"])

    assert server.outdated
    assert server.plans == (
        DumpPlan(
            server="crm-postgres",
            id="01km57j4m0ht4yj3csyx1avp50",
            schedule_name="Daily",
            schedule="0 2 * * *",
            mode="pattern",
            databases=(),
            pattern="^crm",
            enabled=True,
            server_type="postgres",
        ),
    )


@pytest.mark.parametrize(
    ("version", "volumes"),
    [("v1.3", [("nas-local",), ("s3-offsite",)]), ("v1.9", [("nas-local", "s3-offsite"), ("s3-offsite",)])],
)
def test_a_backup_configuration_names_its_volumes(version: str, volumes: list[tuple[str, ...]]) -> None:
    shop = parse_server(sample(f"database_servers_{version}")["data"][0])
    names = volume_names(map(parse_volume, sample("volumes")["data"]))

    assert [plan.volumes for plan in with_volumes(shop, names)] == volumes
    assert [plan.volumes for plan in with_volumes(shop, {})] == [None, None]


def test_where_one_of_its_volumes_is_not_known_none_is() -> None:
    """A part of them would be another place than the one it writes to."""
    shop = parse_server(sample("database_servers_v1.9")["data"][0])

    assert [plan.volumes for plan in with_volumes(shop, {shop.volume_ids[1][0]: "s3-offsite"})] == [
        None,
        ("s3-offsite",),
    ]


@pytest.mark.parametrize("changes", [{"volume_ids": None, "volume_id": None}, {"volume_ids": [], "volume_id": None}])
def test_a_backup_configuration_without_volumes_tells_none(changes: dict[str, object]) -> None:
    row = sample("database_servers_v1.9")["data"][0]
    row["backups"][0] |= changes
    names = volume_names(map(parse_volume, sample("volumes")["data"]))

    assert with_volumes(parse_server(row), names)[0].volumes is None


@pytest.mark.parametrize(
    ("status", "ok"),
    [("completed", True), ("failed", False), ("cancelled", False), ("pending", None), ("running", None)],
)
def test_before_1_7_the_one_copy_is_worth_what_the_job_is(status: str, ok: bool | None) -> None:
    row = {"job": {"id": "j", "status": status}, "volume": {"id": "v", "name": "nas", "type": "local"}}
    stored = parse_snapshot(row)

    assert stored is not None
    assert stored.copies == (DumpCopy("nas", ok),)


def test_only_the_mode_selected_goes_by_names_and_only_a_clear_no_disables() -> None:
    row = sample("database_servers_v1.9")["data"][0]
    row["backups"][0]["database_selection_mode"] = "all"
    del row["backups_enabled"]
    plan = parse_server(row).plans[0]

    assert (plan.databases, plan.enabled) == ((), True)


def test_databases_that_a_configuration_leaves_out_are_read() -> None:
    row = sample("database_servers_v1.9")["data"][0]
    row["backups"][0] |= {"database_selection_mode": "excluded", "database_names": ["legacy"]}
    plan = parse_server(row).plans[0]

    assert (plan.mode, plan.databases) == ("excluded", ("legacy",))


def test_a_selection_mode_that_is_not_known_is_said_to_be_unknown() -> None:
    row = sample("database_servers_v1.9")["data"][0]
    row["backups"][0]["database_selection_mode"] = "tagged"

    assert parse_server(row).plans[0].mode == "unknown"


def test_servers_that_share_a_name_cannot_stand_in_for_each_other() -> None:
    first, second, other = sample("database_servers_v1.9")["data"][:3]
    second["name"] = first["name"]
    servers = distinct(map(parse_server, (first, second, other)))
    dump = parse_job(job(), servers)

    assert len({server.name for server in servers.values()}) == 3
    assert servers[other["id"]].name == other["name"]
    assert all(plan.server == server.name for server in servers.values() for plan in server.plans)
    assert dump is not None
    assert dump.server == servers[job()["snapshot"]["server"]["id"]].name


# --- jobs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1.3", "v1.9_with_cancelled"])
def test_jobs_of_every_status_become_runs(version: str) -> None:
    dumps = dumps_of(version, servers="database_servers_v1.3")
    told = {(one.database, one.run.start): one for one in dumps}
    lost = "Command failed with exit code 2: mariadb-dump: Got error: 2013"

    pending, running = told["crm", at("11-23T08:59:58")].run, told["shop", at("11-23T08:58:30")].run
    assert (pending.outcome, pending.end) == (running.outcome, running.end) == (Outcome.RUNNING, None)
    good = told["shop", at("11-23T01:00:02")]
    assert (good.run.outcome, good.run.end, good.file_size) == (Outcome.OK, at("11-23T01:00:44"), 182991002)
    assert good.run.size == good.file_size
    failed = told["shop_audit", at("11-23T01:00:02")]
    assert (failed.run.outcome, failed.run.end, failed.file_size) == (Outcome.FAILED, at("11-23T01:01:47"), None)
    assert (failed.run.text or "").startswith(lost)
    assert failed.changed_at == at("11-23T01:01:47")
    assert told["all", at("11-20T05:00:01")].server == "cache-redis"
    assert [one.database for one in dumps if one.whole_server] == ["(all databases)"]
    assert "SAMPLE-NOT-A-KEY" not in repr(dumps)


def test_restores_are_no_dumps_although_their_type_is_null() -> None:
    rows = sample("jobs_v1.3")["data"]

    assert [row["type"] for row in rows if parse_job(row, {}) is None] == [None]
    assert parse_job(job(type=None), {}) is not None


def test_a_cancelled_run_has_failed() -> None:
    (cancelled,) = [
        one for one in dumps_of("v1.9_with_cancelled", servers="database_servers_v1.9") if one.run.text == "cancelled"
    ]

    assert (cancelled.database, cancelled.run.outcome) == ("shop", Outcome.FAILED)
    assert cancelled.run.end == at("11-23T08:59:40")


@pytest.mark.parametrize(
    ("status", "outcome", "ended", "text"),
    [
        ("pending", Outcome.RUNNING, False, None),
        ("running", Outcome.RUNNING, False, None),
        ("completed", Outcome.OK, True, None),
        ("failed", Outcome.FAILED, True, "first try: locked"),
        ("cancelled", Outcome.FAILED, True, "cancelled"),
    ],
)
def test_the_status_decides_whatever_an_earlier_try_left_in_the_row(
    status: str, outcome: Outcome, ended: bool, text: str | None
) -> None:
    dump = parse_job(job(status=status, error_message="first try: locked"), {})

    assert dump is not None
    assert (dump.run.outcome, dump.run.end is not None, dump.run.text) == (outcome, ended, text)


def test_an_end_from_before_the_start_is_not_known() -> None:
    dump = parse_job(job(completed_at="2026-11-20T01:00:00.000000Z"), {})

    assert dump is not None
    assert (dump.run.outcome, dump.run.end) == (Outcome.OK, None)


@pytest.mark.parametrize(
    ("database", "status", "started", "whole"),
    [
        ("(all databases)", "failed", None, True),
        ("(preflight)", "failed", None, True),
        ("^crm", "failed", None, True),
        ("^crm", "failed", "2026-11-23T01:00:05.000000Z", False),  # a database of that very name
        ("^crm", "completed", None, False),
        ("crm", "failed", None, False),
    ],
)
def test_a_failure_before_the_databases_were_known_concerns_the_whole_server(
    database: str, status: str, started: str | None, whole: bool
) -> None:
    crm = parse_server(sample("database_servers_v1.3")["data"][1])
    row = job(status=status, started_at=started)
    row["snapshot"] |= {"database_name": database, "server": {"id": crm.id, "name": crm.name}}
    dump = parse_job(row, {crm.id: crm})

    assert dump is not None
    assert dump.whole_server is whole


@pytest.mark.parametrize(
    "changes", [{"status": "queued"}, {"status": 3}, {"created_at": None}, {"created_at": "23.11."}, {"id": ""}]
)
def test_a_job_that_says_something_unknown_is_unreadable(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        parse_job(job(**changes), {})


@pytest.mark.parametrize(
    ("triggered_by", "method", "scheduled"),
    [(None, None, True), ({"id": 1}, None, False), (None, "manual", False), ({"id": 1}, "scheduled", True)],
)
def test_what_the_snapshot_says_about_who_began_a_run_counts_more(
    triggered_by: object, method: str | None, scheduled: bool
) -> None:
    row = job()
    row["snapshot"]["triggered_by"] = triggered_by
    stored = parse_snapshot({"job": {"id": row["id"], "status": "completed"}, "method": method})
    dump = parse_job(row, {})

    assert dump is not None
    assert stored is not None
    assert with_files([dump], {stored.id: stored})[0].scheduled is scheduled


# --- snapshots --------------------------------------------------------------------------------------------------------


def test_each_volume_has_its_copy_and_before_1_7_there_is_one() -> None:
    def newest(version: str) -> Dump:
        dumps = dumps_of(version, servers="database_servers_v1.9")
        return next(one for one in dumps if one.database == "shop" and one.run.good)

    old, new = newest("v1.3"), newest("v1.9_with_cancelled")
    assert (old.copies, old.file_exists) == ((DumpCopy("nas-local", True),), None)
    assert (new.copies, new.file_exists) == ((DumpCopy("nas-local", True), DumpCopy("s3-offsite", False)), True)


@pytest.mark.parametrize(
    ("volumes", "exists", "ok"),
    [
        ([("completed", True), ("completed", True)], True, [True, True]),
        ([("completed", True), ("completed", False)], True, [True, False]),
        ([("completed", False), ("completed", False)], False, [False, False]),
        ([("completed", False), ("failed", True)], False, [False, False]),
        ([("completed", False), ("completed", None)], True, [False, True]),
        ([("completed", None)], None, [True]),
        ([("failed", True), ("deletion_failed", True)], None, [False, False]),
        ([("pending", True), ("deleting", True), ("archived", True)], None, [None, None, None]),
        ([], None, []),
    ],
)
def test_a_file_is_gone_when_no_finished_copy_has_it(
    volumes: list[tuple[str, bool | None]], exists: bool | None, ok: list[bool | None]
) -> None:
    rows = [{"name": "v", "status": status, "file_exists": there} for status, there in volumes]
    stored = parse_snapshot({"job": {"id": "j", "status": "completed"}, "file_size": 5, "volumes": rows})

    assert stored is not None
    assert (stored.exists, [copy.ok for copy in stored.copies]) == (exists, ok)


def test_only_a_completed_dump_can_be_an_empty_file() -> None:
    def stored(status: str) -> Stored | None:
        return parse_snapshot({"job": {"id": "j", "status": status}, "file_size": 0})

    sizes = [one.size for one in map(stored, ("pending", "running", "failed", "completed")) if one]
    assert sizes == [None, None, None, 0]


# --- hostile answers --------------------------------------------------------------------------------------------------


PARSERS: dict[str, Callable[[Any], object]] = {
    "database_servers_v1.9": parse_server,
    "jobs_v1.9_with_cancelled": partial(parse_job, servers={}),
    "snapshots_v1.9": parse_snapshot,
    "volumes": parse_volume,
}


@given(JSON)
def test_any_json_is_parsed_or_unreadable(value: Any) -> None:
    for parse in (parse_page, *PARSERS.values()):
        try:
            parse(value)
        except UnreadableError:
            continue


@given(st.data())
def test_a_row_with_anything_in_one_of_its_fields_is_parsed_or_unreadable(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PARSERS)))
    rows = sample(name)["data"]
    row = rows[min(3, len(rows) - 1)]
    holder = data.draw(st.sampled_from(list(_objects(row))))
    holder[data.draw(st.sampled_from(sorted(holder)))] = data.draw(JSON)
    try:
        PARSERS[name](row)
    except UnreadableError:
        return


def _objects(value: Any) -> Iterable[dict[str, Any]]:
    if isinstance(value, dict):
        yield from [value] if value else []
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _objects(member)
