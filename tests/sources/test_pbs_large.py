"""A datastore with 50,000 snapshots is read while others get their turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from sidecar.core.reports.facts import BackupGroup
from sidecar.core.reports.report import Report
from sidecar.sources.pbs import ALLOWED, PbsSource
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.upstream.tls import Trust
from tests.event_loop import longest_step
from tests.replies import arriving
from tests.sources.recorded import Answering, any_secret, clock, reading, recorded, upstream

GROUPS, SNAPSHOTS_EACH = 250, 200


class Large(Answering):
    """The recorded server, but its store1 has one namespace with many snapshots."""

    def __init__(self) -> None:
        super().__init__(recorded("pbs_main") | {"/admin/datastore/store1/namespace": [{"ns": ""}]})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/store1/snapshots"):
            return arriving(httpx.Response(200, content=body()))
        return await super().handle_async_request(request)


async def body() -> AsyncIterator[bytes]:
    """In pieces of some 64 KiB, like from a socket."""
    yield b'{"data":['
    for number in range(SNAPSHOTS_EACH):
        yield b",".join(rows(number)) + (b"," if number + 1 < SNAPSHOTS_EACH else b"]}")


def rows(number: int) -> Iterator[bytes]:
    """One snapshot of each group."""
    task = "UPID:pbs:00007DFB:0003D9E5:00000038:6B048465:verificationjob:store1\\x3av:root@pam:"
    files = [{"filename": "drive-scsi0.img.fidx", "crypt-mode": "none", "size": 34359738368}] * 4
    for group in range(GROUPS):
        row = {
            "backup-type": "vm",
            "backup-id": str(100 + group),
            "backup-time": 1700000000 + number * 86400 + group,
            "verification": {"upid": task, "state": "ok"},
            "files": files,
            "size": 34359739300,
        }
        yield json.dumps(row).encode()


@pytest.mark.fortnight
def test_fifty_thousand_snapshots_never_hold_the_loop_for_long() -> None:
    reports: list[Report] = []

    async def read(_: int) -> None:
        options = ProxmoxOptions("pbs", "https://lab.invalid", Trust(), any_secret, any_secret)
        source = PbsSource(options, upstream=upstream(Large(), ALLOWED))
        reports.append(await source.read(clock))
        # The second listing is compared with what is known.
        reports.append(await source.read(clock))
        await source.close()

    assert asyncio.run(longest_step(read, 0.2)) < 0.2
    groups = reading(reports[0], "snapshots", "store1", "").of(BackupGroup)
    assert reading(reports[1], "snapshots", "store1", "").facts is reading(reports[0], "snapshots", "store1", "").facts
    assert sum(len(group.snapshots) for group in groups) == GROUPS * SNAPSHOTS_EACH
