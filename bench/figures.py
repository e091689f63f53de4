"""What ``make bench`` prints: figures, each with the limit that it must keep."""

from __future__ import annotations

import sys
from dataclasses import dataclass


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Figure:
    """Seconds, and how many calibrations fit into them; a limit of None is no limit."""

    name: str
    seconds: float
    calibrations: float
    limit: float | None = None

    def __str__(self) -> str:
        limit = "" if self.limit is None else f" of {self.limit:g}{' EXCEEDED' if self.exceeded else ''}"
        return f"{self.name} {self.seconds * 1000:.0f} ms = {self.calibrations:.2f}{limit}"

    @property
    def exceeded(self) -> bool:
        """It is above its limit."""
        return self.limit is not None and self.calibrations > self.limit


@dataclass(frozen=True, slots=True)
class Measure:
    """Anything else that was measured: a ratio of two times of the same run, a number of calls, megabytes."""

    name: str
    value: float
    limit: float
    unit: str = "times"

    def __str__(self) -> str:
        return f"{self.name}: {self.value:.2f} {self.unit} of {self.limit:g}{' EXCEEDED' if self.exceeded else ''}"

    @property
    def exceeded(self) -> bool:
        """It is above its limit."""
        return self.value > self.limit
