"""``backup-glance next``: prints when a schedule is due, computed as in the judgement."""

from __future__ import annotations

import argparse
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sidecar import runtime
from sidecar.core.schedules import schedule
from sidecar.core.schedules.wall_clock import ScheduleError
from sidecar.errors import ConfigError

#: The largest --count.
MOST_DUE_TIMES = 1000


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "next",
        help="print when a schedule is due next",
        description="Prints the next due times of a schedule, one per line, in its time zone with the offset from UTC; "
        '"never" when there is none. Five fields or a leading @ are cron, anything else is a Proxmox calendar event.',
    )
    command.add_argument("schedule", metavar="SCHEDULE", help='for example "mon..fri 22:00" or "0 7 1 * *"')
    command.add_argument("--tz", default="UTC", metavar="ZONE", help="time zone of the schedule (default: %(default)s)")
    command.add_argument("--count", type=int, default=5, metavar="N", help="how many (default: %(default)s)")
    command.add_argument(
        "--after",
        metavar="TIME",
        help="only due times after this one, for example 2026-11-23T07:30:00+01:00 (default: now)",
    )
    command.set_defaults(run=_next)


def _next(options: argparse.Namespace) -> int:
    try:
        zone = ZoneInfo(options.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError([f"next: there is no time zone {options.tz!r}; write a name such as Europe/Berlin"]) from None
    if not 1 <= options.count <= MOST_DUE_TIMES:
        raise ConfigError([f"next: --count {options.count}: must be from 1 to {MOST_DUE_TIMES}"])
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
    """A time of the command line; without an offset it is a time in ``zone``."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        example = "2026-11-23T07:30:00+01:00"
        raise ConfigError([f"next: --after {text}: is not a time; write it like {example}"]) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
