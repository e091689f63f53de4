"""Findings as text for a terminal, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sidecar.core import words
from sidecar.core.model import State
from sidecar.terminal.style import Style
from sidecar.terminal.text import safe, wrapped
from sidecar.web.views import timestamp

from .findings import Finding, Severity, counted, worst

VERSION = 1

#: Names of what stays unknown that are shown in a terminal.
_MOST_NAMED = 12

_STATES = {
    Severity.PROBLEM: State.FAILED,
    Severity.UNKNOWN: State.UNKNOWN,
    Severity.WARNING: State.WARNING,
    Severity.OK: State.OK,
}

_INDENT = "    "


def document(findings: Sequence[Finding], at: datetime) -> dict[str, Any]:
    """All findings, for programs."""
    return {
        "version": VERSION,
        "generated_at": timestamp(at),
        "severity": worst(findings).value,
        "findings": [
            {
                "about": finding.about,
                "severity": finding.severity.value,
                "text": finding.text,
                "action": finding.action,
                "costs": list(finding.costs),
            }
            for finding in findings
        ],
    }


def first_line(findings: Sequence[Finding]) -> str:
    """Everything in one line."""
    counts = [_counted(severity, count) for severity, count in counted(findings)]
    severity = worst(findings)
    if not counts:
        return f"{severity}: all {len(findings)} findings are in order"
    return f"{severity}: {', '.join(counts)}; {len(findings)} things were looked at"


def _counted(severity: Severity, count: int) -> str:
    plural = "s" if count > 1 and severity is not Severity.UNKNOWN else ""
    return f"{count} {severity}{plural}"


def lines(findings: Sequence[Finding], style: Style) -> Iterator[str]:
    """All findings, by what they are about, in the order in which they were made."""
    yield style.bold(first_line(findings))
    for about, those in groupby(findings, key=lambda finding: finding.about):
        yield ""
        yield style.bold(safe(about))
        for finding in those:
            yield from _lines(finding, style)


def _lines(finding: Finding, style: Style) -> Iterator[str]:
    """Texts and actions hold commands: whoever copies one must get all of it in one line, so none is broken here."""
    said = "" if finding.severity is Severity.OK else f"{finding.severity}: "
    yield f"  {style.mark(_STATES[finding.severity])} {said}{safe(finding.text)}"
    if finding.costs:
        named = words.listed([safe(name) for name in finding.costs], most=_MOST_NAMED)
        yield from (f"{_INDENT}{line}" for line in wrapped(f"stays unknown: {named}", style.width - len(_INDENT)))
    if finding.action:
        yield f"{_INDENT}{'>' if style.plain else '→'} {safe(finding.action)}"
