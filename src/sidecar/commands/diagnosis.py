"""What ``backup-glance doctor`` does: gathers the facts of this machine and of everything outside, and prints the findings."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sidecar import credentials, files
from sidecar.board_keeper import Clock
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.credentials import Credentials
from sidecar.doctor import findings, looked_up, of_machine, told
from sidecar.doctor.findings import Finding, Severity
from sidecar.doctor.of_machine import CaddyKey, LedgerFacts, MachineFacts
from sidecar.doctor.of_vault import Record
from sidecar.errors import ConfigError, SecretError
from sidecar.ledger.ledger import FILE
from sidecar.ledger.migrations import MIGRATIONS
from sidecar.ledger.opened import Condition
from sidecar.sources.permissions import shown_token
from sidecar.terminal import style
from sidecar.texts.known_secrets import KnownSecrets

from . import check
from .defaults import DEFAULT_CADDY_KEY, DEFAULT_CONFIG, DEFAULT_STATE, RECORD
from .status import directory, quiet

#: Bytes of a file with a key, and of what ``enrol`` recorded.
_LONGEST = 64 * 1024


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Prints all findings; returns the exit code."""
    with quiet() as log:
        values: list[str] = []
        secrets = Credentials(directory(options.credentials), on_secret=values.append, known=log.known)
        found = list(_without(values, _findings(options, secrets, clock)))
    out = style.standard_output()
    lines = (
        [json.dumps(told.document(found, clock()), indent=2)]
        if options.json
        else list(told.lines(found, style.style_of(out)))
    )
    print("\n".join(lines), file=out, flush=True)
    return findings.exit_code(found)


def _findings(options: argparse.Namespace, secrets: Credentials, clock: Clock) -> list[Finding]:
    try:
        config = load.load(options.config)
    except ConfigError as error:
        return [Finding(about="configuration", severity=Severity.PROBLEM, text=text) for text in error.findings]
    ends = _secret_id_ends(directory(options.credentials))
    outside = asyncio.run(looked_up.findings(config, secrets, clock, path=str(options.config), secret_id_ends=ends))
    return [*outside, *of_machine.findings(_machine(options, config, secrets, clock), clock())]


def _without(values: list[str], found: Iterable[Finding]) -> Iterator[Finding]:
    """The findings without any secret, though none of them should hold one. Names of tokens are no secrets: cures name them."""
    known = KnownSecrets(value for value in values if shown_token(value) != value)
    for finding in found:
        action = known.withheld(finding.action) if finding.action else None
        yield replace(
            finding, text=known.withheld(finding.text), action=action, costs=tuple(map(known.withheld, finding.costs))
        )


# --- this machine -----------------------------------------------------------------------------------------------------


def _machine(options: argparse.Namespace, config: Config, secrets: Credentials, clock: Clock) -> MachineFacts:
    """What a house of the role has; elsewhere only what the options name."""
    on_target = options.config == DEFAULT_CONFIG
    state = options.state or (DEFAULT_STATE if on_target else None)
    caddy = options.caddy_key or (DEFAULT_CADDY_KEY if on_target else None)
    keys: tuple[str, ...] = ()
    told_keys: int | str | None = None
    if on_target or caddy is not None:
        try:
            keys = credentials.sidecar_keys(secrets)
            told_keys = len(keys)
        except SecretError as error:
            told_keys = str(error)
    return MachineFacts(
        keys=told_keys,
        caddy_path=str(caddy or ""),
        caddy=_caddy_key(caddy, keys) if caddy is not None else None,
        ledger=_ledger(state, config, clock) if state is not None else None,
    )


def _caddy_key(path: Path, keys: tuple[str, ...]) -> CaddyKey:
    try:
        key = files.read(path, _LONGEST).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return CaddyKey.MISSING
    except OSError:
        return CaddyKey.UNREADABLE
    if not key:
        return CaddyKey.EMPTY
    return CaddyKey.ACCEPTED if key in keys else CaddyKey.OTHER if keys else CaddyKey.UNREADABLE


def _ledger(state: Path, config: Config, clock: Clock) -> LedgerFacts:
    """What a start would make of it, told from a copy."""
    path = state / FILE
    if state.exists() and not os.access(state, os.R_OK | os.X_OK):
        return LedgerFacts(path=str(path), there=True, readable=False)
    result, _, found = check.first_board(config, state, clock)
    fatal = next((finding.text for finding in found if finding.fatal and finding.kind is check.Kind.LEDGER), None)
    try:
        parts = [each.stat() for each in (path, path.with_name(f"{FILE}-wal")) if each.exists()]
    except OSError as error:
        parts, fatal = [], fatal or f"{path}: {error.strerror}; run doctor as root"
    written = max((datetime.fromtimestamp(each.st_mtime, UTC) for each in parts), default=None)
    return LedgerFacts(
        path=str(path),
        there=bool(parts),
        fatal=fatal is not None,
        detail=fatal or result.detail,
        version=len(MIGRATIONS) if result.state == Condition.OK else None,
        size=sum(each.st_size for each in parts),
        written=written,
    )


def _secret_id_ends(directory: Path) -> datetime | Record:
    """When the secret_id expires, as ``enrol`` recorded it beside the directory of the credentials."""
    try:
        record = json.loads(files.read(directory.parent / RECORD, _LONGEST))
        ends = record["expires_at"]
        return Record.NEVER_ENDS if ends is None else datetime.fromisoformat(ends).astimezone(UTC)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return Record.MISSING
