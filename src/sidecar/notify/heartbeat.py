"""The dead man's switch: an address that is called after a successful judgement, whatever the verdict.

Whoever listens there notices when backup-glance itself stops.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.errors import SecretError, SourceError
from sidecar.upstream.ping import Ping

from .delivery import ReadUrl

log = logging.getLogger(__name__)

#: Seconds from one call to the next, at least.
APART = 60.0

#: After these the address is read anew: it may have been changed in Vault.
_UNKNOWN_THERE = (401, 403, 404)


class Heartbeat:
    """Calls the address at most once a minute, as long as ``alone``. Belongs to one event loop."""

    def __init__(
        self,
        url: ReadUrl,
        clock: Callable[[], datetime],
        zone: ZoneInfo,
        *,
        alone: Callable[[], bool] = lambda: True,
        call: Callable[[str], Awaitable[None]] | None = None,
        apart: float = APART,
    ) -> None:
        self._url = url
        self._clock = clock
        self._zone = zone
        self._alone = alone
        self._call = call or Ping().call
        self._apart = apart
        self._fresh = False
        self._judged = asyncio.Event()
        self._trouble: tuple[datetime, str] | None = None

    def judged(self) -> None:
        """A judgement succeeded. Returns at once."""
        self._judged.set()

    def notes(self) -> tuple[str, ...]:
        """What people should know about it now, in sentences."""
        if self._trouble is None:
            return ()
        since, text = self._trouble
        return (f"The heartbeat can't be sent since {words.moment(since, self._clock(), self._zone)}: {text}.",)

    async def run(self) -> None:
        """Calls for ever; ends when it is cancelled."""
        while True:
            await self._judged.wait()
            self._judged.clear()
            if await asyncio.to_thread(self._alone):
                await self._beat()
            await asyncio.sleep(self._apart)

    async def _beat(self) -> None:
        try:
            url = (await self._url(self._fresh)).strip()
            self._fresh = False
            await self._call(url)
        except SecretError as error:
            self._tell(str(error))
        except SourceError as error:
            self._fresh = error.status in _UNKNOWN_THERE
            self._tell(error.cause)
        except Exception as error:  # noqa: BLE001 (its words may hold the address)
            log.error("internal error: the heartbeat could not be sent: %s", type(error).__name__)  # noqa: TRY400
        else:
            self._tell(None)

    def _tell(self, text: str | None) -> None:
        before = self._trouble
        if text is None:
            self._trouble = None
            if before is not None:
                log.info("the heartbeat can be sent again")
            return
        self._trouble = (before[0] if before else self._clock(), text)
        if before is None or before[1] != text:
            log.warning("the heartbeat can't be sent: %s; check alerts.heartbeat_url", text)
