"""Programs with a token of ``tokens:``: what each scope opens, and who is let in with a token instead of the key.

Caddy lets a request with a token past users and forward_auth, without the sidecar's key. So this file alone decides: what a
token does not open is refused, whatever Caddy made of the path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Scope as Request

from sidecar.config.tokens import Scope
from sidecar.tokens.accepted import Accepted

from .problem import problem

HEADER = b"x-backup-glance-token"

CALENDAR = "/calendar.ics"

#: The one address that holds a token: programs that read calendars can send no header.
_SUBSCRIPTION = re.compile(r"/calendar/(?P<token>[^/]*)\.ics")


@dataclass(frozen=True, slots=True)
class Opened:
    """The paths that a scope opens: these, and all that begin with one of the ``folders``."""

    paths: frozenset[str] = frozenset()
    folders: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether this path is one of them."""
        return path in self.paths or path.startswith(self.folders)


#: What each scope opens; a token opens nothing else.
OPENED: Mapping[Scope, Opened] = {
    Scope.API: Opened(frozenset({"/openapi.json"}), ("/api/",)),
    Scope.CALENDAR: Opened(frozenset({CALENDAR})),
    Scope.METRICS: Opened(frozenset({"/metrics"})),
    Scope.PROXY: Opened(folders=("/proxy/",)),
}

#: Seconds after which a program may ask again while no token could be read.
_RETRY_AFTER = "10"


def shows_token(request: Request) -> bool:
    """Somebody asks with a token, in whatever form."""
    return bool(_tokens(request))


def admitted(request: Request, accepted: Accepted) -> Request | Response:
    """The request as the application gets it, or why its token does not let it in."""
    tokens = _tokens(request)
    if any(name == b"authorization" for name, _ in request["headers"]):
        # Caddy never sends both. Who does is not the one for whom either was meant.
        return _refused("A request carries either the sidecar key or a token, not both.")
    if accepted.still_unread:
        return problem(503, "No token could be read yet. Ask again soon.", {"Retry-After": _RETRY_AFTER})
    program = accepted.program(tokens[0]) if len(tokens) == 1 else None
    if program is None:
        return _refused("The token is not known. Send one known token, once.")
    path = _without_token(request["path"])
    needed = next((scope for scope, opened in OPENED.items() if opened.holds(path)), None)
    if needed is None:
        return problem(403, "No token opens this path.")
    if needed not in program.scopes:
        return problem(403, f"This token lacks the scope {needed}: add it to the token's entry in the configuration.")
    return {**request, "path": path, "raw_path": path.encode()} if path != request["path"] else request


def _tokens(request: Request) -> list[bytes]:
    """All tokens that the request shows: in each of its headers and in its path; empty ones too."""
    tokens: list[bytes] = [value for name, value in request["headers"] if name == HEADER]
    if subscription := _SUBSCRIPTION.fullmatch(request["path"]):
        tokens.append(subscription["token"].encode("utf-8", "surrogateescape"))
    return tokens


def _without_token(path: str) -> str:
    return CALENDAR if _SUBSCRIPTION.fullmatch(path) else path


def _refused(detail: str) -> Response:
    """The scheme is none for which a browser asks its user."""
    return problem(401, detail, {"WWW-Authenticate": 'Token realm="backup-glance"'})
