"""Guests: the way from a job to its snapshots, and what vzdump tasks prove. Rules 2, 5, 9 and 10."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.model import PartKind, SourceKind, State
from sidecar.core.reports.facts import (
    Archive,
    BackupGroup,
    BackupJob,
    Guest,
    LeftOutVolume,
    Namespace,
    Snapshot,
    Storage,
    Verification,
    Zone,
)
from sidecar.core.reports.report import Problem, ProblemKind, Reading, Report, keep_what_failed
from sidecar.core.settings import ExpectSetting, PartSetting, ServiceSetting, Settings
from tests.core.factories import at
from tests.core.sample_reports import (
    CRITICAL,
    PBS,
    PIN,
    PVE,
    STORAGE,
    Scopes,
    away,
    group,
    hours,
    judged,
    pbs,
    pve,
    row,
    service,
    settings,
    source,
    upload,
    vzdump,
)

VZDUMP = vzdump("22 04:00", "22 05:00")


def state(now: str, *reports: Report, name: str = "vaultwarden") -> State:
    return row(judged(now, *reports), name).verdict.state


# --- the join ---


def test_a_guests_backups_are_found_through_its_jobs_storage() -> None:
    service = row(
        judged("22 12:00", pve("22 11:58", VZDUMP), pbs("22 11:58", group("21 04:05", "22 04:05"))), "vaultwarden"
    )

    assert (service.verdict.state, service.count, service.last_backup) == (State.OK, 2, at("22 04:05"))
    assert service.next_run == at("23 04:00")
    assert service.parts[0].job == "pve/backup/critical"


@pytest.mark.parametrize(
    ("storage", "given"),
    [
        (STORAGE, settings()),
        (replace(STORAGE, fingerprint=None), settings()),
        (
            replace(STORAGE, fingerprint=None, server="10.0.0.9"),
            settings(source("pve", SourceKind.PVE, storages={"pbs-main": "pbs"}), PBS),
        ),
    ],
    ids=["by fingerprint", "by host", "by configuration"],
)
def test_a_storage_leads_to_its_server(storage: Storage, given: Settings) -> None:
    reports = (pve("22 11:58", VZDUMP, storages=(storage,)), pbs("22 11:58", group("22 04:05")))

    assert row(judged("22 12:00", *reports, given=given), "vaultwarden").verdict.state is State.OK


def test_a_storage_that_leads_nowhere_is_unknown_and_says_what_to_do() -> None:
    stranger = replace(STORAGE, fingerprint=None, server="other.lan")
    verdict = row(
        judged("22 12:00", pve("22 11:58", VZDUMP, storages=(stranger,)), pbs("22 11:58")), "vaultwarden"
    ).verdict

    assert verdict.state is State.UNKNOWN
    assert verdict.reason == "Storage pbs-main leads to no configured Proxmox Backup Server."
    assert "storages" in (verdict.action or "")


def test_a_job_that_names_no_storage_is_unknown_and_says_what_to_do() -> None:
    homeless = replace(CRITICAL, storage=None)
    verdict = row(judged("22 12:00", pve("22 11:58", jobs=(homeless,)), pbs("22 11:58")), "vaultwarden").verdict

    assert (verdict.state, verdict.reason) == (State.UNKNOWN, "Job critical names no storage.")
    assert verdict.action == "Give job critical a storage."


def test_the_same_id_in_another_namespace_is_another_guest() -> None:
    other: Scopes = {("snapshots", "main", "clusterB"): (group("1 04:05", "22 04:05", namespace="clusterB"),)}

    board = judged("22 12:00", pve("22 11:58"), pbs("22 11:58", extra=other), since="21 12:00")
    assert row(board, "vaultwarden").verdict.state is State.NEVER


def test_a_namespace_that_does_not_exist_yet_is_empty_not_unknown() -> None:
    storage = replace(STORAGE, namespace="later")
    reports = (pve("22 11:58", storages=(storage,)), pbs("22 11:58", group("1 04:05", vmid="999")))

    assert row(judged("22 12:00", *reports, since="21 12:00"), "vaultwarden").verdict.state is State.NEVER


def test_a_namespace_that_cannot_be_read_is_unknown_alone() -> None:
    guests = (
        Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1"),
        Guest(vmid=102, type="lxc", name="vault", node="pve1"),
    )
    jobs = (CRITICAL, BackupJob(id="b", schedule="04:00", enabled=True, storage="second", node=None, guests=(102,)))
    storages = (STORAGE, replace(STORAGE, name="second", namespace="sub"))
    server = pbs("22 11:58", group("22 04:05"))
    broken = Reading(("snapshots", "main", "sub"), None, (), Problem("HTTP 400: EACCES: Permission denied"))
    server = replace(server, readings=(*server.readings, broken))
    board = judged("22 12:00", pve("22 11:58", VZDUMP, guests=guests, jobs=jobs, storages=storages), server)

    assert row(board, "vaultwarden").verdict.state is State.OK
    assert row(board, "vault").verdict.state is State.UNKNOWN
    assert "EACCES" in (row(board, "vault").verdict.reason or "")


@pytest.mark.parametrize(("kind", "expected"), [(None, State.OK), ("lxc", State.OK), ("qemu", State.NEW)])
def test_archives_on_other_storages_count_but_those_of_a_machine_that_had_the_id_of_a_container(
    kind: str | None, expected: State
) -> None:
    job = replace(CRITICAL, storage="nas")
    cluster = pve("22 11:58", VZDUMP, jobs=(job,), storages=(Storage(name="nas", type="nfs", enabled=True),))
    archive = Archive(storage="nas", vmid=101, time=at("22 04:03"), size=5, guest_type=kind)
    archives = Reading(("archives", "shared", "nas"), at("22 11:58"), (archive,))
    cluster = replace(cluster, readings=(*cluster.readings, archives))

    assert state("22 12:00", cluster, pbs("22 11:58")) is expected


@pytest.mark.parametrize("node", ["pve1", "pve2"])
def test_rule_3_a_storage_that_each_node_has_for_itself_is_one_destination_over_all_nodes(node: str) -> None:
    """A guest that moved to another node since last night left its archive on the first one."""
    local = Storage(name="local", type="dir", enabled=True)
    guest = Guest(vmid=101, type="lxc", name="vaultwarden", node=node)
    cluster = pve("22 11:58", VZDUMP, guests=(guest,), jobs=(replace(CRITICAL, storage="local"),), storages=(local,))
    read = at("22 11:58")
    kept = (
        Archive(storage="local", vmid=101, time=at("21 04:03"), size=5),
        Archive(storage="local", vmid=101, time=at("22 04:03"), size=5),
    )
    others: Scopes = {
        ("archives", "pve1", "local"): kept,
        ("archives", "pve2", "local"): (),
        ("tasks", "pve2"): (vzdump("22 04:00", "22 04:02", node="pve2"),),
        ("zone", "pve2"): (Zone("pve2", "Europe/Berlin"),),
    }
    cluster = replace(
        cluster, readings=(*cluster.readings, *(Reading(scope, read, facts) for scope, facts in others.items()))
    )

    assert state("22 12:00", cluster, pbs("22 11:58")) is State.OK


def test_an_archive_listing_that_was_never_read_is_unknown() -> None:
    job = replace(CRITICAL, storage="nas")
    cluster = pve("22 11:58", VZDUMP, jobs=(job,), storages=(Storage(name="nas", type="nfs", enabled=True),))
    archives = Reading(("archives", "shared", "nas"), None, (), Problem("HTTP 596"))

    assert state("22 12:00", replace(cluster, readings=(*cluster.readings, archives)), pbs("22 11:58")) is State.UNKNOWN


def test_two_clusters_that_feed_the_same_group_are_unknown_with_the_reason() -> None:
    other = replace(pve("22 11:58", VZDUMP), source="pve2")
    given = settings(PVE, source("pve2", SourceKind.PVE), PBS)
    board = judged("22 12:00", pve("22 11:58", VZDUMP), other, pbs("22 11:58", group("22 04:05")), given=given)

    assert [service.verdict.state for service in board.services] == [State.UNKNOWN, State.UNKNOWN]
    assert board.services[0].verdict.reason == "Group ct/101 in main on pbs is written by pve and pve2."
    assert [service.name for service in board.services] == ["vaultwarden (pve:101)", "vaultwarden (pve2:101)"]


# --- who is expected (rule 2) ---


@pytest.mark.parametrize(
    ("since", "notes"),
    [
        (None, ()),
        ("22 11:00", ("vaultwarden: job pve/backup/critical leaves out mp0 (disabled) since today 11:00.",)),
        ("2026-10-22 11:00", ()),
    ],
    ids=["always", "since today", "for more than 30 days"],
)
def test_rule_13_what_a_job_began_to_leave_out_is_noted_for_thirty_days(
    since: str | None, notes: tuple[str, ...]
) -> None:
    left_out = LeftOutVolume(101, "mp0", reason="disabled", since=at(since) if since else None)

    assert leaving_out(left_out) == notes


def test_rule_13_of_many_volumes_that_are_left_out_twenty_are_named_and_the_others_counted() -> None:
    notes = leaving_out(*(LeftOutVolume(101, f"mp{number}", since=at("22 11:00")) for number in range(22)))

    assert len(notes) == 21
    assert notes[-1] == "2 more volumes are left out of backups since then."


def leaving_out(*volumes: LeftOutVolume) -> tuple[str, ...]:
    """The notes on a cluster whose job leaves these out."""
    job = replace(CRITICAL, left_out=volumes)
    return judged("22 12:00", pve("22 11:58", vzdump("22 04:00", "22 04:20"), jobs=(job,)), pbs("22 11:58")).notes


def test_rule_2_a_guest_in_no_job_is_a_warning_with_what_is_kept_of_it() -> None:
    service = row(judged("22 12:00", pve("22 11:58", jobs=()), pbs("22 11:58", group("1 04:05"))), "vaultwarden")

    assert (service.verdict.state, service.count) == (State.WARNING, 1)


def test_rule_2_a_job_bound_to_another_node_does_not_cover_it() -> None:
    assert state("22 12:00", pve("22 11:58", jobs=(replace(CRITICAL, node="pve2"),)), pbs("22 11:58")) is State.WARNING


def test_rule_2_a_disabled_job_is_no_consent() -> None:
    reports = (pve("23 11:58", jobs=(replace(CRITICAL, enabled=False),)), pbs("23 11:58", group("22 04:05")))

    assert state("23 12:00", *reports) is State.MISSED


def test_rule_2_a_job_whose_guests_cannot_be_read_proves_nothing() -> None:
    assert state("22 12:00", pve("22 11:58", jobs=(replace(CRITICAL, guests=None),)), pbs("22 11:58")) is State.UNKNOWN


def test_rule_2_while_no_job_may_be_seen_nobody_can_tell_which_job_covers_it() -> None:
    denied = Problem("it may not see the backup jobs", "Grant Sys.Audit on /.", kind=ProblemKind.NO_PERMISSION)
    cluster = pve("22 12:00", VZDUMP)
    blind = replace(
        cluster,
        readings=tuple(
            replace(reading, as_of=None, facts=(), problem=denied) if reading.scope == ("jobs",) else reading
            for reading in cluster.readings
        ),
    )
    verdict = row(judged("22 12:01", blind, pbs("22 12:00", group("22 04:05"))), "vaultwarden").verdict

    assert verdict.state is State.UNKNOWN
    assert verdict.reason == "Can't tell which job covers it: it may not see the backup jobs."
    assert verdict.action == "Grant Sys.Audit on /."


def test_rule_2_backups_of_a_deleted_guest_are_a_note_not_a_row() -> None:
    board = judged(
        "22 12:00", pve("22 11:58", VZDUMP), pbs("22 11:58", group("22 04:05"), group("1 04:05", vmid="199"))
    )

    assert [service.name for service in board.services] == ["vaultwarden"]
    assert board.notes == ("Kept backups of a guest that is gone: pbs:main/ct/199.",)


def test_a_schedule_that_cannot_be_read_is_a_warning_with_its_text() -> None:
    jobs = (replace(CRITICAL, schedule="so oft es geht"),)
    service = row(
        judged("22 12:00", pve("22 11:58", VZDUMP, jobs=jobs), pbs("22 11:58", group("22 04:05"))), "vaultwarden"
    )

    assert service.verdict.state is State.WARNING
    assert "unable to read schedule 'so oft es geht'" in (service.verdict.reason or "")


def test_templates_are_no_services() -> None:
    guests = (
        Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1"),
        Guest(vmid=900, type="qemu", name="debian", node="pve1", template=True),
    )

    assert len(judged("22 12:00", pve("22 11:58", guests=guests), pbs("22 11:58")).services) == 1


# --- tasks (rule 5, and "a task that ended without a snapshot") -----------------------------------------------------------


def test_a_task_that_ended_without_a_snapshot_is_a_failure_of_every_guest_it_covered() -> None:
    reports = (
        pve("23 05:10", VZDUMP, vzdump("23 04:00", "23 05:00", "job errors")),
        pbs("23 05:10", group("22 04:05")),
    )
    verdict = row(judged("23 05:12", *reports), "vaultwarden").verdict

    assert verdict.state is State.FAILED
    assert verdict.reason == (
        "The run that ended today 05:00 failed: CT 101 got no snapshot, job errors; newest backup Sun 22 Nov 04:05."
    )


def test_a_task_that_ended_after_the_snapshots_were_listed_proves_nothing_yet() -> None:
    reports = (pve("23 05:01", VZDUMP, vzdump("23 04:00", "23 05:00")), pbs("23 04:58", group("22 04:05")))

    assert state("23 05:02", *reports) is State.RUNNING


def test_rule_5_a_task_under_way_on_its_node_may_still_reach_it() -> None:
    reports = (pve("23 05:01", VZDUMP, vzdump("23 04:00", None)), pbs("23 05:01", group("22 04:05")))

    assert state("23 05:02", *reports) is State.RUNNING


@pytest.mark.parametrize(("upload", "expected"), [("!23 04:38", State.RUNNING), ("23 04:38", State.OK)])
def test_rule_6_a_backup_is_from_the_future_only_by_the_list_that_shows_it(upload: str, expected: State) -> None:
    """The cluster was read a quarter of an hour earlier than the backup server: both are fresh."""
    reports = (pve("23 04:31", VZDUMP, vzdump("23 04:00", None)), pbs("23 04:45", group("22 04:05", upload)))

    assert state("23 04:45", *reports) is expected


def test_rule_5_a_task_for_another_guest_reaches_nobody_else() -> None:
    reports = (pve("23 05:01", VZDUMP, vzdump("23 04:10", None, vmid="102")), pbs("23 05:01", group("22 04:05")))

    assert state("23 05:02", *reports) is State.MISSED


def test_rule_5_a_task_on_another_node_reaches_nobody_here() -> None:
    cluster = pve("23 05:01", VZDUMP)
    there = Reading(("tasks", "pve2"), at("23 05:01"), (vzdump("23 04:00", None, node="pve2"),))
    cluster = replace(cluster, readings=(*cluster.readings, there))

    assert state("23 05:02", cluster, pbs("23 05:01", group("22 04:05"))) is State.MISSED


def test_a_manual_run_of_others_at_noon_is_no_failure_of_this_guest() -> None:
    noon = vzdump("22 12:00", "22 12:10")
    reports = (pve("22 12:58", VZDUMP, noon), pbs("22 12:58", group("22 04:05")))

    assert state("22 13:00", *reports) is State.OK


MONDAY = (
    Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1"),
    Guest(vmid=104, type="lxc", name="paperless", node="pve1"),
    Guest(vmid=201, type="lxc", name="jellyfin", node="pve1"),
    Guest(vmid=202, type="lxc", name="grafana", node="pve1"),
)
BOTH_JOBS = (
    replace(CRITICAL, guests=(101, 104)),
    BackupJob(id="noncritical", schedule="mon 04:00", enabled=True, storage="pbs-main", node=None, guests=(201, 202)),
)
OLD = (group("22 04:05", vmid="104"), group("16 05:05", vmid="202"))


def monday(*groups_: BackupGroup, second_runs: bool = True, read: str = "23 07:26") -> tuple[Report, Report]:
    """Both jobs began at 04:00 on one node; the first has ended with an error, paperless has no snapshot."""
    tasks = (
        VZDUMP,
        vzdump("16 04:00", "16 04:50"),
        replace(vzdump("16 04:00", "16 07:40"), upid="last week's second"),
        vzdump("23 04:00", "23 04:48", "job errors"),
        replace(vzdump("23 04:00", None if second_runs else "23 07:00"), upid="second"),
    )
    return (
        pve(read, *tasks, guests=MONDAY, jobs=BOTH_JOBS),
        pbs(read, group("22 04:05", "23 04:05"), *OLD, *groups_),
    )


def test_rule_5_jobs_due_at_the_same_minute_share_their_tasks() -> None:
    """While the second task may be anybody's, nobody is accused."""
    board = judged("23 05:00", *monday(group("16 04:55", vmid="201"), read="23 04:59"))

    assert row(board, "paperless").verdict.state is State.RUNNING
    assert row(board, "grafana").verdict.state is State.RUNNING


