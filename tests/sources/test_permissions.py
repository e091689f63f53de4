"""What a token may do, from the list of its permissions."""

from __future__ import annotations

import pytest

from sidecar.sources.fields import UnreadableError
from sidecar.sources.permissions import Permissions, parse_permissions

AUDIT = "Datastore.Audit"
YES, HERE_ONLY, OTHER = {AUDIT: True}, {AUDIT: False}, {"Datastore.Backup": True}


@pytest.mark.parametrize(
    ("paths", "path", "has", "spreads"),
    [
        ({}, "/datastore/main", False, False),
        ({"/datastore": YES}, "/datastore", True, True),
        ({"/datastore": YES}, "/datastore/main/a/b", True, True),
        ({"/datastore": HERE_ONLY}, "/datastore", True, False),
        ({"/datastore": HERE_ONLY}, "/datastore/main", False, False),
        ({"/datastore": YES, "/datastore/main": OTHER}, "/datastore/main", False, False),
        ({"/datastore": YES, "/datastore/main": OTHER}, "/datastore/main/a", False, False),
        ({"/datastore": YES, "/datastore/main": OTHER}, "/datastore/other", True, True),
        ({"/datastore": OTHER, "/datastore/main": HERE_ONLY}, "/datastore/main", True, False),
        ({"/": YES}, "/datastore/main", False, False),
        ({"/": YES}, "/", True, True),
    ],
)
def test_the_nearest_listed_path_decides(
    paths: dict[str, dict[str, bool]], path: str, has: bool, spreads: bool
) -> None:
    permissions = Permissions(paths)
    assert (permissions.has(path, AUDIT), permissions.spreads(path, AUDIT)) == (has, spreads)


def test_entries_below_give_or_replace_a_privilege() -> None:
    permissions = Permissions(
        {"/datastore": OTHER, "/datastore/main": YES, "/datastore/main/a": OTHER, "/datastores": YES}
    )
    assert permissions.somewhere_below("/datastore", AUDIT)
    assert not permissions.somewhere_below("/datastore/main", AUDIT)
    assert permissions.replaced_below("/datastore", AUDIT) == ["/datastore/main/a"]


def test_pve_writes_propagation_as_a_number() -> None:
    permissions = parse_permissions({"/vms": {"VM.Audit": 1}, "/storage": {AUDIT: 0}})
    assert permissions.spreads("/vms", "VM.Audit")
    assert not permissions.spreads("/storage", AUDIT)


@pytest.mark.parametrize("data", [None, [], {"/": []}, {"/": {AUDIT: "perhaps"}}, {"/": {AUDIT: None}}])
def test_anything_else_is_unreadable(data: object) -> None:
    with pytest.raises(UnreadableError):
        parse_permissions(data)
