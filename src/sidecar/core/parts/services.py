"""From the static map to services: every reference finds its parts, every unmapped part becomes a service of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from sidecar.core.model import PartKind, SourceKind
from sidecar.core.schedules import schedule
from sidecar.core.settings import PartSetting, ServiceSetting, SourceSetting

from . import backrest_plans, backup_groups, databases, guests, vanished
from .guests import GuestPart
from .inputs import Inputs
from .part import Evidence, Part, Plan

_ASKED = {
    PartKind.GUEST: SourceKind.PVE,
    PartKind.DATABASE: SourceKind.DATABASEMENT,
    PartKind.PLAN: SourceKind.BACKREST,
}
_KEY = {PartKind.GUEST: "guests", PartKind.DATABASE: "databases", PartKind.PLAN: "plans"}


@dataclass(frozen=True, slots=True)
class Service:
    """A service with the parts that protect it. ``verify_within``: see settings."""

    name: str
    parts: tuple[Part, ...]
    verify_within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """All services, the parts that are left out by configuration, and findings about references for the page."""

    found: tuple[Service, ...]
    left_out: int
    notes: tuple[str, ...]


def services(lab: Inputs) -> Services:
    """The services of ``lab``, in the order of the map, then the unmapped ones by name."""
    every_guest = guests.parts(lab)
    kept_guests = [one for one in every_guest if not one.ignored_by(lab.settings.ignore.guests)]
    every_database = databases.parts(lab)
    kept_databases = [part for part in every_database if not _matches(part.ref, lab.settings.ignore.databases)]
    known = [*(one.part for one in kept_guests), *kept_databases, *backrest_plans.parts(lab)]
    search = _Search(lab, kept_guests, known)
    mapped = tuple(service for one in lab.settings.services if (service := search.service(one)).parts)
    taken = {(part.kind, part.full_ref) for service in mapped for part in service.parts}
    rest = [part for part in known if (part.kind, part.full_ref) not in taken and _stands_alone(part)]
    left_out = len(every_guest) - len(kept_guests) + len(every_database) - len(kept_databases)
    notes = (*search.notes, *backup_groups.notes(lab, every_guest, taken), *vanished.unmapped(lab, search.lost))
    found = (*mapped, *_unmapped(rest, {service.name for service in mapped}))
    return Services(tuple(_paused(one, lab) for one in found) if lab.settings.pauses else found, left_out, notes)


def _paused(service: Service, lab: Inputs) -> Service:
    parts = (replace(part, pauses=lab.pauses(part.source, *part.kept_on)) for part in service.parts)
    return replace(service, parts=tuple(parts))


def _stands_alone(part: Part) -> bool:
    """An unmapped database that no configuration covers and of which nothing is kept is gone, not a service."""
    return part.kind is not PartKind.DATABASE or bool(part.plans) or part.newest_good is not None


def _unmapped(parts: Iterable[Part], names: set[str]) -> Iterator[Service]:
    """Each under its own name; parts that share a name stay apart: "name (source:ref)" (design §4)."""
    parts = sorted(parts, key=lambda part: (part.name.lower(), part.kind, part.source, part.ref))
    uses = Counter(part.name for part in parts)
    for part in parts:
        alone = uses[part.name] == 1 and part.name not in names
        yield Service(part.name if alone else f"{part.name} ({part.full_ref})", (part,))


class _Search:
    """Finds the parts that references mean, and collects what is wrong with references."""

    def __init__(self, lab: Inputs, guest_parts: list[GuestPart], known: list[Part]) -> None:
        self.lab = lab
        self.guest_parts = guest_parts
        self.known = known
        self.lost = vanished.lost(lab)
        self.notes: list[str] = []

    def service(self, setting: ServiceSetting) -> Service:
        parts = [part for one in setting.parts for part in self._parts(setting.name, one)]
        return Service(setting.name, tuple(parts), setting.verify_within)

    def _parts(self, service: str, setting: PartSetting) -> list[Part]:
        found = self._find(setting)
        if len(found) > 1 and "*" not in setting.ref and "?" not in setting.ref:
            means = ", ".join(part.full_ref for part in found)
            self.notes.append(
                f"{service}: {setting.ref} is ambiguous, it could mean {means}; write the source before it."
            )
            return [replace(found[0], note=f"{setting.ref} is ambiguous: it could mean {means}", plans=())]
        if not found and (doubtful := self._doubtful(setting)):
            return [self._unreadable(setting, doubtful[0])]
        gone = vanished.mapped(self.lab, self.lost, setting, {part.member for part in found}, self.guest_parts)
        self.notes += [f"{service}: {note}" for note in gone.notes]
        if not found and not gone.any:
            return [self._missing(service, setting)]
        return [_expecting(part, setting, self.lab) for part in (*found, *gone.expected)]

    def _find(self, setting: PartSetting) -> list[Part]:
        if setting.kind is PartKind.GUEST and "/" in setting.ref:
            return backup_groups.parts(self.lab, setting, self.guest_parts)
        source, ref = self._split(setting)
        return [
            part
            for part in self.known
            if part.kind is setting.kind and fnmatchcase(part.ref, ref) and source in (None, part.source)
        ]

    def _split(self, setting: PartSetting) -> tuple[str | None, str]:
        return self.lab.settings.split(setting.ref)

    def _asked(self, setting: PartSetting) -> list[SourceSetting]:
        """The sources that could know it."""
        source, _ = self._split(setting)
        wanted = _wanted(setting)
        return [one for one, _ in self.lab.of(wanted) if source in (None, one.name)]

    def _doubtful(self, setting: PartSetting) -> list[SourceSetting]:
        return [one for one in self._asked(setting) if self._evidence(one).stale(self.lab.now)]

    def _unreadable(self, setting: PartSetting, source: SourceSetting) -> Part:
        """A part that nothing is known of because a source that could know it can't be asked."""
        _, ref = self._split(setting)
        return Part(setting.kind, ref, ref, source.name, self._evidence(source))

    def _missing(self, service: str, setting: PartSetting) -> Part:
        """A part that no source knows, although all could be asked."""
        _, ref = self._split(setting)
        asked = self._asked(setting)
        wanted = _wanted(setting)
        where = ", ".join(one.name for one in asked) or f"any source of kind {wanted}"
        self.notes.append(f"{service}: {_KEY[setting.kind]} names {setting.ref}, which {where} does not know.")
        evidence = self._evidence(asked[0]) if asked else Evidence(wanted, None, timedelta(0))
        note = f"no {setting.kind} {ref} is known to {where}"
        return Part(setting.kind, ref, ref, asked[0].name if asked else str(wanted), evidence, note=note)

    def _evidence(self, source: SourceSetting) -> Evidence:
        """What the source's own list of such parts rests on."""
        scopes = {
            SourceKind.PVE: ("guests",),
            SourceKind.DATABASEMENT: ("plans",),
            SourceKind.BACKREST: ("plans",),
            SourceKind.PBS: ("datastores",),
        }
        report = self.lab.reports.get(source.name)
        return self.lab.evidence(source, report.reading(*scopes[source.kind]) if report else None)


def _wanted(setting: PartSetting) -> SourceKind:
    return SourceKind.PBS if setting.kind is PartKind.GUEST and "/" in setting.ref else _ASKED[setting.kind]


def _expecting(part: Part, setting: PartSetting, lab: Inputs) -> Part:
    """The part with the owner's own expectation, which wins over what the upstream says (rule 2)."""
    own = setting.expect
    if own is None:
        return part
    zone = own.timezone or lab.settings.timezone.key
    parsed = schedule.parse(own.schedule, ZoneInfo(zone))
    job = part.plans[0].job if part.plans else f"{part.source}/{part.kind}/{part.ref}"
    promise = Plan(job, own.schedule, parsed, zone, grace=own.grace)
    return replace(part, plans=(promise,), past=(), every_run_was_due=False, note=None)


def _matches(ref: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(ref, pattern) for pattern in patterns)
