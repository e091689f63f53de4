"""What a token may do, as ``/access/permissions`` of PBS and PVE reports it (PBS-5, PVE-3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .fields import UnreadableError, flag, row_of

#: Stands for a token whose name is not known.
ANY_TOKEN = "USER@REALM!TOKEN"  # noqa: S105

#: What a token's name may look like. Anything else is not shown: it might be a secret in the wrong place.
_TOKEN = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9._-]{1,64}![A-Za-z0-9._-]{1,64}")


def shown_token(token_id: str) -> str:
    """The name of a token as commands for people name it."""
    return token_id if _TOKEN.fullmatch(token_id) else ANY_TOKEN


@dataclass(frozen=True, slots=True)
class Permissions:
    """Path → privilege → whether it is inherited by the paths below.

    A deeper entry replaces what would be inherited (PBS-5), and every path that an entry names is listed, so the
    nearest listed path decides. The top paths (/datastore, /vms …) are always listed when there is anything on them:
    one that isn't listed has no privileges, whatever "/" has.

    ``token``: whose they are, "USER@REALM!NAME".
    """

    paths: Mapping[str, Mapping[str, bool]]
    token: str = ANY_TOKEN

    @property
    def grantees(self) -> tuple[str, str]:
        """Who needs a grant that is missing: the token, and its user, for it has only what both have (PBS-4, PVE-3)."""
        return self.token, self.token.partition("!")[0]

    def has(self, path: str, privilege: str) -> bool:
        """The privilege counts on exactly this path."""
        for ancestor in _upwards(path):
            if ancestor in self.paths:
                inherited = self.paths[ancestor].get(privilege)
                return inherited is not None and (inherited or ancestor == path)
        return False

    def spreads(self, path: str, privilege: str) -> bool:
        """The privilege counts on this path and is inherited by those below."""
        return self.has(path, privilege) and self.paths.get(path, {}).get(privilege, True)

    def somewhere_below(self, path: str, privilege: str) -> bool:
        """An entry below this path gives the privilege."""
        return any(privilege in self.paths[entry] for entry in self._below(path))

    def replaced_below(self, path: str, privilege: str) -> list[str]:
        """The paths below whose own entries leave the privilege out."""
        return sorted(entry for entry in self._below(path) if privilege not in self.paths[entry])

    def _below(self, path: str) -> Iterator[str]:
        return (entry for entry in self.paths if entry.startswith(f"{path.rstrip('/')}/") and entry != path)


def parse_permissions(data: Any) -> Permissions:
    """The body's data: path → {privilege: whether it propagates}. Raises UnreadableError.

    What can't be read is not held: one odd value hides what it opens, and nothing else.
    """
    paths = {path: dict(_held(privileges)) for path, privileges in row_of(data).items()}
    if not any(paths.values()) and any(privileges != {} for privileges in data.values()):
        raise UnreadableError("permissions")
    return Permissions(paths)


def _held(privileges: Any) -> Iterator[tuple[str, bool]]:
    for privilege, spreads in privileges.items() if isinstance(privileges, dict) else ():
        try:
            if spreads is not None:
                yield privilege, flag(privileges, privilege)
        except UnreadableError:
            continue


def _upwards(path: str) -> Iterator[str]:
    """The path and those above it up to its top path; "/" only for itself."""
    yield path
    while path.count("/") > 1:
        path = path.rpartition("/")[0]
        yield path
