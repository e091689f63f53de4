"""Board → Page: what the template draws, in words. Pure; the moment of the board is the moment of the page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core.board import headline
from sidecar.core.model import (
    Board,
    DatastoreRow,
    HeadlineKind,
    JobRow,
    Link,
    ServiceRow,
    SourceRow,
    State,
    Verdict,
    worst,
)
from sidecar.core.words import listed, size

from . import rows
from .groups import Group, Range, grouped, ranges
from .tour import tour
from .words import TimedText, TimeFormat

#: Kinds of jobs that keep the backups in order. Jobs that make backups show in the rows of the services.
UPKEEP_KINDS = ("prune", "gc", "verify", "sync", "check")

#: Where there is more to know about sources than fits here. The page itself never asks them.
DOCTOR = "For every cause with its cure run: backup-glance doctor"

#: So many upkeep jobs of a source are named with their next run.
_NEXT_UPKEEP = 3

_TROUBLE = frozenset({State.FAILED, State.MISSED, State.NEVER, State.UNKNOWN, State.WARNING})


@dataclass(frozen=True, slots=True)
class Heading:
    """The mark and the two lines at the top. ``line_2`` are its pieces, to be parted by bullets."""

    state: State
    line_1: str
    line_2: tuple[TimedText, ...]


@dataclass(frozen=True, slots=True)
class Banner:
    """Why nothing on the page can be relied on, and what to do about it."""

    text: TimedText
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A source, an upkeep job or a datastore that needs attention.

    A source's reason goes on from its name ("backrest can't be read since …"), so its state needs no word in sight.
    ``limits`` are further things that it does not report. ``more``: where there is more to know, said at the last source.
    """

    state: State
    name: str
    reason: str | None
    action: str | None
    link: Link | None
    limits: tuple[str, ...] = ()
    is_source: bool = False
    more: str | None = None


@dataclass(frozen=True, slots=True)
class Datastore:
    """Room on a datastore. ``percent`` is None when the server does not report it."""

    name: str
    pieces: tuple[TimedText, ...]
    percent: int | None


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The upkeep jobs of one source in one line."""

    state: State
    pieces: tuple[TimedText, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the board is asked for.

    Attributes:
        fold: see rows.fold; where there are groups it means nothing.
        search: a part of the names of the services that are shown.
        hidden: what of the foot is left out: "jobs", "datastores". Trouble is always shown.
        receivers: how many are told of alerts.
    """

    fold: int | None = None
    search: str | None = None
    hidden: frozenset[str] = frozenset()
    receivers: int = 0


#: The whole board.
EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything on the page, top to bottom.

    Attributes:
        rows: all of them, or where they are too many those that stay in sight.
        folded: how many of them are out of sight when it is narrow; ``beyond``: at any width.
        groups: all other rows.
        datastores: one range, or several where they are too many.
        many: there are so many services that they can be searched.
        search: what they were searched for.
        tour: what is not there yet in the first week.
    """

    stale: bool
    banner: Banner | None
    headline: Heading
    tally: tuple[tuple[State, int], ...]
    troubles: tuple[Trouble, ...]
    rows: tuple[rows.Row, ...]
    folded: int
    beyond: int
    datastores: tuple[Range[Datastore], ...]
    upkeep: tuple[Upkeep, ...]
    notes: tuple[str, ...]
    left_out: str | None
    groups: tuple[Group, ...] = ()
    many: bool = False
    search: str | None = None
    tour: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Top:
    """What stands above every view of the whole board. ``sources``: those that need attention."""

    stale: bool
    banner: Banner | None
    headline: Heading
    sources: tuple[Trouble, ...]


def top(board: Board) -> Top:
    """The headline of the board, the banner when nothing on it can be relied on, and the sources that can't be read."""
    times = TimeFormat(board.at, ZoneInfo(board.timezone))
    stale = _is_stale(board)
    banner = _banner(board, times) if stale else None
    return Top(stale, banner, _heading(board, times), tuple(_source_troubles(board.sources)))


