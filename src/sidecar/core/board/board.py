"""The whole answer at one moment: reports, history and settings in, a Board out. Pure, and never fails for what reports say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from sidecar.core import words
from sidecar.core.history.history import History
from sidecar.core.judgement.judged import Judged, JudgedPart, JudgedService, judged
from sidecar.core.model import Board, PartKind, PartRow, ServiceRow, SourceRow, State, Verdict
from sidecar.core.parts import offsite
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import Part
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings

from . import datastores, headline, job_rows
from .job_rows import Member
from .source_rows import source_rows

#: Runs that a part keeps for its own page.
SHOWN_RUNS = 40


def board(reports: Mapping[str, Report], history: History, settings: Settings, now: datetime) -> Board:
    """Judges everything that ``reports`` (newest per source, by name) and ``history`` tell, at ``now``."""
    return board_of(judged(reports, history, settings, now))


def board_of(found: Judged) -> Board:
    """The board of everything that was judged."""
    lab = found.lab
    members = [[_member(one, service, lab) for one in service.parts] for service in found.services]
    rows = [_service_row(service, mine) for service, mine in zip(found.services, members, strict=True)]
    rows.sort(key=lambda row: row.verdict.state.rank)
    jobs = [*job_rows.job_rows(lab, chain.from_iterable(members)), *(one.row for one in found.upkeep)]
    sources = tuple(source_rows(lab))
    return Board(
        at=lab.now,
        timezone=lab.settings.timezone.key,
        overall=headline.overall(rows, jobs, _awake(sources, lab), lab.now, lab.settings.timezone),
        as_of=_as_of(sources),
        next_run=min((row.next_run for row in rows if row.next_run), default=None),
        services=tuple(rows),
        jobs=tuple(sorted(jobs, key=lambda row: (row.verdict.state.rank, row.name))),
        sources=sources,
        datastores=tuple(datastores.datastore_rows(lab)),
        left_out=found.left_out,
        notes=found.notes,
    )


def _member(one: JudgedPart, judged_service: JudgedService, lab: Inputs) -> Member:
    part, judgement = one.part, one.judgement
    good = judgement.good
    row = PartRow(
        kind=part.kind,
        ref=part.ref,
        source=part.source,
        job=judgement.plan.job if judgement.plan else None,
        verdict=_verified(judgement.verdict, part, judged_service.service.verify_within, lab),
        last_backup=good.start if good else None,
        count=part.count,
        next_run=judgement.next_run,
        verified_at=part.verified_at,
        size=good.size if good else None,
        schedule=judgement.plan.text if judgement.plan else None,
        timezone=judgement.plan.timezone if judgement.plan else None,
        last_run=part.runs[0] if part.runs else None,
        runs=part.runs[:SHOWN_RUNS],
    )
    return Member(part, row)


def _verified(verdict: Verdict, part: Part, within: timedelta | None, lab: Inputs) -> Verdict:
    """Rule 9: the age of the verification is judged only where ``verify_within`` is set."""
    if within is None or part.kind is not PartKind.GUEST or verdict.state is not State.OK:
        return verdict
    if part.verified_at is not None and lab.now - part.verified_at <= within:
        return verdict
    last = f"last {words.moment(part.verified_at, lab.now, lab.settings.timezone)}" if part.verified_at else "never"
    reason = f"Verified {last}, the limit is {words.duration(within)}."
    return replace(verdict, state=State.WARNING, reason=reason, action="Verify the datastore.", link=part.link)


def _service_row(one: JudgedService, members: list[Member]) -> ServiceRow:
    rows = [member.row for member in members]
    speaker = min(rows, key=lambda row: row.verdict.state.rank, default=None)
    backups = [row.last_backup for row in rows]
    counts = [row.count for row in rows if row.kind is PartKind.GUEST and row.count is not None]
    runs = [row.last_run for row in rows if row.last_run]
    return ServiceRow(
        name=one.service.name,
        verdict=speaker.verdict if speaker else Verdict(State.UNKNOWN, "Nothing that protects it is known."),
        last_backup=min((when for when in backups if when), default=None) if all(backups) else None,
        count=sum(counts) if counts else None,
        next_run=min((row.next_run for row in rows if row.next_run), default=None),
        verified_at=min((row.verified_at for row in rows if row.verified_at), default=None),
        last_run=max(runs, key=lambda run: run.start, default=None),
        parts=tuple(rows),
        copies=offsite.of_service((member.part, member.row.verdict) for member in members),
    )


def _awake(sources: tuple[SourceRow, ...], lab: Inputs) -> tuple[SourceRow, ...]:
    """Rule 2: a source that is paused may be away, and lowers nothing."""
    return tuple(row for row in sources if lab.pause(row.name) is None)


def _as_of(sources: tuple[SourceRow, ...]) -> datetime | None:
    """How old the page is: the oldest reading of the sources that can be read; of all, when none can."""
    readable = [source.as_of for source in sources if source.verdict.state is not State.UNKNOWN and source.as_of]
    return min(readable, default=None) or min((source.as_of for source in sources if source.as_of), default=None)
