"""Why a call was not passed on, as it is told to programs: by the kind of trouble, so that no host or user is named."""

from __future__ import annotations

import math
from collections.abc import Iterable

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError

from . import shape


class NotPassedOnError(Exception):
    """There is no answer. ``status`` is that of HTTP; ``retry_after``: seconds after which asking again may help."""

    def __init__(self, status: int, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after

    def again(self) -> NotPassedOnError:
        """The same, without what led to it: that would hold the upstream's whole answer."""
        return NotPassedOnError(self.status, self.detail, self.retry_after)


OFF = "The proxy is off. Set proxy: {enabled: true} in the configuration, and restart backup-glance."


async def nothing_passed_on(_source: str, _raw_path: bytes, _query: Iterable[tuple[str, str]]) -> bytes:
    """What the proxy answers while it is off."""
    raise NotPassedOnError(404, OFF)


_MORE = "/api/v1/status and the page say more."

_SAID = {
    ProblemKind.UNREACHABLE: (502, f"It can't be reached. {_MORE}"),
    ProblemKind.TIMED_OUT: (504, "It did not answer in time."),
    ProblemKind.UNTRUSTED_CERTIFICATE: (502, f"Its certificate is not trusted. {_MORE}"),
    ProblemKind.CONFIGURATION: (502, f"Its credential or certificate can't be read. {_MORE}"),
    ProblemKind.REFUSED_CREDENTIALS: (502, f"It refused the credential of backup-glance. {_MORE}"),
    ProblemKind.NO_PERMISSION: (403, f"Its token of backup-glance may not ask for this. {_MORE}"),
    ProblemKind.LOGIN_IN_FRONT: (502, f"Something in front of it asks for a login. {_MORE}"),
    ProblemKind.REDIRECTED: (502, f"It redirects elsewhere. {_MORE}"),
    ProblemKind.SERVER_ERROR: (502, "It answered with an error of its own."),
    ProblemKind.TOO_LARGE: (502, "Its answer is larger than 4 MiB, or has too many parts: ask for less."),
    ProblemKind.NOT_UNDERSTOOD: (502, "Its answer is not the JSON that this call answers with."),
}


def refusal(source: str, error: SourceError, rests: float) -> NotPassedOnError:
    """What is told of a call that failed. ``rests``: seconds for which the source is left alone."""
    if error.kind is ProblemKind.RATE_LIMITED or error.status == 503:
        return busy(source, rests)
    if error.kind is ProblemKind.REJECTED:
        status = 404 if error.status == 404 else 422
        # Its own words about the query, without what looks like a secret.
        return NotPassedOnError(status, f"Source {source}: it rejected this call ({shape.words(error.cause)}).")
    status, said = _SAID.get(error.kind, (502, "It can't be read."))
    return NotPassedOnError(status, f"Source {source}: {said}")


def busy(source: str, rests: float) -> NotPassedOnError:
    """It is not asked now, but will be after that many seconds."""
    return NotPassedOnError(503, f"Source {source}: it is busy, or left alone for now.", max(math.ceil(rests), 1))
