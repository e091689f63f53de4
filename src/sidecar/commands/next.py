"""``backup-glance next``: when a schedule is due, as the judgement understands it."""

from __future__ import annotations

import argparse
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sidecar import runtime
from sidecar.core.schedules import schedule
from sidecar.core.schedules.wall_clock import ScheduleError
from sidecar.errors import ConfigError

#: It prints no more than this.
MOST_DUE_TIMES = 1000


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    following = commands.add_parser(
        "next",
        help="print when a schedule is due next",
        description="Prints the next due times of a schedule, one a line, in its zone with the offset from UTC; "
        '"never" when none is left. Five fields or a leading @ are cron, anything else is a Proxmox calendar event.',
    )
    following.add_argument("schedule", metavar="SCHEDULE", help='as in "mon..fri 22:00" or "0 7 1 * *"')
    following.add_argument("--tz", default="UTC", metavar="ZONE", help="the zone it is meant in (default: %(default)s)")
    following.add_argument("--count", type=int, default=5, metavar="N", help="how many (default: %(default)s)")
    following.add_argument(
        "--after", metavar="TIME", help="due times after this one, as in 2026-11-23T07:30:00+01:00 (default: now)"
    )
    following.set_defaults(run=_next)


def _next(options: argparse.Namespace) -> int:
    try:
        zone = ZoneInfo(options.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError([f"next: there is no time zone {options.tz!r}; write one as in Europe/Berlin"]) from None
    if not 1 <= options.count <= MOST_DUE_TIMES:
        raise ConfigError([f"next: --count {options.count}: is not from 1 to {MOST_DUE_TIMES}"])
    after = _moment(options.after, zone) if options.after else runtime.utc_now()
    try:
        due = list(islice(schedule.parse(options.schedule, zone).after(after), options.count))
    except ScheduleError as error:
        raise ConfigError([f"next: {error}"]) from None
    for moment in due:
        print(moment.astimezone(zone).isoformat(timespec="seconds"))
    if len(due) < options.count:
        print("never" if not due else "never again")
    return 0


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """A time as it was typed; without an offset it is meant in ``zone``."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError([f"next: --after {text}: is no time; write it as in 2026-11-23T07:30:00+01:00"]) from None
    return found if found.tzinfo else found.replace(tzinfo=zone)
