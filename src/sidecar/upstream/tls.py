"""TLS: which certificates are trusted, by CA file or by fingerprint, and what a failed connection means.

There is no switch that turns the checks off.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sidecar import files
from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError

#: The cause shown of a connection that failed without a known cause.
BROKEN = "the connection broke"

#: Bytes of a CA file: all CAs of a system are a quarter of it.
_LONGEST_CA_FILE = 1024 * 1024

#: OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED.
_HAS_EXPIRED = 10


@dataclass(frozen=True, slots=True)
class Trust:
    """How a server is verified: with a CA file or its certificate's SHA-256 fingerprint; without both: the system's CAs."""

    ca_file: Path | None = None
    fingerprint: str | None = None


async def context(host: str, port: int, trust: Trust, seconds: float) -> ssl.SSLContext:
    """A context that accepts what ``trust`` names and nothing else.

    Raises:
        SourceError: the CA file can't be read; the server can't be reached; its certificate has another fingerprint.
    """
    if trust.fingerprint is not None:
        return await _pinned(host, port, trust.fingerprint.lower(), seconds)
    try:
        return from_ca_file(trust.ca_file)
    except OSError as error:
        raise SourceError(
            f"CA file {trust.ca_file} can't be used: {ca_file_fault(error)}",
            kind=ProblemKind.CONFIGURATION,
            culprit=str(trust.ca_file),
            action="Put the CA's certificate (PEM) there.",
        ) from None


def from_ca_file(ca_file: Path | None) -> ssl.SSLContext:
    """A context that trusts the CAs in this file, or the system's without one. Raises OSError, of which SSLError is one."""
    if ca_file is not None:
        files.check(ca_file, _LONGEST_CA_FILE)
    return without_strict(ssl.create_default_context(cafile=ca_file))


def ca_file_fault(error: OSError) -> str:
    """Why a CA file can't be used, as a clause."""
    return (
        "it contains no certificate" if isinstance(error, ssl.SSLError) else f"{error.strerror or 'it is unreadable'}"
    )


def fingerprint_of(certificate: bytes) -> str:
    """SHA-256 of a certificate (DER), as Proxmox writes it: lower-case hex with colons."""
    return hashlib.sha256(certificate).digest().hex(":")


def without_strict(context: ssl.SSLContext) -> ssl.SSLContext:
    """Allows certificates without extensions that Python 3.13 requires, and that Proxmox VE's own CA (PVE-18) and
    many other private CAs lack; all other checks stay."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


async def _pinned(host: str, port: int, wanted: str, seconds: float) -> ssl.SSLContext:
    """A context with which every handshake accepts exactly the certificate with the wanted fingerprint.

    The leaf certificate is fetched over a connection on which nothing is sent, compared, and made the only trust anchor.
    """
    found = await leaf(host, port, seconds)
    shown = fingerprint_of(found)
    if shown != wanted:
        raise SourceError(
            f"its certificate has fingerprint {shown}, configured is {wanted}",
            kind=ProblemKind.UNTRUSTED_CERTIFICATE,
            culprit=host,
            action="Compare it on the server itself; if the certificate was renewed, update fingerprint.",
        )
    created = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    created.minimum_version = ssl.TLSVersion.TLSv1_2
    created.check_hostname = False
    created.verify_mode = ssl.CERT_REQUIRED
    created.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    created.load_verify_locations(cadata=found)
    return without_strict(created)


async def leaf(host: str, port: int, seconds: float) -> bytes:
    """The certificate (DER) that a server shows, whoever made it. Raises SourceError."""
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port, ssl=unverified)
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


def cure_of(error: BaseException) -> str | None:
    """What to do about a certificate that was refused; None for another failure."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    if error.verify_code == _HAS_EXPIRED:
        return "Renew its certificate, and update its fingerprint where one is configured."
    return "Give its fingerprint or ca_file in the configuration, after comparing it on the server itself."


def innermost(error: BaseException) -> OSError | None:
    """The failure of the system or of TLS that an HTTP client has wrapped in its own exceptions; None if there is none."""
    failures = [inner for inner in _causes(error) if isinstance(inner, OSError)]
    return failures[-1] if failures else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what caused it, outermost first; of several simultaneous ones the first."""
    while error is not None:
        yield error
        inner = error.__cause__ or error.__context__
        error = inner.exceptions[0] if isinstance(inner, BaseExceptionGroup) else inner


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
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else BROKEN