def page(board: Board, wanted: Wanted = EVERYTHING) -> Page:
    """The page of the whole board."""
    times = TimeFormat(board.at, ZoneInfo(board.timezone))
    above = top(board)
    shown = [row for row in board.services if wanted.search is None or _is_called(row, wanted.search)]
    # Who searches wants to see what was found.
    searched = wanted.search is not None
    every = rows.table(shown, _unreadable(board), times, stale=above.stale)
    parted = grouped(every, stale=above.stale, calm_first=searched)
    is_whole = not parted.groups
    table = rows.fold(every, -1 if searched and wanted.fold is None else wanted.fold) if is_whole else parted.in_sight
    return Page(
        stale=above.stale,
        banner=above.banner,
        headline=above.headline,
        tally=_tally(board),
        troubles=_troubles(board),
        rows=table,
        folded=sum(row.folded for row in table),
        beyond=sum(row.beyond for row in table),
        datastores=() if "datastores" in wanted.hidden else _datastores(board.datastores, times),
        upkeep=()
        if "jobs" in wanted.hidden
        else _upkeep([job for job in board.jobs if job.kind in UPKEEP_KINDS], times),
        notes=(*board.notes, *_limits_of_fine_sources(board)),
        left_out=_left_out(board),
        groups=parted.groups,
        many=len(board.services) > rows.MOST_ROWS,
        search=wanted.search,
        tour=() if above.stale or wanted.search else tour(board, times, wanted.receivers),
    )


def _is_called(row: ServiceRow, part: str) -> bool:
    return part.casefold() in row.name.casefold()


def page_of_service(board: Board, service: ServiceRow) -> Page:
    """The page of one service: its own headline and row, and what can't be read of its sources."""
    times = TimeFormat(board.at, ZoneInfo(board.timezone))
    sources = {source for part in service.parts for source in (part.source, part.verdict.unread)}
    above = top(board)
    return Page(
        stale=above.stale,
        banner=above.banner,
        headline=Heading(
            service.verdict.state,
            f"{service.name}: {service.verdict.state}",
            _as_of_and_next(board.as_of, service.next_run, times),
        ),
        tally=(),
        troubles=tuple(_source_troubles(row for row in board.sources if row.name in sources)),
        rows=rows.table([service], _unreadable(board), times, stale=above.stale),
        folded=0,
        beyond=0,
        datastores=(),
        upkeep=(),
        notes=(),
        left_out=None,
    )


def _is_stale(board: Board) -> bool:
    """Nothing can be read any more, but something was read before; or nothing is judged any more."""
    if board.overall.facts.kind is HeadlineKind.NOT_JUDGED:
        return True
    return board.as_of is not None and bool(board.sources) and len(_unreadable(board)) == len(board.sources)


def _unreadable(board: Board) -> dict[str, SourceRow]:
    return {row.name: row for row in board.sources if row.verdict.state is State.UNKNOWN}


def _banner(board: Board, times: TimeFormat) -> Banner:
    if board.overall.facts.kind is HeadlineKind.NOT_JUDGED:
        before, advice = "backup-glance stopped judging. Last read", "Read its log and report it."
    else:
        before, advice = "Nothing read since", "Check that the sources below answer."
    if board.as_of is None:
        return Banner(TimedText("Nothing was read yet."), advice)
    since = times.moment(board.as_of, times.stamp(board.as_of))
    return Banner(TimedText(before, since, f", {times.age(board.as_of)} ago."), advice)


def _heading(board: Board, times: TimeFormat) -> Heading:
    """The headline in two lines. Its second half ("vaultwarden missed 04:00") only stands where no tally follows."""
    facts = board.overall.facts
    details = None if _tally(board) else headline.second_half(facts, times.now, times.zone)
    line_2 = _as_of_and_next(board.as_of, board.next_run, times)
    if details:
        line_2 = (TimedText(details),) if board.as_of is None else (TimedText(details), line_2[0])
    return Heading(board.overall.state, headline.first_half(facts), line_2)


def _as_of_and_next(as_of: datetime | None, next_run: datetime | None, times: TimeFormat) -> tuple[TimedText, ...]:
    read = TimedText("as of", times.moment(as_of, times.stamp(as_of))) if as_of else TimedText("nothing was read yet")
    return (read,) if next_run is None else (read, TimedText("next", times.moment(next_run, times.due(next_run))))


