"""The queries of the pages and of the API: read strictly, so that a typing error is reported and not ignored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote, urlencode

from sidecar.core.past.month import Month

from . import theme
from .rows import CALM_ROWS

#: ``all`` is the table, and the calendar below it; ``line`` is only the headline.
VIEWS = ("table", "calendar", "all", "history", "line")

#: These show all services.
_OF_ALL = ("calendar", "all")

#: Views with the rows of all services.
_WITH_TABLE = ("table", "all")

_OWN_NAMES = ("view", "service", "month", "day", "fold", "q")

#: The longest part of a name that is searched for.
LONGEST_SEARCH = 100

#: The years that a calendar is drawn for: no backup is older, no schedule looks further.
YEARS = range(2000, 2100)


#: The longest period that one answer of the calendar covers.
LONGEST_WINDOW = timedelta(days=400)


class QueryError(ValueError):
    """A query that can't be answered. The message names the parameter and says what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetQuery:
    """What /widget was asked for, in one form whatever the order: equal queries give equal pages.

    Attributes:
        service: the name of the only service to show.
        month: the first day of the month that the calendar shows; None: the present one.
        day: the day that is opened in the calendar.
        theme: theme parameters, sorted by name.
        fold: how many rows without a problem stay in sight at any width; -1 for all of them. None: as the width allows.
        search: a part of the names of the services to show.
    """

    view: str = "table"
    service: str | None = None
    month: date | None = None
    day: date | None = None
    theme: tuple[tuple[str, str], ...] = ()
    fold: int | None = None
    search: str | None = None

    @property
    def theme_query(self) -> str:
        """The theme parameters as a query string for theme.css, with its question mark; empty without any."""
        return f"?{urlencode(self.theme, quote_via=quote)}" if self.theme else ""

    @property
    def beside_search(self) -> tuple[tuple[str, str], ...]:
        """What a search keeps of the query: everything but what is searched for."""
        view = [("view", self.view)] if self.view != "table" else []
        month = [("month", f"{self.month:%Y-%m}")] if self.month else []
        day = [("day", self.day.isoformat())] if self.day else []
        fold = [("fold", str(self.fold))] if self.fold is not None else []
        return (*view, *month, *day, *fold, *self.theme)

    def address(self, **own: str) -> str:
        """A relative link to the page with other parameters of its own, the same theme and fold; "?" without any."""
        fold = [("fold", str(self.fold))] if self.fold is not None and own.get("view", VIEWS[0]) in _WITH_TABLE else []
        return f"?{urlencode([*own.items(), *fold, *self.theme], quote_via=quote)}"


def parse_widget_query(pairs: Iterable[tuple[str, str]], base: theme.Theme) -> WidgetQuery:
    """Raises QueryError for an unknown, repeated or wrong parameter."""
    parameters = unique(pairs)
    unknown = sorted(parameters.keys() - theme.PARAMETER_NAMES - set(_OWN_NAMES))
    if unknown:
        known = ", ".join([*_OWN_NAMES, *sorted(theme.PARAMETER_NAMES)])
        raise QueryError(f'Unknown parameter "{unknown[0][:40]}"; use {known}.')
    view = parameters.pop("view", VIEWS[0])
    if view not in VIEWS:
        raise QueryError(f'Unknown view "{view[:40]}"; use {", ".join(VIEWS)}.')
    service = parameters.pop("service", None) or None
    month, day = _month(parameters.pop("month", None)), _day(parameters.pop("day", None))
    if view not in _OF_ALL and (month or day):
        raise QueryError("month and day need view=calendar or view=all.")
    if view in _OF_ALL and service:
        raise QueryError("The calendar shows all services; leave out service.")
    fold = _fold(parameters.pop("fold")) if "fold" in parameters else None
    search = _search(parameters.pop("q", ""))
    if (fold is not None or search) and (view not in _WITH_TABLE or service):
        raise QueryError("fold and q need view=table or view=all, without service.")
    parse_theme(parameters, base)
    return WidgetQuery(
        view=view,
        service=service,
        month=month,
        day=day,
        theme=tuple(sorted(parameters.items())),
        fold=fold,
        search=search,
    )