def test_rule_5_what_a_task_saved_alone_proves_whose_it_is() -> None:
    """jellyfin, of the other job only, began after the first task had ended: so the running task is not paperless'."""
    board = judged("23 07:30", *monday(group("16 04:55", "!23 04:50", vmid="201")))

    assert row(board, "paperless").verdict.state is State.FAILED
    assert row(board, "vaultwarden").verdict.state is State.OK
    assert row(board, "jellyfin").verdict.state is State.RUNNING
    assert row(board, "grafana").verdict.state is State.RUNNING


def test_rule_5_when_both_tasks_have_ended_who_has_nothing_has_failed() -> None:
    board = judged("23 07:30", *monday(group("23 04:50", vmid="201"), second_runs=False))

    assert {service.name: service.verdict.state for service in board.services} == {
        "paperless": State.FAILED,
        "grafana": State.FAILED,
        "vaultwarden": State.OK,
        "jellyfin": State.OK,
    }


# --- snapshots (rules 9 and 10) ---


def test_rule_10_a_recent_snapshot_without_size_is_an_upload() -> None:
    reports = (pve("23 04:40", VZDUMP, vzdump("23 04:00", None)), pbs("23 04:40", group("22 04:05", "!23 04:05")))
    service = row(judged("23 04:41", *reports), "vaultwarden")

    assert (service.verdict.state, service.count, service.last_backup) == (State.RUNNING, 1, at("22 04:05"))


