"""How much one source may tell: what is more than that fills memory, and is judged every minute.

The limits lie far above the largest house that is measured (docs/performance.md). A source that tells more is `unknown`,
with the number: nothing of it is left out silently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from .facts import BackrestPlan, BackupGroup, BackupJob, Dump, DumpPlan, Guest
from .report import Problem, ProblemKind, Report

#: Guests, backup groups, databases, plans of Backrest: each may become a row of the table.
MOST_MEMBERS = 5_000

#: Backups that jobs owe: each guest once for each job that covers it, each database for each backup configuration.
MOST_OWED = 50_000

#: Facts that are neither backups nor tasks: datastores, namespaces, jobs, storages, nodes.
MOST_OTHERS = 20_000

#: Readings; each is a scope that is looked at by itself.
MOST_READINGS = 20_000

#: Of these there may be many: rows of the largest lists, whose number is limited when they are read.
_MANY = frozenset({"Task", "Archive", "Dump"})


def within_bounds(report: Report) -> Report:
    """The report itself; or that the source tells too much, and nothing else."""
    found = next(_surplus(report), None)
    if found is None:
        return report
    what, count, most = found
    problem = Problem(
        f"it lists {count:,} {what}, more than the {most:,} that backup-glance reads",
        "Configure another source, or a token that sees fewer of them.",
        kind=ProblemKind.TOO_LARGE,
        culprit=what,
    )
    return replace(report, readings=(), limits=report.limits[:1], problem=problem)


def _surplus(report: Report) -> Iterator[tuple[str, int, int]]:
    """What there is too much of: what it is, how many, and the limit."""
    facts: Counter[type] = Counter()
    for reading in report.readings:
        facts.update(map(type, reading.facts))
    owed = sum(len(job.guests or ()) for job in report.facts(BackupJob))
    named = sum(len(plan.databases) for plan in report.facts(DumpPlan))
    databases = len({(dump.server, dump.database) for dump in report.facts(Dump)}) if facts[Dump] > MOST_MEMBERS else 0
    others = sum(count for kind, count in facts.items() if kind.__name__ not in _MANY) - facts[Guest]
    for what, count, most in (
        ("readings", len(report.readings), MOST_READINGS),
        ("guests", facts[Guest], MOST_MEMBERS),
        ("backup groups", facts[BackupGroup], MOST_MEMBERS),
        ("databases", max(databases, named), MOST_MEMBERS),
        ("plans", facts[BackrestPlan], MOST_MEMBERS),
        ("guests of its jobs", owed, MOST_OWED),
        ("jobs, storages, datastores and namespaces", others - facts[BackupGroup], MOST_OTHERS),
    ):
        if count > most:
            yield what, count, most
