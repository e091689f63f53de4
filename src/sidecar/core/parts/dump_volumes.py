"""On which volumes of Databasement the dumps of a database lie (rule 15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sidecar.core.model import PlaceKind
from sidecar.core.reports.facts import Dump, DumpPlan

from .expectation import Evidence
from .stored import Stored

#: By volume when the newest dump of which there is a file began. None as a volume: nobody tells whether there is one.
Newest = Mapping[str | None, datetime | None]


def newest(kept: Iterable[Dump]) -> Newest:
    """``kept``: the finished dumps of a database, newest first."""
    found: dict[str | None, datetime | None] = {}
    for dump in kept:
        there = dump.file_size != 0 and dump.file_exists is not False
        copies: list[tuple[str | None, bool]] = [(copy.volume, copy.ok is True) for copy in dump.copies]
        for volume, good in copies or [(None, True)]:
            if found.get(volume) is None:
                found[volume] = dump.run.start if there and good else None
    return found


def stored(source: str, volumes: Newest, plans: Iterable[DumpPlan], evidence: Evidence) -> tuple[Stored, ...]:
    """Where the dumps lie, and where the backups ``plans`` bring them."""
    planned = dict.fromkeys(volume for plan in plans for volume in plan.volumes or ())
    named = {volume: volumes.get(volume) for volume in (*planned, *volumes) if volume is not None}
    every = [_at(f"{source}/{volume}", start, evidence) for volume, start in named.items()]
    if not any(named.values()) and volumes.get(None) is not None:
        every.append(replace(_at(source, volumes[None], evidence), doubt=True))
    return tuple(every)


def _at(place: str, start: datetime | None, evidence: Evidence) -> Stored:
    return Stored(place=place, kind=PlaceKind.VOLUME, named=(place,), evidence=evidence, newest=start)
