"""Every part with its verdict at one moment: what the board and the calendar are both drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sidecar.core.history.history import History
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import Part
from sidecar.core.parts.services import Service, services
from sidecar.core.parts.upkeep import Upkeep, upkeep
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings

from .judge import Judgement, judge


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

    lab: Inputs
    services: tuple[JudgedService, ...]
    upkeep: tuple[Upkeep, ...]
    left_out: int
    notes: tuple[str, ...]


def judged(reports: Mapping[str, Report], history: History, settings: Settings, now: datetime) -> Judged:
    """Judges everything that ``reports`` (newest per source, by name) and ``history`` tell, at ``now``."""
    lab = Inputs(reports, settings, now, history)
    found = services(lab)
    return Judged(
        lab=lab,
        services=tuple(JudgedService(one, tuple(_judged(part, lab) for part in one.parts)) for one in found.found),
        upkeep=tuple(upkeep(lab)),
        left_out=found.left_out,
        notes=found.notes,
    )


def _judged(part: Part, lab: Inputs) -> JudgedPart:
    return JudgedPart(part, judge(part, lab.history, lab.now, lab.settings.timezone))
