"""What is found about Vault: the login, what its token is worth and may do, and when the secret_id expires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from sidecar.core import words
from sidecar.vault.client import TokenFacts, Trouble

from .findings import Finding, Severity

#: When a new secret_id should be issued.
ISSUE_WITHIN = timedelta(days=21)

#: A token that lives shorter is renewed all the time.
_SHORT_LIFE = timedelta(minutes=1)

_NEEDED = "read"
_ABOUT = "vault"
_ENCRYPT = "Give Vault a certificate, write https:// in vault.address and remove vault.allow_http"
_ENROL = "Issue a new one: ansible-playbook playbooks/issue-secret-id.yml; or enrol one with backup-glance enrol"


class Record(Enum):
    """What is known of the end of the secret_id, where it is no moment."""

    MISSING = auto()
    NEVER_ENDS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultFacts:
    """What was learned at the login.

    Attributes:
        error, trouble: why the login, or a look at its token, failed; then nothing else is known of it.
        token: what Vault says of the token; None where it may not ask.
        wrong_engine: why no entry can be read from the mount; None where nothing is known against it.
        capabilities: what it may do with each entry, by path.
        secret_id_ends: as ``enrol`` recorded it.
    """

    address: str
    kv_mount: str
    error: str | None = None
    trouble: Trouble | None = None
    token: TokenFacts | None = None
    wrong_engine: str | None = None
    capabilities: Mapping[str, tuple[str, ...]]
    secret_id_ends: datetime | Record


def findings(facts: VaultFacts, now: datetime) -> Iterator[Finding]:
    """All that is to be said of it."""
    if facts.error is not None:
        yield _failed(facts.error, facts.trouble)
    elif facts.token is not None:
        yield from _of_token(facts.token, facts.address)
        yield from _of_entries(facts) if facts.wrong_engine is None else ()
    else:
        text = f"login at {facts.address} works; its token may not ask what it may do"
        action = "Give the role the policy default too: token_no_default_policy=false"
        yield Finding(about=_ABOUT, severity=Severity.UNKNOWN, text=text, action=action)
    if facts.wrong_engine is not None:
        yield Finding(about=_ABOUT, severity=Severity.PROBLEM, text=facts.wrong_engine)
    if not facts.address.startswith("https://"):
        text = f"{facts.address}: logins and secrets are sent without encryption; everybody on the way can read them"
        yield Finding(about=_ABOUT, severity=Severity.WARNING, text=text, action=_ENCRYPT)
    yield _of_secret_id(facts.secret_id_ends, now)


def _failed(error: str, trouble: Trouble | None) -> Finding:
    refused = trouble is Trouble.REFUSED
    # Five wrong logins within 15 minutes lock the role, the service's logins included (OPS-2).
    action = (
        "Don't try more than twice in 15 minutes: Vault locks the role after five wrong logins" if refused else None
    )
    return Finding(about=_ABOUT, severity=Severity.PROBLEM, text=f"login: {error}", action=action)


def _of_token(token: TokenFacts, address: str) -> Iterator[Finding]:
    left = timedelta(seconds=token.left)
    policies = ", ".join(token.policies) or "none"
    life = "does not expire" if not token.left else f"lives {words.duration(left)}"
    again = "is renewed" if token.renewable else "can't be renewed, so there is a login each time"
    text = f"login at {address} works; its token {life}, {again}; policies: {policies}"
    short = bool(token.left) and left < _SHORT_LIFE
    action = "Give the role a longer token_ttl or a token_period, for example 1h" if short else None
    yield Finding(about=_ABOUT, severity=Severity.WARNING if short else Severity.OK, text=text, action=action)
    if "root" in token.policies:
        text = "the token has the policy root: it may do everything in Vault"
        action = "Give the AppRole only the policy backup-glance: playbooks/vault-approle.yml does that"
        yield Finding(about=_ABOUT, severity=Severity.PROBLEM, text=text, action=action)


def _of_entries(facts: VaultFacts) -> Iterator[Finding]:
    """What it may not read, and what it may do beside that."""
    for path, held in facts.capabilities.items():
        place = f"{facts.kv_mount}/{path}"
        policy = f'path "{facts.kv_mount}/data/{path}" {{ capabilities = ["{_NEEDED}"] }}'
        more = sorted(set(held) - {_NEEDED, "deny", "root"})
        if _NEEDED not in held and "root" not in held:
            text = f"its policy does not allow to read {place}"
            yield Finding(about=_ABOUT, severity=Severity.PROBLEM, text=text, action=f"Add to it: {policy}")
        elif more:
            text = f"its policy allows more than to read {place}: {', '.join(more)}"
            yield Finding(about=_ABOUT, severity=Severity.WARNING, text=text, action=f"Leave only: {policy}")


def _of_secret_id(ends: datetime | Record, now: datetime) -> Finding:
    if ends is Record.NEVER_ENDS:
        return Finding(about=_ABOUT, severity=Severity.OK, text="the secret_id does not expire")
    if not isinstance(ends, datetime):
        text = "nobody recorded when the secret_id expires"
        action = "Enrol it with backup-glance enrol, which records that, and run doctor as root"
        return Finding(about=_ABOUT, severity=Severity.UNKNOWN, text=text, action=action)
    if ends <= now:
        text = f"the secret_id expired on {ends:%Y-%m-%d}: after the next restart there is no login"
        return Finding(about=_ABOUT, severity=Severity.PROBLEM, text=text, action=_ENROL)
    days, soon = (ends - now).days, ends - now < ISSUE_WITHIN
    return Finding(
        about=_ABOUT,
        severity=Severity.WARNING if soon else Severity.OK,
        text=f"the secret_id expires in {days} day{'' if days == 1 else 's'} ({ends:%Y-%m-%d})",
        action=_ENROL if soon else None,
    )
