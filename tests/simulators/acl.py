"""Who may see what: ACL entries as PBS and PVE evaluate them, a deeper entry replacing what was inherited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Grant:
    """Privileges on one path; without ``propagate`` not on the paths below it."""

    privileges: frozenset[str]
    propagate: bool = True


@dataclass(frozen=True, slots=True)
class Acl:
    """What one token may do, path → grant."""

    entries: Mapping[str, Grant] = field(default_factory=lambda: MappingProxyType({}))

    def at(self, path: str) -> dict[str, bool]:
        """Privileges on a path, each with whether it propagates."""
        privileges: dict[str, bool] = {}
        for ancestor in _ancestors(path):
            grant = self.entries.get(ancestor)
            if grant is not None and (grant.propagate or ancestor == path):
                privileges = dict.fromkeys(sorted(grant.privileges), grant.propagate)
        return privileges

    def may(self, path: str, *privileges: str) -> bool:
        """Whether any of these privileges is there."""
        return any(privilege in self.at(path) for privilege in privileges)

    def may_at_or_below(self, path: str, *privileges: str) -> bool:
        """Whether any of these privileges is there or on something below it."""
        below = (entry for entry in self.entries if entry.startswith(f"{path.rstrip('/')}/"))
        return any(self.may(candidate, *privileges) for candidate in (path, *below))

    def listed(self, paths: Iterable[str]) -> dict[str, dict[str, bool]]:
        """Paths that have any privilege: these, and every path that an entry names."""
        listed = {path: self.at(path) for path in sorted({*paths, *self.entries})}
        return {path: privileges for path, privileges in listed.items() if privileges}


def grants(**roles: Iterable[str]) -> Acl:
    """An ACL from ``path=privileges`` pairs, for paths that are Python names: ``grants(datastore=DATASTORE_AUDIT)``."""
    return Acl({f"/{path}": Grant(frozenset(privileges)) for path, privileges in roles.items()})


DATASTORE_AUDIT = frozenset({"Datastore.Audit"})
REMOTE_AUDIT = frozenset({"Remote.Audit"})
PBS_AUDIT = frozenset({"Sys.Audit", "Datastore.Audit"})
PVE_AUDITOR = frozenset(
    {
        "Datastore.Audit",
        "Mapping.Audit",
        "Pool.Audit",
        "SDN.Audit",
        "Sys.Audit",
        "VM.Audit",
        "VM.GuestAgent.Audit",
    }
)
"""Roles (PBS-4, PVE-3)."""

PBS_FULL = grants(datastore=DATASTORE_AUDIT, remote=REMOTE_AUDIT, system=PBS_AUDIT)
"""DatastoreAudit on /datastore, RemoteAudit on /remote, Audit on /system: all that backup-glance can use."""

PVE_FULL = Acl({"/": Grant(PVE_AUDITOR)})
"""PVEAuditor on /."""

PVE_LISTING = Acl({"/": Grant(PVE_AUDITOR), "/storage": Grant(PVE_AUDITOR | {"Datastore.Allocate"})})
"""The same with the right to change storages: who has no access to the backup server needs it to see backups (PVE-4)."""


def _ancestors(path: str) -> Iterable[str]:
    yield "/"
    parts = [part for part in path.split("/") if part]
    for length in range(1, len(parts) + 1):
        yield "/" + "/".join(parts[:length])
