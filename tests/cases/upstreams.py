"""Small servers on loopback that answer exactly what a case says, over HTTPS; over HTTP where its configuration says so."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.simulators.certificates import make_certificates
from tests.simulators.servers import bound, server_config

from .case import Answers

_PATIENCE = 10.0


class CaseUpstream:
    """One upstream. ``answers`` by request may be replaced at any time; ``unanswered`` are requests that have none."""

    def __init__(self, name: str, kind: str) -> None:
        self.kind = kind
        self.answers: Mapping[str, Any] = {}
        self.unanswered: set[str] = set()
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        key, body = _key(request), await request.body()
        with_body = f"{key} {json.dumps(json.loads(body), separators=(',', ':'))}" if body else key
        known = with_body if with_body in self.answers else key
        if known not in self.answers:
            self.unanswered.add(with_body if "Login" not in key else key)
            response: Response = Response("no such path", 404)
        else:
            response = await _response(self.answers[known], receive)
        await response(scope, receive, send)


def _key(request: Request) -> str:
    query = sorted((name, value) for name, value in parse_qsl(request.url.query) if name != "since")
    told = "&".join(f"{name}={value}" for name, value in query)
    return f"{request.method} {request.url.path}{'?' if told else ''}{told}"


async def _response(answer: Any, receive: Receive) -> Response:
    if not isinstance(answer, dict) or "!" not in answer:
        return JSONResponse(answer)
    if answer["!"] == "timeout":
        while (await receive())["type"] != "http.disconnect":
            pass
        return Response("nobody waits for this any more", 504)
    headers = {"WWW-Authenticate": 'Basic realm="restricted"'} if answer["!"] == 401 and "<" in answer["text"] else {}
    headers |= {"Location": answer["location"]} if answer.get("location") else {}
    return Response(answer.get("text", ""), answer["!"], headers)


class CaseRack:
    """The upstreams of a configuration, each at its own loopback address, with a certificate of its own that is pinned.

    ``config`` is the case's configuration with the addresses that they really have. Use ``opened``.
    """

    def __init__(self, config: dict[str, Any], directory: Path) -> None:
        self.config = copy.deepcopy(config)
        self.upstreams: dict[str, CaseUpstream] = {}
        self._servers: list[uvicorn.Server] = []
        self._sockets: list[socket.socket] = []
        self._places: dict[str, tuple[str, int]] = {}
        for number, (name, source) in enumerate(self.config["sources"].items(), start=2):
            self._add(name, source, f"127.0.0.{number}", directory / name)

    def _add(self, name: str, source: dict[str, Any], address: str, directory: Path) -> None:
        upstream = self.upstreams[name] = CaseUpstream(name, source["kind"])
        listening = bound(address)
        port = listening.getsockname()[1]
        parts = urlsplit(source["url"])
        self._places[parts.hostname or ""] = address, port
        pair = None
        if parts.scheme == "https":
            directory.mkdir()
            pair = make_certificates(directory)["pbs"]
            source.pop("ca_file", None)
            source["fingerprint"] = pair.fingerprint
        source["url"] = parts._replace(netloc=f"{address}:{port}").geturl()
        self._sockets.append(listening)
        self._servers.append(uvicorn.Server(server_config(upstream, pair)))

    def answer(self, answers: Answers) -> None:
        """From now on they answer this. Where PVE names a backup server by its host, it names ours."""
        for name, upstream in self.upstreams.items():
            upstream.answers = self._with_our_hosts(answers[name]) if upstream.kind == "pve" else answers[name]

    def _with_our_hosts(self, answers: Mapping[str, Any]) -> Mapping[str, Any]:
        key = "GET /api2/json/storage"
        if not isinstance(answers.get(key), dict) or "data" not in answers[key]:
            return answers
        rows = []
        for row in answers[key]["data"]:
            place = self._places.get(row.get("server", ""))
            rows.append({**row, "server": place[0], "port": place[1]} if place and row["type"] == "pbs" else row)
        return {**answers, key: {"data": rows}}

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """While inside, they answer."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="case upstreams", daemon=True)
        thread.start()
        tasks = [
            asyncio.run_coroutine_threadsafe(server.serve(sockets=[listening]), loop)
            for server, listening in zip(self._servers, self._sockets, strict=True)
        ]
        try:
            yield
        finally:
            for server in self._servers:
                server.should_exit = server.force_exit = True
            for task in tasks:
                task.result(_PATIENCE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_PATIENCE)
            loop.close()
