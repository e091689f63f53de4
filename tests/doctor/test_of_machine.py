"""Keys, Caddy's key and the ledger: what is said of each, and that nothing is said of what was not looked at."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sidecar.doctor.findings import Severity
from sidecar.doctor.of_machine import CaddyKey, LedgerFacts, MachineFacts, findings
from tests.core.factories import at

NOW = at("23 07:30")
PATH = "/var/lib/backup-glance/ledger.sqlite"


def test_what_was_not_looked_at_is_not_told() -> None:
    assert list(findings(MachineFacts(), NOW)) == []


@pytest.mark.parametrize("key", CaddyKey)
def test_whatever_caddys_key_is_there_is_something_to_do_unless_it_is_right(key: CaddyKey) -> None:
    (finding,) = findings(MachineFacts(caddy_path="/etc/key", caddy=key), NOW)

    assert finding.text.startswith("/etc/key ")
    assert (finding.action is None) is (finding.severity is Severity.OK) is (key is CaddyKey.ACCEPTED)


@pytest.mark.parametrize(
    ("keys", "severity", "text"),
    [
        (1, Severity.OK, "the sidecar accepts 1 key"),
        (2, Severity.OK, "the sidecar accepts 2 keys"),
        ("credential sidecar_keys: No such file", Severity.PROBLEM, "credential sidecar_keys: No such file"),
    ],
)
def test_the_keys_are_counted(keys: int | str, severity: Severity, text: str) -> None:
    (finding,) = findings(MachineFacts(keys=keys), NOW)
    assert (finding.severity, finding.text) == (severity, text)


@pytest.mark.parametrize(
    ("facts", "severity", "says"),
    [
        (LedgerFacts(path=PATH, there=False), Severity.WARNING, "is not there yet"),
        (LedgerFacts(path=PATH, there=True, readable=False), Severity.UNKNOWN, "can't be read here"),
        (LedgerFacts(path=PATH, there=True, fatal=True, detail="is broken"), Severity.PROBLEM, "is broken"),
        (LedgerFacts(path=PATH, there=True, detail="is of an older version"), Severity.WARNING, "older version"),
        (
            LedgerFacts(path=PATH, there=True, version=3, size=2**20, written=NOW - timedelta(minutes=3)),
            Severity.OK,
            f"{PATH} can be used: 1.0 MiB, version 3, last written 3m ago",
        ),
        (
            LedgerFacts(path=PATH, there=True, size=2**20, written=NOW + timedelta(days=3)),
            Severity.OK,
            f"{PATH} can be used: 1.0 MiB",
        ),
    ],
)
def test_the_ledger(facts: LedgerFacts, severity: Severity, says: str) -> None:
    (finding,) = findings(MachineFacts(ledger=facts), NOW)

    assert (finding.severity, says in finding.text) == (severity, True)
    assert (finding.action is None) is (severity is Severity.OK or facts.detail == "is of an older version")