def _search(text: str) -> str | None:
    if len(text) > LONGEST_SEARCH:
        raise QueryError(f"q is longer than {LONGEST_SEARCH} characters; write a part of a service's name.")
    return text.strip() or None


def _month(text: str | None) -> date | None:
    return _date("month", f"{text}-01", text, "2026-11") if text else None


def _day(text: str | None) -> date | None:
    return _date("day", text, text, "2026-11-23") if text else None


def _date(name: str, text: str, given: str, example: str) -> date:
    day = None
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        with suppress(ValueError):
            day = date.fromisoformat(text)
    if day is None or day.year not in YEARS:
        years = f"{YEARS.start} to {YEARS.stop - 1}"
        raise QueryError(f'{name}: "{given[:40]}" is not a {name} in the years {years}; write it like {example}.')
    return day


#: How many rows without a problem an extension shows at most before its fold.
MOST_UNFOLDED = 999


@dataclass(frozen=True, slots=True)
class ExtensionQuery:
    """What /extension was asked for.

    Attributes:
        service: the name of the only service to show.
        fold: how many rows without a problem stay in sight; -1 for all of them, as in Glance's own lists.
    """

    view: str = "table"
    service: str | None = None
    fold: int = CALM_ROWS


def parse_extension_query(pairs: Iterable[tuple[str, str]]) -> ExtensionQuery:
    """Raises QueryError for an unknown, repeated or wrong parameter."""
    parameters = unique(pairs)
    unknown = sorted(parameters.keys() - {"view", "service", "fold"})
    if unknown:
        raise QueryError(f'Unknown parameter "{unknown[0][:40]}"; use view, service, fold.')
    view, service = parameters.get("view", VIEWS[0]), parameters.get("service") or None
    if view not in VIEWS:
        raise QueryError(f'Unknown view "{view[:40]}"; use {", ".join(VIEWS)}.')
    if view in _OF_ALL and service:
        raise QueryError("The calendar shows all services; leave out service.")
    return ExtensionQuery(view, service, _fold(parameters.get("fold", str(CALM_ROWS))))


def _fold(text: str) -> int:
    if re.fullmatch(r"-1|\d{1,3}", text, re.ASCII):
        return int(text)
    raise QueryError(f'fold: "{text[:40]}" is not a number from 0 to {MOST_UNFOLDED}, or -1 to fold nothing.')


@dataclass(frozen=True, slots=True)
class CalendarQuery:
    """What /api/v1/calendar was asked for: from ``start`` up to, not including, ``end``."""

    start: datetime
    end: datetime


def parse_calendar_query(pairs: Iterable[tuple[str, str]]) -> CalendarQuery:
    """Raises QueryError for anything but two moments, the later one second and at most LONGEST_WINDOW apart."""
    parameters = unique(pairs)
    unknown = sorted(parameters.keys() - {"from", "to"})
    if unknown:
        raise QueryError(f'Unknown parameter "{unknown[0][:40]}"; use from, to.')
    start, end = _moment("from", parameters.get("from")), _moment("to", parameters.get("to"))
    if end <= start:
        raise QueryError("to must be later than from.")
    if end - start > LONGEST_WINDOW:
        raise QueryError(f"from and to are more than {LONGEST_WINDOW.days} days apart; ask for a shorter period.")
    return CalendarQuery(start, end)


#: How many changes one answer lists: unless asked for, and at most.
USUAL_CHANGES, MOST_CHANGES = 100, 1_000

#: The largest ``skip``; more changes never have the same moment.
MOST_SKIPPED = 99_999


@dataclass(frozen=True, slots=True)
class ChangesQuery:
    """What /api/v1/changes was asked for: ``limit`` changes from ``since`` on, without the first ``skip`` of that very moment."""

    since: datetime
    skip: int = 0
    limit: int = USUAL_CHANGES


