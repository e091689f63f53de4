"""Times and lists in words, for reasons that people read."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_BINARY_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def moment(when: datetime, now: datetime, zone: ZoneInfo) -> str:
    """``today 04:00``, else ``Sun 22 Nov 04:09``; the year too when it is another one."""
    local, today = when.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"today {local:%H:%M}"
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M}"


def day(when: datetime, now: datetime, zone: ZoneInfo) -> str:
    """``today``, else ``Sun 22 Nov``; the year too when it is another one."""
    return moment(when, now, zone).rpartition(" ")[0]


def clock(when: datetime, near: datetime, now: datetime, zone: ZoneInfo) -> str:
    """The time of day when ``when`` falls on the same day as ``near``, which was just named; else as ``moment``."""
    local = when.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == near.astimezone(zone).date() else moment(when, now, zone)


def duration(length: timedelta) -> str:
    """``5m``, ``3h``, ``2d``: the largest unit, rounded down, at least one minute."""
    minutes = max(1, int(length.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes}m"
    return f"{minutes // 60}h" if minutes < 48 * 60 else f"{minutes // 1440}d"


def size(count: int) -> str:
    """Bytes in binary units, two or three digits: ``850 B``, ``61 MiB``, ``8.4 GiB``."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in _BINARY_UNITS:
        value /= 1024
        if value < 1023.5 or unit == _BINARY_UNITS[-1]:
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def listed(names: list[str], most: int = 3) -> str:
    """``a, b and c``; from ``most`` on ``a, b, c and 4 more``."""
    if len(names) <= 1:
        return "".join(names)
    if len(names) <= most:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def sentence(text: str) -> str:
    """With a capital first letter and a full stop."""
    text = " ".join(text.split())
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
