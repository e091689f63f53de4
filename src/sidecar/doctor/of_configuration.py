"""What is found about the configuration: references that mean nothing or too much, and what is odd in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sidecar.config.model import Config
from sidecar.core.ids import JobId
from sidecar.core.judgement.judged import Judged
from sidecar.core.model import Board, State

from .findings import Finding, Severity

_ABOUT = "configuration"

#: Jobs of a source that are named.
_MOST = 20


def findings(config: Config, judged: Judged, board: Board, path: str) -> Iterator[Finding]:
    """All that is to be said of it; first that it can be used."""
    count, sources = len(config.services), len(config.sources)
    services = f"{count} service{'' if count == 1 else 's'}" if count else "no services: map"
    text = f"{path} can be used: {sources} source{'' if sources == 1 else 's'}, {services}"
    yield Finding(about=_ABOUT, severity=Severity.OK, text=text)
    for place, message in config.concerns():
        yield Finding(about=_ABOUT, severity=Severity.WARNING, text=f"{place}: {message}")
    for note in judged.references:
        yield Finding(about=_ABOUT, severity=Severity.WARNING, text=note, action="Correct it under services:")
    yield from _unknown_jobs(config, board)


def _unknown_jobs(config: Config, board: Board) -> Iterator[Finding]:
    """Names under ``jobs:`` that no source has; where a source can't be read, nobody can tell."""
    readable = {row.name for row in board.sources if row.verdict.state is State.OK}
    known = {row.name for row in board.jobs}
    for name in config.jobs:
        job = JobId.parse(name)
        if name in known or job.source not in readable:
            continue
        there = _listed(each for each in known if each.startswith(f"{job.source}/"))
        yield Finding(
            about=_ABOUT,
            severity=Severity.WARNING,
            text=f"jobs.{name}: {job.source} has no such job, so it does nothing",
            action=f"Use the name of one of its jobs: {there}" if there else "Remove it",
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:_MOST])
