"""Our row reader beside ``json.loads`` of the same answer: 50,000 snapshots, 17 MB, of which little is kept.

Both are measured in this process, in turn. Memory is what Python's allocator had at most, besides the answer itself.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench.figures import Measure
from sidecar.sources.pbs_parse import SnapshotRow, parse_snapshot
from sidecar.upstream import json_rows

_ROWS, _ROUNDS, _PIECE = 50_000, 3, 64 * 1024

#: The most that it may take, as multiples of ``json.loads``: half as much again as was measured when they were set.
_TIME, _MEMORY = 1.5, 0.2


def row_reader_beside_json(_folder: Path) -> list[Measure]:
    """Time until the rows are facts, and memory."""
    answer = _answer()
    ours, theirs = partial(_by_rows, answer), partial(_at_once, answer)
    times = [(_seconds(ours), _seconds(theirs)) for _ in range(_ROUNDS)]
    mine, whole = (min(taken) for taken in zip(*times, strict=True))
    return [
        Measure("50,000 snapshots row by row, beside json.loads: time", mine / whole, _TIME),
        Measure(
            "50,000 snapshots row by row, beside json.loads: memory",
            _memory(ours) / _memory(theirs),
            _MEMORY,
        ),
    ]


def _answer() -> bytes:
    file = {"filename": "drive-scsi0.img.fidx", "crypt-mode": "none", "size": 34_359_738_368}
    rows = [
        {
            "backup-type": "vm",
            "backup-id": str(100 + number % 1_000),
            "backup-time": 1_795_000_000 + number,
            "files": [file] * 3,
            "size": 34_359_739_300 + number,
            "owner": "monitor@pbs!glance",
            "protected": False,
        }
        for number in range(_ROWS)
    ]
    return json.dumps({"data": rows}).encode()


def _by_rows(answer: bytes) -> list[SnapshotRow]:
    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(answer), _PIECE):
            yield answer[place : place + _PIECE]

    return asyncio.run(json_rows.rows(pieces(), "data", partial(parse_snapshot, store="main")))


def _at_once(answer: bytes) -> list[SnapshotRow]:
    return [parse_snapshot(row, "main") for row in json.loads(answer)["data"]]


def _seconds(read: Callable[[], Any]) -> float:
    gc.collect()
    began = time.process_time()
    read()
    return time.process_time() - began


def _memory(read: Callable[[], Any]) -> float:
    """Bytes at the highest point, what is kept at the end among them."""
    gc.collect()
    tracemalloc.start()
    try:
        read()
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
