"""What a sidecar remembers that was first deployed the evening before: only then is a dump missing that never was made."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce

from sidecar.config.model import Config
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.credentials import Credentials
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
