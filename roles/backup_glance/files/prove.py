"""Verifies a sidecar on its unix socket: it answers, refuses callers without a key, and serves the board to one with the key.

``prove.py SOCKET KEYS_FILE [CHECK_FILE [ledger]]`` runs on the target, so that the key stays there, and prints what is wrong.
CHECK_FILE holds the output of ``serve --check --json``: the sidecar must be usable. With ``ledger`` the sidecar was given a
ledger, so the check must have found one that it can use.

``prove.py SOCKET KEYS_FILE --sources SECONDS`` prints as JSON which sources it could read since its start: ``{"read": [names],
"not_read": [sentences]}``. Those of which a part can't be read are among the latter. It waits so long until all were tried.
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

#: Seconds that a sidecar has to start.
PATIENCE = 20

#: A comment in the file of keys.
_COMMENT = re.compile(r"(^|\s)#.*")

#: ``ledger.state`` of a check, where the ledger that was given is used.
USED = ("ok", "migrated", "restored")


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
    key = [key for line in Path(keys).read_text("utf-8").splitlines() if (key := _COMMENT.sub("", line).strip())][-1]
    if more[:1] == ["--sources"]:
        return _report_sources(path, key, float(more[1]))
    problem = (
        (_unusable(Path(more[0]), needs_ledger="ledger" in more[1:]) if more else "")
        or _not_alive(path)
        or _open_without_key(path)
        or _no_board_with_key(path, key)
    )
    print(problem or "the sidecar answers as it should", file=sys.stderr if problem else sys.stdout)
    return 1 if problem else 0


def _unusable(path: Path, *, needs_ledger: bool) -> str:
    """Decided by the fields of the check alone; its texts are only passed on."""
    try:
        check: dict[str, Any] = json.loads(path.read_text("utf-8"))
        usable, ledger, findings = check["usable"], check["ledger"]["state"], check["findings"]
        texts = " ".join(str(finding["text"]) for finding in findings if finding["fatal"])
    except (OSError, ValueError, KeyError, TypeError):
        return "its serve --check --json printed no result"
    if usable is not True:
        return f"its serve --check says that it can't be used: {texts}"
    if needs_ledger and ledger not in USED:
        return f"its serve --check did not use the copy of the ledger (ledger.state is {ledger})"
    return ""


def _not_alive(path: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = str(_get(path, "/healthz")[0])
        except (OSError, http.client.HTTPException) as error:
            answer = str(error) or type(error).__name__
        if answer == "200":
            return ""
        if time.monotonic() > deadline:
            return f"/healthz on {path} did not answer 200 within {PATIENCE} s, but {answer}"
        time.sleep(0.3)


def _open_without_key(path: str) -> str:
    status, _ = _get(path, "/api/v1/status")
    return "" if status == 401 else f"without a key the board answers {status} instead of 401"


def _no_board_with_key(path: str, key: str) -> str:
    status, body = _get(path, "/api/v1/status", {"Authorization": f"Bearer {key}"})
    if status != 200:
        return f"with the key from its credentials the board answers {status} instead of 200"
    return "" if json.loads(body).get("version") == 1 else "the version of the board is not 1"


def _report_sources(path: str, key: str, seconds: float) -> int:
    known = {"Authorization": f"Bearer {key}"}
    deadline = time.monotonic() + seconds
    try:
        while _get(path, "/readyz", known)[0] != 200 and time.monotonic() < deadline:
            time.sleep(0.5)
        sources = json.loads(_get(path, "/api/v1/status", known)[1])["sources"]
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        print(f"the sidecar does not say which sources it can read: {error}", file=sys.stderr)
        return 1
    read = [source["name"] for source in sources if source["state"] == "ok"]
    not_read = [_sentence(source) for source in sources if source["state"] != "ok"]
    print(json.dumps({"read": read, "not_read": not_read}))
    return 0


def _sentence(source: dict[str, Any]) -> str:
    told = " ".join(text for text in (source["reason"], source["action"]) if text)
    return f"{source['name']}: {told or 'not read yet'}"


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
