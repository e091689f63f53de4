"""The commands that give a token what it lacks: once for the token and once for its user (PBS-4, PVE-3)."""

from __future__ import annotations

from shlex import quote

#: Stands for a token whose name is not known.
ANY_TOKEN = "USER@REALM!TOKEN"  # noqa: S105


def on_backup_server(path: str, role: str, token: str | None) -> str:
    """What to type on a Proxmox Backup Server; ``token`` is USER@REALM!NAME."""
    grant = f"proxmox-backup-manager acl update {quote(path)} {role} --auth-id"
    return " && ".join(f"{grant} '{who}'" for who in _grantees(token))


def on_cluster(path: str, token: str | None) -> str:
    """What to type on a node of Proxmox VE."""
    grant, (who, user) = f"pveum acl modify {quote(path)} --roles PVEAuditor", _grantees(token)
    return f"{grant} --tokens '{who}' && {grant} --users '{user}'"


def _grantees(token: str | None) -> tuple[str, str]:
    """A token has only what both it and its user have."""
    name = token or ANY_TOKEN
    return name, name.partition("!")[0]
