"""What a token of Proxmox VE must be granted, and what stays unseen without it, in words (PVE-3)."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.core.reports.grants import on_node
from sidecar.core.reports.report import Limit, Problem, ProblemKind

from .permissions import Permissions
from .problems import not_visible

_GUESTS, _STORAGES, _SYSTEM = "VM.Audit", "Datastore.Audit", "Sys.Audit"


def sees_jobs(permissions: Permissions) -> bool:
    """The token may read backup jobs."""
    return permissions.has("/", _SYSTEM)


def sees_node(permissions: Permissions, node: str) -> bool:
    """The token may read a node's clock and the tasks of others there."""
    return permissions.has(f"/nodes/{node}", _SYSTEM)


def sees_all_guests(permissions: Permissions) -> bool:
    """The token may see every guest."""
    return permissions.spreads("/vms", _GUESTS) and not permissions.replaced_below("/vms", _GUESTS)


def sees_a_guest(permissions: Permissions) -> bool:
    """The token may see some guest, by itself or through its pool."""
    return any(
        permissions.spreads(top, _GUESTS) or permissions.somewhere_below(top, _GUESTS) for top in ("/vms", "/pool")
    )


def sees_a_storage(permissions: Permissions) -> bool:
    """The token may see some storage."""
    wanted = (_STORAGES, "Datastore.AllocateSpace")
    return any(
        permissions.spreads("/storage", privilege) or permissions.somewhere_below("/storage", privilege)
        for privilege in wanted
    )


def lists_archives(permissions: Permissions, storage: str) -> bool:
    """The content of a storage shows its backups; otherwise it is empty without saying so (PVE-4)."""
    path = f"/storage/{storage}"
    owns = permissions.spreads("/vms", "VM.Backup") and not permissions.replaced_below("/vms", "VM.Backup")
    return permissions.has(path, "Datastore.Allocate") or (owns and permissions.has(path, "Datastore.AllocateSpace"))


def snapshots_closed(permissions: Permissions, storage: str) -> Problem:
    """The content of a storage on a backup server that is no configured source is empty for the token (PVE-4, PVE-19)."""
    path = f"/storage/{storage}"
    grant, (token, user) = f"pveum acl modify {path} --roles PVEDatastoreAdmin", permissions.grantees
    return Problem(
        f"storage {storage} leads to no configured Proxmox Backup Server, and the token may not list its backups: "
        f"Datastore.Allocate is missing on {path}",
        "Add that server to sources; or grant PVEDatastoreAdmin, which may also change the storage, "
        f"to the token and to its user: {grant} --tokens '{token}' && {grant} --users '{user}'",
        kind=ProblemKind.NO_PERMISSION,
        culprit=path,
    )


def nothing_visible(permissions: Permissions) -> Problem:
    """The token has no permission at all."""
    return _denied(permissions, "the token has no permission at all", "/")


def jobs_closed(permissions: Permissions) -> Problem:
    """Backup jobs can't be read."""
    return _denied(permissions, f"the token may not read backup jobs: {_SYSTEM} is missing on /", "/")


def guests_closed(permissions: Permissions) -> Problem:
    """No guest can be seen."""
    return _denied(permissions, f"the token may not see guests: {_GUESTS} is missing on /vms", "/vms")


def storages_closed(permissions: Permissions) -> Problem:
    """No storage can be seen."""
    return _denied(permissions, f"the token may not see storages: {_STORAGES} is missing on /storage", "/storage")


def node_closed(permissions: Permissions, node: str) -> Problem:
    """A node's clock and tasks can't be read."""
    return _denied(permissions, f"the token may not read node {node}: {_SYSTEM} is missing on /nodes/{node}", "/nodes")


def limits(permissions: Permissions) -> Iterator[Limit]:
    """What the token sees only in part."""
    if sees_a_guest(permissions) and not sees_all_guests(permissions):
        text = (
            f"only some guests are visible: the token needs {_GUESTS} on all of /vms ({_command(permissions, '/vms')})"
        )
        yield not_visible(text, "/vms", permissions.grantees)
    hidden = not permissions.spreads("/storage", _STORAGES) or permissions.replaced_below("/storage", _STORAGES)
    if hidden and sees_a_storage(permissions):
        grant = _command(permissions, "/storage")
        text = f"only some storages are visible: the token needs {_STORAGES} on all of /storage ({grant})"
        yield not_visible(text, "/storage", permissions.grantees)


def _denied(permissions: Permissions, cause: str, path: str) -> Problem:
    action = f"Grant PVEAuditor to the token and to its user: {_command(permissions, path)}"
    return Problem(cause, action, kind=ProblemKind.NO_PERMISSION, culprit=path)


def _command(permissions: Permissions, path: str) -> str:
    return on_node(path, permissions.grantees)
