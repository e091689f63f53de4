"""Mutes on the page: of whom nobody is told. They change no verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta

from sidecar.core.settings import Settings


def mute_notes(settings: Settings, services: Collection[str], now: datetime) -> Iterator[str]:
    """One sentence for each mute that lasts; one of nobody's service is most likely misspelt.

    Args:
        services: the names on the board; without any, nothing is known of names yet.
    """
    today = now.astimezone(settings.timezone).date()
    for mute in settings.mutes:
        if not mute.lasts(now, settings.timezone):
            continue
        if services and not any(mute.concerns(name, services) for name in services):
            yield f"Configuration, mutes: no service is called {mute.service!r}; use a name of the table."
            continue
        why = f": {mute.reason.rstrip('.')}" if mute.reason else ""
        yield f"{mute.service} is muted until {_day(mute.until - timedelta(days=1), today)}{why}."


def _day(day: date, today: date) -> str:
    return f"{day.day} {day:%b}{'' if day.year == today.year else f' {day.year}'}"
