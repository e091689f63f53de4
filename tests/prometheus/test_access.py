"""How Prometheus gets in where not everybody may: as a user, or with a token that a Caddy beside it adds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from tests.caddy import BINARY, running_caddy, sidecar
from tests.processes import free_port, running
from tests.prometheus.server import DOCS, documented, eventually, prometheus
from tests.web.asking import app_for

pytestmark = pytest.mark.fortnight


def test_prometheus_is_a_user_with_a_password(tmp_path: Path) -> None:
    hashed = _hash("open sesame")
    password = tmp_path / "password"
    password.write_text("open sesame\n")
    users = [{"name": "prometheus", "password_hash": hashed}]
    with running_caddy(tmp_path, users=users) as caddy, sidecar(app_for(), caddy.upstream):
        caddy.key_file.write_text("first-key\n")
        scrape: dict[str, Any] = documented("scrape.yml", f"127.0.0.1:{caddy.port}")
        login = {"basic_auth": {"username": "prometheus", "password_file": str(password)}}
        with (
            prometheus(tmp_path / "user", {**scrape, **login}) as known,
            prometheus(tmp_path / "nobody", scrape) as unknown,
        ):
            eventually("the metrics are there", lambda: known.query("backup_glance_build_info"))
            eventually("it was asked", lambda: unknown.query("up"))
            assert unknown.query("up")[0]["value"][1] == "0"
            assert not unknown.query("backup_glance_build_info")


@dataclass
class Asked:
    """What arrives at backup-glance's address."""

    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.seen.append((scope["method"], scope["path"], headers))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"up 1\n"})


@contextmanager
def adding_the_token(folder: Path, backup_glance: Path) -> Iterator[httpx.Client]:
    """The Caddy of the documentation, as it is written there."""
    port = free_port(1)
    token = folder / "token"
    token.write_text("not-a-real-token\n")
    environment = {
        "METRICS_SITE": f"http://127.0.0.1:{port}",
        "BACKUP_GLANCE": f"unix/{backup_glance}",
        "TOKEN_FILE": str(token),
        "CADDY_ADMIN": f"127.0.0.1:{port + 1}",
    }
    home = folder / "beside"
    home.mkdir()
    command: list[str | Path] = [BINARY, "run", "--adapter", "caddyfile", "--config", DOCS / "token.Caddyfile"]
    with (
        running("beside", command, port=port, folder=home, environment=environment),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        yield client


def test_a_caddy_beside_an_older_prometheus_adds_the_token_to_metrics_only(tmp_path: Path) -> None:
    asked = Asked()
    with sidecar(asked, tmp_path / "up.sock"), adding_the_token(tmp_path, tmp_path / "up.sock") as client:
        metrics = client.get("/metrics")
        others = [client.get(path).status_code for path in ("/", "/widget", "/metrics/", "/proxy/pbs/x")]

    assert (metrics.status_code, metrics.text) == (200, "up 1\n")
    assert others == [404] * 4
    ((method, path, headers),) = asked.seen
    assert (method, path, headers["x-backup-glance-token"]) == ("GET", "/metrics", "not-a-real-token")


def _hash(password: str) -> str:
    arguments = [str(BINARY), "hash-password", "--bcrypt-cost", "6", "--plaintext", password]
    printed: str = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    return printed.strip()
