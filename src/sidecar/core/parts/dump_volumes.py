"""On which volumes of Databasement the dumps of a database lie (rule 15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sidecar.core.model import PlaceKind
from sidecar.core.reports.facts import Dump, DumpPlan
from sidecar.core.value import value

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


@value()
class VolumePlace:
    """A volume on which dumps of a database lie, or should. Fields as in Stored."""

    place: str
    named: tuple[str, ...]
    newest: datetime | None
    doubt: bool = False

    def stored(self, evidence: Evidence) -> Stored:
        """What lies there, as far as the evidence proves it."""
        return Stored(
            place=self.place,
            kind=PlaceKind.VOLUME,
            named=self.named,
            evidence=evidence,
            newest=self.newest,
            doubt=self.doubt,
        )


def places(source: str, volumes: Newest, plans: Iterable[DumpPlan]) -> tuple[VolumePlace, ...]:
    """Where the dumps lie, and where the backups ``plans`` bring them."""
    planned = dict.fromkeys(volume for plan in plans for volume in plan.volumes or ())
    named = {volume: volumes.get(volume) for volume in (*planned, *volumes) if volume is not None}
    every = [_at(f"{source}/{volume}", start) for volume, start in named.items()]
    if not any(named.values()) and volumes.get(None) is not None:
        every.append(replace(_at(source, volumes[None]), doubt=True))
    return tuple(every)


def _at(place: str, start: datetime | None) -> VolumePlace:
    return VolumePlace(place, (place,), start)
