"""Runs on a target as root and searches for secrets where they must not be.

The secrets come on standard input as JSON {name: value}; the target's own keys and secret_id are added. It searches the arguments
and environments of all processes, the journal, every file except the credentials themselves, and the answers that a reader gets.
A planted word must be found in the first three, so that a search that sees nothing fails.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

SECRETS = Path("/etc/backup-glance/credentials")
#: The only files that may contain a secret.
ALLOWED = (SECRETS, Path("/etc/backup-glance/caddy/key"))
#: Not searched: the kernel's files, and the credentials that systemd passes to a unit.
SKIPPED = ("/proc", "/sys", "/dev", "/run/credentials")
PATHS = ("/widget", "/api/v1/status", "/healthz", "/readyz", "/openapi.json", "/nowhere", "/api/v1/services/vault")


def main() -> None:
    """Exits with a message when a secret is found."""
    base, reader = sys.argv[1], json.loads(sys.argv[2])
    hidden = {name: value.encode() for name, value in json.load(sys.stdin).items()}
    hidden |= {
        path.name: path.read_bytes().strip()
        for path in SECRETS.iterdir()
        if path.name not in ("role_id", "pbs_token_id")
    }
    assert len(hidden) >= 5, list(hidden)
    assert all(len(value) >= 16 for value in hidden.values()), [
        name for name, value in hidden.items() if len(value) < 16
    ]
    leaks, searched = [], dict.fromkeys(("process", "journal", "file", "answer"), 0)
    planted, seen = _plant()
    for kind, place, content in _everything(base, reader):
        searched[kind] += 1
        if planted in content:
            seen.add(kind)
        leaks += [f"{name} in {place}" for name, value in hidden.items() if value in content]
    assert seen == {"process", "journal", "file"}, f"the planted word was found only in {seen}"
    if leaks:
        raise SystemExit("secrets where they must not be: " + ", ".join(leaks))
    assert searched["process"] > 10 and searched["file"] > 1000 and searched["answer"] == len(PATHS), searched
    print(f"{len(hidden)} secrets ({', '.join(sorted(hidden))}) in none of {searched}")


def _plant() -> tuple[bytes, set[str]]:
    """A word in a file, in a process and in the journal."""
    word = b"planted" + secrets.token_hex(16).encode()
    Path("/var/tmp/planted").write_bytes(word)
    subprocess.Popen(
        ["sleep", "60"],
        env={"PLANTED": word.decode(), "PATH": os.defpath},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    subprocess.run(["logger", "--tag", "planted"], input=word, check=True)
    subprocess.run(["journalctl", "--sync"], check=True)
    return word, set()


def _everything(base: str, reader: dict[str, str]) -> Iterator[tuple[str, str, bytes]]:
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            yield "process", str(process / name), _read(process / name)
    journal = subprocess.run(["journalctl", "--no-pager", "--output=export"], capture_output=True, check=True).stdout
    assert b"backup-glance" in journal
    yield "journal", "the journal", journal
    for path in _files():
        yield "file", str(path), _read(path)
    for target in PATHS:
        yield "answer", target, _answer(base + target, reader)


def _files() -> Iterator[Path]:
    for folder, names, files in os.walk("/"):
        names[:] = [name for name in names if not str(Path(folder, name)).startswith(SKIPPED)]
        for name in files:
            path = Path(folder, name)
            if (
                not any(path == allowed or allowed in path.parents for allowed in ALLOWED)
                and path.is_file()
                and not path.is_symlink()
            ):
                yield path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _answer(url: str, reader: dict[str, str]) -> bytes:
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
    )
    try:
        with opener.open(urllib.request.Request(url, headers=reader), timeout=20) as answer:
            content: bytes = bytes(answer.headers) + answer.read()
    except urllib.error.HTTPError as error:
        content = bytes(error.headers) + error.read()
    return content


if __name__ == "__main__":
    main()
