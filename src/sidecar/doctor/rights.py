"""Rights of a token that backup-glance never uses: whoever gets hold of the token would have them (PBS-4, PVE-3)."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from sidecar.core import words
from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Report
from sidecar.sources.permissions import Permissions

from .findings import Finding, Severity

#: What only looks.
_LOOKS = ".Audit"

#: To see archives that do not lie on a backup server, Proxmox VE asks for the right to change their storage (PVE-4).
_LISTS_ARCHIVES = frozenset(
    {"Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate", "VM.Backup"}
)

#: Paths of one source that are named, and privileges of each.
_MOST, _MOST_NAMED = 10, 24


def surplus(permissions: Permissions, report: Report, about: str) -> Iterator[Finding]:
    """A finding for each path on which the token has more than it needs; below it the same goes without saying."""
    needed = _LISTS_ARCHIVES if report.within("archives") else frozenset[str]()
    by_path = dict(_topmost(permissions, needed))
    for path, privileges in list(by_path.items())[:_MOST]:
        text = f"the token may do more than it needs, on {path}: {words.listed(sorted(privileges), most=_MOST_NAMED)}"
        yield Finding(about=about, severity=Severity.WARNING, text=text, action=_cure(permissions, path, report.kind))
    if len(by_path) > _MOST:
        text = f"the token may do more than it needs on {len(by_path) - _MOST} more paths"
        yield Finding(about=about, severity=Severity.WARNING, text=text)


def _topmost(permissions: Permissions, needed: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """The paths with privileges that those above do not have as well. Every top path is listed, and "/" stands above them."""
    above: dict[str, frozenset[str]] = {}
    for path in sorted(permissions.paths, key=lambda each: (each.count("/") if each != "/" else 0, each)):
        held = frozenset(each for each in permissions.paths[path] if not each.endswith(_LOOKS)) - needed
        known = frozenset[str]().union(*(above.get(top, ()) for top in _upwards(path)))
        above[path] = held
        if held - known:
            yield path, held - known


def _upwards(path: str) -> Iterator[str]:
    """The paths above it."""
    yield "/"
    while path.count("/") > 1:
        path = path.rpartition("/")[0]
        yield path


def _cure(permissions: Permissions, path: str, kind: SourceKind) -> str:
    token, user = permissions.grantees
    if kind is SourceKind.PBS:
        remove = f"proxmox-backup-manager acl update {quote(path)} ROLE --delete --auth-id '{token}'"
        return f"Find the role with: proxmox-backup-manager acl list; then take it away: {remove}"
    name = token.partition("!")[2]
    remove = f"pveum acl delete {quote(path)} --roles ROLE --tokens '{token}'"
    separate = f"pveum user token modify '{user}' {quote(name)} --privsep 1"
    return (
        f"Find the role with: pveum acl list; then take it away: {remove}. "
        f"A token without privilege separation has all rights of its user; give it its own: {separate}"
    )
