"""Errors as RFC 9457 problem documents: what is wrong and what to do, never a traceback or a secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
ALLOWED_METHODS = "GET, HEAD"

INTERNAL_ERROR = "Internal error in backup-glance. Its log has the details."


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A problem document. The type is always about:blank, so the title is the status in words (RFC 9457 §4.2.1)."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(json.dumps(document), status, headers, MEDIA_TYPE)


def for_http_exception(request: Request, exception: Exception) -> Response:
    """What the router or a handler raised: 404, 405 and 422."""
    if not isinstance(exception, HTTPException):
        raise exception
    if exception.status_code == 405:
        detail = f"{request.method} is not allowed: everything here is read-only."
        return problem(405, detail, {"Allow": ALLOWED_METHODS})
    if exception.status_code == 404 and exception.detail == HTTPStatus.NOT_FOUND.phrase:
        return problem(404, "Nothing is served at this path. /openapi.json lists all paths.")
    return problem(exception.status_code, exception.detail, exception.headers)


def for_any_exception(_request: Request, _exception: Exception) -> Response:
    """An error that nothing else handles. The server logs it; the answer gives no details."""
    return problem(500, INTERNAL_ERROR)
