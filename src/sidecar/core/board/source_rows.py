"""How each source stands: ok, warning (part of it can't be read) or unknown (nothing usable)."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.core import words
from sidecar.core.model import Link, SourceKind, SourceRow, SourceTrouble, State, Verdict
from sidecar.core.parts.expectation import CLOCK_TOLERANCE
from sidecar.core.parts.inputs import Inputs
from sidecar.core.reports.clocks import wrong_clock
from sidecar.core.reports.report import Problem, ProblemKind, Report
from sidecar.core.settings import SourceSetting
from sidecar.core.value import value

#: So many parts of a source that can't be read are named in its reason, and so many more among its limits.
NAMED, MOST_NAMED = 2, 50

#: What else helps than that a source answers at its address, by what went wrong.
_BESIDE = {
    ProblemKind.NO_PERMISSION: ", and that its token has the rights that docs/deploy.md lists",
    ProblemKind.RATE_LIMITED: "; it is asked again by itself, and less often with a longer poll_interval",
    ProblemKind.REJECTED: ", and that this is where its API is",
    ProblemKind.SERVER_ERROR: ", and read its log there",
    ProblemKind.TOO_LARGE: " itself, and nothing in its place",
    ProblemKind.NOT_UNDERSTOOD: " itself, and nothing in its place",
}

_NAMES = {
    SourceKind.PBS: "Proxmox Backup Server",
    SourceKind.PVE: "Proxmox VE",
    SourceKind.DATABASEMENT: "Databasement",
    SourceKind.BACKREST: "Backrest",
}


def source_rows(inputs: Inputs) -> Iterator[SourceRow]:
    """One row per configured source."""
    for source in inputs.settings.sources:
        report = inputs.reports.get(source.name)
        standing = _standing(inputs, source, report)
        yield SourceRow(
            name=source.name,
            kind=source.kind,
            verdict=standing.verdict,
            as_of=min((reading.as_of for reading in report.readings if reading.as_of), default=None)
            if report
            else None,
            version=report.version if report else None,
            limits=(*_limits(report), *standing.rest) if report else (),
            trouble=standing.trouble,
            after_name=standing.after_name,
        )


def _limits(report: Report) -> tuple[str, ...]:
    """What it could not show, and a clock there that is wrong."""
    clock = wrong_clock(report)
    return (*(limit.text for limit in report.limits), *([clock] if clock else []))


@value()
class _Standing:
    """How a source stands; ``trouble`` and ``after_name`` as in SourceRow. ``rest``: what the reason only counts."""

    verdict: Verdict
    trouble: SourceTrouble | None = None
    after_name: str | None = None
    rest: tuple[str, ...] = ()


def _standing(inputs: Inputs, source: SourceSetting, report: Report | None) -> _Standing:
    if report is None:
        verdict = Verdict(state=State.UNKNOWN, reason="It was not read yet.")
        return _Standing(verdict, SourceTrouble.NOT_READ_YET, "was not read yet.")
    where = Link(source.url, source.kind.product)
    usable = any(inputs.fresh(source, reading) for reading in report.readings)
    if report.problem is not None or not usable:
        of_scopes = (reading.problem for reading in report.readings if reading.problem)
        problem = report.problem or next(of_scopes, None) or _why_old(inputs, report)
        return _unreadable(inputs, source, report, problem, where, usable=usable)
    problems = list(dict.fromkeys(reading.trouble for reading in report.readings if reading.trouble is not None))
    if not problems:
        return _Standing(Verdict(state=State.OK))
    causes = list(dict.fromkeys(problem.cause for problem in problems))
    action = next((problem.action for problem in problems if problem.action), None)
    verdict = Verdict(
        state=State.WARNING,
        reason=words.sentence(words.listed(causes, most=NAMED)),
        action=words.sentence(action) if action else None,
        link=where,
    )
    return _Standing(verdict, SourceTrouble.PARTLY_READ, rest=tuple(_rest(causes[NAMED:])))


def _rest(causes: list[str]) -> Iterator[str]:
    """What is not named in the reason; a server with a thousand closed namespaces fills no page."""
    yield from causes[:MOST_NAMED]
    if len(causes) > MOST_NAMED:
        yield f"{len(causes) - MOST_NAMED} more of its lists could not be read"


def _why_old(inputs: Inputs, report: Report) -> Problem:
    """Why what could be read proves nothing."""
    if any(reading.as_of is not None and reading.as_of > inputs.now + CLOCK_TOLERANCE for reading in report.readings):
        return Problem("that lies in the future, for the clock of this machine was set back")
    return Problem("nothing newer was read")


def _unreadable(
    inputs: Inputs, source: SourceSetting, report: Report, problem: Problem, where: Link, *, usable: bool
) -> _Standing:
    """As a whole; what it reported before may still be usable."""
    since = max((reading.as_of for reading in report.readings if reading.as_of), default=None)
    last = f" since {words.moment(since, inputs.now, inputs.settings.timezone)}" if since else ""
    state = State.WARNING if usable and not problem.denied else State.UNKNOWN
    action = problem.action or _cure_of(source, problem)
    reason = words.sentence(f"can't be read{last}: {problem.cause}")
    verdict = Verdict(state=state, reason=reason, since=since, action=words.sentence(action), link=where)
    return _Standing(verdict, SourceTrouble.UNREADABLE, f"{reason[:1].lower()}{reason[1:]}")


def _cure_of(source: SourceSetting, problem: Problem) -> str:
    """What to do where the problem says nothing better."""
    return f"Check that {source.kind.product} answers at {source.url}{_BESIDE.get(problem.kind, '')}."