def test_rule_10_an_old_one_is_a_failed_upload() -> None:
    reports = (pve("24 12:00", VZDUMP), pbs("24 12:00", group("22 04:05", "!23 04:05")))
    verdict = row(judged("24 12:01", *reports), "vaultwarden").verdict

    assert verdict.state is State.FAILED
    assert "upload never finished" in (verdict.reason or "")


def test_rule_10_an_upload_that_the_server_saw_fail_is_failed_at_once() -> None:
    reset = upload("23 04:05", "23 04:11", "connection error: connection reset")
    reports = (
        pve("23 04:15", VZDUMP, vzdump("23 04:00", None)),
        pbs("23 04:15", group("22 04:05"), extra={("tasks",): (reset,)}),
    )

    assert state("23 04:16", *reports) is State.FAILED


def test_rule_10_an_upload_that_may_be_another_namespaces_accuses_nobody() -> None:
    aborted = upload("22 05:05", "22 05:11", "task aborted")
    other: Scopes = {
        ("tasks",): (aborted,),
        ("snapshots", "main", "b"): (group("22 04:05", namespace="b"),),
        ("namespaces", "main"): (Namespace("main", ""),),
    }

    assert state("22 12:00", pve("22 11:58", VZDUMP), pbs("22 11:58", group("22 04:05"), extra=other)) is State.OK


