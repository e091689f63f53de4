"""``backup-glance serve --check``: whether the service could start with this configuration, these secrets and this ledger.

It does not use the network and changes nothing: the ledger is opened as a copy in a temporary directory.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from sidecar import credentials as secrets
from sidecar.board_keeper import BoardKeeper, Clock
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.config.secret_refs import VaultSecret
from sidecar.credentials import Credentials
from sidecar.errors import ConfigError, SecretError
from sidecar.ledger import place
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.ledger.opened import Condition
from sidecar.ledger.trial_copy import copy_ledger
from sidecar.notify import address
from sidecar.texts.known_secrets import SHORT, is_of_the_protocols, is_short
from sidecar.tokens import checked

log = logging.getLogger(__name__)

#: Exit code when the service could not start, or could not use its ledger.
UNUSABLE = 2

#: The detail of each condition in which the service does not simply open the ledger. UNUSABLE has its own detail.
_DETAILS = {
    Condition.MIGRATED: "is of an older version; the service brings it up to date and keeps a copy of the older file",
    Condition.RESTORED: "is of a newer version; the service uses the copy from before that version instead",
    Condition.NEWER: "is of a newer version, and there is no copy from before; the service would set it aside and start "
    "with an empty one",
    Condition.BROKEN: "is broken; the service would set it aside and start with an empty one",
}


class Kind(StrEnum):
    """What a finding is about."""

    CONFIGURATION = "configuration"
    KEYS = "keys"
    SECRET = "secret"  # noqa: S105 (the word, not a value)
    LEDGER = "ledger"
    BOARD = "board"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``fatal``: with it the result is not usable. ``text`` is for people and names the fix."""

    kind: Kind
    fatal: bool
    text: str


@dataclass(frozen=True, slots=True)
class LedgerResult:
    """The ledger as the service would find it. ``state``: a Condition; "none": no state directory; None: not checked."""

    state: str | None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the check found; printed as it is with ``--json``.

    Attributes:
        version: of backup-glance.
        usable: the service could start, and use the ledger.
        configuration: "ok" or "invalid".
        board: a first board could be made, from what the ledger holds.
    """

    version: str
    usable: bool
    configuration: str
    ledger: LedgerResult
    board: bool
    findings: tuple[Finding, ...]


def run(path: Path, credentials: Credentials, state: Path | None, clock: Clock, *, as_json: bool) -> int:
    """Prints the result for people or as JSON; returns the exit code."""
    result = check(path, credentials, state, clock)
    if as_json:
        print(json.dumps(asdict(result), indent=2))
    else:
        for finding in result.findings:
            print(finding.text, file=sys.stderr)
        if result.usable:
            print(f"{path}: can be used")
    return 0 if result.usable else UNUSABLE


def check(path: Path, credentials: Credentials, state: Path | None, clock: Clock) -> Result:
    """Tries everything that a start needs, except sockets, Vault and upstreams."""
    config, findings = _configuration(path)
    findings += _wrong_keys(credentials)
    ledger, board = LedgerResult(None), False
    if config is not None:
        findings += _missing_secrets(config, credentials)
        findings += _refused_tokens(config, credentials)
        ledger, board, more = first_board(config, state, clock)
        findings += more
    return Result(
        version=version("backup-glance"),
        usable=not any(finding.fatal for finding in findings),
        configuration="ok" if config else "invalid",
        ledger=ledger,
        board=board,
        findings=tuple(findings),
    )


def _configuration(path: Path) -> tuple[Config | None, list[Finding]]:
    try:
        config = load.load(path)
    except ConfigError as error:
        return None, [Finding(Kind.CONFIGURATION, fatal=True, text=text) for text in error.findings]
    concerns = (f"{path}: {where}: {message}" for where, message in config.concerns())
    return config, [Finding(Kind.CONFIGURATION, fatal=False, text=text) for text in concerns]


def _wrong_keys(credentials: Credentials) -> Iterator[Finding]:
    try:
        secrets.sidecar_keys(credentials)
    except SecretError as error:
        yield Finding(Kind.KEYS, fatal=True, text=f"{error}; {secrets.KEY_NEEDED}")


def _missing_secrets(config: Config, credentials: Credentials) -> Iterator[Finding]:
    """Files and credentials only: what is in Vault is known to Vault only."""
    for where, secret in config.secrets():
        if isinstance(secret, VaultSecret):
            continue
        try:
            value = credentials.local(secret)
        except SecretError as error:
            yield Finding(Kind.SECRET, fatal=True, text=f"{where}: {error}; write it there, or correct the reference")
        else:
            yield from (
                Finding(Kind.SECRET, fatal=False, text=f"{where}: {weakness}") for weakness in _weaknesses(value)
            )
            if where.startswith("alerts.receivers.") and (wrong := address.fault(value.strip())) is not None:
                yield Finding(Kind.SECRET, fatal=False, text=f"{where}: {wrong}; nobody can be told there")
    role = config.vault.approle if config.vault else None
    for name, login in (("role_id", role.role_id), ("secret_id", role.secret_id)) if role else ():
        try:
            credentials.local(login)
        except SecretError as error:
            # Not fatal: a first deployment checks the configuration before it enrols.
            text = f"vault.approle.{name}: {error}; without it nothing can be read from Vault: run backup-glance enrol"
            yield Finding(Kind.SECRET, fatal=False, text=text)


def _weaknesses(secret: str) -> Iterator[str]:
    """Why a secret can't be withheld wherever an upstream may repeat it."""
    if is_of_the_protocols(secret):
        yield "is a word that the upstreams use themselves, so it can't be withheld from what they say; choose another"
    elif is_short(secret):
        yield (
            f"is shorter than {SHORT} characters, so it is withheld from what upstreams say only where it is a whole word; "
            "choose a longer one"
        )


