"""Upstreams that answer in process: with recorded answers of a real server, or with answers of a test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

import httpx

from sidecar.core.reports.report import Limit, Reading, Report
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Headers, Upstream
from tests.replies import arriving

T = TypeVar("T")

_SAMPLES = Path(__file__).parent / "samples"
_BASE = "/api2/json"

NOW = datetime(2026, 11, 23, 19, 3, tzinfo=UTC)
"""Shortly after the answers of the main state were recorded."""


def clock() -> datetime:
    """The moment of the recordings."""
    return NOW


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs one coroutine to its end."""
    return asyncio.run(work)


async def any_secret(fresh: bool) -> str:
    """A secret that nobody checks."""
    return "x"


class Kept:
    """A secret as Vault would give it: remembered until somebody asks for a fresh one."""

    def __init__(self, stored: Callable[[], str]) -> None:
        self.stored = stored
        self.known = stored()
        self.fresh_reads = 0

    async def __call__(self, fresh: bool) -> str:
        if fresh:
            self.fresh_reads += 1
            self.known = self.stored()
        return self.known


def recorded(*names: str) -> dict[str, Any]:
    """The answers of these states, path → {status, body}; a later state answers before an earlier one."""
    answers: dict[str, Any] = {}
    for name in names:
        answers |= json.loads((_SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return answers


def rows(name: str, path: str) -> list[Any]:
    """The rows of one recorded answer."""
    data: list[Any] = recorded(name)[path]["body"]["data"]
    return data


class Answering(httpx.AsyncBaseTransport):
    """Answers from a table: "/path?ns=x" → {status, body} or a body's data; 404 for everything else.

    The query of a task list doesn't count. An exception in the table is raised. ``asked`` holds the requests' addresses.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(_BASE)
        query = {key: values[0] for key, values in parse_qs(request.url.query.decode()).items()}
        asked = path + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else "")
        self.asked.append(asked)
        answer = self.answers.get(asked, self.answers.get(path) if path.endswith("/tasks") else None)
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, dict) or "status" not in answer:
            answer = {"status": 404, "body": f"Path '{path}' not found."} if answer is None else _fine(answer)
        body = answer["body"]
        text = body if isinstance(body, str) else json.dumps(body)
        return arriving(httpx.Response(answer["status"], content=text.encode()))


async def no_headers(fresh: bool) -> Mapping[str, str]:
    """For upstreams that let everybody in."""
    return {}


def upstream(transport: httpx.AsyncBaseTransport, allowed: Sequence[Call], headers: Headers = no_headers) -> Upstream:
    """An upstream behind a transport."""
    return Upstream("lab", "https://lab.invalid", Trust(), allowed, headers, transport=transport)


def reading(report: Report, *scope: str) -> Reading:
    """The reading of exactly this scope; there must be one."""
    wanted = report.reading(*scope)
    assert wanted is not None, f"no reading of {scope}"
    return wanted


def cause(report: Report, *scope: str) -> str:
    """Why a scope could not be read; "" when it was."""
    problem = reading(report, *scope).problem
    return problem.cause if problem else ""


def broken(report: Report) -> set[tuple[str, ...]]:
    """The scopes with a problem."""
    return {reading.scope for reading in report.readings if reading.problem}


def _fine(data: Any) -> dict[str, Any]:
    return {"status": 200, "body": {"data": data}}


def texts(limits: Iterable[Limit]) -> tuple[str, ...]:
    """What people read of limits."""
    return tuple(limit.text for limit in limits)
