"""What a token of Proxmox Backup Server must be granted, and what stays unseen without it, in words (PBS-4, PBS-6)."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.core.reports.report import Limit, Problem, ProblemKind

from .permissions import Permissions
from .problems import not_visible

_AUDIT = "Datastore.Audit"


def sees_anything(permissions: Permissions) -> bool:
    """The token may see a datastore or a namespace. Without propagation /datastore alone shows nothing."""
    return permissions.spreads("/datastore", _AUDIT) or permissions.somewhere_below("/datastore", _AUDIT)


def sees_all_of(permissions: Permissions, store: str) -> bool:
    """The token may see every namespace of a datastore (but for those on which an own entry replaces that)."""
    return permissions.spreads(f"/datastore/{store}", _AUDIT)


def sees_namespace(permissions: Permissions, store: str, namespace: str) -> bool:
    """The token may see all groups of a namespace."""
    return permissions.has(_path(store, namespace), _AUDIT)


def sees_tasks(permissions: Permissions) -> bool:
    """The token may see the tasks of others."""
    return permissions.has("/system/tasks", "Sys.Audit")


def nothing_visible() -> Problem:
    """The token may not see any datastore."""
    cause = f"the token may not see any datastore: {_AUDIT} with propagation is missing on /datastore"
    return _denied(cause, "/datastore", "DatastoreAudit")


def namespace_closed(store: str, namespace: str) -> Problem:
    """The token may not see this namespace."""
    path = _path(store, namespace)
    return _denied(f"the token may not see {path}: {_AUDIT} is missing", path, "DatastoreAudit")


def namespaces_unseen(store: str) -> Problem:
    """The token sees some namespaces of a datastore, so one that isn't listed may exist all the same."""
    path = _path(store, "")
    return _denied(f"the token sees only some namespaces of {store}: {_AUDIT} is missing", path, "DatastoreAudit")


def limits(permissions: Permissions) -> Iterator[Limit]:
    """What the token may not see and can do without."""
    if not permissions.spreads("/datastore", _AUDIT):
        grant = _command("/datastore", "DatastoreAudit")
        text = f"only the datastores and namespaces granted to the token are visible; to see all: {grant}"
        yield not_visible(text, "/datastore")
    if not permissions.spreads("/remote", "Remote.Audit"):
        grant = _command("/remote", "RemoteAudit")
        yield not_visible(f"sync jobs with remotes can't be seen: the token needs Remote.Audit ({grant})", "/remote")
    if not sees_tasks(permissions):
        grant = _command("/system/tasks", "Audit")
        text = f"failed uploads and running tasks can't be seen: the token needs Sys.Audit ({grant})"
        yield not_visible(text, "/system/tasks")


def _denied(cause: str, path: str, role: str) -> Problem:
    action = f"Grant it to the token and to its user: {_command(path, role)}"
    return Problem(cause, action, kind=ProblemKind.NO_PERMISSION, culprit=path)


def _command(path: str, role: str) -> str:
    return f"proxmox-backup-manager acl update {path} {role} --auth-id 'USER@REALM!TOKEN'"


def _path(store: str, namespace: str) -> str:
    return f"/datastore/{store}/{namespace}".rstrip("/")
