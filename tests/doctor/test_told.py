"""Findings as text and as JSON, and the exit code of them all."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.doctor.findings import Finding, Severity, exit_code
from sidecar.doctor.told import document, first_line, lines
from sidecar.terminal.style import Style

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
COMMAND = "proxmox-backup-manager acl update /datastore DatastoreAudit --auth-id 'monitor@pbs!glance' " * 3


def finding(severity: Severity, text: str = "something", **more: object) -> Finding:
    return Finding(about="source pbs", severity=severity, text=text, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("severities", "code", "line"),
    [
        ([], 0, "ok: all 0 findings are in order"),
        ([Severity.OK, Severity.OK], 0, "ok: all 2 findings are in order"),
        ([Severity.OK, Severity.WARNING], 1, "warning: 1 warning; 2 things were looked at"),
        (
            [Severity.WARNING, Severity.UNKNOWN, Severity.WARNING],
            3,
            "cannot tell: 1 cannot tell, 2 warnings; 3 things were looked at",
        ),
        (
            [Severity.UNKNOWN, Severity.PROBLEM, Severity.PROBLEM],
            2,
            "problem: 2 problems, 1 cannot tell; 3 things were looked at",
        ),
    ],
)
def test_the_worst_finding_gives_the_exit_code_and_the_first_line(
    severities: list[Severity], code: int, line: str
) -> None:
    findings = [finding(severity) for severity in severities]

    assert (exit_code(findings), first_line(findings)) == (code, line)


def test_a_command_stays_in_one_line_in_a_narrow_terminal() -> None:
    shown = list(lines([finding(Severity.PROBLEM, action=COMMAND.strip())], Style(width=40)))

    assert f"    → {COMMAND.strip()}" in shown


def test_what_stays_unknown_is_named_up_to_a_dozen() -> None:
    costs = tuple(f"service-{number}" for number in range(40))
    text = "\n".join(lines([finding(Severity.PROBLEM, costs=costs)], Style()))

    assert "stays unknown: service-0" in text
    assert "and 28 more" in text
    assert document([finding(Severity.PROBLEM, costs=costs)], NOW)["findings"][0]["costs"] == list(costs)


@given(st.text(max_size=60))
def test_hostile_texts_command_no_terminal(text: str) -> None:
    shown = lines([finding(Severity.WARNING, text, action=text or None, costs=(text,))], Style())

    assert all(letter.isprintable() for line in shown for letter in line)
