"""One call to an address of which only matters that it was called: the dead man's switch.

No redirect, no cookie, no proxy; nothing of the answer is used but its status.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import httpx

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError

from . import tls

#: Seconds for all of it.
TIME = 10.0

#: Bytes of an answer that are read.
_LONGEST_ANSWER = 16 * 1024


class Ping:
    """Calls addresses. What is trusted is what the system trusts when it is called first."""

    def __init__(self, seconds: float = TIME) -> None:
        self._seconds = seconds
        self._context: ssl.SSLContext | None = None

    async def call(self, url: str) -> None:
        """Calls it. Raises SourceError, whose words do not hold the address."""
        if not _is_web_address(url):
            raise SourceError("its address is not a web address", kind=ProblemKind.CONFIGURATION)
        if self._context is None:
            # Reading all CAs takes longer than a step of the event loop may.
            self._context = await asyncio.to_thread(tls.from_ca_file, None)
        try:
            async with asyncio.timeout(self._seconds):
                status = await _status(url, self._context)
        except TimeoutError:
            raise SourceError("no answer in time", kind=ProblemKind.TIMED_OUT) from None
        except httpx.HTTPError as error:
            raise _problem(error) from None
        except (httpx.InvalidURL, ValueError):
            raise SourceError("its address is not a web address", kind=ProblemKind.CONFIGURATION) from None
        if status >= 300:
            raise SourceError(f"it answered {status}", kind=ProblemKind.REJECTED, status=status)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        return False


async def _status(url: str, context: ssl.SSLContext) -> int:
    async with (
        httpx.AsyncClient(verify=context, trust_env=False, follow_redirects=False, timeout=TIME) as client,
        client.stream("GET", url, headers={"User-Agent": "backup-glance"}) as answer,
    ):
        read = 0
        async for chunk in answer.aiter_raw():
            read += len(chunk)
            if read > _LONGEST_ANSWER:
                break
        return answer.status_code


def _problem(error: httpx.HTTPError) -> SourceError:
    """What went wrong, by its kind: the library's own words hold the address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return SourceError("its TLS certificate can't be trusted", kind=ProblemKind.UNTRUSTED_CERTIFICATE)
        if isinstance(cause, ConnectionRefusedError):
            return SourceError("connection refused", kind=ProblemKind.UNREACHABLE)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TimeoutException):
        return SourceError("no answer in time", kind=ProblemKind.TIMED_OUT)
    if isinstance(error, httpx.UnsupportedProtocol):
        return SourceError("its address is not a web address", kind=ProblemKind.CONFIGURATION)
    return SourceError("it can't be reached", kind=ProblemKind.UNREACHABLE)
