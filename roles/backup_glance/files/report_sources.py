"""Says which sources a sidecar could read since its start: ``report_sources.py SOCKET KEYS_FILE SECONDS`` prints JSON.

Runs on the target, so that the key stays there. ``{"tried": whether every source was tried within that time, "read": [names],
"not_read": [sentences]}``, where ``not_read`` are also those of which a part can't be read. An error of its own goes to stderr.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import sys
import time
from pathlib import Path
from typing import Any

#: A comment in the file of keys.
_COMMENT = re.compile(r"(^|\s)#.*")

#: Seconds between two questions whether every source was tried.
_PAUSE = 0.5


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        """Connects to the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def main() -> int:
    """Runs the command; returns its exit code."""
    path, keys, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    key = [key for line in keys.read_text("utf-8").splitlines() if (key := _COMMENT.sub("", line).strip())][-1]
    try:
        tried = _tried(path, key, seconds)
        sources = json.loads(_get(path, "/api/v1/status", key)[1])["sources"]
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        print(f"the sidecar does not say which sources it can read: {error}", file=sys.stderr)
        return 1
    read = [source["name"] for source in sources if source["state"] == "ok"]
    not_read = [_sentence(source) for source in sources if source["state"] != "ok"]
    print(json.dumps({"tried": tried, "read": read, "not_read": not_read}))
    return 0


def _tried(path: str, key: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _get(path, "/readyz", key)[0] != 200:
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _sentence(source: dict[str, Any]) -> str:
    told = " ".join(text for text in (source["reason"], source["action"]) if text)
    return f"{source['name']}: {told or 'not read yet'}"


def _get(path: str, target: str, key: str) -> tuple[int, bytes]:
    connection = UnixConnection(path)
    try:
        connection.request("GET", target, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
