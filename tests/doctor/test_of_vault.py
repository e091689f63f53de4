"""Vault's findings without a Vault; tests/vault/test_doctor.py has one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sidecar.doctor.findings import Finding, Severity
from sidecar.doctor.of_vault import Record, VaultFacts, findings
from sidecar.vault.client import TokenFacts, Trouble
from tests.core.factories import at

NOW = at("23 07:30")
GOOD = TokenFacts(3600.0, renewable=True, policies=("backup-glance", "default"))


def found(
    token: TokenFacts | None = GOOD,
    ends: datetime | Record = Record.NEVER_ENDS,
    held: dict[str, tuple[str, ...]] | None = None,
    error: str | None = None,
    trouble: Trouble | None = None,
    wrong_engine: str | None = None,
    address: str = "https://vault.lan:8200",
) -> list[Finding]:
    facts = VaultFacts(
        address=address,
        kv_mount="secret",
        error=error,
        trouble=trouble,
        token=token,
        wrong_engine=wrong_engine,
        capabilities=held or {},
        secret_id_ends=ends,
    )
    return list(findings(facts, NOW))


@pytest.mark.parametrize(
    ("token", "severity", "says"),
    [
        (GOOD, Severity.OK, "lives 1h, is renewed; policies: backup-glance, default"),
        (TokenFacts(30.0, renewable=True, policies=()), Severity.WARNING, "lives 1m"),
        (TokenFacts(0.0, renewable=False, policies=("x",)), Severity.OK, "does not expire, can't be renewed"),
    ],
)
def test_what_a_token_is_worth(token: TokenFacts, severity: Severity, says: str) -> None:
    first = found(token)[0]
    assert (first.severity, says in first.text) == (severity, True)


def test_a_token_with_all_rights_is_a_problem() -> None:
    root = found(TokenFacts(0.0, renewable=False, policies=("root",)), held={"a": ("root",)})
    assert [finding.severity for finding in root] == [Severity.OK, Severity.PROBLEM, Severity.OK]


@pytest.mark.parametrize(
    ("held", "severity"),
    [(("read",), None), (("deny",), Severity.PROBLEM), (("create", "read", "sudo"), Severity.WARNING)],
)
def test_what_it_may_do_with_an_entry(held: tuple[str, ...], severity: Severity | None) -> None:
    entry = found(held={"backup-glance/pbs": held})[1:-1]
    assert [finding.severity for finding in entry] == ([severity] if severity else [])
    assert all('path "secret/data/backup-glance/pbs"' in (finding.action or "") for finding in entry)


def test_with_the_wrong_engine_no_policy_is_asked_for() -> None:
    entry = found(held={"backup-glance/pbs": ("deny",)}, wrong_engine="has KV version 1 at secret")[1:-1]
    assert [(finding.severity, finding.text) for finding in entry] == [(Severity.PROBLEM, "has KV version 1 at secret")]


def test_an_address_without_encryption_is_a_warning() -> None:
    (warning,) = [finding for finding in found(address="http://vault.lan:8200") if finding.severity is Severity.WARNING]
    assert "are sent without encryption" in warning.text
    assert "remove vault.allow_http" in (warning.action or "")


def test_only_a_refused_login_warns_of_the_lock() -> None:
    refused = found(None, error="refuses", trouble=Trouble.REFUSED)[0]
    away = found(None, error="is away", trouble=Trouble.AWAY)[0]

    assert "five wrong logins" in (refused.action or "")
    assert (away.action, away.severity) == (None, Severity.PROBLEM)


@pytest.mark.parametrize(
    ("left", "severity"),
    [
        (timedelta(days=21), Severity.OK),
        (timedelta(days=20), Severity.WARNING),
        (timedelta(seconds=1), Severity.WARNING),
        (timedelta(), Severity.PROBLEM),
    ],
)
def test_the_end_of_the_secret_id(left: timedelta, severity: Severity) -> None:
    assert found(ends=NOW + left)[-1].severity is severity
