"""The way to an upstream, step by step: which of them does not work, and what certificate is there. Real servers on loopback."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from sidecar.upstream.handshake import Handshake, Step, handshake
from sidecar.upstream.tls import Trust
from tests.raw_server import raw_server
from tests.upstream.test_tls import TODAY, Certificate, answer, make


def looked(certificate: Certificate | None, trust: Trust) -> tuple[Handshake, int]:
    """How far one gets at a server with this certificate, and how many requests arrived there."""

    async def run() -> tuple[Handshake, int]:
        async with raw_server(answer, certificate.server if certificate else None) as server:
            scheme = "https" if certificate else "http"
            shown = await handshake(f"{scheme}://127.0.0.1:{server.port}", trust)
            return shown, len(server.requests)

    return asyncio.run(run())


def test_a_pinned_certificate_tells_when_it_ends_and_nothing_is_sent(tmp_path: Path) -> None:
    pinned = make(tmp_path, "pbs", until=TODAY + timedelta(days=30))
    shown, requests = looked(pinned, Trust(fingerprint=pinned.fingerprint.upper()))

    assert (shown.failed, shown.fingerprint, requests) == (None, pinned.fingerprint, 0)
    assert shown.ends is not None
    assert abs(shown.ends - (TODAY + timedelta(days=30))) < timedelta(seconds=2)


def test_a_certificate_of_a_trusted_ca(tmp_path: Path) -> None:
    ca = make(tmp_path, "ca", is_ca=True)
    leaf = make(tmp_path, "pve", ca=ca)
    shown, _ = looked(leaf, Trust(ca_file=ca.file))

    assert (shown.failed, shown.fingerprint) == (None, leaf.fingerprint)
    assert shown.ends is not None


def test_another_certificate_than_the_pinned_one_is_shown_with_its_fingerprint(tmp_path: Path) -> None:
    pinned, other = make(tmp_path, "pbs"), make(tmp_path, "other")
    shown, _ = looked(other, Trust(fingerprint=pinned.fingerprint))

    assert (shown.failed, shown.fingerprint, shown.ends) == (Step.CERTIFICATE, other.fingerprint, None)
    assert shown.cause == f"its certificate has fingerprint {other.fingerprint}, configured is {pinned.fingerprint}"
    assert "update fingerprint" in (shown.action or "")


def test_a_certificate_of_an_unknown_ca_and_one_that_expired(tmp_path: Path) -> None:
    ca, stranger = make(tmp_path, "ca", is_ca=True), make(tmp_path, "stranger", is_ca=True)
    unknown, _ = looked(make(tmp_path, "pve", ca=stranger), Trust(ca_file=ca.file))
    expired, _ = looked(make(tmp_path, "pve", ca=ca, until=TODAY - timedelta(days=1)), Trust(ca_file=ca.file))

    assert unknown.failed is expired.failed is Step.CERTIFICATE
    assert "is not trusted" in (unknown.cause or "")
    assert "fingerprint or ca_file" in (unknown.action or "")
    assert "has expired" in (expired.cause or "")
    assert "Renew its certificate" in (expired.action or "")


def test_a_ca_file_that_is_not_there(tmp_path: Path) -> None:
    shown, _ = looked(make(tmp_path, "pve"), Trust(ca_file=tmp_path / "none.pem"))

    assert shown.failed is Step.CERTIFICATE
    assert "none.pem can't be used" in (shown.cause or "")


def test_over_http_there_is_no_certificate() -> None:
    assert looked(None, Trust()) == (Handshake(), 0)


def test_a_server_without_tls_where_tls_is_expected() -> None:
    async def run() -> Handshake:
        async with raw_server(answer) as server:
            return await handshake(f"https://127.0.0.1:{server.port}", Trust(), seconds=0.3)

    shown = asyncio.run(run())
    assert shown.failed is Step.CERTIFICATE
    assert shown.fingerprint is None


@pytest.mark.parametrize(
    ("url", "step", "cause"),
    [
        ("https://no-such-host.invalid:8007", Step.NAME, "its name can't be resolved"),
        (f"https://{'a' * 70}.lan", Step.NAME, "that is not the name of a host"),
        ("https://127.0.0.1:1", Step.CONNECTION, "connection refused"),
    ],
)
def test_a_name_that_does_not_exist_and_a_port_on_which_nothing_listens(url: str, step: Step, cause: str) -> None:
    shown = asyncio.run(handshake(url, Trust()))

    assert (shown.failed, shown.cause) == (step, cause)


def test_a_server_that_says_nothing_is_waited_for_so_long_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        shown = asyncio.run(handshake(f"https://127.0.0.1:{port}", Trust(), seconds=0.2))

    assert (shown.failed, shown.cause) == (Step.CERTIFICATE, "timed out after 0.2 s")
