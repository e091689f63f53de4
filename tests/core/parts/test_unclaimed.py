"""What groups are called that no row shows (rule 11)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import BackupGroup, Guest, Namespace, UpkeepJob
from sidecar.core.reports.report import Limit, LimitKind, Report
from sidecar.core.settings import Ignore
from tests.core.factories import at
from tests.core.sample_reports import (
    CRITICAL,
    PBS,
    PVE,
    Scopes,
    after_the_night,
    group,
    judged,
    pbs,
    pve,
    readings,
    row,
    settings,
    source,
)

KEPT = group("22 04:05")
WEB, TEMPLATE = (
    Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1"),
    Guest(vmid=900, type="qemu", name="debian", node="pve1", template=True),
)


def notes(*groups: BackupGroup, cluster: Report | None = None, extra: Scopes | None = None) -> tuple[str, ...]:
    server = pbs("22 11:58", KEPT, *groups, extra=extra or {})
    return judged("22 12:00", cluster or after_the_night(), server).notes


def test_a_guest_that_no_cluster_has_is_gone() -> None:
    assert notes(group("20 04:05", vmid="199")) == ("Kept backups of a guest that is gone: pbs:main/ct/199.",)


def test_a_template_is_no_guest_that_is_gone() -> None:
    cluster = after_the_night(guests=(WEB, TEMPLATE))

    assert notes(group("20 04:05", vmid="900", kind="vm"), cluster=cluster) == (
        "Kept backups of template debian: pbs:main/vm/900.",
    )


def test_a_living_guest_saved_by_hand_elsewhere_is_not_gone() -> None:
    extra: Scopes = {
        ("namespaces", "main"): (Namespace("main", ""), Namespace("main", "manual")),
        ("snapshots", "main", "manual"): (group("20 04:05", namespace="manual"),),
    }

    assert notes(extra=extra) == ("Backups of vaultwarden where no job of today saves it: pbs:main/manual/ct/101.",)


def test_copies_of_a_pull_job_are_told_as_such_and_at_once() -> None:
    sync = UpkeepJob(kind="sync", id="pull", datastore="copies", namespace="from", schedule="05:00", owner="sync@pbs")
    copies = [
        replace(group("20 04:05", vmid=vmid, datastore="copies", namespace="from/a"), owner="sync@pbs")
        for vmid in ("101", "199")
    ]
    extra: Scopes = {("snapshots", "copies", "from/a"): tuple(copies), ("upkeep", "sync"): (sync,)}

    told = "pbs:copies/from/a/ct/101 and pbs:copies/from/a/ct/199"
    assert notes(extra=extra) == (f"Copies made by sync job pbs/sync/pull are judged by that job: {told}.",)


@pytest.mark.parametrize("changes", [{"owner": None}, {"owner": "other@pbs"}, {"namespace": "fro"}, {"datastore": "x"}])
def test_what_is_outside_of_its_target_or_another_owners_is_no_copy_of_it(changes: dict[str, str | None]) -> None:
    sync = UpkeepJob(kind="sync", id="pull", datastore="copies", namespace="from", schedule="05:00", owner="sync@pbs")
    copy = replace(group("20 04:05", vmid="199", datastore="copies", namespace="from"), owner="sync@pbs")
    extra: Scopes = {
        ("snapshots", "copies", "from"): (copy,),
        ("upkeep", "sync"): (replace(sync, **changes),),  # type: ignore[arg-type]
    }

    assert notes(extra=extra) == ("Backups that no configured Proxmox VE makes: pbs:copies/from/ct/199.",)


def test_a_guest_that_the_token_may_not_see_is_not_gone() -> None:
    limit = Limit(text="only some guests are visible", kind=LimitKind.NOT_VISIBLE, culprit="/vms")
    cluster = after_the_night(limits=(limit,))

    assert notes(group("20 04:05", vmid="199"), cluster=cluster) == (
        "Backups of a guest that is gone or that the token may not see: pbs:main/ct/199.",
    )


def test_one_that_a_job_covers_is_hidden_and_not_gone() -> None:
    cluster = after_the_night(jobs=(replace(CRITICAL, guests=(101, 199)),))

    assert notes(group("20 04:05", vmid="199"), cluster=cluster) == (
        "Backups of a guest that a job covers and the token may not see: pbs:main/ct/199.",
    )


def test_while_one_cluster_is_away_nobody_is_gone() -> None:
    other = source("pve2", SourceKind.PVE)
    server = pbs("22 11:58", KEPT, group("20 04:05", vmid="199"))
    stale = replace(pve("22 10:00"), source="pve2", readings=readings("22 10:00", {("guests",): ()}))
    board = judged("22 12:00", after_the_night(), stale, server, given=settings(PVE, other, PBS))

    assert board.notes == ("Backups of a guest that is gone or that the token may not see: pbs:main/ct/199.",)


@pytest.mark.parametrize(
    ("pool", "left_out"), [("lab", 1), ("lab/kids", 1), ("lab/kids/toys", 1), ("labs", 0), ("kids/lab", 0), (None, 0)]
)
def test_a_pool_is_left_out_with_the_pools_within_it(pool: str | None, left_out: int) -> None:
    cluster = after_the_night(guests=(WEB, Guest(vmid=102, type="qemu", name="lab1", node="pve1", pool=pool)))
    board = judged("22 12:00", cluster, pbs("22 11:58", KEPT), given=settings(ignore=Ignore(("pool:lab",), (), ())))

    assert board.left_out == left_out
    assert row(board, "vaultwarden").last_backup == at("22 04:05")
