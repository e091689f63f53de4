"""Creates sources, the proxy and the login at Vault, each with its part of the configuration and its secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from .config.model import Config
from .config.secret_refs import Vault, VaultSecret
from .config.sources import Backrest, Databasement, Pbs, Pve
from .credentials import Credentials
from .errors import SecretError
from .proxy.passed_on import PassedOn
from .proxy.proxy import LIMITS, ProxiedSource, Proxy
from .sources import Source, databasement, databasement_passed_on, pbs_passed_on, proxmox, pve_passed_on
from .sources.backrest import BackrestOptions, BackrestSource
from .sources.databasement import DatabasementOptions, DatabasementSource
from .sources.pbs import PbsSource
from .sources.proxmox import ProxmoxOptions
from .sources.pve import PveSource
from .sources.pve_content import BackupServers
from .sources.rounds import Pace
from .upstream.tls import Trust
from .upstream.upstream import Headers, Limits, Upstream

if TYPE_CHECKING:
    from .vault.session import VaultSession


def make_vault(vault: Vault, credentials: Credentials) -> VaultSession:
    """The login at Vault that this section of the configuration describes."""
    # Its client takes 8 MB of memory, for nothing where there is no Vault.
    from .vault.client import Server
    from .vault.session import Account, VaultSession

    role = vault.approle
    account = Account(
        mount=role.mount,
        kv_mount=vault.kv_mount,
        role_id=lambda: credentials.local(role.role_id),
        secret_id=lambda: credentials.local(role.secret_id),
    )
    return VaultSession(Server(vault.address, vault.ca_file, vault.namespace), account, credentials.on_secret)


@asynccontextmanager
async def make_sources(config: Config, credentials: Credentials) -> AsyncIterator[list[Source]]:
    """All sources in the order of the configuration; closed at the end.

    Secrets in files are read before the first call: what one upstream says may hold that of another. Those in Vault are known
    as soon as their own source has asked for them.
    """
    for _, secret in config.secrets():
        if not isinstance(secret, VaultSecret):
            with suppress(SecretError):
                await anyio.to_thread.run_sync(credentials.local, secret)
    sources = [make_source(name, source, credentials, config.sources) for name, source in config.sources.items()]
    try:
        yield sources
    finally:
        for source in sources:
            await source.close()


def pace(config: Config, name: str) -> Pace:
    """How often this source is read."""
    return Pace(
        full=config.full_interval(name), unproven=config.unproven_interval(name), light=config.light_interval_of(name)
    )


def _limits(timeout: timedelta | None) -> Limits | None:
    """How long a call may take: between two pieces of an answer as configured, as a whole twice as long."""
    if timeout is None:
        return None
    seconds, usual = timeout.total_seconds(), Limits()
    return replace(usual, connect=min(usual.connect, seconds), read=seconds, total=2 * seconds)


def make_source(
    name: str,
    source: Pbs | Pve | Databasement | Backrest,
    credentials: Credentials,
    beside: Mapping[str, Pbs | Pve | Databasement | Backrest],
) -> Source:
    """The source that this section of the configuration describes; ``beside`` are all sections."""
    read, connect = credentials.reader, partial(Upstream, known=credentials.known)
    trust, limits = _trust(source), _limits(source.timeout)
    if isinstance(source, Pbs):
        return PbsSource(_proxmox_options(name, source, credentials), limits=limits, known=credentials.known)
    if isinstance(source, Pve):
        options = _proxmox_options(name, source, credentials)
        servers = _backup_servers(source, beside)
        return PveSource(options, backup_servers=servers, limits=limits, known=credentials.known)
    if isinstance(source, Databasement):
        return DatabasementSource(
            DatabasementOptions(name, source.url, trust, read(source.token), limits), connect=connect
        )
    password = read(source.password) if source.password else None
    in_front = read(source.basic_auth) if source.basic_auth else None
    return BackrestSource(
        BackrestOptions(
            name=name,
            url=source.url,
            trust=trust,
            username=source.username,
            password=password,
            basic_auth=in_front,
            limits=limits,
        ),
        connect=connect,
    )


def _trust(source: Pbs | Pve | Databasement | Backrest) -> Trust:
    return Trust(source.ca_file, source.fingerprint)


def _proxmox_options(name: str, source: Pbs | Pve, credentials: Credentials) -> ProxmoxOptions:
    read = credentials.reader
    return ProxmoxOptions(name, source.url, _trust(source), read(source.token_id), read(source.secret))


def _backup_servers(pve: Pve, beside: Mapping[str, Pbs | Pve | Databasement | Backrest]) -> BackupServers:
    """The backup servers that are sources of their own, as the storages of a cluster may name them."""
    servers = [source for source in beside.values() if isinstance(source, Pbs)]
    hosts = (urlsplit(server.url).hostname for server in servers)
    return BackupServers(
        any=bool(servers),
        hosts=frozenset(host for host in hosts if host),
        fingerprints=frozenset(server.fingerprint.lower() for server in servers if server.fingerprint),
        storages=frozenset(pve.storages),
    )


def make_proxy(config: Config, credentials: Credentials) -> Proxy:
    """The way through to the sources, with connections of its own."""
    parsing = asyncio.Lock()
    sources = [_proxied(name, source, credentials, parsing) for name, source in config.sources.items()]
    return Proxy(sources if config.proxy.enabled else None)


def _proxied(
    name: str, source: Pbs | Pve | Databasement | Backrest, credentials: Credentials, parsing: asyncio.Lock
) -> ProxiedSource:
    if isinstance(source, Backrest):
        return ProxiedSource(name=name, kind=source.kind)
    calls, headers = _passed_on(name, source, credentials)
    allowed = [passed_on.call for passed_on in calls]
    limits = _limits(source.timeout) or LIMITS
    limits = replace(LIMITS, read=min(LIMITS.read, limits.read), total=min(LIMITS.total, limits.total))
    upstream = Upstream(
        name, source.url, _trust(source), allowed, headers, limits, known=credentials.known, parsing=parsing
    )
    return ProxiedSource(name=name, kind=source.kind, calls=calls, upstream=upstream)


def _passed_on(
    name: str, source: Pbs | Pve | Databasement, credentials: Credentials
) -> tuple[tuple[PassedOn, ...], Headers]:
    if isinstance(source, Databasement):
        return databasement_passed_on.PASSED_ON, databasement.headers_of(credentials.reader(source.token))
    options = _proxmox_options(name, source, credentials)
    if isinstance(source, Pbs):
        return pbs_passed_on.PASSED_ON, proxmox.headers_of(options, PbsSource.authorization)
    return pve_passed_on.PASSED_ON, proxmox.headers_of(options, PveSource.authorization)
