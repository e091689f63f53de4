"""Asks the running sidecar over its unix socket, as Caddy does: with a key. For commands on the same machine."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import SidecarError

#: Seconds to connect, and between two pieces of an answer.
_TIMEOUT = 10.0

#: Bytes of an answer. The board of 1,000 services has 2 MB.
_LONGEST = 64 * 1024 * 1024

STATUS = "/api/v1/status"


#: Statuses that blame what was asked.
_REFUSED = (404, 422)


class NoAnswerError(SidecarError):
    """The sidecar did not give what was asked for. The message is one line and says what to do."""


class RefusedError(SidecarError):
    """What was asked has a mistake. The message is the sidecar's own and may hold what was asked."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connects to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def status(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """The board as the API gives it. The newest key is the last one; an older one may be the only one that was loaded yet.

    Raises:
        NoAnswerError: nothing answers on the socket, no key is accepted, or the answer is not a board.
    """
    return _board(path, *_accepted(path, keys, STATUS))


def document(path: Path, keys: Sequence[str], target: str) -> bytes:
    """What the sidecar answers at ``target``, a path with its query. For the keys see ``status``.

    Raises:
        RefusedError: there is no such thing, or the query has a mistake.
        NoAnswerError: nothing answers on the socket, no key is accepted, or it can't be answered now.
    """
    code, body = _accepted(path, keys, target)
    if code == 200 and len(body) <= _LONGEST:
        return body
    detail = _detail(body)
    if detail is None:
        raise NoAnswerError(
            f"the sidecar on {path} answers with HTTP {code}: read its log (journalctl -u backup-glance)"
        )
    raise RefusedError(detail) if code in _REFUSED else NoAnswerError(detail)


def _detail(body: bytes) -> str | None:
    """What a problem document says; None where it is none."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        return None
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return detail if isinstance(detail, str) else None


def _accepted(path: Path, keys: Sequence[str], target: str) -> tuple[int, bytes]:
    """Status and body of the answer for the first key that is accepted, the newest one before the others."""
    for key in reversed(keys):
        code, body = _get(path, key, target)
        if code != 401:
            return code, body
    raise NoAnswerError(
        f"the sidecar on {path} refuses the key: give the file of its keys with --key-file, or restart backup-glance, "
        "which reads its keys only at a start"
    )


def _get(path: Path, key: str, target: str) -> tuple[int, bytes]:
    connection = _UnixConnection(path)
    try:
        connection.request("GET", target, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        return answer.status, answer.read(_LONGEST + 1)
    except TimeoutError:
        raise NoAnswerError(
            f"the sidecar on {path} does not answer: read its log (journalctl -u backup-glance)"
        ) from None
    except OSError as error:
        raise NoAnswerError(f"{path}: {_reason(error)}") from None
    except http.client.HTTPException:
        raise NoAnswerError(f"what answers on {path} is not backup-glance: give its socket with --socket") from None
    finally:
        connection.close()


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "permission denied: run it as root, or as a user that may use this socket"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return "nothing listens there: start backup-glance, or give its socket with --socket"
    return (
        f"{(error.strerror or str(error) or 'the connection broke').lower()}: give the sidecar's socket with --socket"
    )


def _board(path: Path, code: int, body: bytes) -> dict[str, Any]:
    if code != 200:
        raise NoAnswerError(
            f"the sidecar on {path} answers with HTTP {code}: read its log (journalctl -u backup-glance)"
        )
    try:
        board = json.loads(body) if len(body) <= _LONGEST else None
    except (ValueError, RecursionError):
        board = None
    if not isinstance(board, dict):
        raise NoAnswerError(f"what answers on {path} is not backup-glance: give its socket with --socket")
    return board
