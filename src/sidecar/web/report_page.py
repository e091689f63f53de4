"""MonthReport → HTML for paper and for whoever must show it: words are made here, the template only places and escapes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

from sidecar.core.past.incidents import SHORT, Incident, services_of
from sidecar.core.past.longest_gap import LongestGap
from sidecar.core.past.month import MonthReport, Observation, Row, RowKind
from sidecar.core.past.tally import OccurrenceState, Tally
from sidecar.core.words import listed

from .assets import Asset
from .templating import drawn, environment
from .words import NOTHING

STYLE = "report.css"

_A_MINUTE = timedelta(minutes=1)

#: Spans that a line lists of a source that could not be read.
_MOST_SPANS = 12

#: What the sum is of: of services only, or with what has tables of its own below.
_ALL, _ALL_WITH = "all, each due time once", "all, with {}, each due time once"
_APART = {RowKind.FORMER: "what is no longer there", RowKind.UNREAD: "what was not read yet"}

#: Names that a line lists of an incident.
_MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its name. ``grave``: somebody has to answer for it."""

    name: str
    value: str
    grave: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of the table of services, or of upkeep.

    Attributes:
        asides: what must be known beside the name.
        figures: promised, and what became of it.
        gap, gap_span: the longest time without a backup, and from when to when.
        points, points_day: restore points, and the day where that is not the last one of the month.
        verified, verified_share: how many of them are verified, and that as a share.
    """

    name: str
    asides: tuple[str, ...]
    figures: tuple[Figure, ...]
    gap: str = NOTHING
    gap_span: str | None = None
    points: str = NOTHING
    points_day: str | None = None
    verified: str = NOTHING
    verified_share: str | None = None
    copies: str = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """An incident in words."""

    start: str
    end: str
    length: str
    states: str
    who: str
    what: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """How well a source could be read, in words."""

    source: str
    since: str
    total: str
    share: str
    spans: tuple[str, ...]
    more: int
    grave: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """Everything in the report, top to bottom.

    Attributes:
        notices: what limits everything below, in sentences.
        beneath: sentences below the table of incidents.
    """

    month: str
    period: str
    made: str
    figures: tuple[Figure, ...]
    notices: tuple[str, ...]
    services: tuple[Line, ...]
    total: Line
    former: tuple[Line, ...]
    unread: tuple[Line, ...]
    upkeep: tuple[Line, ...]
    incidents: tuple[IncidentLine, ...]
    beneath: tuple[str, ...]
    sources: tuple[SourceLine, ...]
    query: str


class ReportTemplate:
    """The template of the report, compiled once."""

    def __init__(self, assets: Mapping[str, Asset]) -> None:
        self._template = environment().get_template("report.html")
        self._links = {name: f"static/{asset.name}" for name, asset in assets.items()}
        self._style = assets[STYLE].content.decode()

    def render(self, report: MonthReport, *, stale: bool, download: bool) -> Iterator[bytes]:
        """The page as UTF-8 in pieces. ``download``: as one file, which holds its style and leads nowhere."""
        return drawn(
            self._template,
            page=report_page(report, stale=stale),
            links=self._links,
            style=self._style if download else None,
        )


def report_page(report: MonthReport, *, stale: bool) -> ReportPage:
    """The report in words. ``stale``: nothing has been judged for a while, so what was due lately is not in it."""
    words = _Words(report)
    lines = {kind: tuple(words.line(row) for row in report.rows if row.kind is kind) for kind in RowKind}
    backups = None if report.is_blank else report.backups
    return ReportPage(
        month=f"{report.month.first:%B %Y}",
        period=f"{words.moment(report.start)} to {words.moment(report.end)} ({report.zone.key})",
        made=f"{report.at.astimezone(report.zone):%a %-d %b %Y %H:%M:%S %Z} by backup-glance {version('backup-glance')}",
        figures=_figures(backups),
        notices=tuple(_notices(report, words, stale=stale)),
        services=lines[RowKind.SERVICE],
        total=Line(name=_sum(lines), asides=_asides(backups), figures=_figures(backups)),
        former=lines[RowKind.FORMER],
        unread=lines[RowKind.UNREAD],
        upkeep=lines[RowKind.UPKEEP],
        incidents=tuple(words.incident(incident) for incident in report.incidents.listed),
        beneath=tuple(_beneath(report)),
        sources=tuple(words.source(each) for each in report.observations),
        query=f"month={report.month}",
    )


def _sum(lines: Mapping[RowKind, tuple[Line, ...]]) -> str:
    apart = [words for kind, words in _APART.items() if lines[kind]]
    return _ALL_WITH.format(" and ".join(apart)) if apart else _ALL


def length(span: timedelta) -> str:
    """ "45 min", "25 h 3 min", "3 d 4 h": two units, rounded down."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "under 1 min"
    hours, days = minutes // 60, minutes // 1440
    if hours < 1:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def _figures(counts: Tally | None) -> tuple[Figure, ...]:
    """Promised, and what became of it, in the order of the columns."""
    numbers = {name: None if counts is None else counts.of(state) for name, state in _COLUMNS.items()}
    promised = Figure("promised", _number(None if counts is None else counts.promised))
    return (
        promised,
        *(Figure(name, _number(number), grave=bool(number) and name in _GRAVE) for name, number in numbers.items()),
    )


