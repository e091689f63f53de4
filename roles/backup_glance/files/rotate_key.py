"""Replaces the key between Caddy and the sidecar without a gap: ``rotate_key.py KEYS_FILE CADDYS_FILE SERVICE``.

Runs on the target as root; no key leaves it. The sidecar accepts every line of KEYS_FILE, and Caddy reads its file again for each
request: the sidecar learns the new key, then Caddy uses it, then the old one is forgotten. Other keys and comments stay.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

#: A comment in the file of keys.
_COMMENT = re.compile(r"(^|\s)#.*")

#: Seconds after which every request with the old key has reached the sidecar: Caddy waits 10 s for one that restarts.
_ANSWERED = 12


def main() -> int:
    """Runs the command; returns its exit code."""
    keys, caddys, service = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    before, new = caddys.read_text("utf-8").strip(), secrets.token_urlsafe(32)
    lines = keys.read_text("utf-8").splitlines()
    _write(keys, [*lines, new])
    _restart(service)
    _write(caddys, [new])
    time.sleep(_ANSWERED)
    _write(keys, [line for line in [*lines, new] if _COMMENT.sub("", line).strip() != before])
    _restart(service)
    left = sum(bool(_COMMENT.sub("", line).strip()) for line in keys.read_text("utf-8").splitlines())
    print(f"the key was replaced; the sidecar accepts {left} key{'s' if left > 1 else ''}")
    return 0


def _write(path: Path, lines: list[str]) -> None:
    """Writes a file atomically, with the owner and the mode that it has."""
    found, unfinished = path.stat(), path.with_name(f".{path.name}.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
        os.fchown(file.fileno(), found.st_uid, found.st_gid)
        os.fchmod(file.fileno(), found.st_mode & 0o777)
    unfinished.replace(path)


def _restart(service: str) -> None:
    subprocess.run(["/usr/bin/systemctl", "restart", service], check=True)


if __name__ == "__main__":
    sys.exit(main())