def verified(ok: bool, *, own: bool = True, newest: bool = True) -> Report:
    good = group("21 04:05", "22 04:05")
    place = 0 if newest else 1
    snapshots = list(good.snapshots)
    snapshots[place] = replace(snapshots[place], verification=Verification(ok, at("22 10:00"), own))
    return pbs("22 11:58", replace(good, snapshots=tuple(snapshots)))


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (verified(True), State.OK),
        (verified(False), State.FAILED),
        (verified(False, newest=False), State.WARNING),
        (verified(False, own=False), State.OK),
    ],
    ids=["good", "newest corrupt", "older corrupt", "came with a synced copy"],
)
def test_rule_9_verification_is_judged_when_it_failed(server: Report, expected: State) -> None:
    assert state("22 12:00", pve("22 11:58", VZDUMP), server) is expected


NAS = Storage(name="nas", type="nfs", enabled=True)
TO_NAS = BackupJob(id="weekly", schedule="sun 03:00", enabled=True, storage="nas", node=None, guests=(101,))


@pytest.mark.parametrize("jobs", [(CRITICAL, TO_NAS), ()], ids=["two destinations", "in no job"])
@pytest.mark.parametrize(
    ("server", "expected"),
    [(verified(True), State.OK), (verified(False), State.FAILED), (verified(False, newest=False), State.WARNING)],
    ids=["good", "newest corrupt", "older corrupt"],
)
def test_rule_9_an_expectation_of_the_owners_hides_no_failed_verification(
    jobs: tuple[BackupJob, ...], server: Report, expected: State
) -> None:
    part = PartSetting(PartKind.GUEST, "101", ExpectSetting("04:00"))
    given = settings(services=(ServiceSetting(name="passwords", parts=(part,)),))
    cluster = pve("22 11:58", VZDUMP, jobs=jobs, storages=(STORAGE, NAS))
    on_nas = Reading(
        ("archives", "shared", "nas"), at("22 11:58"), (Archive(storage="nas", vmid=101, time=at("15 03:00"), size=5),)
    )
    cluster = replace(cluster, readings=(*cluster.readings, on_nas))

    assert row(judged("22 12:00", cluster, server, given=given), "passwords").verdict.state is expected


