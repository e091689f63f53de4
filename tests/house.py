"""A house with a backup server and a cluster that answer in process, and the product that lives there, restarts included."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sidecar.board_keeper import BoardKeeper
from sidecar.config.model import Config
from sidecar.core.model import Board, DatastoreRow, JobRow, ServiceRow, SourceRow
from sidecar.ledger.ledger import Ledger
from sidecar.runtime import reading
from sidecar.sources import pbs as pbs_source
from sidecar.sources import pve as pve_source
from sidecar.sources.pbs import PbsSource
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.sources.pve import PveSource
from sidecar.upstream.tls import Trust
from tests.answers import Answers, when
from tests.sources.recorded import Answering, run, upstream

_POLLED_EVERY = timedelta(minutes=5)
_UNREAD: dict[str, Any] = {"file": "/unused"}
_DESCRIBED: dict[str, dict[str, Any]] = {
    "pbs": {"kind": "pbs", "token_id": "monitor@pbs!glance", "fingerprint": ":".join(["00"] * 32)},
    "pve": {"kind": "pve", "token_id": "monitor@pve!glance"},
}


class House:
    """The sources that are given answers, and a ledger in ``directory``. Close it at the end.

    ``configured``: more of the configuration, as the file has it.
    """

    def __init__(self, directory: Path, answers: Mapping[str, Answers], **configured: Any) -> None:
        self.now = when("01 00:00")
        self._wires = {name: Answering(given) for name, given in answers.items()}
        sources = {name: {"url": "https://lab.invalid", "secret": _UNREAD, **_DESCRIBED[name]} for name in self._wires}
        config = Config.model_validate({"timezone": "Europe/Berlin", "sources": sources, **configured})
        self._settings, self._directory, self._remember_for = config.to_settings(), directory, config.remember_for
        self._start()

    def _start(self) -> None:
        self._ledger = Ledger(self._directory, self.now, self._remember_for)
        self._keeper = BoardKeeper(self._settings, self.clock, self._ledger)
        self._sources = [_source(name, wire) for name, wire in self._wires.items()]

    def clock(self) -> datetime:
        """The time in the house."""
        return self.now

    def look(self, now: str | datetime, took: float = 0.0, **answers: Answers) -> Board:
        """The board after everything was read at ``now``; from then on it is answered like this.

        ``took``: how many seconds each source took to answer.
        """
        self.now = when(now) if isinstance(now, str) else now
        for name, given in answers.items():
            self._wires[name].answers = dict(given)
        for source in self._sources:
            stopwatch = iter((0.0, took))
            read = reading(source, self.clock, _POLLED_EVERY, lambda: next(stopwatch))  # noqa: B023 (called at once)
            self._keeper.record(run(read()))
        return self._keeper.board

    def wait(self, now: str) -> Board:
        """The board at ``now`` when nothing was read meanwhile."""
        self.now = when(now)
        self._keeper.rejudge()
        return self._keeper.board

    def restart(self) -> None:
        """The product forgets all but its ledger."""
        self.close()
        self._start()

    def close(self) -> None:
        """Ends the product."""
        self._ledger.close()


def _source(name: str, wire: Answering) -> PbsSource | PveSource:
    async def token(fresh: bool) -> str:
        return str(_DESCRIBED[name]["token_id"])

    options = ProxmoxOptions(name, "https://lab.invalid", Trust(), token, token)
    if name == "pbs":
        return PbsSource(options, upstream=upstream(wire, pbs_source.ALLOWED))
    return PveSource(options, upstream=upstream(wire, pve_source.ALLOWED))


# --- what is looked for on a board ------------------------------------------------------------------------------------


def service(board: Board, name: str) -> ServiceRow:
    """The row of a service."""
    return next(row for row in board.services if row.name == name)


def job(board: Board, name: str) -> JobRow:
    """The row of a job."""
    return next(row for row in board.jobs if row.name == name)


def source_row(board: Board, name: str) -> SourceRow:
    """The row of a source."""
    return next(row for row in board.sources if row.name == name)


def store_row(board: Board, name: str) -> DatastoreRow:
    """The row of a datastore."""
    return next(row for row in board.datastores if row.name == name)
