"""A Backrest 1.14: Connect RPC over POST, and the three methods that may be called (docs/upstreams.md)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.simulators import seeded
from tests.simulators.backrest_dashboard import dashboard
from tests.simulators.backrest_log import operations
from tests.simulators.calls import Json
from tests.simulators.story import Moment
from tests.simulators.upstream_site import Access, Site

_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
_TOKEN_LIVES = timedelta(days=7)
Body = dict[str, Json]


class _ConnectError(Exception):
    """A Connect error: an HTTP status, a code, a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def app(site: Site) -> Starlette:
    """The server. It asks ``site`` for everything, at every request."""

    def method(name: str, answer: Callable[[Site, Body], Json], *, public: bool = False) -> Route:
        async def respond(request: Request) -> Response:
            if not public and (refused := _refuse(site, request)) is not None:
                return refused
            if request.method != "POST":
                return Response(status_code=405, headers={"Allow": "POST"})
            if not request.headers.get("content-type", "").startswith("application/json"):
                return Response(status_code=415, headers={"Accept-Post": "application/json, application/proto"})
            try:
                return JSONResponse(answer(site, _body(await request.body())))
            except _ConnectError as failure:
                return JSONResponse({"code": failure.code, "message": str(failure)}, failure.status)

        return Route(name, respond, methods=_METHODS)

    async def web_ui(_: Request) -> Response:
        return HTMLResponse("<!doctype html><title>Backrest</title>")

    return Starlette(
        routes=[
            method("/v1.Authentication/Login", _login, public=True),
            method("/v1.Backrest/GetSummaryDashboard", lambda site, _: dashboard(site.moment())),
            method("/v1.Backrest/GetOperations", lambda site, body: _get_operations(site.moment(), body)),
            Route("/{path:path}", web_ui, methods=_METHODS),
        ]
    )


def _body(raw: bytes) -> Body:
    if not raw:
        raise _ConnectError(
            400, "invalid_argument", "unmarshal message: zero-length payload is not a valid JSON object"
        )
    try:
        body = json.loads(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _ConnectError(400, "invalid_argument", "unmarshal message: syntax error")
    return body


def _login(site: Site, body: Body) -> Json:
    access = site.access["backrest"]
    if (body.get("username"), body.get("password")) != (access.name, access.secret) or access.refused:
        raise _ConnectError(401, "unauthenticated", "invalid password")
    return {"token": _token(access, site.moment().now + _TOKEN_LIVES)}


def _token(access: Access, expires: datetime) -> str:
    """Shaped as a JWT: header, expiry, and a signature that only this secret gives."""
    head = _base64(b'{"alg":"HS256","typ":"JWT"}')
    claims = _base64(json.dumps({"exp": int(expires.timestamp()), "sub": access.name}).encode())
    return f"{head}.{claims}.{seeded.hexdigits(43, access.secret, claims)}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _refuse(site: Site, request: Request) -> Response | None:
    """Plain text 401; a wrong Basic password reads like no header at all (BR-2)."""
    access = site.access["backrest"]
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme == "Bearer":
        valid = _is_valid(access, credential, site.moment().now) and not access.refused
        return None if valid else PlainTextResponse("Unauthorized (Bad Token)\n", 401)
    basic = base64.b64encode(f"{access.name}:{access.secret}".encode()).decode()
    if scheme == "Basic" and credential == basic and not access.refused:
        return None
    return PlainTextResponse("Unauthorized (No Authorization Header)\n", 401)


def _is_valid(access: Access, token: str, now: datetime) -> bool:
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        expires = datetime.fromtimestamp(claims["exp"], now.tzinfo)
    except (binascii.Error, IndexError, KeyError, TypeError, ValueError):
        return False
    return token == _token(access, expires) and now < expires


def _get_operations(moment: Moment, body: Body) -> Json:
    """The newest ``lastN`` by start, future ones included, sorted by id (BR-5)."""
    selector = body.get("selector")
    if not isinstance(selector, dict):
        raise _ConnectError(500, "unknown", "empty selector")
    wanted = {field: selector[field] for field in ("planId", "repoGuid", "instanceId", "flowId") if selector.get(field)}
    matching = [o for o in operations(moment) if all(o.get(field) == value for field, value in wanted.items())]
    matching = [o for o in matching if int(str(o["modno"])) >= int(str(selector.get("modnoGte", 0)))]
    matching.sort(key=lambda o: int(str(o["unixTimeStartMs"])))
    last = int(str(body.get("lastN", 0)))
    shown: list[Json] = [*sorted(matching[-last:], key=lambda o: int(str(o["id"])))]
    return {"operations": shown} if shown else {}