@pytest.mark.parametrize(("limit_hours", "expected"), [(3, State.OK), (1, State.WARNING)])
def test_rule_9_its_age_is_judged_only_where_the_owner_set_a_limit(limit_hours: int, expected: State) -> None:
    given = settings(services=(service("passwords", "101", verify_within=hours(limit_hours)),))
    board = judged("22 12:00", pve("22 11:58", VZDUMP), verified(True), given=given)

    assert row(board, "passwords").verdict.state is expected
    assert row(board, "passwords").verified_at == at("22 10:00")


# --- sources that are away ---


def test_nothing_is_ok_while_the_backup_server_cannot_be_read() -> None:
    assert state("22 12:00", pve("22 11:58", VZDUMP), away("pbs", SourceKind.PBS, "22 11:58")) is State.UNKNOWN


def test_without_the_cluster_a_mapped_guest_is_unknown() -> None:
    given = settings(services=(service("passwords", "101"),))
    board = judged("22 12:00", away("pve", SourceKind.PVE, "22 11:58"), pbs("22 11:58", group("22 04:05")), given=given)

    assert board.services[0].verdict.state is State.UNKNOWN
    assert board.services[0].verdict.reason == "Can't read pve: connection refused."


def test_the_last_plan_stays_in_force_while_the_cluster_is_away_but_starts_are_not_seen_then() -> None:
    stale = pve("23 03:00", VZDUMP)
    assert state("23 05:00", stale, pbs("23 04:58", group("22 04:05"))) is State.LATE
    assert state("23 07:30", stale, pbs("23 07:28", group("22 04:05"))) is State.MISSED
    assert state("23 07:30", stale, pbs("23 07:28", group("23 04:05"))) is State.OK


