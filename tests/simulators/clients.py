"""What clients of the PBS did that no cluster knows of: hosts with a timer of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.simulators import seeded
from tests.simulators.faults import ClientFails, ClientSilent, ClientTakes, Fault, of_kind
from tests.simulators.homelab import Client, Homelab
from tests.simulators.timetable import proxmox


@dataclass(frozen=True, slots=True)
class ClientRun:
    """One upload of a client. Without ``error`` it left a backup."""

    client: Client
    due: date
    start: datetime
    end: datetime
    error: str | None = None


def client_runs_of(homelab: Homelab, faults: tuple[Fault, ...], day: date) -> tuple[ClientRun, ...]:
    """All uploads that were due on a local day."""
    return tuple(run for client in homelab.clients for run in _runs(homelab, faults, client, day))


def _runs(homelab: Homelab, faults: tuple[Fault, ...], client: Client, day: date) -> Iterator[ClientRun]:
    silent = [fault for fault in of_kind(faults, ClientSilent) if fault.client == client.id]
    for due in proxmox(client.timetable, day, homelab.zone):
        if any(fault.since <= due and (fault.until is None or due < fault.until) for fault in silent):
            continue
        start = due + seeded.seconds(1, 4, "client", client.id, due)
        yield _run(faults, client, day, start)


def _run(faults: tuple[Fault, ...], client: Client, day: date, start: datetime) -> ClientRun:
    for failure in of_kind(faults, ClientFails):
        if (failure.client, failure.due) == (client.id, day):
            return ClientRun(client, day, start, start + timedelta(minutes=1), failure.error)
    for slow in of_kind(faults, ClientTakes):
        if (slow.client, slow.due) == (client.id, day):
            return ClientRun(client, day, start, start + slow.takes)
    return ClientRun(client, day, start, start + seeded.vary(client.takes, client.id, day))
