"""A real Caddy with the product's Caddyfile, and an application behind it on a unix socket."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from tests.caddyfile import find_caddy, render_caddyfile

CADDY = find_caddy()


@dataclass
class Front:
    """A running Caddy: a client for it, its key file, the sidecar's socket and its log."""

    client: httpx.Client
    port: int
    key_file: Path
    upstream: Path
    log: Path


@contextmanager
def fronted(
    folder: Path, scheme: str = "http", verify: bool | ssl.SSLContext = True, **options: Any
) -> Iterator[Front]:
    """Caddy with the given options of the Caddyfile (tests/caddyfile.py), until the block ends; its key is "right"."""
    key_file, upstream, log = folder / "key", folder / "up.sock", folder / "caddy.log"
    key_file.write_text("right\n")
    port = _free_port()
    site = f"{scheme}://localhost:{port}" if scheme == "https" else f":{port}"
    text = render_caddyfile(site=site, key_file=key_file, upstream=upstream, **options)
    (folder / "Caddyfile").write_text(text)
    arguments = [str(CADDY), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output, env={"HOME": str(folder)})
    try:
        _wait_for(port, process, log)
        with httpx.Client(
            base_url=f"{scheme}://localhost:{port}", trust_env=False, timeout=10, verify=verify
        ) as client:
            yield Front(client, port, key_file, upstream, log)
    finally:
        process.terminate()
        process.wait(15)


@contextmanager
def sidecar(app: ASGIApp, path: Path) -> Iterator[None]:
    """``app`` on a unix socket, as uvicorn serves it in production."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(128)
    server = uvicorn.Server(uvicorn.Config(app, fd=listener.fileno(), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        path.unlink(missing_ok=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"caddy does not listen:\n{log.read_text()}")
