"""The states in which the recorded backup server was, one after the other, and which recordings tell each of them."""

from __future__ import annotations

from dataclasses import replace

from .pbs_recordings import Answers, State

#: What a token with all rights read last, and store3 as it was before its maintenance.
_BASE = (
    "08_main_state/token_full",
    ("07_store3_maintenance_read-only", ("/admin/datastore/store3/namespace", "/admin/datastore/store3/snapshots")),
    ("02_configured_nothing_ran_yet", ("/admin/datastore",)),
)
_RAN = (*_BASE, "03_after_first_manual_runs")
_UPLOADS = (*_RAN, "04_while_two_uploads_a_verify_job_and_a_gc_run")
_CRASHED = (*_UPLOADS, "05_after_proxy_crash_kill9_and_restart")
_MAIN = ("08_main_state/token_full",)
_SNAPSHOTS = "/admin/datastore/store1/snapshots"
_WHO = ("/access/permissions", "/version", "/nodes/localhost/time", "/admin/datastore/store2/namespace")
_SMALL = (
    *_MAIN,
    ("14_small_store_full", ("/admin/datastore/small/snapshots",)),
    "13_three_days_downtime_then_growing_small_store",
)


def _small_store(told: Answers) -> Answers:
    """A datastore was added, and all schedules of garbage collections were taken away."""
    gc = [
        {key: value for key, value in row.items() if key not in ("schedule", "next-run")}
        for row in told["/admin/gc"]["rows"]
    ]
    stores = [*told["/admin/datastore"]["rows"], {"store": "small", "comment": None}]
    return {**told, "/admin/gc": {"status": 200, "rows": gc}, "/admin/datastore": {"status": 200, "rows": stores}}


def _all_of_store1_unreadable(told: Answers) -> Answers:
    """What was recorded of one namespace below the root is so for all."""
    as_one = told[f"{_SNAPSHOTS}?ns=clusterA"]
    return {
        request: as_one if request.startswith(f"{_SNAPSHOTS}?ns=") and answer["status"] != 403 else answer
        for request, answer in told.items()
    }


def _empty(told: Answers) -> Answers:
    """No backup anywhere."""
    namespaces = {
        "store1": ("", "clusterA", "clusterA/sub", "clusterB"),
        "store2": ("", "fromA"),
        "store3": ("",),
        "store4": ("",),
    }
    empty = {
        f"/admin/datastore/{store}/snapshots{f'?ns={namespace}' if namespace else ''}": {"status": 200, "rows": []}
        for store, names in namespaces.items()
        for namespace in (*names, *(("empty",) if store == "store1" else ()))
    }
    return {**told, **empty}


def _tokens(*names: str) -> dict[str, State]:
    return {f"08 {name}": State("2026-11-23T18:28:36Z", (f"08_main_state/token_{name}",)) for name in names}


def _gc(name: str, moment: str) -> State:
    return State(moment, (*_CRASHED, "06_gc_failures", f"06_gc_failures/{name}"))


def _maintenance(name: str, moment: str) -> State:
    return State(moment, (*_CRASHED, f"07_store3_maintenance_{name}"))


def _broken(name: str) -> State:
    return State("2026-11-23T18:31:00Z", (*_MAIN, f"11_broken_server_states/{name}"))


STATES: dict[str, State] = {
    "01": State("2026-11-23T18:21:37Z", ("01_fresh_install_token_without_acl",)),
    "02": State(
        "2026-11-23T18:22:14Z",
        (("08_main_state/token_full", _WHO), "02_configured_nothing_ran_yet"),
        _empty,
    ),
    "03": State("2026-11-23T18:23:20Z", _RAN),
    "04": State("2026-11-23T18:25:38Z", _UPLOADS),
    "05": State("2026-11-23T18:25:44Z", _CRASHED),
    "06 only ever failed": _gc("gc_that_only_ever_failed", "2026-11-23T18:26:48Z"),
    "06 first success": _gc("gc_after_first_success", "2026-11-23T18:26:58Z"),
    "06 failed after a success": _gc("gc_failed_after_earlier_success", "2026-11-23T18:27:01Z"),
    "07 read-only": _maintenance("read-only", "2026-11-23T18:27:01Z"),
    "07 offline": _maintenance("offline_without_message", "2026-11-23T18:27:03Z"),
    "07 offline, message": _maintenance("offline_with_message", "2026-11-23T18:27:07Z"),
    "07 delete": _maintenance("delete", "2026-11-23T18:27:32Z"),
    **_tokens(
        "full",
        "admin",
        "Audit_on_root_path",
        "DatastoreReader",
        "datastore_and_remote_without_sys",
        "datastore_without_remote_and_sys",
        "remote_acl_below_remote_name",
        "deeper_acl_replaces",
        "store1_only",
        "ns_clusterA_only",
        "DatastoreBackup_clusterA_owner_of_groups",
        "no_propagate",
        "token_acl_but_owner_has_none",
        "noacl",
    ),
    "08b": State("2026-11-23T18:29:51Z", (*_MAIN, "08b_jobs_of_an_offline_store_are_overdue")),
    "10": State("2026-11-23T18:29:53Z", (*_MAIN, "10_tasks_query_variants")),
    "11 nothing broken": _broken("nothing_broken"),
    "11 privileged daemon down": _broken("privileged_api_daemon_down"),
    "11 job state corrupt": _broken("one_job_state_file_corrupt"),
    "11 job state missing": _broken("one_job_state_file_missing"),
    "11 schedule unparsable": _broken("config_with_unparsable_schedule"),
    "11 group unreadable": _broken("one_group_directory_unreadable"),
    "11 owner file missing": _broken("one_group_owner_file_missing"),
    "11 snapshot unreadable": _broken("newest_snapshot_directory_unreadable"),
    "11 manifest cut": _broken("newest_snapshot_manifest_truncated"),
    "11 type unreadable": _broken("type_directory_vm_unreadable"),
    "11 ns unreadable": replace(_broken("ns_directory_unreadable"), touch=_all_of_store1_unreadable),
    "11 ns unreadable, ns_clusterA_only": State(
        "2026-11-23T18:31:00Z",
        (
            "08_main_state/token_ns_clusterA_only",
            (
                "11_broken_server_states/ns_directory_unreadable",
                ("/admin/datastore/store1/snapshots?ns=clusterA", "/admin/datastore/store1/namespace"),
            ),
            "11_broken_server_states/ns_directory_unreadable/token_ns_clusterA_only",
        ),
        _all_of_store1_unreadable,
    ),
    "11 ns repaired": _broken("ns_directory_unreadable_then_repaired"),
    "11 store4 missing": _broken("store4_directory_missing_while_proxy_has_it_open"),
    "11 store4 missing since start": _broken("store4_directory_missing_since_proxy_start"),
    "11 store4 empty": _broken("store4_directory_empty_like_not_mounted_while_proxy_has_it_open"),
    "11 store4 empty since start": _broken("store4_directory_empty_like_not_mounted_since_proxy_start"),
    "13": State("2026-11-28T03:41:00Z", _SMALL, _small_store),
    "14": State("2026-11-28T16:35:33Z", (*_SMALL, "14_small_store_full"), _small_store),
    "15": State("2026-11-23T18:48:17Z", (*_MAIN, "15_groups_last-backup_wrong_beside_a_lost_upload")),
    "16": State(
        "2026-11-23T18:49:27Z", (*_MAIN, "16_verify_jobs_failing_for_lost_uploads_and_OK_over_known_bad_snapshots")
    ),
}
