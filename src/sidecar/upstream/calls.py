"""The calls that may be made to an upstream. Each source has a list of them; no other call leaves, from the proxy neither."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError

Params = Mapping[str, str | int]

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Call:
    """A kind of call that a source may make: method, path with {placeholders}, and the query keys it may carry.

    ``gives_secret``: its answer is a secret, so nothing in it is withheld from the source, which shows nothing of it.
    """

    method: str
    path: str
    query: frozenset[str] = frozenset()
    gives_secret: bool = False

    def filled(self, params: Params | None, parts: Mapping[str, str]) -> str:
        """The path with its placeholders filled in. Each of ``parts`` stays one path segment, whatever it contains.

        Raises:
            ValueError: ``params`` has keys that are not allowed for this call, a bug of backup-glance.
            SourceError: the upstream reported a name that would change the path.
        """
        if surplus := set(params or ()) - self.query:
            raise ValueError(f"{self.path} does not allow the parameter {', '.join(sorted(surplus))}")
        for part in parts.values():
            if part in ("", ".", ".."):
                raise SourceError(
                    f"it reported the name {part!r}, which can't be part of a path", kind=ProblemKind.NOT_UNDERSTOOD
                )
        return _PLACEHOLDER.sub(lambda match: quote(parts[match[1]], safe="", errors="replace"), self.path)
