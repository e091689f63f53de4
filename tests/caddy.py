"""A real Caddy with the product's Caddyfile, and an application behind it on a unix socket."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from tests.caddyfile import find_caddy, render_caddyfile
from tests.processes import free_port, running

BINARY = find_caddy()


@dataclass
class Caddy:
    """A running Caddy: a client for it, its port, its key file, the sidecar's socket and its log."""

    client: httpx.Client
    port: int
    key_file: Path
    upstream: Path
    log: Path

    def ask(self, target: str, *headers: str, method: str = "GET", host: str = "localhost", body: str = "") -> str:
        """The answer to a request with exactly these lines."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", body]
        return self.ask_raw("\r\n".join(lines))

    def ask_raw(self, request: str) -> str:
        """The answer to exactly these bytes, in latin-1; as much of it as came before Caddy ended the connection."""
        arrived = b""
        with socket.create_connection(("127.0.0.1", self.port), 10) as stream, suppress(ConnectionError):
            stream.sendall(request.encode("latin-1"))
            while piece := stream.recv(65536):
                arrived += piece
        return arrived.decode("latin-1")


def status_of(answer: str) -> int:
    """The status of an answer of ``Caddy.ask``."""
    return int(answer.split(" ", 2)[1])


@contextmanager
def running_caddy(
    folder: Path, scheme: str = "http", verify: bool | ssl.SSLContext = True, host: str = "localhost", **options: Any
) -> Iterator[Caddy]:
    """Caddy with these options of the Caddyfile (tests/caddyfile.py), until the block ends; its key is "right".

    ``host`` is asked for, and is on the certificate.
    """
    key_file, upstream, log = folder / "key", folder / "up.sock", folder / "caddy.log"
    key_file.write_text("right\n")
    port = free_port()
    address = f"{scheme}://{host}:{port}"
    site = address if scheme == "https" else f":{port}"
    text = render_caddyfile(site=site, key_file=key_file, upstream=upstream, **options)
    (folder / "Caddyfile").write_text(text)
    command: list[str | Path] = [BINARY, "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"]
    with (
        running("caddy", command, port=port, folder=folder),
        httpx.Client(base_url=address, trust_env=False, timeout=10, verify=verify) as client,
    ):
        yield Caddy(client, port, key_file, upstream, log)


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
