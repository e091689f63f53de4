"""Goes to an upstream step by step (its name, a connection, its certificate), without saying anything there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import urlsplit

from sidecar.errors import SourceError

from . import tls
from .tls import Trust

_PORTS = {"http": 80, "https": 443}


class Step(StrEnum):
    """What must work before anything can be asked."""

    NAME = "name"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """How far one gets.

    Attributes:
        failed: the step that does not work; None where all do.
        cause: why, as one clause.
        action: what to do about it, where that is known here.
        fingerprint: SHA-256 of the certificate that was shown, trusted or not; None over http.
        ends: until when the certificate is valid; None where it is not trusted.
    """

    failed: Step | None = None
    cause: str | None = None
    action: str | None = None
    fingerprint: str | None = None
    ends: datetime | None = None


async def handshake(url: str, trust: Trust, seconds: float = 5.0) -> Handshake:
    """The steps to ``url``. Each may take ``seconds``."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 443)
    for step, attempt in ((Step.NAME, _resolve), (Step.CONNECTION, _connect)):
        failure = await _tried(step, attempt, host, port, seconds)
        if failure is not None:
            return failure
    return await _certificate(host, port, trust, seconds) if parts.scheme == "https" else Handshake()


async def _tried(
    step: Step, attempt: Callable[[str, int], Awaitable[None]], host: str, port: int, seconds: float
) -> Handshake | None:
    try:
        async with asyncio.timeout(seconds):
            await attempt(host, port)
    except TimeoutError:
        return Handshake(failed=step, cause=f"timed out after {seconds:g} s")
    except OSError as error:
        return Handshake(failed=step, cause=tls.cause_of(error))
    except UnicodeError:
        return Handshake(failed=step, cause="that is not the name of a host")
    return None


async def _resolve(host: str, port: int) -> None:
    await asyncio.get_running_loop().getaddrinfo(host, port)


async def _connect(host: str, port: int) -> None:
    _, writer = await asyncio.open_connection(host, port)
    writer.transport.abort()


async def _certificate(host: str, port: int, trust: Trust, seconds: float) -> Handshake:
    """The certificate that it shows, and whether that is the one to trust."""
    shown: str | None = None
    try:
        shown = tls.fingerprint_of(await tls.leaf(host, port, seconds))
        context = await tls.context(host, port, trust, seconds)
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except SourceError as error:
        return _refused(shown, error.cause, error.action)
    except TimeoutError:
        return _refused(shown, f"timed out after {seconds:g} s")
    except OSError as error:
        return _refused(shown, tls.cause_of(error), tls.cure_of(error))
    try:
        return Handshake(fingerprint=shown, ends=_end(writer.get_extra_info("ssl_object")))
    finally:
        writer.transport.abort()


def _refused(shown: str | None, cause: str, action: str | None = None) -> Handshake:
    return Handshake(failed=Step.CERTIFICATE, cause=cause, action=action, fingerprint=shown)


def _end(connection: ssl.SSLObject) -> datetime | None:
    """Only of a certificate that was verified does the library tell what is in it."""
    text = (connection.getpeercert() or {}).get("notAfter")
    try:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None
