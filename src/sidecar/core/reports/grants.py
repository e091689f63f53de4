"""The commands that grant a token what it lacks (PBS-4, PVE-3): once for the token, once for its user, for it has only
what both have.
"""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

#: Where their names are not known.
_ANYBODY = ("USER@REALM!TOKEN", "USER@REALM")


def on_backup_server(path: str, role: str, grantees: Sequence[str]) -> str:
    """What to type on the backup server."""
    grant = f"proxmox-backup-manager acl update {quote(path)} {role} --auth-id"
    return " && ".join(f"{grant} '{who}'" for who in grantees or _ANYBODY)


def on_node(path: str, grantees: Sequence[str]) -> str:
    """What to type on a node of Proxmox VE. A token's name has an exclamation mark."""
    grant = f"pveum acl modify {quote(path)} --roles PVEAuditor"
    return " && ".join(f"{grant} --{'tokens' if '!' in who else 'users'} '{who}'" for who in grantees or _ANYBODY)
