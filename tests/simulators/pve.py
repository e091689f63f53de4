"""A Proxmox VE 9 cluster, asked at pve1: who may come in, which calls there are, the form of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.simulators import pve_answers as answers
from tests.simulators import pve_logs, pve_tasks
from tests.simulators.calls import Answer, Call, Question, RefusedError, call, find, form, query
from tests.simulators.upstream_site import Access, Site
from tests.simulators.vzdump import node_is_down

_BASE = "/api2/json"
_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
_JSON = "application/json;charset=UTF-8"
_HOME = "pve1"
"""The node that is asked; calls for another one are passed on to it."""

CALLS = (
    call("/version", answers.version),
    call("/access/permissions", answers.permissions, "path", "userid"),
    call("/nodes", answers.nodes),
    call("/nodes/{node}/time", answers.node_time),
    call("/nodes/{node}/tasks", pve_tasks.answer, *pve_tasks.PARAMETERS),
    call("/nodes/{node}/tasks/{upid}/log", pve_tasks.log, *pve_logs.PARAMETERS),
    call("/nodes/{node}/storage/{storage}/content", answers.content, "content", "vmid"),
    call("/nodes/{node}/storage/{storage}/prunebackups", answers.prune_preview, "prune-backups", "type", "vmid"),
    call("/cluster/resources", answers.resources, "type"),
    call("/cluster/backup", answers.jobs),
    call("/cluster/backup/{job}/included_volumes", answers.included_volumes),
    call("/cluster/backup-info/not-backed-up", answers.not_backed_up),
    call("/cluster/replication", answers.replication),
    call("/storage", answers.storages, "type"),
)


def app(site: Site, more: tuple[Call, ...] = ()) -> Starlette:
    """The server. It asks ``site`` for everything, at every request. ``more`` calls go before its own."""

    async def answer(request: Request) -> Response:
        try:
            given = _answer(site, (*more, *CALLS), request, await form(request))
        except RefusedError as refusal:
            return _refuse(refusal)
        return JSONResponse({**given.beside, "data": given.data}, media_type=_JSON)

    async def elsewhere(_: Request) -> Response:
        return Response("", 404)

    return Starlette(
        routes=[
            Route(_BASE + "{path:path}", answer, methods=_METHODS),
            Route("/{path:path}", elsewhere, methods=_METHODS),
        ]
    )


def _refuse(refusal: RefusedError) -> Response:
    """401 has no body, every other error has a text (PVE-6)."""
    if refusal.status == 401:
        return Response("", 401)
    return JSONResponse({"data": None, "message": f"{refusal.text}\n"}, refusal.status, media_type=_JSON)


def _answer(site: Site, calls: tuple[Call, ...], request: Request, body: Mapping[str, list[str]]) -> Answer:
    _authenticate(site.access["pve"], request)
    route = find((known for known in calls if known.method == request.method), request.path_params["path"])
    if route is None:
        raise RefusedError(501, f"Method '{request.method} {request.path_params['path']}' not implemented")
    known, parts = route
    question = Question(site, site.access["pve"], site.moment("pve"), parts, {**query(request), **body})
    _check(known, question)
    _reach(question)
    return known.answer(question)


def _authenticate(access: Access, request: Request) -> None:
    """PVE joins token id and secret with "=", unlike PBS (PVE-1)."""
    header = request.headers.get("authorization", "")
    scheme, credential = header[:11], unquote(header[12:])
    name, _, secret = credential.partition("=")
    if scheme != "PVEAPIToken" or (name, secret) != (access.name, access.secret) or access.refused:
        raise RefusedError(401, "Authentication failed!")


def _check(known: Call, question: Question) -> None:
    unknown = [name for name in question.parameters if name not in known.parameters]
    if unknown:
        raise RefusedError(400, "Parameter verification failed.")


def _reach(question: Question) -> None:
    """Calls for another node are passed on to it and fail with a code of their own when it is off (PVE-7)."""
    node = question.parts.get("node")
    if node is None:
        return
    if node not in question.moment.homelab.nodes:
        raise RefusedError(500, f"hostname lookup '{node}' failed - failed to get address info for: {node}")
    if node != _HOME and node_is_down(question.moment.faults, node, question.moment.now):
        raise RefusedError(595, "No route to host")
