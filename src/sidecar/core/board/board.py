"""The whole answer at one moment: reports, history and settings in, a Board out. Pure; no report makes it fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import is_not

from sidecar.core import words
from sidecar.core.history.history import History
from sidecar.core.judgement.copies_required import JudgedCopies
from sidecar.core.judgement.judge import Judgement
from sidecar.core.judgement.judged import Judged, JudgedPart, JudgedService, judged
from sidecar.core.model import (
    Board,
    Cause,
    ExpectationRow,
    LeftOut,
    PartKind,
    PartRow,
    ServiceRow,
    SourceRow,
    State,
    Verdict,
)
from sidecar.core.parts import unverified
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import Part
from sidecar.core.parts.services import Service
from sidecar.core.reports.cached import LastMade, last_made
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings
from sidecar.core.value import value

from . import datastores, headline, job_rows
from .mutes import mute_notes
from .restore_within import restored
from .service_copies import ServiceCopies, Told
from .source_rows import source_rows

#: Runs that a part keeps for its own page.
SHOWN_RUNS = 40


def board(reports: Mapping[str, Report], history: History, settings: Settings, now: datetime) -> Board:
    """Judges everything that ``reports`` (newest per source, by name) and ``history`` hold, at ``now``."""
    return board_of(judged(reports, history, settings, now))


def board_of(judged: Judged) -> Board:
    """The board of everything that was judged."""
    inputs = judged.inputs
    copies = ServiceCopies(judged)
    rows = _worst_first(_service_row(service, inputs, copies) for service in judged.services)
    jobs = sorted(job_rows.job_rows(judged), key=lambda row: (row.verdict.state.rank, row.name))
    sources = tuple(source_rows(inputs))
    stores = tuple(datastores.datastore_rows(inputs))
    beside = headline.Beside(jobs, _awake(sources, inputs), [row for row in stores if inputs.pause(row.source) is None])
    names = {row.name for row in rows}
    return Board(
        at=inputs.now,
        timezone=inputs.settings.timezone.key,
        overall=headline.overall(rows, beside, inputs.now, inputs.settings.timezone),
        as_of=_as_of(sources),
        next_run=min((row.next_run for row in rows if row.next_run), default=None),
        services=tuple(rows),
        jobs=tuple(jobs),
        sources=sources,
        datastores=stores,
        left_out=judged.left_out,
        ignored=judged.ignored,
        notes=(
            *inputs.settings.concerns,
            *mute_notes(inputs.settings, names, inputs.now),
            *judged.notes,
            *unverified.notes(inputs),
        ),
    )


def _worst_first(rows: Iterable[ServiceRow]) -> list[ServiceRow]:
    by_state: dict[State, list[ServiceRow]] = {}
    for row in rows:
        by_state.setdefault(row.verdict.state, []).append(row)
    return [row for state in State for row in by_state.get(state, ())]


def _part_row(judged: JudgedPart, service: Service, inputs: Inputs) -> PartRow:
    part, good = judged.part, judged.good
    verified = _verified(judged.verdict, part, service.verify_within, inputs)
    expectation = judged.next.expectation if judged.next else None
    # What comes by itself is no job of anybody's.
    schedule = expectation.schedule if expectation is not None and not expectation.only_by_rhythm else None
    return PartRow(
        kind=part.kind,
        ref=part.ref,
        source=part.source,
        job=str(schedule.job) if schedule else None,
        verdict=restored(verified, part, service.restore_within, inputs),
        last_backup=good.start if good else None,
        count=part.observed.count,
        next_run=judged.next.next_run if judged.next else None,
        verified_at=part.observed.verified_at,
        size=good.size if good else None,
        schedule=schedule.text if schedule else None,
        timezone=schedule.timezone if schedule else None,
        last_run=part.observed.runs[0] if part.observed.runs else None,
        runs=part.observed.runs[:SHOWN_RUNS],
        expectations=tuple(_expectation_row(judgement) for judgement in judged.judgements)
        if len(judged.judgements) > 1
        else (),
        left_out=tuple(LeftOut(str(job), each.volume, each.name, each.reason) for job, each in part.left_out),
        owner=part.observed.owner,
        encrypted=part.observed.encrypted,
        protected=part.observed.protected,
        restore_tests=part.restore_tests.tests if part.restore_tests else (),
        called=part.called,
    )


def _expectation_row(judgement: Judgement) -> ExpectationRow:
    return ExpectationRow(
        job=str(judgement.expectation.job),
        destination=judgement.expectation.destination,
        verdict=judgement.verdict,
        last_backup=judgement.good.start if judgement.good else None,
        next_run=judgement.next_run,
    )


def _verified(verdict: Verdict, part: Part, within: timedelta | None, inputs: Inputs) -> Verdict:
    """Rule 9: the age of the verification is judged only where ``verify_within`` is set."""
    if within is None or part.kind is not PartKind.GUEST or verdict.state is not State.OK:
        return verdict
    at = part.observed.verified_at
    if at is not None and inputs.now - at <= within:
        return verdict
    last = f"last {words.moment(at, inputs.now, inputs.settings.timezone)}" if at else "never"
    return replace(
        verdict,
        state=State.WARNING,
        reason=f"Verified {last}, the limit is {words.duration(within)}.",
        action="Verify the datastore.",
        link=part.link,
        cause=Cause.NOT_VERIFIED,
    )


@value(eq=False)
class _Made:
    """A row of a service, and what it was made from; ``told``: see ServiceCopies.told."""

    verdicts: tuple[Verdict, ...]
    told: Told | None
    copies: JudgedCopies
    row: ServiceRow

    def is_of(self, verdicts: Sequence[Verdict]) -> bool:
        """Its parts have the very verdicts that they had: nothing else of them is different then (judge_part)."""
        return len(self.verdicts) == len(verdicts) and not any(map(is_not, self.verdicts, verdicts))


@last_made
def _service_rows(_report: Report) -> LastMade[str, _Made]:
    """The rows of services as they were made last, by name, at the report that knows their first parts."""
    return LastMade()


def _service_row(judged: JudgedService, inputs: Inputs, every: ServiceCopies) -> ServiceRow:
    """The row of a service; the same object as on the board before where the verdicts are the same ones."""
    report = inputs.reports.get(judged.parts[0].part.source) if judged.parts else None
    setting = judged.service
    if report is None or setting.has_an_age_limit or setting.require is not None:
        return _new_service_row(judged, inputs, every, every.of(judged))
    rows, told = _service_rows(report), every.told(judged)
    made, verdicts = rows.get(setting.name), tuple([part.verdict for part in judged.parts])
    kept = made if made is not None and made.is_of(verdicts) else None
    if kept is not None and told is not None and kept.told == told:
        return rows.keep(setting.name, kept).row
    copies = every.of(judged)
    row = kept.row if kept is not None and kept.copies == copies else _new_service_row(judged, inputs, every, copies)
    if not every.follow_sync_jobs(copies):
        rows.keep(setting.name, _Made(verdicts, told, copies, row))
    return row


def _new_service_row(judged: JudgedService, inputs: Inputs, every: ServiceCopies, copies: JudgedCopies) -> ServiceRow:
    rows = [_part_row(part, judged.service, inputs) for part in judged.parts]
    worst_row = min(rows, key=lambda row: row.verdict.state.rank, default=None)
    backups = [row.last_backup for row in rows]
    counts = [row.count for row in rows if row.kind is PartKind.GUEST and row.count is not None]
    runs = [row.last_run for row in rows if row.last_run]
    unknown = Verdict(state=State.UNKNOWN, reason="Nothing that protects it is known.")
    return ServiceRow(
        name=judged.service.name,
        verdict=copies.lower(worst_row.verdict if worst_row else unknown),
        last_backup=min((when for when in backups if when), default=None) if all(backups) else None,
        count=sum(counts) if counts else None,
        next_run=min((row.next_run for row in rows if row.next_run), default=None),
        verified_at=min((row.verified_at for row in rows if row.verified_at), default=None),
        last_run=max(runs, key=lambda run: run.start, default=None),
        parts=tuple(rows),
        copies=every.offsite(judged.parts, rows, copies),
        posture=copies.posture,
    )


def _awake(sources: tuple[SourceRow, ...], inputs: Inputs) -> tuple[SourceRow, ...]:
    """Rule 2: a source that is paused may be away, and lowers nothing."""
    return tuple(row for row in sources if inputs.pause(row.name) is None)


def _as_of(sources: tuple[SourceRow, ...]) -> datetime | None:
    """How old the page is: the oldest reading of the sources that can be read; of all, when none can."""
    readable = [source.as_of for source in sources if source.verdict.state is not State.UNKNOWN and source.as_of]
    return min(readable, default=None) or min((source.as_of for source in sources if source.as_of), default=None)
