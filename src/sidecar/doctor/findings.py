"""A finding: what was looked at, how it is, and what to do. All findings together are a diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How it is, worst first."""

    PROBLEM = "problem"
    UNKNOWN = "cannot tell"
    WARNING = "warning"
    OK = "ok"


#: Exit codes as monitoring plugins have them.
_CODES = {Severity.OK: 0, Severity.WARNING: 1, Severity.PROBLEM: 2, Severity.UNKNOWN: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        about: what it belongs to: "configuration", "vault", "source pbs", "ledger".
        text: one clause for the person who must act.
        action: what to do, in the imperative, with the exact command where there is one.
        costs: what stays unknown because of it: names of services and titles of jobs.
    """

    about: str
    severity: Severity
    text: str
    action: str | None = None
    costs: tuple[str, ...] = ()


def worst(findings: Iterable[Finding]) -> Severity:
    """The worst of all; in order without any."""
    ranks = list(Severity)
    return min((finding.severity for finding in findings), key=ranks.index, default=Severity.OK)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 all in order, 1 warnings, 2 a problem, 3 something can't be told."""
    return _CODES[worst(findings)]


def counted(findings: Iterable[Finding]) -> Iterator[tuple[Severity, int]]:
    """How many there are of each severity, worst first; those that are in order are not counted."""
    every = [finding.severity for finding in findings]
    for severity in Severity:
        if severity is not Severity.OK and (count := every.count(severity)):
            yield severity, count
