"""What ``make demo`` was asked for. What is wrong is told in one line, with the variable of make that it came from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.demo.night import EVENING
from tests.processes import free_port

#: The morning after a night in which something failed, was missed, and never ran; and one after a night in which nothing did.
BAD_MORNING, GOOD_MORNING = "2026-11-23T07:30:00+01:00", "2026-11-24T07:30:00+01:00"

_EXAMPLE = f"write it like NOW={BAD_MORNING}"

#: Of these there are a past and a future.
_YEARS = range(2000, 2100)

_HIGHEST_PORT = 65_535


class DemoError(Exception):
    """The demo can't start; the message has the reason and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is shown.

    Attributes:
        now: where the demo's clock begins.
        port: of the page; with ``glance`` the next one is needed too.
        faults: something went wrong in the night.
        night: the twelve hours after ``now`` are played in three minutes.
    """

    now: datetime
    port: int
    faults: bool
    night: bool
    glance: bool


def parse(arguments: Sequence[str] | None, zone: ZoneInfo) -> Options:
    """Raises DemoError. A time without an offset from UTC is one of ``zone``."""
    given = _parser().parse_args(arguments)
    glance = bool(given.glance)
    return Options(
        now=_now(given, zone).astimezone(UTC),
        port=_port(given.port, neighbours=int(glance)),
        faults=_morning(given) == "bad",
        night=given.night,
        glance=glance,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description="Runs the demo until Ctrl-C.")
    parser.add_argument("--port", default="8480", help="port of the page, 0 for any free one (default: %(default)s)")
    parser.add_argument(
        "--now",
        metavar="TIME",
        help="start of the demo's clock, by the homelab's own zone unless it has an offset from UTC "
        f"(default: {BAD_MORNING}, with --night: {EVENING}, with --morning good: {GOOD_MORNING})",
    )
    parser.add_argument(
        "--morning", default="bad", help="bad (something went wrong in the night) or good (default: bad)"
    )
    parser.add_argument("--night", action="store_true", help="play the twelve hours after that in three minutes")
    parser.add_argument("--glance", action="store_true", help="also show it in a real Glance, on the next port")
    return parser


def _morning(given: argparse.Namespace) -> str:
    if given.morning not in ("bad", "good"):
        raise DemoError(f"MORNING={given.morning} is not known. Choose MORNING=good or MORNING=bad.")
    return str(given.morning)


def _now(given: argparse.Namespace, zone: ZoneInfo) -> datetime:
    usual = EVENING if given.night else GOOD_MORNING if _morning(given) == "good" else BAD_MORNING
    text = given.now or usual
    try:
        now = datetime.fromisoformat(text)
    except ValueError:
        raise DemoError(f"NOW={text} is not a time: {_EXAMPLE}") from None
    if now.year not in _YEARS:
        raise DemoError(f"NOW={text} is outside of the years {_YEARS[0]} to {_YEARS[-1]}: {_EXAMPLE}")
    return now if now.tzinfo is not None else _local(now, zone, text)


def _local(time: datetime, zone: ZoneInfo, text: str) -> datetime:
    now = time.replace(tzinfo=zone)
    if now.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
        raise DemoError(f"NOW={text} does not exist in {zone}, where clocks are put forward then. Choose another time.")
    return now


def _port(text: str, neighbours: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) + neighbours > _HIGHEST_PORT:
        raise DemoError(f"PORT={text} is not a port. Choose a number up to {_HIGHEST_PORT - neighbours}, or 0 for any.")
    return int(text) or free_port(neighbours)