def test_the_fingerprint_of_nobody_is_not_taken_for_a_match() -> None:
    blind = pbs("22 11:58", group("22 04:05"), tls_fingerprint=None)
    storage = replace(STORAGE, server="elsewhere.lan", fingerprint=PIN)

    assert state("22 12:00", pve("22 11:58", VZDUMP, storages=(storage,)), blind) is State.UNKNOWN


def test_a_snapshot_list_is_newest_first() -> None:
    assert [snapshot.time for snapshot in group("21 04:05", "22 04:05").snapshots] == [at("22 04:05"), at("21 04:05")]
    assert Snapshot(time=at("22 04:05"), size=None).size is None


# --- a node that is off: PVE reports neither names nor template flags --------------------------------------------------------


NAMED = (
    Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1"),
    Guest(vmid=900, type="qemu", name="debian", node="pve2", template=True),
)
NODE_OFF = (NAMED[0], Guest(vmid=900, type="qemu", name=None, node="pve2"))


def test_a_template_on_a_node_that_is_off_is_still_no_guest_without_a_job() -> None:
    on = pve("22 11:53", VZDUMP, guests=NAMED)
    off = keep_what_failed(pve("22 11:58", VZDUMP, guests=NODE_OFF), on)
    later = keep_what_failed(pve("22 12:03", VZDUMP, guests=NODE_OFF), off)
    board = judged("22 12:04", later, pbs("22 12:03", group("22 04:05")))

    assert [(service.name, service.verdict.state) for service in board.services] == [("vaultwarden", State.OK)]


