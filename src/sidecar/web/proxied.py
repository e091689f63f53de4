"""``/proxy/{source}/{path}``: what an upstream itself says, for programs that want more than the board."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sidecar.proxy.refusals import NotPassedOnError

#: The answer of a source to a path as it was sent, and a query.
PassOn = Callable[[str, bytes, Iterable[tuple[str, str]]], Awaitable[bytes]]

_NOT_FOUND = "No call of this form is passed on. docs/proxy.md lists the calls that are."


async def answer(request: Request, pass_on: PassOn) -> Response:
    """The answer with no header of the upstream's but the type of its content. Raises HTTPException where there is none."""
    source = request.path_params["source"]
    # Each step is decoded by itself: a slash that was written as %2F is part of a name.
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    prefix = f"/proxy/{source}/".encode()
    if not raw.startswith(prefix):
        raise HTTPException(404, _NOT_FOUND)
    try:
        body = await pass_on(source, raw.removeprefix(prefix), request.query_params.multi_items())
    except NotPassedOnError as error:
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
        raise HTTPException(error.status, error.detail, headers) from None
    return Response(body, media_type="application/json")
