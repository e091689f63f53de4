"""What a token of Proxmox Backup Server must be granted, and what stays unseen without it, in words (PBS-4, PBS-6)."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.core.reports.grants import on_backup_server
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


def closed_namespaces(permissions: Permissions, store: str) -> Iterator[str]:
    """Namespaces whose own entry takes away what is inherited: they may be left out of the list (PBS-5)."""
    above = f"/datastore/{store}/"
    return (path.removeprefix(above) for path in permissions.replaced_below(f"/datastore/{store}", _AUDIT))


def sees_namespace(permissions: Permissions, store: str, namespace: str) -> bool:
    """The token may see all groups of a namespace."""
    return permissions.has(_path(store, namespace), _AUDIT)


def sees_tasks(permissions: Permissions) -> bool:
    """The token may see the tasks of others."""
    return permissions.has("/system/tasks", "Sys.Audit")


def nothing_visible(permissions: Permissions) -> Problem:
    """The token may not see any datastore."""
    cause = f"the token may not see any datastore: {_AUDIT} with propagation is missing on /datastore"
    return _denied(permissions, cause, "/datastore")


def namespace_closed(permissions: Permissions, store: str, namespace: str) -> Problem:
    """The token may not see this namespace."""
    path = _path(store, namespace)
    return _denied(permissions, f"the token may not see {path}: {_AUDIT} is missing", path)


def namespaces_unseen(permissions: Permissions, store: str) -> Problem:
    """The token sees some namespaces of a datastore, so one that isn't listed may exist all the same."""
    path = _path(store, "")
    return _denied(permissions, f"the token sees only some namespaces of {store}: {_AUDIT} is missing on {path}", path)


def limits(permissions: Permissions) -> Iterator[Limit]:
    """What the token may not see and can do without."""
    closed = [path for path in permissions.replaced_below("/datastore", _AUDIT) if path.count("/") == 2]
    if permissions.spreads("/datastore", _AUDIT):
        for path in closed:
            text = f"what is in {path} can't be seen, nor whether it exists: {_command(permissions, path, 'DatastoreAudit')}"
            yield not_visible(text, "/datastore", permissions.grantees)
    else:
        grant = _command(permissions, "/datastore", "DatastoreAudit")
        text = f"only the datastores and namespaces granted to the token are visible; to see all: {grant}"
        yield not_visible(text, "/datastore", permissions.grantees)
    if not permissions.spreads("/remote", "Remote.Audit"):
        grant = _command(permissions, "/remote", "RemoteAudit")
        text = f"sync jobs with remotes can't be seen: the token needs Remote.Audit ({grant})"
        yield not_visible(text, "/remote", permissions.grantees)
    if not sees_tasks(permissions):
        grant = _command(permissions, "/system/tasks", "Audit")
        text = f"failed uploads and running tasks can't be seen: the token needs Sys.Audit ({grant})"
        yield not_visible(text, "/system/tasks", permissions.grantees)


def _denied(permissions: Permissions, cause: str, path: str) -> Problem:
    action = f"Grant it to the token and to its user: {_command(permissions, path, 'DatastoreAudit')}"
    return Problem(cause, action, kind=ProblemKind.NO_PERMISSION, culprit=path)


def _command(permissions: Permissions, path: str, role: str) -> str:
    return on_backup_server(path, role, permissions.grantees)


def _path(store: str, namespace: str) -> str:
    return f"/datastore/{store}/{namespace}".rstrip("/")
