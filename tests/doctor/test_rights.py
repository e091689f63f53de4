"""Rights that a token should not have: named once, on the highest path, with the way to take them away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Reading, Report
from sidecar.doctor import rights
from sidecar.doctor.findings import Severity
from sidecar.sources.permissions import Permissions
from tests.simulators.acl import PBS_FULL, PVE_FULL, PVE_LISTING, Acl

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
ALL = ("/", "/vms", "/storage", "/nodes", "/datastore", "/system", "/remote", "/access")


def found(
    paths: dict[str, set[str]], kind: SourceKind = SourceKind.PVE, *, archives: bool = False
) -> list[tuple[str, str]]:
    permissions = Permissions(
        {path: dict.fromkeys(held, True) for path, held in paths.items()}, token=f"monitor@{kind}!glance"
    )
    readings = (Reading(("archives", "pve1", "nas"), NOW),) if archives else ()
    report = Report(source="x", kind=kind, at=NOW, readings=readings)
    findings = list(rights.surplus(permissions, report, "source x"))
    assert {finding.severity for finding in findings} <= {Severity.WARNING}
    return [(finding.text, finding.action or "") for finding in findings]


def listed(acl: Acl) -> dict[str, set[str]]:
    return {path: set(held) for path, held in acl.listed(ALL).items()}


@pytest.mark.parametrize(
    ("acl", "kind", "archives"),
    [
        (PBS_FULL, SourceKind.PBS, False),
        (PVE_FULL, SourceKind.PVE, False),
        (PVE_LISTING, SourceKind.PVE, True),
    ],
)
def test_what_the_documents_ask_for_is_never_too_much(acl: Acl, kind: SourceKind, archives: bool) -> None:
    assert found(listed(acl), kind, archives=archives) == []


def test_the_right_to_list_archives_is_too_much_where_none_are_read() -> None:
    ((text, _),) = found(listed(PVE_LISTING))
    assert text == "the token may do more than it needs, on /storage: Datastore.Allocate"


def test_a_backup_server_tells_what_to_type() -> None:
    ((text, action),) = found(
        {
            "/datastore": {"Datastore.Audit", "Datastore.Prune", "Datastore.Modify"},
            "/datastore/main": {"Datastore.Prune"},
        },
        SourceKind.PBS,
    )
    assert text == "the token may do more than it needs, on /datastore: Datastore.Modify and Datastore.Prune"
    assert action == (
        "Find the role with: proxmox-backup-manager acl list; then take it away: "
        "proxmox-backup-manager acl update /datastore ROLE --delete --auth-id 'monitor@pbs!glance'"
    )


def test_a_cluster_tells_of_token_and_user() -> None:
    ((text, action),) = found({"/": {"VM.Audit", "VM.PowerMgmt"}, "/vms": {"VM.Audit", "VM.PowerMgmt"}})
    assert text == "the token may do more than it needs, on /: VM.PowerMgmt"
    assert "pveum acl delete / --roles ROLE --tokens 'monitor@pve!glance'" in action
    assert "pveum user token modify 'monitor@pve' glance --privsep 1" in action


def test_what_is_more_below_is_named_there() -> None:
    texts = [text for text, _ in found({"/vms": {"VM.Backup"}, "/vms/1": {"VM.Backup", "VM.Allocate"}, "/vmsx": {"A"}})]
    assert texts == [
        "the token may do more than it needs, on /vms: VM.Backup",
        "the token may do more than it needs, on /vmsx: A",
        "the token may do more than it needs, on /vms/1: VM.Allocate",
    ]


def test_a_hostile_amount_of_privileges_is_counted() -> None:
    ((text, _),) = found({"/vms": {f"VM.{number:04}" for number in range(5000)}})
    assert text.endswith("VM.0023 and 4976 more")


def test_a_hostile_amount_of_paths_is_counted() -> None:
    texts = [text for text, _ in found({f"/vms/{number}": {"VM.Allocate"} for number in range(500)})]
    assert len(texts) == 11
    assert texts[-1] == "the token may do more than it needs on 490 more paths"