_COLUMNS = {
    "kept": OccurrenceState.KEPT,
    "late": OccurrenceState.KEPT_LATE,
    "missed": OccurrenceState.MISSED,
    "failed": OccurrenceState.FAILED,
    "not observed": OccurrenceState.NOT_OBSERVED,
    "open": OccurrenceState.OPEN,
}
_GRAVE = frozenset({"missed", "failed", "not observed"})


def _asides(counts: Tally | None) -> tuple[str, ...]:
    """What was due and not promised."""
    if counts is None:
        return ()
    besides = ((counts.of(state), state.value) for state in (OccurrenceState.PAUSED, OccurrenceState.SKIPPED))
    pieces = [f"{number} {word}" for number, word in besides if number]
    return (f"besides: {', '.join(pieces)}",) if pieces else ()


def _notices(report: MonthReport, words: _Words, *, stale: bool) -> Iterator[str]:
    if stale:
        yield f"backup-glance has judged nothing since {words.moment(report.at)}: what was due since then is not in this report."
    if report.is_blank:
        yield from _blank(report, words)
        return
    if not report.is_over:
        yield f"This month is not over. Everything is counted so far, up to {words.moment(report.until)}."
    known = report.known_since
    if known is not None and known > report.start:
        looked = report.looked_since == known
        why = "that is when backup-glance first looked" if looked else "what was before is not remembered any more"
        yield f"Nothing is known from before {words.moment(known)}: {why}."
    # Seconds, as at a restart, stand in the table only.
    unread = [each for each in report.observations if each.unobserved >= _A_MINUTE]
    if unread:
        named = listed([f"{each.source} for {length(each.unobserved)}" for each in unread], 6)
        yield f"Not everything was observed: {named}. See “Not observed”."
    never = [each.source for each in report.observations if each.looked_since is None and not each.unobserved]
    if never:
        yield f"Never read: {listed(never, 6)}."
    if number := (report.backups + report.upkeep).of(OccurrenceState.OPEN):
        yield f"{number} due time{'' if number == 1 else 's'} {_is(number)} open: what was due is not decided yet."
    if report.too_many_open:
        yield "There are more open due times than can be counted."


def _blank(report: MonthReport, words: _Words) -> Iterator[str]:
    known = report.known_since
    if known is None:
        yield "Nothing is known of this month: nothing was read yet."
    elif report.looked_since == known:
        yield f"Nothing is known of this month: backup-glance first looked {words.moment(known)}."
    else:
        yield f"Nothing is known of this month: what was before {words.moment(known)} is not remembered any more."


def _beneath(report: MonthReport) -> Iterator[str]:
    short, beyond = report.incidents.short, report.incidents.beyond
    if short:
        yield f"{short} more {_was(short)} over within {length(SHORT)} and {_is(short)} not listed."
    if beyond:
        yield f"{beyond} more, which were shorter, {_is(beyond)} not listed."


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


