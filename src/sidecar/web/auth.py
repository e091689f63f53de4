"""Who may ask: somebody with a sidecar key, which Caddy injects, or with a token. Only /healthz needs neither."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sidecar.tokens.accepted import Accepted, nobody

from . import programs
from .problem import problem

OPEN_PATHS = frozenset({"/healthz"})


class RequireKey:
    """Lets a request pass when it carries ``Authorization: Bearer KEY`` with any of the accepted keys.

    There may be several keys, so that one can be replaced without a gap. Only digests of them are kept.
    A request that shows a token is judged by that alone, also for /healthz: see programs.py.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str], accepted: Callable[[], Accepted] = nobody) -> None:
        if not all(key.strip() for key in keys):
            raise ValueError("a sidecar key is empty: an empty key would let everybody in")
        self._app = app
        self._accepted = accepted
        self._digests = tuple(_digest(key.encode()) for key in keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and programs.shows_token(scope):
            admitted = programs.admitted(scope, self._accepted())
            if isinstance(admitted, Response):
                await admitted(scope, receive, send)
            else:
                await self._app(admitted, receive, send)
            return
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._is_known(_bearer(scope)):
            await self._app(scope, receive, send)
            return
        detail = "The sidecar key is missing or wrong. Send the request through Caddy, which adds it."
        await problem(401, detail, {"WWW-Authenticate": 'Bearer realm="backup-glance"'})(scope, receive, send)

    def _is_known(self, key: bytes | None) -> bool:
        if key is None:
            return False
        offered = _digest(key)
        # Every digest is compared, so that the time taken does not reveal which key came close.
        return any([hmac.compare_digest(offered, digest) for digest in self._digests])  # noqa: C419


def _bearer(scope: Scope) -> bytes | None:
    """The key in the one Authorization header; None when there is none, several, or another scheme."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, key = values[0].partition(b" ")
    return key.strip() if scheme.lower() == b"bearer" else None


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
