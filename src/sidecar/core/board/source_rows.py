"""How each source stands: ok, warning (part of it can't be read) or unknown (nothing usable)."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.core import words
from sidecar.core.model import Link, SourceKind, SourceRow, State, Verdict
from sidecar.core.parts.inputs import NOT_READ_YET, Inputs
from sidecar.core.reports.report import Problem, Reading, Report
from sidecar.core.settings import SourceSetting

_NAMES = {
    SourceKind.PBS: "Proxmox Backup Server",
    SourceKind.PVE: "Proxmox VE",
    SourceKind.DATABASEMENT: "Databasement",
    SourceKind.BACKREST: "Backrest",
}


def source_rows(lab: Inputs) -> Iterator[SourceRow]:
    """One row per configured source."""
    for source in lab.settings.sources:
        report = lab.reports.get(source.name)
        yield SourceRow(
            name=source.name,
            kind=source.kind,
            verdict=_verdict(lab, source, report),
            as_of=min((reading.as_of for reading in report.readings if reading.as_of), default=None)
            if report
            else None,
            version=report.version if report else None,
            limits=tuple(limit.text for limit in report.limits) if report else (),
        )


def _verdict(lab: Inputs, source: SourceSetting, report: Report | None) -> Verdict:
    if report is None:
        return Verdict(State.UNKNOWN, words.sentence(NOT_READ_YET.cause))
    where = Link(source.url, _NAMES[source.kind])
    usable = [reading for reading in report.readings if lab.fresh(source, reading)]
    if report.problem is not None or not usable:
        return _as_a_whole(lab, source, report, report.problem or NOT_READ_YET, where, usable)
    broken = [reading for reading in report.readings if reading.problem is not None]
    if not broken:
        return Verdict(State.OK)
    said = words.listed([f"{describe(one)}: {one.problem.cause}" for one in broken if one.problem], most=2)
    action = next((one.problem.action for one in broken if one.problem and one.problem.action), None)
    return Verdict(State.WARNING, words.sentence(said), None, words.sentence(action) if action else None, where)


def _as_a_whole(
    lab: Inputs, source: SourceSetting, report: Report, problem: Problem, where: Link, usable: list[Reading]
) -> Verdict:
    since = max((reading.as_of for reading in report.readings if reading.as_of), default=None)
    last = f" since {words.moment(since, lab.now, lab.settings.timezone)}" if since else ""
    state = State.WARNING if usable and not problem.denied else State.UNKNOWN
    action = problem.action or f"Check that {_NAMES[source.kind]} answers at {source.url}."
    return Verdict(state, words.sentence(f"can't be read{last}: {problem.cause}"), since, words.sentence(action), where)


def describe(reading: Reading) -> str:
    """A scope in words: "snapshots main/critical", "tasks pve1"."""
    head, *rest = reading.scope
    return f"{head} {'/'.join(part for part in rest if part)}".strip()
