"""What a sidecar remembers that was first deployed the evening before: only then is a dump missing that never was made."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path

from sidecar.board_keeper import BoardKeeper
from sidecar.config.model import Config
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.model import Board
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings
from sidecar.credentials import Credentials
from sidecar.ledger.ledger import Ledger
from sidecar.wiring import make_sources

#: How long before the morning everything is read for the first time.
EARLIER = timedelta(hours=12)


class SettableClock:
    """The clock of simulated upstreams: shows what it was set to, then whatever the other one shows."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


async def read_all(config: Config, credentials: Credentials, moment: datetime) -> list[Report]:
    """Every source, read once at ``moment``."""
    async with make_sources(config, credentials) as sources:
        return [await source.read(lambda: moment) for source in sources]


async def remembered(config: Config, credentials: Credentials, moment: datetime) -> History:
    """The memory after every source was read once at ``moment``."""
    return reduce(record, await read_all(config, credentials, moment), EMPTY)


async def write_ledger(config: Config, credentials: Credentials, moment: datetime, state: Path) -> None:
    """The ledger of a sidecar that read every source at ``moment``, and nothing since."""
    history, settings = await remembered(config, credentials, moment), config.to_settings()
    with closing(Ledger(state, moment)) as ledger:
        remember(ledger, settings, history, BoardKeeper(settings, lambda: moment).board)


def remember(ledger: Ledger, settings: Settings, history: History, board: Board) -> None:
    """Writes what is remembered, and the runs on the board, but no reading."""
    for source in settings.sources:
        ledger.record(Report(source=source.name, kind=source.kind, at=board.at), history, board)
