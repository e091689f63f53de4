"""Whether the disk under a datastore is the one that it was: an empty list proves nothing there (rule 14, PBS-20)."""

from __future__ import annotations

from datetime import datetime

from sidecar.core.ids import GroupKey, MemberId, MemberKind
from sidecar.core.model import Origin, Outcome
from sidecar.core.reports.facts import BackupGroup, Datastore, UpkeepJob
from sidecar.core.reports.report import Problem, ProblemKind, Report
from sidecar.core.settings import SourceSetting

from .inputs import Inputs


def closed(source: str, datastore: str) -> Origin:
    """A datastore in maintenance, as the origin of what can't be told meanwhile."""
    return Origin(f"maintenance:{source}/{datastore}", f"datastore {source}/{datastore}")


def why_lost(inputs: Inputs, source: SourceSetting, datastore: str) -> Problem | None:
    """Why an empty list of groups is not believed; None where groups are listed, or where nothing was ever there.

    Groups are remembered, the datastore lists none at all, and no later garbage collection confirms that it is empty.
    """
    report = inputs.reports.get(source.name)
    listings = report.within("snapshots", datastore) if report else ()
    if report is None or not listings or any(reading.problem or reading.of(BackupGroup) for reading in listings):
        return None
    remembered = _remembered(inputs, source, datastore)
    if not remembered:
        return None
    gone = max((when for when in remembered.values() if when is not None), default=None)
    if gone is not None and _is_confirmed_empty(report, datastore, gone):
        return None
    count = len(remembered)
    groups = "1 backup group is" if count == 1 else f"{count} backup groups are"
    return Problem(
        f"datastore {datastore} lists nothing, although {groups} known there",
        f"Check on the server that the disk of {datastore} is mounted; if all backups were deleted, run garbage collection.",
        kind=ProblemKind.LOOKS_EMPTY,
        culprit=datastore,
    )


def _remembered(inputs: Inputs, source: SourceSetting, datastore: str) -> dict[GroupKey, datetime | None]:
    """The groups that were seen in a datastore, each with when it was first missed."""
    start = f"{MemberKind.GUEST}:{source.name}:{datastore}/"
    groups = {}
    for member, sighting in inputs.history.seen.items():
        if member.startswith(start):
            groups[GroupKey.parse(MemberId.parse(member).ref)] = sighting.gone
    return groups


def _is_confirmed_empty(report: Report, datastore: str, gone: datetime) -> bool:
    """A garbage collection that succeeded after the groups were missed counted no index file."""
    counted = next((store.index_files for store in report.facts(Datastore) if store.name == datastore), None)
    if counted != 0:
        return False
    runs = (
        run
        for job in report.facts(UpkeepJob)
        if job.kind == "gc" and job.datastore == datastore
        for run in job.runs
        if run.outcome in (Outcome.OK, Outcome.WARNING)
    )
    return any(run.start >= gone for run in runs)