def parse_changes_query(pairs: Iterable[tuple[str, str]]) -> ChangesQuery:
    """Raises QueryError for an unknown, repeated, missing or wrong parameter."""
    parameters = unique(pairs)
    unknown = sorted(parameters.keys() - {"since", "skip", "limit"})
    if unknown:
        raise QueryError(f'Unknown parameter "{unknown[0][:40]}"; use since, skip, limit.')
    return ChangesQuery(
        _moment("since", parameters.get("since")),
        _whole("skip", parameters.get("skip", "0"), 0, MOST_SKIPPED),
        _whole("limit", parameters.get("limit", str(USUAL_CHANGES)), 1, MOST_CHANGES),
    )


def _whole(name: str, text: str, least: int, most: int) -> int:
    if re.fullmatch(r"\d{1,5}", text, re.ASCII) and least <= int(text) <= most:
        return int(text)
    raise QueryError(f'{name}: "{text[:40]}" is not a whole number from {least} to {most}.')


def _moment(name: str, text: str | None) -> datetime:
    if not text:
        raise QueryError(f"{name} is missing; write a time like 2026-11-23T00:00:00+01:00.")
    # A plus sign that was not escaped arrives as a space.
    match = _RFC_3339.fullmatch(text.replace(" ", "+"))
    moment = None
    if match:
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(match.group().upper().replace("Z", "+00:00")).astimezone(UTC)
    if moment is None or moment.year not in YEARS:
        raise QueryError(f'{name}: "{text[:40]}" is not a time; write it like 2026-11-23T00:00:00+01:00.')
    return moment


_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE)


#: How a program gets a report.
REPORT_FORMATS = ("json", "csv")


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What a report was asked for.

    Attributes:
        month: None: the last one that is over.
        format: for programs.
        download: for people: as a file that needs no other one.
    """

    month: Month | None = None
    format: str = REPORT_FORMATS[0]
    download: bool = False


def parse_report_query(pairs: Iterable[tuple[str, str]]) -> ReportQuery:
    """The query of the page. Raises QueryError for an unknown, repeated or wrong parameter."""
    parameters = _only(pairs, "month", "download")
    download = parameters.get("download", "false")
    if download not in ("true", "false"):
        raise QueryError(f'download: "{download[:40]}" is not true or false.')
    return ReportQuery(_report_month(parameters), download=download == "true")


def parse_report_data_query(pairs: Iterable[tuple[str, str]]) -> ReportQuery:
    """The query of the API. Raises QueryError for an unknown, repeated or wrong parameter."""
    parameters = _only(pairs, "month", "format")
    wanted = parameters.get("format", REPORT_FORMATS[0])
    if wanted not in REPORT_FORMATS:
        raise QueryError(f'Unknown format "{wanted[:40]}"; use {", ".join(REPORT_FORMATS)}.')
    return ReportQuery(_report_month(parameters), wanted)


def _report_month(parameters: dict[str, str]) -> Month | None:
    text = parameters.get("month")
    if text is None:
        return None
    return Month.of(_date("month", f"{text}-01", text, "2026-11"))


def _only(pairs: Iterable[tuple[str, str]], *names: str) -> dict[str, str]:
    """The parameters by name. Raises QueryError for one that is repeated or has another name."""
    parameters = unique(pairs)
    unknown = sorted(parameters.keys() - {*names})
    if unknown:
        raise QueryError(f'Unknown parameter "{unknown[0][:40]}"; use {", ".join(names)}.')
    return parameters


def parse_theme(parameters: dict[str, str], base: theme.Theme | None = None) -> theme.Theme:
    """``base`` (Glance's default) with the theme parameters. Raises QueryError."""
    try:
        return theme.parse_theme(parameters, base)
    except theme.ThemeError as error:
        raise QueryError(str(error)) from error


def unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters by name. Raises QueryError when one comes twice."""
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise QueryError(f'The parameter "{name[:40]}" is given twice.')
        parameters[name] = value
    return parameters
