"""Due times → words for the schedule list: "02:00" daily, "Sat 03:00" weekly, "1st 07:00" monthly.

Read off the due times themselves, because the two dialects of schedules have many ways to write the same schedule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from sidecar.core.schedules.due_times import due_times
from sidecar.core.schedules.schedule import parse
from sidecar.core.schedules.wall_clock import ScheduleError

from .words import duration

#: The groups of the list, in their order.
GROUPS = ("daily", "weekly", "monthly", "other")

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS_OF_ONE_DAY = timedelta(hours=20)
_WEEK = timedelta(days=7, hours=2)
_MONTH = timedelta(days=31, hours=2)
_FEW_TIMES = 3
_SHOWS_A_PATTERN = 16
_A_YEAR = timedelta(days=366)


def schedule_words(dues: Sequence[datetime], zone: ZoneInfo) -> tuple[str, str]:
    """(group, when) of what is due at ``dues``, as the clocks of ``zone`` show it.

    Gaps are judged by their usual length: a clock change makes one of them an hour longer, or skips a due time.
    """
    local = [due.astimezone(zone) for due in dues]
    gaps = Counter(later - earlier for earlier, later in pairwise(dues))
    usual = gaps.most_common(1)[0][0] if gaps else None
    if usual is None:
        return "other", _once(local[0])
    if min(gaps) < _HOURS_OF_ONE_DAY:
        return "daily", _within_a_day(local, gaps, usual)
    time, weekdays = _usual(f"{due:%H:%M}" for due in local), sorted({due.weekday() for due in local})
    monthdays = {due.day for due in local}
    if usual > _WEEK:
        if len(monthdays) == 1 and usual <= _MONTH:
            return "monthly", f"{_ordinal(monthdays.pop())} {time}"
        return ("monthly" if usual <= _MONTH else "other"), _once(local[0])
    if len(weekdays) == len(_DAYS):
        return "daily", time
    return "weekly", f"{_weekdays(weekdays)} {time}"


@lru_cache(maxsize=2048)
def in_words(text: str, written_in: ZoneInfo, zone: ZoneInfo, today: date) -> str | None:
    """A schedule as the clocks of ``zone`` show it: "daily 04:00", "Mon 04:00", "every 15m", "monthly 1st 07:00".

    None where the text can't be read, or follows no pattern that these words have.
    """
    try:
        schedule = parse(text, written_in)
    except ScheduleError:
        return None
    begin = datetime.combine(today, time(), zone)
    dues = due_times(schedule, begin, begin + _A_YEAR, _SHOWS_A_PATTERN)
    group, when = schedule_words(dues, zone) if dues else ("other", "")
    if group == "other":
        return None
    says_it_all = group == "weekly" or when.startswith("every ") or when.endswith(" a day")
    return when if says_it_all else f"{group} {when}"


def _within_a_day(local: Sequence[datetime], gaps: Counter[timedelta], usual: timedelta) -> str:
    times = sorted({f"{due:%H:%M}" for due in local})
    if len(times) <= _FEW_TIMES:
        return ", ".join(times)
    if len(gaps) == 1:
        return f"every {duration(usual)}"
    return f"{_usual(Counter(due.date() for due in local).values())} times a day"


def _usual(values: Iterable[object]) -> str:
    return str(Counter(values).most_common(1)[0][0])


def _weekdays(days: Sequence[int]) -> str:
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{_DAYS[days[0]]}–{_DAYS[days[-1]]}"
    return ", ".join(_DAYS[day] for day in days)


def _once(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %H:%M}"


def _ordinal(day: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th") if day not in (11, 12, 13) else "th"
    return f"{day}{ending}"