def test_a_guest_keeps_its_name_while_its_node_is_off_and_takes_a_new_one_afterwards() -> None:
    on = pve("22 11:53", VZDUMP)
    off = keep_what_failed(pve("22 11:58", VZDUMP, guests=(Guest(vmid=101, type="lxc", name=None, node="pve1"),)), on)
    renamed = keep_what_failed(
        pve("22 12:03", VZDUMP, guests=(Guest(vmid=101, type="lxc", name="passwords", node="pve1"),)), off
    )

    names = [next(report.facts(Guest)).name for report in (off, renamed)]
    assert names == ["vaultwarden", "passwords"]


def test_a_guest_that_was_never_seen_with_its_name_is_called_by_its_number() -> None:
    off = keep_what_failed(pve("22 11:58", VZDUMP, guests=NODE_OFF), pve("22 11:53", VZDUMP))
    board = judged("22 12:00", off, pbs("22 11:58", group("22 04:05")))

    assert row(board, "guest 900").verdict.state is State.WARNING


def test_rule_3_whose_a_task_is_is_asked_again_when_the_backup_server_tells_something_else() -> None:
    """What was made of the tasks is kept while Proxmox VE is not read again, but not longer than its proofs hold."""
    jobs = (replace(CRITICAL, id="a", guests=(101,)), replace(CRITICAL, id="b", guests=(102,)))
    guests = tuple(Guest(vmid=vmid, type="lxc", name=name, node="pve1") for vmid, name in ((101, "web"), (102, "db")))
    tasks = (vzdump("22 04:00", "22 04:10"), vzdump("22 04:20", "22 04:30"))
    cluster = pve("22 11:58", *tasks, guests=guests, jobs=jobs)

    for web, db in (("22 04:01", "22 04:21"), ("22 04:21", "22 04:01")):
        server = pbs("22 11:58", group("21 04:01", web), group("21 04:01", db, vmid="102"))
        board = judged("22 12:00", cluster, server)
        assert {row.name: row.verdict.state for row in board.services} == {"web": State.OK, "db": State.OK}
