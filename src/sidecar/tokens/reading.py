"""Reads the programs' tokens in the background, again and again: Vault may be away at the start, and tokens are replaced."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from sidecar.config.tokens import Token
from sidecar.credentials import Credentials
from sidecar.errors import SecretError
from sidecar.poller import Sleep

from .accepted import Accepted
from .checked import Entry, entry, programs

log = logging.getLogger(__name__)

#: Seconds from one reading to the next; after one that failed the first wait, which doubles.
_EVERY, _SOON = 300.0, 5.0


class Tokens:
    """The configured tokens. For one event loop; ``accepted`` and ``notes`` are replaced as a whole.

    A token that can't be read is not accepted: whoever removed it took it back. While Vault is away, its session still gives
    what it read before.

    Attributes:
        accepted: which tokens open what.
        notes: sentences for the board about tokens that are not accepted.
    """

    def __init__(self, tokens: Sequence[Token], credentials: Credentials, keys: Sequence[str]) -> None:
        self._tokens = tuple(tokens)
        self._readers = [credentials.reader(token.token) for token in tokens]
        self._keys = keys
        self.accepted = Accepted(still_unread=bool(tokens))
        self.notes: tuple[str, ...] = ()

    async def keep_reading(self, sleep: Sleep, changed: Callable[[], Awaitable[None]]) -> None:
        """Reads them for ever, and calls ``changed`` when the notes did. Ends only when it is cancelled; at once without any."""
        wait = _SOON
        while self._tokens:
            if await self._read_all(changed):
                wait = _SOON
                await sleep(_EVERY)
            else:
                await sleep(wait)
                wait = min(2 * wait, _EVERY)

    async def read(self) -> bool:
        """Reads them once; whether all of them could be read."""
        entries = [await self._entry(number) for number in range(len(self._tokens))]
        were_read = any(each.value is not None for each in entries)
        accepted, refused = programs(entries, self._keys)
        self.accepted = Accepted(accepted, still_unread=self.accepted.still_unread and not were_read)
        for sentence in refused:
            if sentence not in self.notes:
                log.warning("%s", sentence)
        self.notes = refused
        return all(each.value is not None for each in entries)

    async def _read_all(self, changed: Callable[[], Awaitable[None]]) -> bool:
        before = self.notes
        try:
            were_read = await self.read()
            if self.notes != before:
                await changed()
        except Exception:
            log.exception("internal error: the tokens of programs can't be read")
            return False
        return were_read

    async def _entry(self, number: int) -> Entry:
        """What the entry holds now: in Vault it may be another value than the last time."""
        token = self._tokens[number]
        try:
            return entry(number, token, await self._readers[number](True))
        except SecretError as error:
            return entry(number, token, None, str(error))
