"""The table of services: one Row per service, with all that opens below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sidecar.core.ids import GroupKey
from sidecar.core.model import Link, Outcome, PartKind, PartRow, Run, ServiceRow, SourceRow, State, worst
from sidecar.core.words import listed, size

from .copy_lines import CopyCount, CopyLine, copy_count, copy_lines
from .restore_lines import restore_lines
from .schedule_words import in_words
from .size_lines import SizeLine, size_line
from .words import NOTHING, Moment, TimedText, TimeFormat, duration

#: How many rows without a problem stay in sight when the page is narrow.
CALM_ROWS = 5

#: How many rows a page or an opened group shows; those that need attention stay in sight however many they are.
MOST_ROWS = 60

_NEEDS_WORDS = frozenset({State.FAILED, State.MISSED, State.NEVER, State.UNKNOWN, State.WARNING})
_CALM = frozenset({State.OK, State.NEW, State.DISABLED})
_WORDS = {PartKind.GUEST: "guest", PartKind.DATABASE: "dump", PartKind.PLAN: "plan"}
_NAMED_PARTS = 2
_RUNS_IN_STRIP = 10
_RUNS_IN_LIST = 3


@dataclass(frozen=True, slots=True)
class PartMark:
    """A part on the row: "guest", "host", "2 dumps", or the name of a bad one among several."""

    state: State
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDetail:
    """A part in the opened row. ``about`` is how its upstream calls it, ``kept`` what there is of it.

    ``schedule``: in words; ``written``: as its upstream writes it, where that says it in another way.
    ``left_out``: the volumes that it is saved without. ``restores``: what is known of restore tests of a database.
    ``traits``: whom its backups belong to, whether they are encrypted, how many no prune removes.
    """

    state: State
    word: str
    about: str
    schedule: str | None
    written: str | None
    outcome: Outcome | None
    ran: Moment | None
    kept: str
    traits: str | None
    reason: str | None
    left_out: str | None
    restores: tuple[TimedText, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """How many backups of a service there are. ``of``: which parts are counted, "guest", where there are others as well."""

    number: int
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """The newest runs of a part as marks, oldest left: (outcome, exact time)."""

    kind: PartKind
    word: str
    marks: tuple[tuple[Outcome, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run in words. ``weekday`` goes before the date where there is room for it."""

    kind: PartKind
    word: str
    weekday: str
    started: Moment
    outcome: Outcome
    took: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What opens below a service's line."""

    parts: tuple[PartDetail, ...]
    strips: tuple[Strip, ...]
    runs: tuple[RunLine, ...]
    verified: TimedText | None
    sizes: tuple[SizeLine, ...]
    copy_count: CopyCount | None
    copies: tuple[CopyLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A service. ``reason``, ``action`` and ``link`` are only what stands below the line, not all that is known.

    ``detailed`` makes the details.

    ``by_source``: unknown only because a source can't be read, which stands above the rows; the reason is then one quiet
    line. ``folded``: out of sight until somebody opens the fold, when the page is narrow. ``beyond``: at any width.
    """

    name: str
    state: State
    reason: str | None
    action: str | None
    link: Link | None
    marks: tuple[PartMark, ...]
    last: Moment | None
    kept: Kept | None
    next: Moment | None
    detailed: Callable[[], Details] = field(repr=False, compare=False)
    by_source: bool = False
    folded: bool = False
    beyond: bool = False

    @property
    def needs_words(self) -> bool:
        """The reason is a problem's, not the quiet line of something under way or of a source that can't be read."""
        return self.state in _NEEDS_WORDS and not self.by_source

    @property
    def details(self) -> Details:
        """Made when they are asked for, and kept by nobody: those of 1,000 services take 5 MB until the page is drawn."""
        return self.detailed()


def table(
    services: Iterable[ServiceRow], unreadable: Mapping[str, SourceRow], times: TimeFormat, *, stale: bool
) -> tuple[Row, ...]:
    """Rows, worst first.

    Those that are unknown only because of ``unreadable`` sources, by name, say which and what they were before. On a
    stale page all are, and the banner says it.
    """
    ordered = sorted(services, key=lambda service: service.verdict.state.rank)
    return tuple(_row(service, unreadable, times, stale=stale) for service in ordered)


def fold(all_rows: Sequence[Row], shown: int | None = None) -> tuple[Row, ...]:
    """Marks the calm rows behind the first few as folded; one alone is not worth it.

    Args:
        all_rows: no more than a page holds.
        shown: how many calm rows stay in sight at any width, where somebody says so; -1 for all.
    """
    calm = [place for place, row in enumerate(all_rows) if is_calm(row)]
    beyond = frozenset[int]() if shown is None or shown < 0 else _behind(calm, shown)
    folded = _behind(calm, CALM_ROWS) if shown is None else beyond
    return tuple(
        replace(row, folded=True, beyond=place in beyond) if place in folded else row
        for place, row in enumerate(all_rows)
    )


def _behind(places: Sequence[int], shown: int) -> frozenset[int]:
    return frozenset(places[shown:]) if len(places) > shown + 1 else frozenset()


def is_calm(row: Row) -> bool:
    """Nothing to do about it: all is well, or what is wrong stands at the source."""
    return row.state in _CALM or row.by_source


def web_link(link: Link | None) -> Link | None:
    """The link if a browser may follow it: only http and https, whatever an upstream wrote."""
    return link if link and link.url.startswith(("https://", "http://")) else None


def _row(service: ServiceRow, unreadable: Mapping[str, SourceRow], times: TimeFormat, *, stale: bool) -> Row:
    verdict = service.verdict
    by_source = _is_unknown_by_source(service, unreadable)
    quiet = verdict.state is State.OK or stale
    problem = not quiet and not by_source and verdict.state in _NEEDS_WORDS
    reason = None if quiet else _why_unknown(service, unreadable, times) if by_source else verdict.reason
    return Row(
        name=service.name,
        state=verdict.state,
        reason=reason,
        action=verdict.action if problem else None,
        link=web_link(verdict.link) if problem else None,
        marks=tuple(_part_marks(service.parts)),
        last=times.moment(service.last_backup, times.age(service.last_backup)) if service.last_backup else None,
        kept=_kept_of(service.parts),
        next=_next(service, times),
        detailed=partial(_details, service, reason, times),
        by_source=by_source,
    )


def _details(service: ServiceRow, reason: str | None, times: TimeFormat) -> Details:
    """``reason``: what the row says of it already."""
    return Details(
        parts=tuple(_part_detail(part, reason, times) for part in service.parts),
        strips=tuple(_strip(part, times) for part in service.parts if part.runs),
        runs=_newest_runs(service.parts, times),
        verified=_verified(service, times),
        sizes=tuple(line for part in service.parts if (line := size_line(part, _word(part)))),
        copy_count=copy_count(service, reason),
        copies=copy_lines(service, times),
    )


def _is_unknown_by_source(service: ServiceRow, unreadable: Mapping[str, SourceRow]) -> bool:
    if service.verdict.state is not State.UNKNOWN:
        return False
    unknown = _unread(service)
    return bool(unknown) and all(name in unreadable for name in unknown)


def _unread(service: ServiceRow) -> list[str]:
    """The sources whose readings its unknown parts lack, each once."""
    unknown = (part for part in service.parts if part.verdict.state is State.UNKNOWN)
    return list(dict.fromkeys(part.verdict.unread or part.source for part in unknown))


def _why_unknown(service: ServiceRow, unreadable: Mapping[str, SourceRow], times: TimeFormat) -> str:
    """ "backrest can't be read since 06:02, was ok." """
    names = _unread(service)
    read = [since for name in names if (since := unreadable[name].verdict.since) is not None]
    from_when = f" since {times.stamp(min(read))}" if read else ""
    states = [part.verdict.before for part in service.parts if part.verdict.before is not None]
    was = f", was {worst(states)}" if states else ""
    return f"{listed(names)} can't be read{from_when}{was}."


def _part_marks(parts: Sequence[PartRow]) -> list[PartMark]:
    """Guests and hosts, dumps, plans, in this order."""
    return [mark for kind in PartKind for mark in _marks_of_kind([part for part in parts if part.kind is kind])]


def _marks_of_kind(parts: Sequence[PartRow]) -> list[PartMark]:
    """One mark per state with the number of parts; a bad part among several is called by its name."""
    if len(parts) == 1:
        return [PartMark(parts[0].verdict.state, _word(parts[0]))]
    bad = [part for part in parts if part.verdict.state in _NEEDS_WORDS]
    named = bad if len(bad) <= _NAMED_PARTS else []
    counted = Counter((part.verdict.state, _word(part)) for part in parts if part not in named)
    marks = [PartMark(part.verdict.state, part.ref) for part in named]
    marks += [
        PartMark(state, f"{number} {word}{'s' if number > 1 else ''}") for (state, word), number in counted.items()
    ]
    return sorted(marks, key=lambda mark: mark.state.rank)


def _kept_of(parts: Sequence[PartRow]) -> Kept | None:
    """Those of its guests; of its databases where there is nothing else. Dumps and snapshots are never added up."""
    kinds = {part.kind for part in parts}
    counted = [
        part for part in parts if part.kind is (PartKind.GUEST if PartKind.GUEST in kinds else PartKind.DATABASE)
    ]
    counts = [part.count for part in counted if part.count is not None]
    if not counts or kinds == {PartKind.DATABASE, PartKind.PLAN}:
        return None
    word = _word(counted[0]) if len(counted) == 1 else "guests"
    return Kept(sum(counts), word if len(kinds) > 1 else None)


def _next(service: ServiceRow, times: TimeFormat) -> Moment | None:
    if service.next_run is None:
        return None
    text = "now" if service.verdict.state is State.RUNNING else times.due(service.next_run)
    return times.moment(service.next_run, text)


def _part_detail(part: PartRow, shown: str | None, times: TimeFormat) -> PartDetail:
    run = part.last_run
    schedule, written = _schedule(part, times)
    return PartDetail(
        state=part.verdict.state,
        word=_word(part),
        about=part.called or part.ref,
        schedule=schedule,
        written=written,
        outcome=run.outcome if run else None,
        ran=times.moment(run.start, times.stamp(run.start)) if run else None,
        kept=_kept(part),
        traits=_traits(part),
        reason=part.verdict.reason if part.verdict.reason != shown and part.verdict.state is not State.OK else None,
        left_out=_left_out(part),
        restores=restore_lines(part, times),
    )


def _schedule(part: PartRow, times: TimeFormat) -> tuple[str | None, str | None]:
    """In words of the page's zone, and as it is written; only the latter where there are no words for it."""
    if part.schedule is None:
        return None, None
    elsewhere = part.timezone not in (None, str(times.zone))
    written = f"{part.schedule} {part.timezone}" if elsewhere else part.schedule
    zone = _zone(part.timezone) if part.timezone else times.zone
    words = in_words(part.schedule, zone, times.zone, times.today) if zone is not None else None
    if words is None:
        return written, None
    return words, None if written.casefold() in words.casefold() else written


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _left_out(part: PartRow) -> str | None:
    """What its jobs save it without, however many say so."""
    volumes = dict.fromkeys((each.volume, each.name, each.reason) for each in part.left_out)
    named = [f"{volume} {name or ''}".strip() + (f" ({reason})" if reason else "") for volume, name, reason in volumes]
    return f"saved without {listed(named)}" if named else None


def _kept(part: PartRow) -> str:
    pieces = [f"{part.count} kept"] if part.count is not None else []
    pieces += [size(part.size)] if part.size is not None else []
    return ", ".join(pieces) or NOTHING


def _word(part: PartRow) -> str:
    """What people call such a part. A backup group may be a host's, which is nobody's guest."""
    group = _group(part)
    return "host" if group is not None and group.type == "host" else _WORDS[part.kind]


def _group(part: PartRow) -> GroupKey | None:
    """The backup group that the part is; None for any other part."""
    if part.kind is not PartKind.GUEST or "/" not in part.ref:
        return None
    try:
        return GroupKey.parse(part.ref)
    except ValueError:
        return None


def _traits(part: PartRow) -> str | None:
    """What PVE writes belongs to its own user: the owner is worth a word where others write."""
    pieces = [f"owner {part.owner}"] if part.owner is not None and _group(part) is not None else []
    if part.encrypted is not None and (part.encrypted or pieces):
        pieces.append("encrypted" if part.encrypted else "not encrypted")
    if part.protected:
        pieces.append(f"{part.protected} protected")
    return ", ".join(pieces) or None


def _strip(part: PartRow, times: TimeFormat) -> Strip:
    newest = part.runs[:_RUNS_IN_STRIP]
    return Strip(part.kind, _word(part), tuple((run.outcome, times.exact(run.start)) for run in reversed(newest)))


def _newest_runs(parts: Sequence[PartRow], times: TimeFormat) -> tuple[RunLine, ...]:
    runs = [(part, run) for part in parts for run in part.runs]
    runs.sort(key=lambda pair: pair[1].start, reverse=True)
    return tuple(_run_line(part, run, times) for part, run in runs[:_RUNS_IN_LIST])


def _run_line(part: PartRow, run: Run, times: TimeFormat) -> RunLine:
    return RunLine(
        kind=part.kind,
        word=_word(part),
        weekday=times.weekday(run.start),
        started=times.moment(run.start, times.date_and_time(run.start)),
        outcome=run.outcome,
        took=duration(run.end - run.start) if run.end else NOTHING,
        size=size(run.size) if run.size is not None else NOTHING,
    )


def _verified(service: ServiceRow, times: TimeFormat) -> TimedText | None:
    """Only what lies on a backup server is verified."""
    if not any(part.kind is PartKind.GUEST for part in service.parts):
        return None
    return _when("", service.verified_at, times) if service.verified_at else TimedText("not yet")


def _when(before: str, moment: datetime, times: TimeFormat) -> TimedText:
    return TimedText(before, times.moment(moment, times.when(moment)))
