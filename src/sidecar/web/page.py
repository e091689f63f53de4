"""Board → Page: what the template draws, in words. Pure; the moment of the board is the moment of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core.model import Board, DatastoreRow, JobRow, Link, ServiceRow, SourceRow, State, Verdict, worst

from . import rows
from .words import Clock, TimedText, size

#: Kinds of jobs that keep the backups in order. Jobs that make backups show in the rows of the services.
UPKEEP_KINDS = ("prune", "gc", "verify", "sync", "check")

#: How a source's reason begins when it reads on after the source's name.
_VERBS = ("Can't be ", "can't be ", "Was ", "was ")

_TROUBLE = frozenset({State.FAILED, State.MISSED, State.NEVER, State.UNKNOWN, State.WARNING})


@dataclass(frozen=True, slots=True)
class Headline:
    """The mark and the two lines at the top. ``line_2`` are its pieces, to be parted by bullets."""

    state: State
    line_1: str
    line_2: tuple[TimedText, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A source, an upkeep job or a datastore that needs attention.

    A source's reason goes on from its name ("backrest can't be read since …"), so its state needs no word in sight.
    ``limits`` are further things that it could not tell.
    """

    state: State
    name: str
    reason: str | None
    action: str | None
    link: Link | None
    limits: tuple[str, ...] = ()
    is_source: bool = False


@dataclass(frozen=True, slots=True)
class Datastore:
    """Room on a datastore. ``percent`` is None when the server does not tell."""

    name: str
    pieces: tuple[TimedText, ...]
    percent: int | None


