"""Which certificates a source trusts: one with a fingerprint, or those that a CA signed. Real handshakes on loopback."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sidecar.errors import SourceError
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Upstream
from tests.raw_server import ok, raw_server

VERSION = Call("GET", "/version")
TODAY = datetime.now(UTC)
LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, the file both are in, and its fingerprint as Proxmox writes it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    file: Path

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex(":")

    @property
    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


def make(
    directory: Path,
    name: str,
    *,
    until: datetime = TODAY + timedelta(days=30),
    address: x509.GeneralName = LOOPBACK,
    ca: Certificate | None = None,
    is_ca: bool = False,
) -> Certificate:
    """A certificate signed by ``ca``, or by itself. A CA has no keyUsage, as Proxmox VE makes it (PVE-18)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(ca.certificate.subject if ca else subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(TODAY - timedelta(days=60))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(ca.key if ca else key, hashes.SHA256())
    )
    file = directory / f"{name}-{certificate.serial_number}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return Certificate(certificate, key, file)


async def no_headers(_fresh: bool) -> Mapping[str, str]:
    return {}


async def answer(_head: bytes) -> bytes:
    return ok(b'{"data":"seen"}')


def with_server(tls: ssl.SSLContext, trust: Trust, use: Callable[[Upstream], Awaitable[Any]]) -> int:
    """Uses an Upstream of that server. How many requests arrived."""

    async def run() -> int:
        async with raw_server(answer, tls) as server:
            upstream = Upstream("pbs", f"https://127.0.0.1:{server.port}", trust, (VERSION,), no_headers)
            try:
                await use(upstream)
            finally:
                await upstream.close()
        return len(server.requests)

    return asyncio.run(run())


async def succeeds(upstream: Upstream) -> None:
    assert await upstream.get(VERSION) == {"data": "seen"}


def refused(tls: ssl.SSLContext, trust: Trust) -> str:
    """Why the server is not trusted; nothing was sent to it."""

    async def call(upstream: Upstream) -> None:
        await upstream.get(VERSION)

    with pytest.raises(SourceError) as caught:
        with_server(tls, trust, call)
    return caught.value.cause


# --- by fingerprint -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [str.lower, str.upper])
def test_the_pinned_certificate_is_accepted_whatever_it_is_called(tmp_path: Path, write: Callable[[str], str]) -> None:
    pbs = make(tmp_path, "pbs", address=x509.DNSName("pbs.lan"))

    async def use(upstream: Upstream) -> None:
        await succeeds(upstream)
        assert upstream.fingerprint == pbs.fingerprint

    assert with_server(pbs.server, Trust(fingerprint=write(pbs.fingerprint)), use) == 1


def test_another_certificate_of_the_same_name_is_refused_and_both_are_named(tmp_path: Path) -> None:
    pbs, mallory = make(tmp_path, "pbs"), make(tmp_path, "pbs")

    cause = refused(mallory.server, Trust(fingerprint=pbs.fingerprint))

    assert cause == f"its certificate has fingerprint {mallory.fingerprint}, configured is {pbs.fingerprint}"


def test_an_expired_pinned_certificate_is_refused_as_expired(tmp_path: Path) -> None:
    pbs = make(tmp_path, "pbs", until=TODAY - timedelta(days=1))

    assert "has expired" in refused(pbs.server, Trust(fingerprint=pbs.fingerprint))


def test_what_the_pinned_certificate_signed_is_not_the_pinned_certificate(tmp_path: Path) -> None:
    ca = make(tmp_path, "ca", is_ca=True)
    leaf = make(tmp_path, "pbs", ca=ca)

    assert leaf.fingerprint in refused(leaf.server, Trust(fingerprint=ca.fingerprint))


def switching(first: Certificate, then: Certificate) -> ssl.SSLContext:
    """Shows one certificate to the first connection, and another to all others."""
    shown: list[Certificate] = []

    def choose(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = (then if shown else first).server
        shown.append(first)

    context = first.server
    context.sni_callback = choose
    return context


def test_the_fingerprint_is_checked_in_every_handshake_not_only_on_a_first_look(tmp_path: Path) -> None:
    """A server that shows the right certificate to a look, and another when the token would be sent, gets no token."""
    pbs, mallory = make(tmp_path, "pbs"), make(tmp_path, "pbs")
    arrived = 0

    async def use(upstream: Upstream) -> None:
        with pytest.raises(SourceError) as caught:
            await upstream.get(VERSION)
        assert mallory.fingerprint in caught.value.cause

    arrived = with_server(switching(pbs, mallory), Trust(fingerprint=pbs.fingerprint), use)

    assert arrived == 0


def test_a_certificate_that_is_renewed_while_we_run_is_named_at_once_and_accepted_when_it_comes_back(
    tmp_path: Path,
) -> None:
    pbs, renewed = make(tmp_path, "pbs"), make(tmp_path, "pbs")
    now_shown = [pbs]

    def choose(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = now_shown[0].server

    tls = pbs.server
    tls.sni_callback = choose

    async def use(upstream: Upstream) -> None:
        await succeeds(upstream)
        now_shown[0] = renewed
        with pytest.raises(SourceError, match=f"fingerprint {renewed.fingerprint}, configured is {pbs.fingerprint}"):
            await upstream.get(VERSION)
        now_shown[0] = pbs
        await succeeds(upstream)

    assert with_server(tls, Trust(fingerprint=pbs.fingerprint), use) == 2


# --- by CA ------------------------------------------------------------------------------------------------------------------


def test_a_ca_without_key_usage_is_accepted_on_every_python(tmp_path: Path) -> None:
    ca = make(tmp_path, "Proxmox Virtual Environment", is_ca=True)
    pve = make(tmp_path, "pve", ca=ca)

    async def use(upstream: Upstream) -> None:
        await succeeds(upstream)
        assert upstream.fingerprint == pve.fingerprint

    assert with_server(pve.server, Trust(ca_file=ca.file), use) == 1


def test_a_certificate_of_another_ca_is_refused(tmp_path: Path) -> None:
    ours, theirs = make(tmp_path, "ca", is_ca=True), make(tmp_path, "ca", is_ca=True)
    pve = make(tmp_path, "pve", ca=theirs)

    assert "certificate is not trusted" in refused(pve.server, Trust(ca_file=ours.file))


def test_a_certificate_for_another_address_is_refused(tmp_path: Path) -> None:
    ca = make(tmp_path, "ca", is_ca=True)
    other = make(tmp_path, "other", ca=ca, address=x509.DNSName("other.lan"))

    assert "IP address mismatch" in refused(other.server, Trust(ca_file=ca.file))


def test_an_expired_certificate_is_refused_as_expired(tmp_path: Path) -> None:
    ca = make(tmp_path, "ca", is_ca=True)
    pve = make(tmp_path, "pve", ca=ca, until=TODAY - timedelta(days=1))

    assert "has expired" in refused(pve.server, Trust(ca_file=ca.file))


def test_without_a_ca_file_or_fingerprint_only_the_systems_cas_count(tmp_path: Path) -> None:
    assert "certificate is not trusted" in refused(make(tmp_path, "pbs").server, Trust())


def test_a_ca_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing here")

    assert f"CA file {empty} can't be used" in refused(make(tmp_path, "pve").server, Trust(ca_file=empty))
