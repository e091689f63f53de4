"""Where the backups of a service lie, for its opened row: how many copies there are, then each place (rule 15)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sidecar.core.model import Copy, PartKind, Posture, ServiceRow, State, StoredCopy

from .words import NOTHING, TimedText, TimeFormat


@dataclass(frozen=True, slots=True)
class CopyLine:
    """A place: how it stands, when something was last brought there, and what else is known of it."""

    state: State
    text: TimedText
    about: str | None = None


@dataclass(frozen=True, slots=True)
class CopyCount:
    """How many copies there are. ``state``: by what is required; None where nothing is. ``reason``: what is lacking."""

    state: State | None
    text: str
    reason: str | None = None


def copy_count(service: ServiceRow, shown: str | None) -> CopyCount | None:
    """None where no place is known. ``shown``: the reason that stands below the service's line already."""
    posture = service.posture
    if not posture.places:
        return None
    reason = posture.reason if posture.reason != shown else None
    return CopyCount(posture.state, _count(posture, service), reason)


def copy_lines(service: ServiceRow, times: TimeFormat) -> tuple[CopyLine, ...]:
    """Each place once, then off-site places of which nothing more is known."""
    states = {copy.job: copy.state for copy in service.copies}
    places = {place.place for place in service.posture.places}
    others = (copy for copy in service.copies if copy.job not in places)
    return (
        *(_place(place, states.get(place.place), service, times) for place in service.posture.places),
        *(CopyLine(copy.state, _copy(copy, times)) for copy in others),
    )


def _count(posture: Posture, service: ServiceRow) -> str:
    number = "1 copy" if posture.copies == 1 else f"{posture.copies or 'no'} {'copies' if posture.copies else 'copy'}"
    several = sum(part.kind is not PartKind.PLAN for part in service.parts) > 1
    pieces = [f"{'' if posture.complete else 'at least '}{number}{' of each part' if several else ''}"]
    required = posture.required
    if posture.offsite or (required is not None and required.offsite):
        pieces.append(f"{posture.offsite or 'none'} off-site")
    if required is not None:
        asked = [f"{required.copies}"] if required.copies else []
        asked += ["one off-site"] if required.offsite else []
        pieces.append(f"required: {', '.join(asked)}")
    return "; ".join([", ".join(pieces[:-1]), pieces[-1]]) if required is not None else ", ".join(pieces)


def _place(copy: StoredCopy, state: State | None, service: ServiceRow, times: TimeFormat) -> CopyLine:
    own = State.OK if copy.counts else State.NEW if copy.known else State.UNKNOWN
    text = (
        TimedText(copy.place, times.moment(copy.last_backup, times.when(copy.last_backup)))
        if copy.last_backup
        else TimedText(f"{copy.place} {NOTHING}")
    )
    return CopyLine(state or own, text, ", ".join(_about(copy, service, times)) or None)


def _about(copy: StoredCopy, service: ServiceRow, times: TimeFormat) -> Iterator[str]:
    if len(service.parts) > 1:
        yield from (part.ref for part in service.parts if f"{part.source}:{part.ref}" in copy.parts)
    if copy.offsite:
        yield "off-site"
    if copy.verified_at is not None:
        yield f"verified {times.when(copy.verified_at)}"
    if copy.encrypted:
        yield "encrypted"
    if copy.protected:
        yield f"{copy.protected} protected"


def _copy(copy: Copy, times: TimeFormat) -> TimedText:
    if copy.last_run is None:
        return TimedText(f"{copy.job} {NOTHING}")
    return TimedText(copy.job, times.moment(copy.last_run, times.when(copy.last_run)))