@dataclass(frozen=True, slots=True)
class Upkeep:
    """All upkeep jobs in one line."""

    state: State
    pieces: tuple[TimedText, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page, top to bottom. ``folded`` counts the rows that are out of sight when it is narrow."""

    stale: bool
    banner: TimedText | None
    headline: Headline
    tally: tuple[tuple[State, int], ...]
    troubles: tuple[Trouble, ...]
    rows: tuple[rows.Row, ...]
    folded: int
    datastores: tuple[Datastore, ...]
    upkeep: Upkeep | None
    notes: tuple[str, ...]
    left_out: int


def page(board: Board) -> Page:
    """The page of the whole board."""
    clock = Clock(board.at, ZoneInfo(board.timezone))
    stale = _is_stale(board)
    table = rows.fold(rows.table(board.services, _unreadable(board), clock, stale=stale))
    return Page(
        stale=stale,
        banner=_banner(board, clock) if stale else None,
        headline=_headline(board, clock),
        tally=_tally(board),
        troubles=_troubles(board),
        rows=table,
        folded=sum(row.folded for row in table),
        datastores=tuple(_datastore(row, clock) for row in board.datastores),
        upkeep=_upkeep([job for job in board.jobs if job.kind in UPKEEP_KINDS], clock),
        notes=(*board.notes, *_limits_of_fine_sources(board)),
        left_out=board.left_out,
    )


@dataclass(frozen=True, slots=True)
class Top:
    """What stands above every view of the whole board."""

    stale: bool
    banner: TimedText | None
    headline: Headline


def top(board: Board) -> Top:
    """The headline of the board, and the banner when nothing on it can be relied on."""
    clock = Clock(board.at, ZoneInfo(board.timezone))
    stale = _is_stale(board)
    return Top(stale, _banner(board, clock) if stale else None, _headline(board, clock))


def page_of_service(board: Board, service: ServiceRow) -> Page:
    """The page of one service: its own headline and row, and what can't be read of its sources."""
    clock = Clock(board.at, ZoneInfo(board.timezone))
    sources = {part.source for part in service.parts}
    stale = _is_stale(board)
    return Page(
        stale=stale,
        banner=_banner(board, clock) if stale else None,
        headline=Headline(
            service.verdict.state,
            f"{service.name}: {service.verdict.state}",
            _as_of_and_next(board.as_of, service.next_run, clock),
        ),
        tally=(),
        troubles=tuple(
            _source_trouble(row) for row in board.sources if row.name in sources and _is_trouble(row.verdict)
        ),
        rows=rows.table([service], _unreadable(board), clock, stale=stale),
        folded=0,
        datastores=(),
        upkeep=None,
        notes=(),
        left_out=0,
    )


def _is_stale(board: Board) -> bool:
    """Nothing can be read any more, but something was read before."""
    return board.as_of is not None and bool(board.sources) and len(_unreadable(board)) == len(board.sources)


def _unreadable(board: Board) -> frozenset[str]:
    return frozenset(row.name for row in board.sources if row.verdict.state is State.UNKNOWN)


def _banner(board: Board, clock: Clock) -> TimedText:
    if board.as_of is None:
        return TimedText("Nothing was read yet.")
    since = clock.moment(board.as_of, clock.stamp(board.as_of))
    return TimedText("Nothing read since", since, f", {clock.age(board.as_of)} ago.")


def _headline(board: Board, clock: Clock) -> Headline:
    """The core's sentence in two lines. Its second half ("vaultwarden missed 04:00") only stands where no tally follows."""
    sentence, _, _ = board.overall.headline.partition(" · as of")
    line_1, _, culprit = sentence.replace(" · ", ": ", 1).partition(": ")
    line_2 = _as_of_and_next(board.as_of, board.next_run, clock)
    if culprit and not _tally(board):
        line_2 = (TimedText(culprit),) if board.as_of is None else (TimedText(culprit), line_2[0])
    return Headline(board.overall.state, line_1, line_2)


def _as_of_and_next(as_of: datetime | None, next_run: datetime | None, clock: Clock) -> tuple[TimedText, ...]:
    read = TimedText("as of", clock.moment(as_of, clock.stamp(as_of))) if as_of else TimedText("nothing was read yet")
    return (read,) if next_run is None else (read, TimedText("next", clock.moment(next_run, clock.due(next_run))))


def _tally(board: Board) -> tuple[tuple[State, int], ...]:
    """Services by state, worst first; nothing when one state is all there is, for then the headline says it."""
    counts = [(state, board.overall.counts[state]) for state in State if board.overall.counts.get(state)]
    return tuple(counts) if len(counts) > 1 else ()


def _troubles(board: Board) -> tuple[Trouble, ...]:
    """What needs attention besides the services. What is unknown only because of its source is not said twice."""
    unreadable = _unreadable(board)
    sources = [_source_trouble(row) for row in board.sources if _is_trouble(row.verdict)]
    jobs = [
        _trouble(row.title, row.verdict)
        for row in board.jobs
        if row.kind in UPKEEP_KINDS and _is_own_trouble(row.verdict, row.source, unreadable)
    ]
    datastores = [
        _trouble(f"datastore {row.name}", row.verdict)
        for row in board.datastores
        if _is_own_trouble(row.verdict, row.source, unreadable)
    ]
    return tuple(sources + sorted(jobs + datastores, key=lambda trouble: trouble.state.rank))


def _is_trouble(verdict: Verdict) -> bool:
    return verdict.state in _TROUBLE


def _is_own_trouble(verdict: Verdict, source: str, unreadable: frozenset[str]) -> bool:
    return _is_trouble(verdict) and not (verdict.state is State.UNKNOWN and source in unreadable)


def _source_trouble(row: SourceRow) -> Trouble:
    limits = tuple(limit for limit in row.limits if limit != row.verdict.reason)
    trouble = _trouble(row.name, row.verdict)
    return replace(trouble, reason=_after_name(trouble.reason), limits=limits, is_source=True)


def _limits_of_fine_sources(board: Board) -> list[str]:
    """What a source can't tell although it is read well, as notes; a source in trouble tells it there."""
    return [f"{row.name}: {limit}" for row in board.sources if not _is_trouble(row.verdict) for limit in row.limits]


def _after_name(reason: str | None) -> str | None:
    """A source's reason as it goes on from its name: "backrest can't be read …", else "pve: snapshots …"."""
    if reason is None:
        return None
    reason = reason.removeprefix("It ")
    if reason.startswith(_VERBS):
        return f" {reason[:1].lower()}{reason[1:]}"
    return f": {reason}"


def _trouble(name: str, verdict: Verdict) -> Trouble:
    return Trouble(verdict.state, name, verdict.reason, verdict.action, rows.web_link(verdict.link))


def _datastore(row: DatastoreRow, clock: Clock) -> Datastore:
    if not row.total or row.used is None:
        return Datastore(row.name, (TimedText("use unknown"),), None)
    percent = min(max(round(100 * row.used / row.total), 0), 100)
    pieces = [TimedText(f"{percent}% of {size(row.total)}")]
    if row.full_at is not None:
        pieces.append(TimedText("full", clock.moment(row.full_at, clock.month(row.full_at))))
    return Datastore(row.name, tuple(pieces), percent)


def _upkeep(jobs: Sequence[JobRow], clock: Clock) -> Upkeep | None:
    if not jobs:
        return None
    state = worst(job.verdict.state for job in jobs)
    upcoming = [
        TimedText(kind, clock.moment(next_run, clock.due(next_run)))
        for kind in UPKEEP_KINDS
        if (next_run := _earliest(job.next_run for job in jobs if job.kind == kind)) is not None
    ]
    return Upkeep(state, (TimedText(f"upkeep {state}"), *upcoming))


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
