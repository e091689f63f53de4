"""Errors as RFC 9457 problem documents: what is wrong and what to do, never a traceback or a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .query import QueryError

MEDIA_TYPE = "application/problem+json"
ALLOWED_METHODS = "GET, HEAD"

INTERNAL_ERROR = "Internal error in backup-glance. Its log has the details."


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer. ``detail``: a sentence for who must act."""

    status: int
    detail: str
    headers: Mapping[str, str] | None = None


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A problem document. The type is always about:blank, so the title is the status in words (RFC 9457 §4.2.1)."""
    document = {"type": "about:blank", "title": title(status), "status": status, "detail": detail}
    return Response(json.dumps(document), status, headers, MEDIA_TYPE)


def title(status: int) -> str:
    """The status in words, those of RFC 9110 whatever Python's version."""
    return "Unprocessable Content" if status == 422 else HTTPStatus(status).phrase


def problem_of(request: Request, exception: Exception) -> Problem:
    """What is wrong: a query, or what the router or a handler raised (404, 405); anything else gives no details."""
    if isinstance(exception, QueryError):
        return Problem(422, str(exception))
    if not isinstance(exception, HTTPException):
        return Problem(500, INTERNAL_ERROR)
    if exception.status_code == 405:
        detail = f"{request.method} is not allowed: everything here is read-only."
        return Problem(405, detail, {"Allow": ALLOWED_METHODS})
    if exception.status_code == 404 and exception.detail == HTTPStatus.NOT_FOUND.phrase:
        return Problem(404, "Nothing is served at this path. /openapi.json lists all paths.")
    return Problem(exception.status_code, exception.detail, exception.headers)
