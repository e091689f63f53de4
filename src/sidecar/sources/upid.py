"""UPIDs, the names of tasks on PBS and PVE (PBS-29, PVE-15)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_ESCAPED = re.compile(rb"\\x([0-9a-fA-F]{2})")
_HEX = re.compile(r"[0-9a-fA-F]{8,9}")

#: PBS counts its tasks in one more field.
_PBS_PARTS, _PVE_PARTS = 10, 9


@dataclass(frozen=True, slots=True)
class Upid:
    """The parts of a UPID: ``id`` is the worker id in plain ("main:vm/101"), ``start`` when the task began."""

    node: str
    start: datetime
    type: str
    id: str


def parse_upid(text: str | None) -> Upid | None:
    """The parts of a UPID; None for anything else."""
    parts = (text or "").split(":")
    if parts[0] != "UPID" or len(parts) not in (_PBS_PARTS, _PVE_PARTS):
        return None
    start, kind, worker = parts[-5], parts[-4], parts[-3]
    if not _HEX.fullmatch(start):
        return None
    return Upid(parts[1], datetime.fromtimestamp(int(start, 16), UTC), kind, unescaped(worker))


def process_of(upid: str) -> str:
    """The process that ran the task: its pid, and when it began since the machine was started."""
    return ":".join(upid.split(":")[2:4])


def unescaped(worker: str) -> str:
    r"""A worker id in plain: "-" stands for "/", ``\x3a`` for ":" (as systemd escapes names)."""
    plain = worker.replace("-", "/").encode("utf-8", "replace")
    return _ESCAPED.sub(lambda escape: bytes([int(escape[1], 16)]), plain).decode("utf-8", "replace")
