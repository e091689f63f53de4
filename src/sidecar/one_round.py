"""One full round of every source, judged without a ledger: what a command sees that looks for itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .board_keeper import BoardKeeper, JudgedBoard
from .config.model import Config
from .core.reports.bounds import within_bounds
from .core.reports.report import Problem, ProblemKind, Report
from .core.settings import Settings
from .credentials import Credentials
from .sources import Source
from .wiring import make_sources, make_vault

if TYPE_CHECKING:
    from .vault.session import VaultSession

log = logging.getLogger(__name__)

#: Gives the present moment, with its zone.
Clock = Callable[[], datetime]

_INTERNAL = Problem(
    "internal error: backup-glance could not process its answer",
    action="Read the messages above and report the bug.",
    kind=ProblemKind.INTERNAL,
)


@dataclass(frozen=True, slots=True)
class Opened:
    """All sources, with the login at Vault that their secrets need, until the end of the block.

    ``credentials`` also read from Vault.
    """

    sources: Sequence[Source]
    credentials: Credentials
    vault: VaultSession | None


@asynccontextmanager
async def opened(config: Config, credentials: Credentials) -> AsyncIterator[Opened]:
    """The sources of the configuration. At the end the login at Vault is given back."""
    vault = make_vault(config.vault, credentials) if config.vault else None
    known = credentials.with_vault(vault) if vault else credentials
    try:
        async with make_sources(config, known) as sources:
            yield Opened(sources, known, vault)
    finally:
        if vault is not None:
            await vault.log_out()


async def read(sources: Sequence[Source], clock: Clock) -> list[Report]:
    """A full round of each, all at once."""
    return list(await asyncio.gather(*(_read(source, clock) for source in sources)))


async def _read(source: Source, clock: Clock) -> Report:
    try:
        return within_bounds(await source.read(clock))
    except Exception:
        log.exception("internal error: source %s could not be read", source.name)
        return Report(source=source.name, kind=source.kind, at=clock(), problem=_INTERNAL)


def judge(reports: Sequence[Report], settings: Settings, clock: Clock) -> JudgedBoard:
    """The board of these reports, as at a first contact: nothing is remembered, and no ledger is touched."""
    keeper = BoardKeeper(settings, clock)
    for report in reports:
        keeper.record(report)
    return keeper.shown


async def look(config: Config, credentials: Credentials, clock: Clock) -> JudgedBoard:
    """One round of everything, judged."""
    async with opened(config, credentials) as every:
        reports = await read(every.sources, clock)
    return judge(reports, config.to_settings(), clock)
