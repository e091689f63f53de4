"""Everything that is deployed, as processes: the sidecar and Caddy before it, with simulated upstreams behind."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.caddy import Caddy, running_caddy
from tests.commands.test_cli import NOW, Sidecar, running
from tests.simulators import Rack, demo_homelab


@dataclass
class WholeHouse:
    """Its parts, and the tokens of its programs by their names."""

    rack: Rack
    sidecar: Sidecar
    caddy: Caddy
    tokens: Mapping[str, str]
    folder: Path


@contextmanager
def whole_house(
    folder: Path,
    programs: Mapping[str, list[str]],
    *,
    tokens: Mapping[str, str] | None = None,
    caddy: Mapping[str, Any] | None = None,
    **config: Any,
) -> Iterator[WholeHouse]:
    """``programs``: their scopes by name; ``tokens``: those that are not made up; ``config``: more of the configuration."""
    values = {name: secrets.token_urlsafe(32) for name in programs} | dict(tokens or {})
    entries = [
        {"name": name, "token": {"file": str(folder / name)}, "for": scopes} for name, scopes in programs.items()
    ]
    for name, value in values.items():
        (folder / name).write_text(f"{value}\n")
    credentials = folder / "credentials"
    credentials.mkdir()
    key = secrets.token_urlsafe(32)
    (credentials / "sidecar_keys").write_text(f"{key}\n")
    with _rack(folder / "rack") as rack:
        path = rack.write_config(folder / "config.yaml", {"tokens": entries, **config})
        with (
            running(path, credentials, folder) as sidecar,
            running_caddy(folder, log=True, **(caddy or {})) as front,
        ):
            front.key_file.write_text(key)
            front.upstream.symlink_to(sidecar.path)
            _wait_until_tokens_are_read(front)
            yield WholeHouse(rack, sidecar, front, values, folder)


@contextmanager
def _rack(folder: Path) -> Iterator[Rack]:
    """Begun and ended in a thread: a browser's test has an event loop of its own."""
    with ThreadPoolExecutor(1) as aside:
        rack = aside.submit(Rack(demo_homelab(), lambda: NOW, folder).__enter__).result()
        try:
            yield rack
        finally:
            aside.submit(rack.__exit__, None, None, None).result()


def _wait_until_tokens_are_read(caddy: Caddy) -> None:
    deadline = time.monotonic() + 20
    while caddy.client.get("/metrics", headers={"X-Backup-Glance-Token": "unknown"}).status_code in (502, 503):
        assert time.monotonic() < deadline, "no token was read"
        time.sleep(0.05)
