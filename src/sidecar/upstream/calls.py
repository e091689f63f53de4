"""Which calls may be made to an upstream: a list of them per source is the only way out, for the proxy as well."""

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
    """A kind of call that a source may make: method, path with {placeholders}, and the query keys it may carry."""

    method: str
    path: str
    query: frozenset[str] = frozenset()

    def filled(self, params: Params | None, parts: Mapping[str, str]) -> str:
        """The path with its placeholders filled: each of ``parts`` stays one part of it, whatever it contains.

        Raises:
            ValueError: ``params`` has keys that this call may not carry, a mistake of ours.
            SourceError: an upstream gave a name that would change the path.
        """
        if surplus := set(params or ()) - self.query:
            raise ValueError(f"{self.path} may not be asked for {', '.join(sorted(surplus))}")
        for part in parts.values():
            if part in ("", ".", ".."):
                raise SourceError(f"{part!r} cannot be used as a name in a call", kind=ProblemKind.NOT_UNDERSTOOD)
        return _PLACEHOLDER.sub(lambda found: quote(parts[found[1]], safe="", errors="replace"), self.path)
