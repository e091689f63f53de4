"""Receivers of messages: a web server that answers like ntfy, Gotify, Discord or a webhook, and a mail server."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.processes import free_port
from tests.simulators.certificates import Pair


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


@dataclass
class WebServer:
    """Records what arrives. It answers with the next of ``answers``, the last one again and again.

    Attributes:
        answers: a status, or "hang", "cut off", "redirect", "endless".
        waiting: set while a call hangs.
    """

    port: int
    calls: list[Call] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=lambda: [200])
    waiting: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def next_answer(self) -> int | str:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def web_server(pair: Pair | None = None) -> Iterator[WebServer]:
    """On loopback, with this certificate, or without TLS."""
    state = WebServer(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.calls.append(Call(self.command, self.path, dict(self.headers), body))
            answer = state.next_answer()
            if answer == "hang":
                state.waiting.set()
                state.released.wait(60)
            elif answer == "endless":
                self.send_response(200)
                self.end_headers()
                with suppress(OSError):
                    for _ in range(100_000):
                        self.wfile.write(b"x" * 10_000)
            elif answer != "cut off":
                self._answer(302 if answer == "redirect" else int(answer))

        do_GET = do_POST  # noqa: N815 (the names are those of the standard library)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"http://127.0.0.1:{state.port}/elsewhere")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Whoever talks no TLS, or goes away, is what some tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_port
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            state.released.set()
            server.shutdown()
            thread.join()


@dataclass
class MailServer:
    """Records what arrives."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's)
        self.recipients += envelope.rcpt_tos
        self.mails.append(message_from_bytes(bytes(envelope.original_content or b"")))
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@contextmanager
def mail_server(pair: Pair | None = None) -> Iterator[MailServer]:
    """On loopback; with a certificate it wants STARTTLS and a login: user ``glance``, password ``open``."""
    state = MailServer(free_port())

    def login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"glance", b"open")
        return AuthResult(success=right, handled=False)

    options: dict[str, Any] = {}
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        options = {
            "tls_context": context,
            "require_starttls": True,
            "authenticator": login,
            "auth_required": True,
        }
    controller = Controller(state, hostname="127.0.0.1", port=state.port, **options)
    controller.start()
    try:
        yield state
    finally:
        controller.stop()