def _refused_tokens(config: Config, credentials: Credentials) -> Iterator[Finding]:
    """Of tokens in files and credentials; those that can't be read were told already."""
    entries = []
    for number, token in enumerate(config.tokens):
        with suppress(SecretError):
            if not isinstance(token.token, VaultSecret):
                entries.append(checked.entry(number, token, credentials.local(token.token)))
    try:
        keys = secrets.sidecar_keys(credentials)
    except SecretError:
        keys = ()
    for sentence in checked.programs(entries, keys)[1]:
        yield Finding(Kind.SECRET, fatal=False, text=sentence)


def first_board(config: Config, state: Path | None, clock: Clock) -> tuple[LedgerResult, bool, list[Finding]]:
    """Opens a copy of the ledger and judges once from what it holds."""
    if state is None:
        return LedgerResult("none"), *_judged(config, None, clock)
    if not os.access(state, os.W_OK | os.X_OK):
        return _unusable(f"{state}: is not a directory that backup-glance can write; make it one")
    if (concern := place.concern(state / FILE)) is not None:
        finding = Finding(Kind.LEDGER, fatal=True, text=f"{state / FILE}: {_DETAILS[Condition.BROKEN]} ({concern})")
        board, findings = _judged(config, None, clock)
        return LedgerResult(Condition.BROKEN, _DETAILS[Condition.BROKEN]), board, [*findings, finding]
    with tempfile.TemporaryDirectory(prefix="backup-glance-check-") as folder:
        try:
            if (state / FILE).exists():
                copy_ledger(state / FILE, Path(folder) / FILE)
        except (sqlite3.Error, OSError) as error:
            return _unusable(f"{state / FILE}: the ledger can't be copied: {error}")
        ledger = _opened(Path(folder), clock(), config)
        try:
            board, findings = _judged(config, ledger, clock)
        finally:
            ledger.close()
        # Its notes name the place of the copy.
        detail = _DETAILS.get(ledger.condition) or " ".join(ledger.notes).replace(folder, str(state)) or None
    # To begin anew is not what a deployment of an older release should do unasked.
    found = Condition.UNUSABLE if ledger.condition is Condition.NEWER else ledger.condition
    if found in (Condition.BROKEN, Condition.UNUSABLE):
        findings.append(Finding(Kind.LEDGER, fatal=True, text=f"{state / FILE}: {detail}"))
    return LedgerResult(found, detail), board, findings


def _unusable(detail: str) -> tuple[LedgerResult, bool, list[Finding]]:
    return LedgerResult(Condition.UNUSABLE, detail), False, [Finding(Kind.LEDGER, fatal=True, text=detail)]


def _opened(folder: Path, now: datetime, config: Config) -> Ledger:
    """The ledger in ``folder``, without its log lines: they name the copy, and the findings say the same of the original."""
    logging.disable(logging.ERROR)
    try:
        return Ledger(folder, now, config.remember_for)
    finally:
        logging.disable(logging.NOTSET)


def _judged(config: Config, ledger: Ledger | None, clock: Clock) -> tuple[bool, list[Finding]]:
    try:
        BoardKeeper(config.to_settings(), clock, ledger)
    except Exception:
        log.exception("internal error: judging failed")
        text = "internal error: no board could be made; read the messages above and report the bug"
        return False, [Finding(Kind.BOARD, fatal=True, text=text)]
    return True, []
