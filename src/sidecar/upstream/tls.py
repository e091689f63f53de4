"""TLS contexts: whom a source trusts, by CA file or by the fingerprint of one certificate. There is no insecure switch."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError

#: OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED.
_HAS_EXPIRED = 10


@dataclass(frozen=True, slots=True)
class Trust:
    """How a server proves who it is: by a CA file or by its certificate's SHA-256 fingerprint; neither: the system's CAs."""

    ca_file: Path | None = None
    fingerprint: str | None = None


async def context(host: str, port: int, trust: Trust, seconds: float) -> ssl.SSLContext:
    """A context that accepts what ``trust`` says and nothing else.

    Raises:
        SourceError: the CA file can't be read; the server can't be reached; its certificate has another fingerprint.
    """
    if trust.fingerprint is not None:
        return await _pinned(host, port, trust.fingerprint.lower(), seconds)
    try:
        made = ssl.create_default_context(cafile=trust.ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise SourceError(
            f"CA file {trust.ca_file} can't be used: {reason}",
            kind=ProblemKind.CONFIGURATION,
            culprit=str(trust.ca_file),
            action="Put the CA's certificate (PEM) there.",
        ) from None
    return _without_strict(made)


def fingerprint_of(certificate: bytes) -> str:
    """SHA-256 of a certificate (DER), as Proxmox writes it: lower-case hex with colons."""
    return hashlib.sha256(certificate).digest().hex(":")


def _without_strict(made: ssl.SSLContext) -> ssl.SSLContext:
    """Python 3.13 asks for extensions that Proxmox VE's own CA lacks (libs.md §1.2); all other checks stay."""
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return made


async def _pinned(host: str, port: int, wanted: str, seconds: float) -> ssl.SSLContext:
    """The handshake of every later connection accepts exactly the certificate that has the wanted fingerprint.

    The leaf is fetched over a connection on which nothing is sent, compared, and becomes the only trust anchor.
    """
    leaf = await _leaf(host, port, seconds)
    shown = fingerprint_of(leaf)
    if shown != wanted:
        raise SourceError(
            f"its certificate has fingerprint {shown}, configured is {wanted}",
            kind=ProblemKind.UNTRUSTED_CERTIFICATE,
            culprit=host,
            action="Compare it on the server itself; if the certificate was renewed, update fingerprint.",
        )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.load_verify_locations(cadata=leaf)
    return _without_strict(made)


async def _leaf(host: str, port: int, seconds: float) -> bytes:
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port, ssl=anyone)
    except TimeoutError:
        raise SourceError(f"timed out after {seconds:g} s", kind=ProblemKind.TIMED_OUT, culprit=host) from None
    except OSError as error:
        raise SourceError(cause_of(error), kind=kind_of(error), culprit=host) from None
    try:
        tls = writer.get_extra_info("ssl_object")
        return bytes(tls.getpeercert(binary_form=True))
    finally:
        writer.transport.abort()


def kind_of(error: BaseException) -> ProblemKind:
    """What a failure of the network or of TLS is."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProblemKind.UNTRUSTED_CERTIFICATE
    return ProblemKind.TIMED_OUT if isinstance(error, TimeoutError) else ProblemKind.UNREACHABLE


def cause_of(error: BaseException) -> str:
    """A failure of the network or of TLS as one clause."""
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _HAS_EXPIRED:
        return "its certificate has expired; renew it, and update fingerprint where one is configured"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'unknown reason'}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and getattr(error, "errno", None) in (-2, -3, -5):
        return "its name can't be resolved"
    return (error.strerror if isinstance(error, OSError) and error.strerror else "the connection broke").lower()
