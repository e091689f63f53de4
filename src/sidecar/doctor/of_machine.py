"""What is found on the machine of the sidecar: its keys, the key that Caddy reads, and the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from sidecar.core import words

from .findings import Finding, Severity


class CaddyKey(Enum):
    """What the file is from which Caddy reads its key."""

    ACCEPTED = auto()
    OTHER = auto()
    EMPTY = auto()
    MISSING = auto()
    UNREADABLE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """The ledger's file. ``fatal`` and ``detail``: what a start would make of it; ``size`` in bytes.

    ``readable``: its directory may be looked into.
    """

    path: str
    there: bool
    readable: bool = True
    fatal: bool = False
    detail: str | None = None
    version: int | None = None
    size: int = 0
    written: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What is there. None: it was not looked at, because it need not be here.

    ``keys``: how many keys the sidecar accepts, or why they can't be read.
    """

    keys: int | str | None = None
    caddy_path: str = ""
    caddy: CaddyKey | None = None
    ledger: LedgerFacts | None = None


def findings(facts: MachineFacts, now: datetime) -> Iterator[Finding]:
    """All that is to be said of it."""
    if isinstance(facts.keys, str):
        action = "Write a key of at least 32 random characters there, and run doctor as root"
        yield Finding(about="keys", severity=Severity.PROBLEM, text=facts.keys, action=action)
    elif facts.keys is not None:
        text = f"the sidecar accepts {facts.keys} key{'' if facts.keys == 1 else 's'}"
        yield Finding(about="keys", severity=Severity.OK, text=text)
    if facts.caddy is not None:
        yield _caddy(facts.caddy, facts.caddy_path)
    if facts.ledger is not None:
        yield from _ledger(facts.ledger, now)


_CADDY = {
    CaddyKey.ACCEPTED: (Severity.OK, "holds a key that the sidecar accepts", None),
    CaddyKey.OTHER: (
        Severity.PROBLEM,
        "holds a key that the sidecar does not accept, so every page is an error",
        "Write the last line of the credential sidecar_keys into it, in one line",
    ),
    CaddyKey.EMPTY: (
        Severity.PROBLEM,
        "is empty, so Caddy answers 503",
        "Write the last line of the credential sidecar_keys into it",
    ),
    CaddyKey.MISSING: (
        Severity.PROBLEM,
        "is missing, so Caddy answers 503",
        "Write the last line of the credential sidecar_keys into it (owner root, group of Caddy, mode 0440)",
    ),
    CaddyKey.UNREADABLE: (Severity.UNKNOWN, "can't be read here", "Run doctor as root"),
}


def _caddy(key: CaddyKey, path: str) -> Finding:
    severity, text, action = _CADDY[key]
    return Finding(about="caddy", severity=severity, text=f"{path} {text}", action=action)


def _ledger(facts: LedgerFacts, now: datetime) -> Iterator[Finding]:
    if not facts.readable:
        text = f"{facts.path} can't be read here"
        yield Finding(about="ledger", severity=Severity.UNKNOWN, text=text, action="Run doctor as root")
    elif facts.fatal:
        action = "Read docs/verdicts.md, What is remembered; backup-glance itself goes on from memory"
        yield Finding(about="ledger", severity=Severity.PROBLEM, text=facts.detail or facts.path, action=action)
    elif not facts.there:
        text = f"{facts.path} is not there yet: it begins with the first start"
        yield Finding(about="ledger", severity=Severity.WARNING, text=text, action="Start backup-glance")
    else:
        ago = (
            f", last written {words.duration(now - facts.written)} ago"
            if facts.written and facts.written <= now
            else ""
        )
        version = f", version {facts.version}" if facts.version is not None else ""
        detail = f"; {facts.detail}" if facts.detail else ""
        yield Finding(
            about="ledger",
            severity=Severity.WARNING if facts.detail else Severity.OK,
            text=f"{facts.path} can be used: {words.size(facts.size)}{version}{ago}{detail}",
        )
