"""What this machine does in a moment: a fixed piece of plain Python that resembles judging, but shares no code with it.

Every figure of ``make bench`` is divided by its time, so that a limit holds on slow machines as well as on quick ones.
Never change it: all limits would have to be measured anew.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_MEMBERS, _DAYS = 200, 28


@dataclass(frozen=True, slots=True)
class _Run:
    member: str
    began: datetime
    took: timedelta
    good: bool


def calibration() -> float:
    """The CPU seconds it takes now: some 12 ms."""
    collecting = gc.isenabled()
    gc.disable()  # how much else lies in memory is no matter of the machine
    began = time.process_time()
    _work()
    took = time.process_time() - began
    if collecting:
        gc.enable()
    return took


def _work() -> None:
    """Makes a month of runs, groups and sorts them, and looks for the longest time without a good one."""
    runs = [
        _Run(
            f"member{number}",
            _BEGIN + timedelta(days=day, minutes=number * 7 % 60),
            timedelta(minutes=5),
            number % 9 != day % 9,
        )
        for day in range(_DAYS)
        for number in range(_MEMBERS)
    ]
    by_member: dict[str, list[_Run]] = {}
    for run in runs:
        by_member.setdefault(run.member, []).append(run)
    gaps = {
        member: max(later.began - earlier.began for earlier, later in pairwise(run for run in theirs if run.good))
        for member, theirs in by_member.items()
    }
    worst = sorted(by_member, key=lambda member: (-gaps[member], member))
    if len(worst) != _MEMBERS or not timedelta(days=1) < gaps[worst[0]] < timedelta(days=3):
        raise AssertionError("the calibration does something else than it did")