class _Words:
    """Rows of one report in words, with its moments in its zone."""

    def __init__(self, report: MonthReport) -> None:
        self._report = report

    def moment(self, moment: datetime) -> str:
        """ "1 Nov 2026 00:00"."""
        return f"{moment.astimezone(self._report.zone):%-d %b %Y %H:%M}"

    def _short(self, moment: datetime) -> str:
        """The year goes without saying where it is the report's own."""
        local = moment.astimezone(self._report.zone)
        return f"{local:%-d %b %H:%M}" if local.year == self._report.month.year else self.moment(moment)

    def line(self, row: Row) -> Line:
        """A row with its numbers."""
        stood = row.stood
        last_day = (self._report.until - datetime.resolution).astimezone(self._report.zone).date()
        return Line(
            name=row.name,
            asides=(*self._since(row), *_asides(row.counts)),
            figures=_figures(row.counts),
            gap=length(row.gap.length) if row.gap else NOTHING,
            gap_span=self._gap(row.gap) if row.gap else None,
            points=_number(stood.count if stood else None),
            points_day=f"on {stood.day:%-d %b}" if stood and stood.day != last_day else None,
            verified=_number(stood.verified if stood else None),
            verified_share=_share(stood.verified, stood.count) if stood else None,
            copies=_number(stood.copies if stood else None),
        )

    def _since(self, row: Row) -> Iterator[str]:
        if row.kind not in _APART and row.counts is None:
            yield "nothing is known"
        elif row.known_since is not None and row.known_since > self._report.start and row.counts is not None:
            yield f"known since {self._short(row.known_since)}"

    def _gap(self, gap: LongestGap) -> str:
        start = "the beginning" if gap.began_before else self._short(gap.start)
        end = self._short(gap.end)
        if gap.lasts:
            end = "the end" if self._report.is_over else "now"
        return f"{start} – {end}"

    def incident(self, incident: Incident) -> IncidentLine:
        """An incident with the names of whom it concerned."""
        report = self._report
        start = self._short(incident.start)
        end = incident.end or report.until
        if incident.end is not None:
            ended = self._short(incident.end)
        elif any(member in report.names or member.startswith("upkeep:") for member in incident.members):
            ended = "not over" if not report.is_over else "after the month"
        else:
            ended = "no end is known"
        known = f"{'over ' if incident.end is None or incident.began_before else ''}{length(end - incident.start)}"
        return IncidentLine(
            start=f"{start} or earlier" if incident.began_before else start,
            end=ended,
            length=known,
            states=", then ".join(incident.states),
            who=listed(list(services_of(incident, self._names())), _MOST_NAMES),
            what=report.titles.get(incident.job, incident.job) or "nothing was known",
            reason=incident.reason,
        )

    def _names(self) -> Mapping[str, tuple[str, ...]]:
        """Upkeep jobs too are called by their rows."""
        rows = {
            row.members[0]: (row.name,) for row in self._report.rows if row.kind is not RowKind.SERVICE and row.members
        }
        return {**rows, **self._report.names}

    def source(self, each: Observation) -> SourceLine:
        """A source with the times when it could not be read."""
        report, since = self._report, each.looked_since
        looked = report.until - max(report.start, since) if since is not None and since < report.until else timedelta()
        # A gap may have begun before the first reading.
        seen = max(looked - each.unobserved, timedelta())
        read = "never" if since is None else self.moment(since) if since > report.start else "before the month"
        return SourceLine(
            source=each.source,
            since=read,
            total=length(each.unobserved) if each.unobserved else "–",
            share=f"{int(1000 * seen / (report.until - report.start)) / 10:g} %",
            spans=tuple(
                f"{self._short(start)} – {self._short(until)} ({length(until - start)})"
                for start, until in _longest(each.gaps)
            ),
            more=max(len(each.gaps) - _MOST_SPANS, 0),
            grave=seen < report.until - report.start,
        )


def _longest(gaps: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Of many only the longest, in their order."""
    return sorted(sorted(gaps, key=lambda gap: gap[1] - gap[0], reverse=True)[:_MOST_SPANS])


def _number(number: int | None) -> str:
    return NOTHING if number is None else str(number)


def _share(part: int | None, whole: int | None) -> str | None:
    """ "44 %", rounded down: nothing is whole that is not."""
    return None if part is None or not whole else f"{100 * part // whole} %"
