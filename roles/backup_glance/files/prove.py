"""Proves a sidecar on its unix socket: it is alive, lets nobody in without a key, and serves a board to who has one.

``prove.py SOCKET KEYS_FILE [remembering]`` runs on the target, so that the key stays there. Says on stderr what is not as it
should be. With ``remembering`` the sidecar was given a ledger, and must be able to use it.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
from pathlib import Path

#: Seconds that a sidecar has to come up.
PATIENCE = 20


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        """Connects to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def main() -> int:
    """Runs the command; returns its exit code."""
    path, keys, *more = sys.argv[1:]
    key = Path(keys).read_text("utf-8").split()[-1]
    trouble = _alive(path) or _closed_without_key(path) or _board_with_key(path, key, remembering="remembering" in more)
    print(trouble or "it answers as it should", file=sys.stderr if trouble else sys.stdout)
    return 1 if trouble else 0


def _alive(path: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            said = str(_get(path, "/healthz")[0])
        except (OSError, http.client.HTTPException) as error:
            said = str(error) or type(error).__name__
        if said == "200":
            return ""
        if time.monotonic() > deadline:
            return f"/healthz on {path} gives no 200 within {PATIENCE} s, but {said}"
        time.sleep(0.3)


def _closed_without_key(path: str) -> str:
    status, _ = _get(path, "/api/v1/status")
    return "" if status == 401 else f"the board is given out without a key: {status} instead of 401"


def _board_with_key(path: str, key: str, *, remembering: bool) -> str:
    status, body = _get(path, "/api/v1/status", {"Authorization": f"Bearer {key}"})
    if status != 200:
        return f"with the key in its credentials the board gives {status} instead of 200"
    board = json.loads(body)
    if board.get("version") != 1:
        return "the board is of another version than 1"
    trouble = [note for note in board["notes"] if note.startswith("The ledger ")]
    return f"with a copy of the ledger it says: {' '.join(trouble)}" if remembering and trouble else ""


def _get(path: str, target: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = UnixConnection(path)
    try:
        connection.request("GET", target, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
