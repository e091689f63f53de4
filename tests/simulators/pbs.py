"""A Proxmox Backup Server 3.2.4: who may come in, which calls there are, the form of its answers (PBS-8, PBS-31)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.simulators import pbs_answers as answers
from tests.simulators import pbs_tasks
from tests.simulators.calls import Answer, Call, Question, RefusedError, call, find, query
from tests.simulators.upstream_site import Access, Site

_BASE = "/api2/json"
_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
_JSON = "application/json;charset=UTF-8"
_CHUNK = 8192

CALLS = (
    call("/ping", answers.ping, public=True),
    call("/version", answers.version),
    call("/access/permissions", answers.permissions, "path", "auth-id"),
    call("/admin/datastore", answers.datastores),
    call("/admin/datastore/{store}/namespace", answers.namespaces, "parent", "max-depth"),
    call("/admin/datastore/{store}/groups", answers.groups, "ns"),
    call("/admin/datastore/{store}/snapshots", answers.snapshots, "ns", "backup-type", "backup-id"),
    call("/admin/datastore/{store}/status", answers.status, "verbose"),
    call("/admin/datastore/{store}/gc", answers.gc_of_store),
    call("/admin/gc", answers.gc_list, "store"),
    call("/admin/gc/{store}", answers.gc_list),
    call("/admin/prune", answers.prune_jobs, "store"),
    call("/admin/verify", answers.verify_jobs, "store"),
    call("/admin/sync", answers.sync_jobs, "store", "sync-direction"),
    call("/status/datastore-usage", answers.usage),
    call("/nodes/{node}/time", answers.node_time),
    call("/nodes/{node}/tasks", pbs_tasks.answer, *pbs_tasks.PARAMETERS),
    call("/nodes/{node}/tasks/{upid}/log", pbs_tasks.log, "start", "limit"),
)
_REPEATED = frozenset({"statusfilter"})


def app(site: Site) -> Starlette:
    """The server. It asks ``site`` for everything, at every request."""

    async def answer(request: Request) -> Response:
        try:
            return _respond(_answer(site, request))
        except RefusedError as refusal:
            media = None if refusal.status == 401 else _JSON
            return Response(refusal.text, refusal.status, media_type=media)

    async def elsewhere(request: Request) -> Response:
        return PlainTextResponse(f"no such file: '{request.url.path.strip('/')}'", 404)

    return Starlette(
        routes=[
            Route(_BASE + "{path:path}", answer, methods=_METHODS),
            Route("/{path:path}", elsewhere, methods=_METHODS),
        ]
    )


def _answer(site: Site, request: Request) -> Answer:
    path = request.url.path
    route = find(CALLS, request.path_params["path"])
    if route is None or not route[0].public:
        _authenticate(site.access["pbs"], request)
    if route is None or request.method != "GET":
        raise RefusedError(404, f"Path '{path}' not found.")
    known, parts = route
    parameters = query(request)
    _check(known, parameters)
    return known.answer(Question(site, site.access["pbs"], site.moment("pbs"), parts, parameters))


def _authenticate(access: Access, request: Request) -> None:
    """401 texts as seen at a running server (PBS-8)."""
    scheme, credential = _split(request.headers.get("authorization", ""))
    if scheme != "PBSAPIToken":
        raise RefusedError(401, "authentication failed - no authentication credentials provided.")
    name, colon, secret = credential.partition(":")
    if "!" not in name:
        raise RefusedError(401, "authentication failed - not a valid user id")
    if not colon:
        raise RefusedError(401, "authentication failed - invalid token name")
    if name != access.name or access.refused:
        raise RefusedError(401, "authentication failed - user account or token disabled or expired.")
    if unquote(secret) != access.secret:
        raise RefusedError(401, "authentication failed - invalid credentials")


def _split(header: str) -> tuple[str, str]:
    for separator in ("=", " "):
        scheme, separated, credential = header.partition(separator)
        if separated and scheme == "PBSAPIToken":
            return scheme, credential
    return "", ""


def _check(known: Call, parameters: dict[str, list[str]]) -> None:
    errors = [
        (name, "schema does not allow additional properties.") for name in parameters if name not in known.parameters
    ]
    errors += [
        (name, "duplicate parameter.")
        for name, values in parameters.items()
        if name in known.parameters and len(values) > 1 and name not in _REPEATED
    ]
    if len(errors) == 1:
        raise RefusedError(400, f"parameter verification failed - '{errors[0][0]}': {errors[0][1]}")
    if errors:
        lines = "\n".join(f"- '{name}': {text}" for name, text in errors)
        raise RefusedError(400, f"parameter verification failed:\n{lines}")


def _respond(answer: Answer) -> Response:
    body = json.dumps({**answer.beside, "data": answer.data}, separators=(",", ":"), ensure_ascii=False).encode()
    if answer.streamed:
        return StreamingResponse(_chunks(body), media_type=_JSON)
    return Response(body, media_type=_JSON)


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _CHUNK):
        yield body[start : start + _CHUNK]
