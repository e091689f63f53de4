"""The answers of a running Proxmox Backup Server 3.2.4 by its state, as the product asks for them.

A state was recorded by some of its answers only. The others come from the states below it, as they were at its moment: what
was written or verified later is left out. Filtered lists (one datastore, one group, the tasks that run) replace their part of
the whole list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from sidecar.sources.upid import parse_upid

_FILE = Path(__file__).parent / "data" / "pbs.json"
#: The logs of a few tasks by UPID, line by line.
_LOGS = Path(__file__).parent / "data" / "pbs_logs.json"
_API = "/api2/json"
_TASKS = "/nodes/localhost/tasks"

Row = dict[str, Any]
#: Request → {"status", "rows" or "body"}.
Answers = dict[str, Row]

#: Nobody asked for these while recording: namespaces without groups of their own, and stores with the root only.
_UNRECORDED = {
    "/admin/datastore/store2/snapshots": {"status": 200, "rows": []},
    "/admin/datastore/store2/snapshots?ns=filtered": {"status": 200, "rows": []},
    "/admin/datastore/store2/snapshots?ns=fromA/sub": {"status": 200, "rows": []},
    "/admin/datastore/store4/namespace": {"status": 200, "rows": [{"ns": ""}]},
    "/admin/datastore/small/namespace": {"status": 200, "rows": [{"ns": ""}]},
}


@dataclass(frozen=True, slots=True)
class State:
    """A state of the server.

    ``layers``: recordings, each laid over those before it; a pair takes some requests only. ``touch``: what is known to have
    been changed on the server, and was not read again while recording.
    """

    moment: str
    layers: tuple[str | tuple[str, tuple[str, ...]], ...]
    touch: Callable[[Answers], Answers] = lambda told: told

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self.moment)


def answers(state: State) -> dict[str, Any]:
    """What the server answers in this state, for ``CaseRack``."""
    told: Answers = dict(_UNRECORDED)
    for number, layer in enumerate(state.layers):
        told = _over(told, _recorded(layer))
        if number < len(state.layers) - 1:
            told = {request: _as_of(request, answer, state.now) for request, answer in told.items()}
    return _logs() | {f"GET {_API}{request}": _told(answer) for request, answer in state.touch(told).items()}


@cache
def _logs() -> dict[str, Any]:
    """The logs as the product asks for them. Those of the other tasks were not recorded."""
    logs: dict[str, list[str]] = json.loads(_LOGS.read_text("utf-8"))
    return {
        f"GET {_API}{_TASKS}/{quote(upid, safe=':@!')}/log?limit=500&start=0": _told(
            {"status": 200, "rows": [{"n": number, "t": line} for number, line in enumerate(lines, 1)]}
        )
        for upid, lines in logs.items()
    }


def odd(name: str) -> Row:
    """The answer to a request that the server refused, or that was asked in another way than the product does."""
    answer: Row = _document()["odd"][name]
    return answer


def odd_names() -> tuple[str, ...]:
    return tuple(_document()["odd"])


def recorded_states() -> tuple[str, ...]:
    """All recordings by folder and token."""
    return tuple(_document()["states"])


@cache
def _document() -> Row:
    document: Row = json.loads(_FILE.read_text("utf-8"))
    return document


def _recorded(layer: str | tuple[str, tuple[str, ...]]) -> Answers:
    name, only = layer if isinstance(layer, tuple) else (layer, None)
    rows = _document()["rows"]
    return {
        request: {**answer, "rows": [_unpacked(rows[row]) for row in answer["rows"]]} if "rows" in answer else answer
        for request, answer in _document()["states"][name].items()
        if only is None or request in only
    }


def _unpacked(row: Row) -> Row:
    """Histories are kept as [how often, value]."""
    if "history" not in row:
        return dict(row)
    return {**row, "history": [value for times, value in row["history"] for _ in range(times)]}


def _told(answer: Row) -> Any:
    if answer["status"] is None:
        return {"!": "timeout"}
    if answer["status"] != 200:
        return {"!": answer["status"], "text": answer["body"]}
    return {"data": answer["rows"]} if "rows" in answer else answer["body"]


# --- one layer over another --------------------------------------------------------------------------------------------------


def _over(below: Answers, layer: Answers) -> Answers:
    told = dict(below)
    for request, answer in layer.items():
        whole, is_part, key = _whole(request)
        known = told.get(whole, {})
        if is_part is None:
            told[request] = answer
        elif answer["status"] == 200:
            rows = answer["rows"] if "rows" in answer else [answer["body"]["data"]]
            told[whole] = {"status": 200, "rows": list(_merged(known.get("rows", ()), rows, is_part, key))}
    return told


def _merged(known: Iterable[Row], rows: list[Row], is_part: Callable[[Row], bool], key: str) -> Iterator[Row]:
    names = {row[key] for row in rows if key in row}
    yield from rows
    yield from (row for row in known if not is_part(row) and row.get(key) not in names)


def _whole(request: str) -> tuple[str, Callable[[Row], bool] | None, str]:
    """The list that a request asks a part of, which rows are of this part, and what tells its rows apart."""
    path, query = urlsplit(request).path, dict(parse_qsl(urlsplit(request).query, keep_blank_values=True))
    if path == _TASKS:
        running = "running" in query
        return (
            f"{_TASKS}?limit=0",
            (lambda row: running and "endtime" not in row) if query != {"limit": "0"} else None,
            "upid",
        )
    if path.endswith("/gc") and path.count("/") == 4:
        store = path.split("/")[3]
        return "/admin/gc", (lambda row: row["store"] == store), ""
    if path.startswith("/admin/") and path.count("/") == 2 and "store" in query:
        return path, (lambda row: row["store"] == query["store"]), ""
    if path.endswith("/snapshots") and "backup-id" in query:
        group = query["backup-type"], query["backup-id"]
        whole = f"{path}?ns={query['ns']}" if "ns" in query else path
        return whole, (lambda row: (row["backup-type"], row["backup-id"]) == group), ""
    return request, None, ""


# --- as it was at a moment -----------------------------------------------------------------------------------------------------


def _as_of(request: str, answer: Row, now: datetime) -> Row:
    if "rows" not in answer:
        return answer
    if request.startswith(_TASKS):
        return {
            **answer,
            "rows": [_task_as_of(row, now) for row in answer["rows"] if row["starttime"] <= now.timestamp()],
        }
    if "/snapshots" in request:
        rows = (row for row in answer["rows"] if row["backup-time"] <= now.timestamp())
        return {**answer, "rows": [_snapshot_as_of(row, now) for row in rows]}
    return answer


def _task_as_of(row: Row, now: datetime) -> Row:
    return _without(row, "endtime", "status") if row.get("endtime", 0) > now.timestamp() else row


def _snapshot_as_of(row: Row, now: datetime) -> Row:
    verification: Mapping[str, str] = row.get("verification", {})
    upid = parse_upid(verification.get("upid"))
    return _without(row, "verification") if upid is not None and upid.start > now else row


def _without(row: Row, *keys: str) -> Row:
    return {key: value for key, value in row.items() if key not in keys}
