"""The rack: the four upstreams over real HTTPS, on loopback unless another address is given, with all that a test can change."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml
from starlette.types import ASGIApp, Message, Scope

from tests.simulators import backrest, databasement, pbs, pve
from tests.simulators.acl import PBS_FULL, PVE_FULL, Acl
from tests.simulators.certificates import VALID, make_certificates
from tests.simulators.faults import Fault, is_away
from tests.simulators.homelab import Homelab
from tests.simulators.servers import Servers
from tests.simulators.upstream_site import SOURCES, Site
from tests.simulators.wire import How, LoggedRequest, Wire

_APPS: dict[str, Callable[[Site], ASGIApp]] = {
    "pbs": pbs.app,
    "pve": pve.app,
    "databasement": databasement.app,
    "backrest": backrest.app,
}


class Rack:
    """The four upstreams, all answering from the same story. Use it as a context manager::

        with Rack(HOMELAB, clock, tmp_path, faults=demo_faults()) as rack:
            config = rack.write_config(tmp_path / "config.yaml")

    ``clock`` returns aware datetimes and is asked at every request. ``directory`` receives certificates and secrets.
    ``port_base`` puts the upstreams on four ports in a row, for looking at them by hand. ``address`` is where they listen.
    """

    def __init__(
        self,
        homelab: Homelab,
        clock: Callable[[], datetime],
        directory: Path,
        faults: Iterable[Fault] = (),
        *,
        port_base: int = 0,
        address: str = "127.0.0.1",
    ) -> None:
        self.site = Site(homelab, clock, faults)
        self.requests: list[LoggedRequest] = []
        self._directory = directory
        self._port_base = port_base
        self._closed: set[str] = set()
        self._distrusted: set[str] = set()
        self._wires = {
            source: Wire(source=source, upstream=build(self.site), clock=clock, log=self.requests)
            for source, build in _APPS.items()
        }
        self._address = address
        self._servers = Servers(self._is_wanted, address)

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._pairs = make_certificates(self._directory)
        self.site.pbs_fingerprint = self._pairs["pbs"].fingerprint
        for place, source in enumerate(SOURCES):
            port = self._port_base + place if self._port_base else 0
            self._servers.add(source, self._wires[source], self._pairs[source], port)
        self._servers.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._servers.stop()

    # --- where it is, and how to get in ---

    def url(self, source: str) -> str:
        """Where an upstream listens, also while it is away."""
        return f"https://{self._address}:{self._servers.port(source)}"

    def ca_file(self, source: str) -> Path:
        """The CA to trust; for PBS its own certificate, which no host name fits."""
        pair = self._pairs[source]
        return pair.ca or pair.certificate

    @property
    def pbs_fingerprint(self) -> str:
        """SHA-256 of PBS's certificate, as Proxmox writes it."""
        return self.site.pbs_fingerprint

    def token(self, source: str) -> str:
        """The secret that an upstream accepts now: the token's secret, for Backrest the password."""
        access = self.site.access[source]
        return f"{access.name}|{access.secret}" if source == "databasement" else access.secret

    def token_id(self, source: str) -> str:
        """Token id of PBS and PVE; for Backrest the user."""
        return self.site.access[source].name

    def write_config(self, path: Path, changed: Mapping[str, Any] | None = None, *, services: bool = True) -> Path:
        """Write backup-glance's configuration for this rack; secrets go into files (0600) beside the certificates.

        ``changed`` are sections of it that shall be otherwise.
        """
        sources = {source: self._source(source) for source in self.site.homelab.sources}
        config = {"poll_interval": "5s", "sources": sources, **self.expectations(services=services), **(changed or {})}
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        return path

    def expectations(self, *, services: bool = True) -> dict[str, Any]:
        """The configuration without its sources: what the owner of the homelab configured for jobs and services."""
        homelab, repository = self.site.homelab, self.site.homelab.repository
        config: dict[str, Any] = {
            "timezone": str(homelab.zone),
            "jobs": {
                f"databasement/dump/{homelab.dumps.schedule}": {"title": "Databasement dumps"},
                f"pbs/prune/{homelab.datastore.prune_job}": {"title": "PBS prune"},
                f"pbs/gc/{homelab.datastore.name}": {"title": "PBS garbage collection"},
                **{
                    f"backrest/plan/{plan.id}": {"title": plan.title, "schedule": plan.timetable.cron()}
                    for plan in repository.plans
                },
                f"backrest/prune/{repository.id}": {
                    "title": "Backrest repository prune",
                    "schedule": repository.prune.cron(),
                },
                f"backrest/check/{repository.id}": {
                    "title": "Backrest integrity check",
                    "schedule": repository.check.cron(),
                },
            },
            "ignore": {"guests": ["tag:no-backup"]},
            "offsite": [f"backrest/{repository.id}", "databasement/s3"],
        }
        if homelab.datastore.pushes_to is not None:
            config["offsite"].append(f"pbs/{homelab.datastore.pushes_to}")
        config["jobs"] = {name: job for name, job in config["jobs"].items() if name.split("/")[0] in homelab.sources}
        config["offsite"] = [place for place in config["offsite"] if place.split("/")[0] in homelab.sources]
        if services:
            config["services"] = [
                {
                    "name": service.name,
                    "guests": list(service.guests),
                    "databases": list(service.databases),
                    "plans": list(service.plans),
                    **({"restore_within": service.restore_within} if service.restore_within else {}),
                    **({"require": dict(service.require)} if service.require else {}),
                }
                for service in homelab.services
            ]
        return config

    def transport(self, source: str) -> httpx.AsyncBaseTransport:
        """The same upstream in process, without ports and TLS; needs no ``with``. Refuses connections while away."""
        return _InProcess(self._wires[source], lambda: self._is_wanted(source), lambda: source in self._distrusted)

    @property
    def sent(self) -> int:
        """Bytes of the bodies that all upstreams sent so far."""
        return sum(wire.sent for wire in self._wires.values())

    # --- what can be turned while it runs ---

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What goes wrong in the homelab."""
        return self.site.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self.site.faults = tuple(faults)
        self._servers.settle()

    def stand_before(self, source: str, around: Callable[[ASGIApp], ASGIApp]) -> None:
        """Put something between an upstream and the wire."""
        self._wires[source].upstream = around(self._wires[source].upstream)

    def set_latency(self, source: str, seconds: float) -> None:
        """Wait before every answer."""
        self._wires[source].latency = seconds

    def set_permissions(self, source: str, acl: Acl) -> None:
        """Change what the token of ``pbs`` or ``pve`` may see."""
        self.site.access[source].acl = acl

    def set_clock(self, source: str, ahead: timedelta) -> None:
        """Set the clock of ``pbs`` or ``pve`` ahead of the true one; a negative time puts it behind."""
        self.site.ahead[source] = ahead

    def refuse_token(self, source: str, *, refused: bool = True) -> None:
        """Revoke the credential, or accept it again."""
        self.site.access[source].refused = refused

    def rotate_token(self, source: str) -> None:
        """Give the credential a new secret, here and in its file; the old one is refused."""
        self.site.rotate(source)
        self.write_secret(source)

    def close(self, source: str) -> None:
        """Close an upstream's port."""
        self._closed.add(source)
        self._servers.settle()

    def open(self, source: str) -> None:
        """Open it again, on the same port (a ``SourceAway`` that holds keeps it closed)."""
        self._closed.discard(source)
        self._servers.settle()

    def settle(self) -> None:
        """Open and close ports as the clock wants it now; otherwise that takes up to a tenth of a second."""
        self._servers.settle()

    def break_answer(self, source: str, path_prefix: str, how: How) -> None:
        """Break all answers below a path, "/" for all; see ``wire.How``."""
        self._wires[source].broken[path_prefix] = how

    def swap_certificate(self, source: str) -> None:
        """Show a certificate that nobody has signed whom anybody trusts, until ``swap_certificate_back``."""
        folder = self._directory / "stranger"
        folder.mkdir(exist_ok=True)
        self._servers.show(source, make_certificates(folder)[source])

    def swap_certificate_back(self, source: str) -> None:
        """Show the certificate that clients trust."""
        self._servers.show(source, self._pairs[source])

    @contextmanager
    def certificate_that_ends(self, source: str, left: timedelta) -> Iterator[str]:
        """Show one that ends so long from now, by the clock of TLS; yields its fingerprint."""
        folder = self._directory / "ending"
        folder.mkdir(exist_ok=True)
        pair = make_certificates(folder, now=datetime.now(UTC) + left - VALID + timedelta(days=1))[source]
        self._servers.show(source, pair)
        try:
            yield pair.fingerprint
        finally:
            self.swap_certificate_back(source)

    def distrust(self, source: str) -> None:
        """In process: behave as if the upstream showed a certificate that nobody trusts, until ``repair``."""
        self._distrusted.add(source)

    def repair(self, source: str) -> None:
        """Take back every ``break_answer`` and ``distrust``."""
        self._wires[source].broken.clear()
        self._distrusted.discard(source)

    def as_good_as_new(self) -> None:
        """No faults, everything repaired, every credential accepted with all its rights, and no request remembered."""
        if self.faults:
            self.faults = ()
        for source in SOURCES:
            self.repair(source)
            self.refuse_token(source, refused=False)
        self.set_permissions("pbs", PBS_FULL)
        self.set_permissions("pve", PVE_FULL)
        self.requests.clear()

    # --- inside ---

    def _is_wanted(self, source: str) -> bool:
        return source not in self._closed and not is_away(self.site.faults, source, self.site.clock())

    def _source(self, source: str) -> dict[str, Any]:
        secret = {"file": str(self.write_secret(source))}
        own: dict[str, dict[str, Any]] = {
            "pbs": {"token_id": self._write_token_id(), "secret": secret, "fingerprint": self.pbs_fingerprint},
            "pve": {"token_id": self.token_id("pve"), "secret": secret, "ca_file": str(self.ca_file("pve"))},
            "databasement": {
                "token": secret,
                "timezone": str(self.site.homelab.zone),
                "ca_file": str(self.ca_file("databasement")),
            },
            "backrest": {
                "username": self.token_id("backrest"),
                "password": secret,
                "ca_file": str(self.ca_file("backrest")),
            },
        }
        return {"kind": source, "url": self.url(source), **own[source]}

    def write_secret(self, source: str) -> Path:
        """Put the credential that is accepted now into its file, and say which that is."""
        return _write_private(self._directory / f"{source}.secret", self.token(source))

    def _write_token_id(self) -> dict[str, str]:
        return {"file": str(_write_private(self._directory / "pbs.token-id", self.token_id("pbs")))}


