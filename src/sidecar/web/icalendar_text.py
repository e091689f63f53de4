"""CalendarFeed → iCalendar (RFC 5545), written by the icalendar library: it escapes, folds and orders.

The library takes 4 MB of memory, so it is loaded only when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from .calendar_feed import CalendarFeed, FeedEvent

#: How often a calendar should ask again.
REFRESH = timedelta(hours=1)

_END = b"END:VCALENDAR\r\n"


def icalendar_text(feed: CalendarFeed) -> Iterator[bytes]:
    """The feed as UTF-8, in pieces."""
    yield _head(feed).removesuffix(_END)
    for event in feed.events:
        yield _event(event)
    yield _END


def _head(feed: CalendarFeed) -> bytes:
    from icalendar import Calendar

    head = Calendar()
    head.add("version", "2.0")
    head.add("prodid", "-//backup-glance//calendar//EN")
    for name in ("name", "x-wr-calname"):
        head.add(name, "Backups")
    for name in ("description", "x-wr-caldesc"):
        head.add(name, feed.about)
    head.add("x-wr-timezone", feed.timezone)
    head.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    head.add("x-published-ttl", "PT1H")
    text: bytes = head.to_ical()
    return text


def _event(event: FeedEvent) -> bytes:
    from icalendar import Event

    entry = Event()
    entry.add("uid", event.uid)
    entry.add("dtstamp", event.revised)
    entry.add("last-modified", event.revised)
    entry.add("sequence", event.sequence)
    entry.add("dtstart", event.start)
    entry.add("dtend", event.end)
    entry.add("summary", event.summary)
    if event.description:
        entry.add("description", event.description)
    entry.add("categories", [event.category])
    # A backup makes nobody busy.
    entry.add("transp", "TRANSPARENT")
    text: bytes = entry.to_ical()
    return text
