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
from sidecar.core.reports.report import Report
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


async def remembered(config: Config, credentials: Credentials, moment: datetime) -> History:
    """The memory after every source was read once at ``moment``."""
    async with make_sources(config, credentials) as sources:
        reports = [await source.read(lambda: moment) for source in sources]
    return reduce(record, reports, EMPTY)


async def write_ledger(config: Config, credentials: Credentials, moment: datetime, state: Path) -> None:
    """The ledger of a sidecar that read every source at ``moment``, and nothing since."""
    history = await remembered(config, credentials, moment)
    with closing(Ledger(state, moment)) as ledger:
        keeper = BoardKeeper(config.to_settings(), lambda: moment)
        for source in config.to_settings().sources:
            ledger.record(Report(source=source.name, kind=source.kind, at=moment), history, keeper.board)