class _InProcess(httpx.AsyncBaseTransport):
    """An app as a transport that refuses connections while its upstream is away, or shows a wrong certificate.

    httpx has a transport for apps too, which searches every folder of Python's path for trio at each request.
    """

    def __init__(self, app: ASGIApp, is_wanted: Callable[[], bool], is_distrusted: Callable[[], bool]) -> None:
        self._app = app
        self._is_wanted = is_wanted
        self._is_distrusted = is_distrusted

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._is_wanted():
            raise httpx.ConnectError("connection refused", request=request) from ConnectionRefusedError()
        if self._is_distrusted():
            wrong = ssl.SSLCertVerificationError(1, "certificate verify failed")
            wrong.verify_code, wrong.verify_message = 18, "self-signed certificate"
            raise httpx.ConnectError("certificate verify failed", request=request) from wrong
        return await self._answered(request)

    async def _answered(self, request: httpx.Request) -> httpx.Response:
        asked, sent = await request.aread(), list[Message]()

        async def receive() -> Message:
            return {"type": "http.request", "body": asked, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(_scope(request), receive, send)
        start, *pieces = sent
        body = b"".join(piece.get("body", b"") for piece in pieces)
        stream = httpx.ByteStream(b"" if request.method == "HEAD" else body)
        return httpx.Response(start["status"], headers=start["headers"], stream=stream)


def _scope(request: httpx.Request) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 123),
        "server": (request.url.host, request.url.port),
    }


def _write_private(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
    return path
