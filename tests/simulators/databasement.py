"""A Databasement 1.9: bearer token, Laravel's errors and pages, and the lists a viewer may read (docs/upstreams.md)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.simulators.calls import Json, query
from tests.simulators.databasement_rows import (
    job_row,
    restore_job_row,
    schedule_row,
    scheduled_restore_row,
    server_row,
    snapshot_row,
    volume_row,
)
from tests.simulators.dumps import DumpRow
from tests.simulators.story import Moment
from tests.simulators.upstream_site import Access, Site

_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
_READ = ("GET", "HEAD")
Rows = list[dict[str, Json]]


@dataclass(frozen=True, slots=True)
class _List:
    """A list: its rows, and for each filter how it compares."""

    rows: Callable[[Moment], Rows]
    filters: dict[str, Callable[[dict[str, Json], str], bool]]
    sorts: tuple[str, ...] = ()


def app(site: Site) -> Starlette:
    """The server. It asks ``site`` for everything, at every request."""

    async def health(_: Request) -> Response:
        return JSONResponse({"success": True})

    async def answer(request: Request) -> Response:
        refused = _refuse(site.access["databasement"], request)
        if refused is not None:
            return refused
        known = _LISTS.get(request.path_params["name"])
        if known is None:
            return _error(404, f"The route {request.url.path.strip('/')} could not be found.")
        if request.method not in _READ:
            return _error(403, "This action is unauthorized.")
        return _page(request, known, known.rows(site.moment()))

    async def organizations(request: Request) -> Response:
        organization = {"id": "01km57j4m0h7gc2fx6abtjv4fw", "name": "Default", "is_default": True, "role": "viewer"}
        return _refuse(site.access["databasement"], request) or JSONResponse({"data": [organization]})

    async def elsewhere(request: Request) -> Response:
        return _error(404, f"The route {request.url.path.strip('/')} could not be found.")

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/api/v1/user/organizations", organizations),
            Route("/api/v1/{name}", answer, methods=_METHODS),
            Route("/{path:path}", elsewhere, methods=_METHODS),
        ]
    )


def _error(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)


def _refuse(access: Access, request: Request) -> Response | None:
    """A browser is sent to the login page; only a client that accepts JSON gets 401 (DB-3)."""
    if request.headers.get("authorization") == f"Bearer {access.name}|{access.secret}" and not access.refused:
        return None
    if "json" in request.headers.get("accept", ""):
        return _error(401, "Unauthenticated.")
    return RedirectResponse(f"{request.url.scheme}://{request.url.netloc}/login", 302)


def _page(request: Request, known: _List, rows: Rows) -> Response:
    parameters = query(request)
    unknown = [name[7:-1] for name in parameters if name.startswith("filter[") and name[7:-1] not in known.filters]
    if unknown:
        allowed = ", ".join(known.filters)
        text = f"Requested filter(s) `{', '.join(unknown)}` are not allowed. Allowed filter(s) are `{allowed}`."
        return _error(400, text)
    for name, compare in known.filters.items():
        wanted = parameters.get(f"filter[{name}]")
        if wanted:
            rows = [row for row in rows if compare(row, wanted[0])]
    sort = parameters.get("sort", [""])[0]
    if sort.lstrip("-") not in ("", *known.sorts):
        allowed = ", ".join(known.sorts)
        return _error(400, f"Requested sort(s) `{sort}` is not allowed. Allowed sort(s) are `{allowed}`.")
    if sort:
        rows = sorted(rows, key=lambda row: str(row[sort.lstrip("-")] or ""), reverse=sort.startswith("-"))
    size = min(max(_whole(parameters, "per_page", 15), 1), 100)
    return JSONResponse(_envelope(request, rows, max(_whole(parameters, "page", 1), 1), size))


def _whole(parameters: dict[str, list[str]], name: str, default: int) -> int:
    text = parameters.get(name, [""])[0]
    return int(text) if text.isdigit() else default


def _envelope(request: Request, rows: Rows, page: int, size: int) -> dict[str, object]:
    """Links carry the page number only: per_page, filters and sort are dropped (DB-4)."""
    path = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
    last = max(math.ceil(len(rows) / size), 1)
    shown = rows[(page - 1) * size : page * size]

    def link(number: int) -> str | None:
        return f"{path}?page={number}" if 1 <= number <= last else None

    first = (page - 1) * size + 1 if shown else None
    return {
        "data": shown,
        "links": {"first": link(1), "last": link(last), "prev": link(page - 1), "next": link(page + 1)},
        "meta": {
            "current_page": page,
            "from": first,
            "last_page": last,
            "links": _page_links(page, last, link),
            "path": path,
            "per_page": size,
            "to": first + len(shown) - 1 if first else None,
            "total": len(rows),
        },
    }


def _page_links(page: int, last: int, link: Callable[[int], str | None]) -> Rows:
    labels = [("&laquo; Previous", page - 1)] + [(str(n), n) for n in range(1, last + 1)] + [("Next &raquo;", page + 1)]
    return [
        {
            "url": link(number),
            "label": label,
            "page": number if link(number) else None,
            "active": label == str(page),
        }
        for label, number in labels
    ]


def _one_of(field: str) -> Callable[[dict[str, Json], str], bool]:
    return lambda row, wanted: str(row[field]) in wanted.split(",")


def _in_snapshot(field: str) -> Callable[[dict[str, Json], str], bool]:
    return lambda row, wanted: wanted in str(row[field])


def _with_rows(render: Callable[[Moment, DumpRow], dict[str, Json]]) -> Callable[[Moment], Rows]:
    """Kept, because all pages of a list are asked for at the same moment."""
    return lru_cache(maxsize=2)(lambda moment: [render(moment, row) for row in _newest_first(moment.dump_rows)])


_jobs = _with_rows(job_row)


def _restore_jobs(moment: Moment) -> Rows:
    return [restore_job_row(moment, row) for row in moment.restore_rows]


def _newest_created(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: str(row["created_at"]), reverse=True)


def _newest_first(rows: Iterable[DumpRow]) -> list[DumpRow]:
    return sorted(rows, key=lambda row: (row.created, row.database), reverse=True)


_LISTS = {
    "database-servers": _List(
        lambda moment: [server_row(moment, server) for server in moment.homelab.dumps.servers],
        {"name": _in_snapshot("name"), "host": _in_snapshot("host"), "database_type": _one_of("database_type")},
        ("name", "host", "database_type", "created_at"),
    ),
    "jobs": _List(
        lambda moment: _newest_created([*_jobs(moment), *_restore_jobs(moment)]),
        {
            "status": _one_of("status"),
            "type": lambda row, wanted: (row["restore"] is not None) == (wanted == "restore"),
            "search": lambda row, wanted: wanted in str(row["snapshot"]),
        },
        ("created_at", "started_at", "completed_at", "status"),
    ),
    "snapshots": _List(
        _with_rows(snapshot_row),
        {
            "database_server_id": lambda row, wanted: wanted in str(row["server"]),
            "database_name": _in_snapshot("database_name"),
            "database_type": _one_of("database_type"),
            "method": _one_of("method"),
            # A callback with "status = ?": a comma list finds nothing, unlike the jobs' filter.
            "status": lambda row, wanted: f"'status': '{wanted}'" in str(row["job"]),
        },
        ("started_at", "created_at", "file_size", "database_name"),
    ),
    "volumes": _List(lambda moment: [volume_row(volume) for volume in moment.homelab.dumps.volumes], {}),
    "backup-schedules": _List(
        lambda moment: [schedule_row(*schedule) for schedule in moment.homelab.dumps.schedules().items()], {}
    ),
    "scheduled-restores": _List(
        lambda moment: [scheduled_restore_row(moment, each) for each in moment.homelab.dumps.restores], {}
    ),
}
