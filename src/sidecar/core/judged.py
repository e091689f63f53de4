"""Every part with its verdict at one moment: what the board and the calendar are both drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .history import History
from .lab import Lab
from .part import Part
from .report import Report
from .services import Service, services
from .settings import Settings
from .upkeep import Upkeep, upkeep
from .verdict import Judgement, judge


@dataclass(frozen=True, slots=True)
class JudgedPart:
    """A part with its verdict."""

    part: Part
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class JudgedService:
    """A service with the verdicts of its parts."""

    service: Service
    parts: tuple[JudgedPart, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """Everything that was judged at ``lab.now``. ``left_out`` and ``notes``: see services.Services."""

    lab: Lab
    services: tuple[JudgedService, ...]
    upkeep: tuple[Upkeep, ...]
    left_out: int
    notes: tuple[str, ...]


def judged(reports: Mapping[str, Report], history: History, settings: Settings, now: datetime) -> Judged:
    """Judges everything that ``reports`` (newest per source, by name) and ``history`` tell, at ``now``."""
    lab = Lab(reports, settings, now, history)
    found = services(lab)
    return Judged(
        lab=lab,
        services=tuple(JudgedService(one, tuple(_judged(part, lab) for part in one.parts)) for one in found.found),
        upkeep=tuple(upkeep(lab)),
        left_out=found.left_out,
        notes=found.notes,
    )


def _judged(part: Part, lab: Lab) -> JudgedPart:
    return JudgedPart(part, judge(part, lab.history, lab.now, lab.settings.timezone))
