"""The query of /widget: read strictly, so that a typing error in glance.yml is told and not ignored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from . import theme

VIEWS = ("table",)

_OWN_NAMES = ("view", "service")


class QueryError(ValueError):
    """A query that can't be answered. The message names the parameter and says what it may be."""


@dataclass(frozen=True, slots=True)
class WidgetQuery:
    """What /widget was asked for, in one form whatever the order: equal queries give equal pages.

    Attributes:
        service: the name of the only service to show.
        theme: theme parameters, sorted by name.
    """

    view: str = "table"
    service: str | None = None
    theme: tuple[tuple[str, str], ...] = ()

    @property
    def theme_query(self) -> str:
        """The theme parameters as a query string for theme.css, with its question mark; empty without any."""
        return f"?{urlencode(self.theme, quote_via=quote)}" if self.theme else ""


def parse_widget_query(pairs: Iterable[tuple[str, str]], base: theme.Theme) -> WidgetQuery:
    """Raises QueryError for an unknown, repeated or wrong parameter."""
    parameters = unique(pairs)
    unknown = sorted(parameters.keys() - theme.PARAMETER_NAMES - set(_OWN_NAMES))
    if unknown:
        known = ", ".join([*_OWN_NAMES, *sorted(theme.PARAMETER_NAMES)])
        raise QueryError(f'There is no parameter "{unknown[0][:40]}"; there are {known}.')
    view = parameters.pop("view", VIEWS[0])
    if view not in VIEWS:
        raise QueryError(f'There is no view "{view[:40]}"; there is {", ".join(VIEWS)}.')
    service = parameters.pop("service", None) or None
    parse_theme(parameters, base)
    return WidgetQuery(view, service, tuple(sorted(parameters.items())))


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
