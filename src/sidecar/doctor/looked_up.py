"""One look at everything outside: the way to each source, one round of it, each secret, and the login at Vault.

Nothing is changed there, no ledger is used, and nobody is alerted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from sidecar import one_round
from sidecar.board_keeper import Clock, JudgedBoard
from sidecar.config.model import Config
from sidecar.config.secret_refs import Secret, VaultSecret
from sidecar.config.sources import Databasement, Pve
from sidecar.core.reports.facts import Zone
from sidecar.core.reports.report import Report
from sidecar.credentials import Credentials
from sidecar.errors import SecretError
from sidecar.notify.address import fault
from sidecar.one_round import Opened
from sidecar.sources import Source
from sidecar.sources.proxmox import ProxmoxSource
from sidecar.tokens.checked import entry, programs
from sidecar.upstream.handshake import Handshake, handshake
from sidecar.upstream.tls import Trust
from sidecar.vault.client import VaultError

from . import dump_zone, of_configuration, of_secrets, of_sources, of_vault
from .findings import Finding
from .of_secrets import SecretFacts
from .of_sources import SourceFacts
from .of_vault import Record, VaultFacts


async def findings(
    config: Config, credentials: Credentials, clock: Clock, *, path: str, secret_id_ends: datetime | Record
) -> list[Finding]:
    """All findings about configuration, secrets, Vault and sources.

    Args:
        path: of the configuration file, for people.
        secret_id_ends: as it was recorded.
    """
    async with one_round.opened(config, credentials) as every:
        vault = await _vault(config, every, secret_id_ends)
        secrets = [await _secret(place, secret, every.credentials) for place, secret in config.secrets()]
        secrets += await _refused_tokens(config, every.credentials)
        ways = await asyncio.gather(*(_way(config, name) for name in config.sources))
        reports = await one_round.read(every.sources, clock)
        shown = one_round.judge(reports, config.to_settings(), clock)
        facts = list(_sources(config, every.sources, ways, reports, shown))
    now = clock()
    return [
        *of_configuration.findings(config, shown.judged, shown.board, path),
        *of_secrets.findings(secrets),
        *(of_vault.findings(vault, now) if vault is not None else ()),
        *(finding for each in facts for finding in _of_source(config, each, shown, now)),
    ]


def _of_source(config: Config, facts: SourceFacts, shown: JudgedBoard, now: datetime) -> Iterator[Finding]:
    yield from of_sources.findings(facts, shown.judged, now)
    source = config.sources[facts.name]
    if isinstance(source, Databasement) and facts.report.problem is None:
        likely = (config.timezone, *_zones(shown.judged.inputs.reports))
        yield from dump_zone.findings(facts.report, source.timezone, likely, f"source {facts.name}")


def _zones(reports: Mapping[str, Report]) -> Iterator[str]:
    """The zones in which other sources live."""
    return (zone.timezone for report in reports.values() for zone in report.facts(Zone))


def _sources(
    config: Config,
    sources: Sequence[Source],
    ways: Sequence[Handshake],
    reports: Sequence[Report],
    shown: JudgedBoard,
) -> Iterator[SourceFacts]:
    for source, way, report, row in zip(sources, ways, reports, shown.board.sources, strict=True):
        section = config.sources[source.name]
        yield SourceFacts(
            row=row,
            url=section.url,
            pinned=section.fingerprint is not None,
            handshake=way,
            report=report,
            storages=section.storages if isinstance(section, Pve) else {},
            rights=source.rights if isinstance(source, ProxmoxSource) else None,
        )


async def _way(config: Config, name: str) -> Handshake:
    section = config.sources[name]
    return await handshake(section.url, Trust(section.ca_file, section.fingerprint))


async def _secret(place: str, secret: Secret, credentials: Credentials) -> SecretFacts:
    """How strong it is; the id of a token is a name, and no secret."""
    try:
        value = await credentials.reader(secret)(False)
    except SecretError as error:
        return SecretFacts(place, None, str(error))
    wrong = fault(value.strip()) if place.startswith("alerts.receivers.") else None
    refused = f"{place}: {wrong}; nobody can be told there" if wrong else None
    return SecretFacts(place, None if place.endswith(".token_id") else of_secrets.strength(value), refused=refused)


async def _refused_tokens(config: Config, credentials: Credentials) -> list[SecretFacts]:
    """Tokens that can be read and are not accepted. Whether one is a key of the sidecar, the service itself tells."""
    entries = []
    for number, token in enumerate(config.tokens):
        with suppress(SecretError):
            entries.append(entry(number, token, await credentials.reader(token.token)(False)))
    _, refused = programs(entries, keys=())
    return [SecretFacts("tokens", None, refused=sentence) for sentence in refused]


async def _vault(config: Config, every: Opened, ends: datetime | Record) -> VaultFacts | None:
    if config.vault is None or every.vault is None:
        return None
    paths = sorted({secret.vault for _, secret in config.secrets() if isinstance(secret, VaultSecret)})
    address, mount = config.vault.address, config.vault.kv_mount
    try:
        token, held = await every.vault.examine(paths) or (None, {})
        engine = await every.vault.wrong_engine()
    except SecretError as error:
        trouble = error.trouble if isinstance(error, VaultError) else None
        return VaultFacts(
            address=address, kv_mount=mount, error=str(error), trouble=trouble, capabilities={}, secret_id_ends=ends
        )
    return VaultFacts(
        address=address, kv_mount=mount, token=token, wrong_engine=engine, capabilities=held, secret_id_ends=ends
    )