def _tally(board: Board) -> tuple[tuple[State, int], ...]:
    """Services by state, worst first; nothing when one state is all there is, for then the headline has it."""
    counts = [(state, board.overall.counts[state]) for state in State if board.overall.counts.get(state)]
    return tuple(counts) if len(counts) > 1 else ()


def _troubles(board: Board) -> tuple[Trouble, ...]:
    """What needs attention besides the services. What is unknown only because of its source is not repeated."""
    unreadable = _unreadable(board)
    sources = _source_troubles(board.sources)
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


def _is_own_trouble(verdict: Verdict, source: str, unreadable: Collection[str]) -> bool:
    return _is_trouble(verdict) and not (verdict.state is State.UNKNOWN and source in unreadable)


def _source_troubles(rows: Iterable[SourceRow]) -> list[Trouble]:
    """Those that need attention; the last one names the command that says more of all of them."""
    troubles = [_source_trouble(row) for row in rows if row.trouble is not None]
    return [*troubles[:-1], *(replace(last, more=DOCTOR) for last in troubles[-1:])]


def _source_trouble(row: SourceRow) -> Trouble:
    limits = tuple(limit for limit in row.limits if limit != row.verdict.reason)
    reason = f" {row.after_name}" if row.after_name else f": {row.verdict.reason}" if row.verdict.reason else None
    return replace(_trouble(row.name, row.verdict), reason=reason, limits=limits, is_source=True)


def _limits_of_fine_sources(board: Board) -> list[str]:
    """What a source can't report although it is read well, as notes; for a source in trouble it stands there."""
    limits = [f"{row.name}: {limit}" for row in board.sources if row.trouble is None for limit in row.limits]
    return [*limits, DOCTOR] if limits else []


def _trouble(name: str, verdict: Verdict) -> Trouble:
    return Trouble(
        state=verdict.state, name=name, reason=verdict.reason, action=verdict.action, link=rows.web_link(verdict.link)
    )


def _datastores(all_rows: Sequence[DatastoreRow], times: TimeFormat) -> tuple[Range[Datastore], ...]:
    return ranges([_datastore(row, times) for row in all_rows], lambda datastore: datastore.name)


def _datastore(row: DatastoreRow, times: TimeFormat) -> Datastore:
    share = row.share
    if share is None or row.used is None or row.avail is None:
        return Datastore(row.name, (TimedText("use unknown"),), None)
    percent = min(max(round(100 * share), 0), 100)
    pieces = [TimedText(f"{percent}% of {size(row.used + row.avail)}")]
    if row.full_at is not None:
        pieces.append(TimedText("full", times.moment(row.full_at, times.month(row.full_at))))
    return Datastore(row.name, tuple(pieces), percent)


def _upkeep(jobs: Sequence[JobRow], times: TimeFormat) -> tuple[Upkeep, ...]:
    """A line for each source; the source is named where there are several."""
    by_source: dict[str, list[JobRow]] = {}
    for job in jobs:
        by_source.setdefault(job.source, []).append(job)
    return tuple(
        _upkeep_of(f"{name} upkeep" if len(by_source) > 1 else "upkeep", mine, times)
        for name, mine in sorted(by_source.items())
    )


def _upkeep_of(called: str, jobs: Sequence[JobRow], times: TimeFormat) -> Upkeep:
    state = worst(job.verdict.state for job in jobs)
    coming = sorted((job.next_run, job.title) for job in jobs if job.next_run is not None)
    pieces = [TimedText(title, times.moment(due, times.due(due))) for due, title in coming[:_NEXT_UPKEEP]]
    more = [TimedText(f"{len(coming) - _NEXT_UPKEEP} more")] if len(coming) > _NEXT_UPKEEP else []
    return Upkeep(state, (TimedText(f"{called} {state}"), *pieces, *more))


def _left_out(board: Board) -> str | None:
    """ "1 guest and 2 databases by your ignore list" """
    if not board.left_out:
        return None
    what = [f"{number} {name}{'s' if number > 1 else ''}" for name, number in board.ignored]
    return f"{listed(what) or board.left_out} by your ignore list"
