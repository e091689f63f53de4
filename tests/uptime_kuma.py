"""A stand-in for the push monitors of Uptime Kuma: whoever knows a monitor's token says how it is, and nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Beat:
    """What a monitor was told."""

    status: str
    message: str
    ping: str


@dataclass
class PushMonitor:
    """One monitor; its address is the one that Uptime Kuma shows, to be copied."""

    token: str
    port: int = 0
    beats: list[Beat] = field(default_factory=list)
    refused: int = 0

    @property
    def push_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/push/{self.token}?status=up&msg=OK&ping="

    def push(self, target: str) -> tuple[int, dict[str, object]]:
        """The status and the answer to a request for this path and query."""
        parts = urlsplit(target)
        if parts.path != f"/api/push/{self.token}":
            self.refused += 1
            return 404, {"ok": False, "msg": "Monitor not found or not active."}
        query = parse_qs(parts.query, keep_blank_values=True)
        told = {name: values[0] for name, values in query.items()}
        status = "up" if told.get("status", "up") == "up" else "down"
        self.beats.append(Beat(status, told.get("msg") or "OK", told.get("ping", "")))
        return 200, {"ok": True}


@contextmanager
def push_monitor(token: str) -> Iterator[PushMonitor]:
    """On loopback, until the block ends."""
    monitor = PushMonitor(token)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, answer = monitor.push(self.path)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        monitor.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield monitor
        finally:
            server.shutdown()
            thread.join()
