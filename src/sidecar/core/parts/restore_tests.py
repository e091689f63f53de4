"""Restore tests of databases: what Databasement restores by itself, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from sidecar.core.model import RestoreTest
from sidecar.core.reports.cached import cached_of
from sidecar.core.reports.facts import ScheduledRestore
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting

from .expectation import Evidence
from .inputs import Inputs

_SCOPE = "restores"


def evidence(inputs: Inputs, source: SourceSetting, report: Report) -> Evidence | None:
    """What is known of restore tests rests on it; None where that Databasement never tells any."""
    reading = report.reading(_SCOPE)
    return inputs.evidence(source, reading) if reading else None


@cached_of(_SCOPE)
def by_database(report: Report) -> Mapping[str, tuple[RestoreTest, ...]]:
    """The restore tests of each database, by "SERVER/DATABASE"."""
    tests: defaultdict[str, tuple[RestoreTest, ...]] = defaultdict(tuple)
    for fact in report.facts(ScheduledRestore):
        tests[f"{fact.server}/{fact.database}"] += (_test(fact),)
    return dict(tests)


def _test(fact: ScheduledRestore) -> RestoreTest:
    good = next((run for run in fact.runs if run.good), None)
    return RestoreTest(
        name=fact.name,
        target=fact.target,
        schedule=fact.schedule,
        enabled=fact.enabled,
        tested_at=(good.end or good.start) if good else None,
        last_run=fact.runs[0] if fact.runs else None,
        skipped=fact.skipped,
    )
