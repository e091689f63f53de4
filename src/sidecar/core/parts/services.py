"""From the static map to services: every reference finds its parts, every unmapped part becomes a service of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from zoneinfo import ZoneInfo

from sidecar.core.history.observed import group_job
from sidecar.core.ids import GroupKey, JobId, SourceName
from sidecar.core.model import PartKind, Required, SourceKind
from sidecar.core.reports.report import LimitKind
from sidecar.core.schedules.schedule import parse
from sidecar.core.settings import PartSetting, ServiceSetting, SourceSetting
from sidecar.core.value import value

from . import backrest_plans, backup_groups, databases, equal_names, guests, left_out, sizes, unclaimed, vanished
from .expectation import Evidence, Expectation, Observed, ScheduleInForce
from .guests import GuestPart
from .inputs import Inputs
from .part import Part

_ASKED = {
    PartKind.GUEST: SourceKind.PVE,
    PartKind.DATABASE: SourceKind.DATABASEMENT,
    PartKind.PLAN: SourceKind.BACKREST,
}
#: What makes a name a pattern.
_PATTERN = frozenset("*?[")

#: A part by its kind and its reference with the source.
Named = tuple[PartKind, str]

#: What is said once where there is no map.
GROUPED = "Services are grouped by equal names; write your own map with backup-glance suggest."

_KEY = {PartKind.GUEST: "guests", PartKind.DATABASE: "databases", PartKind.PLAN: "plans"}


@value()
class Service:
    """A service with the parts that protect it. ``verify_within``, ``restore_within``, ``require``: see settings."""

    name: str
    parts: tuple[Part, ...]
    verify_within: timedelta | None = None
    restore_within: timedelta | None = None
    require: Required | None = None

    def age_limit(self, kind: PartKind) -> timedelta | None:
        """Rule 9: how old the verification or the restore test of a part of this kind may be; None: that is not judged."""
        limits = {PartKind.GUEST: self.verify_within, PartKind.DATABASE: self.restore_within}
        return limits.get(kind)

    @property
    def has_an_age_limit(self) -> bool:
        """Its row changes by time alone, whatever its parts say."""
        return self.verify_within is not None or self.restore_within is not None


@value()
class Services:
    """All services, how many parts of which sort the configuration ignores, and findings for the page.

    ``references`` are those of the notes that are about references of the configuration which mean nothing, or too much.
    """

    services: tuple[Service, ...]
    ignored: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
    references: tuple[str, ...] = ()


def services(inputs: Inputs) -> Services:
    """The services of ``inputs``, in the order of the map, then the unmapped ones by name."""
    ignore = inputs.settings.ignore
    every_guest = guests.parts(inputs)
    kept_guests = [guest for guest in every_guest if not guest.ignored_by(ignore.guests)]
    every_database = databases.parts(inputs)
    kept_databases = [part for part in every_database if not _matches(part.ref, ignore.databases)]
    known = [*(guest.part for guest in kept_guests), *kept_databases, *backrest_plans.parts(inputs)]
    search = _Search(inputs, kept_guests, known)
    mapped = tuple(service for setting in inputs.settings.services if (service := search.service(setting)).parts)
    taken = {(part.kind, part.full_ref) for service in mapped for part in service.parts}
    shown = taken | _named_by_their_groups(kept_guests, taken)
    every_group = backup_groups.unnamed(inputs, taken)
    kept_groups = [part for part in every_group if not _matches(part.ref, ignore.groups)]
    unmapped = [part for part in known if (part.kind, part.full_ref) not in shown] if shown else known
    rest = [*(part for part in unmapped if _stands_alone(part)), *kept_groups]
    ignored = (
        ("guest", len(every_guest) - len(kept_guests)),
        ("database", len(every_database) - len(kept_databases)),
        ("backup group", len(every_group) - len(kept_groups)),
    )
    rows = taken | {(part.kind, part.full_ref) for part in kept_groups}
    notes = (
        *search.notes,
        *unclaimed.notes(inputs, every_guest, rows),
        *vanished.unmapped(inputs, search.lost),
        *left_out.notes(inputs, (guest.part for guest in kept_guests)),
    )
    if inputs.settings.services:
        every = (*mapped, *_unmapped(((part,) for part in rest), {service.name for service in mapped}))
    else:
        together = equal_names.grouped(rest)
        every = tuple(_unmapped((*together.together, *((part,) for part in together.alone)), set()))
        notes = (*notes, GROUPED) if together.together else notes
    if quiet := frozenset(name for name, job in inputs.settings.jobs.items() if not job.shrink):
        every = tuple(
            _with_parts(service, (sizes.unjudged(part, quiet) for part in service.parts)) for service in every
        )
    paused = tuple(_paused(service, inputs) for service in every) if inputs.settings.pauses else every
    return Services(paused, tuple((what, number) for what, number in ignored if number), notes, tuple(search.notes))


def _named_by_their_groups(guest_parts: Iterable[GuestPart], taken: set[Named]) -> set[Named]:
    """The guests of which a service names a group of every destination: they have their row already."""
    named: set[Named] = set()
    if not any(kind is PartKind.GUEST and "/" in ref for kind, ref in taken):
        return named
    for guest in guest_parts:
        destinations = guest.groups_of or (guest.groups,)
        if all(any((PartKind.GUEST, f"{name}:{key.path}") in taken for name, key in groups) for groups in destinations):
            named.add((guest.part.kind, guest.part.full_ref))
    return named


def _paused(service: Service, inputs: Inputs) -> Service:
    return _with_parts(
        service, (replace(part, pauses=inputs.pauses(part.source, *part.kept_on)) for part in service.parts)
    )


def _with_parts(service: Service, parts: Iterable[Part]) -> Service:
    return replace(service, parts=tuple(parts))


def _stands_alone(part: Part) -> bool:
    """An unmapped database that no configuration covers and of which nothing is kept is gone, not a service."""
    return part.kind is not PartKind.DATABASE or part.expected or part.observed.newest_good is not None


def _unmapped(groups: Iterable[tuple[Part, ...]], names: set[str]) -> Iterator[Service]:
    """Each under the name of its first part; those that share a name stay apart: "name (source:ref)"."""
    every = sorted(groups, key=lambda group: (group[0].name.lower(), group[0].kind, group[0].source, group[0].ref))
    uses = Counter(group[0].name for group in every)
    for group in every:
        first = group[0]
        alone = uses[first.name] == 1 and first.name not in names
        yield Service(first.name if alone else f"{first.name} ({first.full_ref})", group)


class _Search:
    """Finds the parts that references mean, and collects what is wrong with references."""

    def __init__(self, inputs: Inputs, guest_parts: list[GuestPart], known: list[Part]) -> None:
        self.inputs = inputs
        self.guest_parts = guest_parts
        self.known = known
        self.lost = vanished.lost(inputs)
        self.notes: list[str] = []

    @cached_property
    def _by_ref(self) -> Mapping[tuple[PartKind, str], Sequence[Part]]:
        by_ref: dict[tuple[PartKind, str], list[Part]] = defaultdict(list)
        for part in self.known:
            by_ref[part.kind, part.ref].append(part)
        return by_ref

    def service(self, setting: ServiceSetting) -> Service:
        parts = [part for part_setting in setting.parts for part in self._parts(setting.name, part_setting)]
        parts = parts if setting.shrink else [sizes.unjudged(part) for part in parts]
        return Service(setting.name, tuple(parts), setting.verify_within, setting.restore_within, setting.require)

    def _parts(self, service: str, setting: PartSetting) -> list[Part]:
        parts = self._find(setting)
        if len(parts) > 1 and not backup_groups.is_glob(setting.ref):
            means = ", ".join(part.full_ref for part in parts)
            self.notes.append(
                f"{service}: {setting.ref} is ambiguous, it could mean {means}; write the source before it."
            )
            return [replace(parts[0], note=f"{setting.ref} is ambiguous: it could mean {means}", expectations=())]
        if not parts and (doubtful := self._doubtful(setting)):
            return [self._unreadable(setting, doubtful[0])]
        gone = vanished.mapped(self.inputs, self.lost, setting, {str(part.member) for part in parts}, self.guest_parts)
        self.notes += [f"{service}: {note}" for note in gone.notes]
        if not parts and not gone.any:
            parts = backup_groups.empty(self.inputs, setting, self.guest_parts)
            if len(parts) != 1:
                return [self._missing(service, setting)]
        return [_expecting(part, setting, self.inputs) for part in (*parts, *gone.expected)]

    def _find(self, setting: PartSetting) -> list[Part]:
        if setting.kind is PartKind.GUEST and "/" in setting.ref:
            return backup_groups.parts(self.inputs, setting, self.guest_parts)
        source, ref = self._split(setting)
        return [part for part in self._called(setting.kind, ref) if source in (None, part.source)]

    def _called(self, kind: PartKind, ref: str) -> Sequence[Part]:
        """Nearly every reference is a plain name, and looked up: comparing a thousand of them with a thousand parts took three
        times as long as all the rest of a board."""
        if _PATTERN.isdisjoint(ref):
            return self._by_ref.get((kind, ref), ())
        return [part for part in self.known if part.kind is kind and fnmatchcase(part.ref, ref)]

    def _split(self, setting: PartSetting) -> tuple[str | None, str]:
        return self.inputs.settings.split(setting.ref)

    def _asked(self, setting: PartSetting) -> list[SourceSetting]:
        """The sources that could know it."""
        name, _ = self._split(setting)
        wanted = _wanted(setting)
        return [source for source, _ in self.inputs.of(wanted) if name in (None, source.name)]

    def _doubtful(self, setting: PartSetting) -> list[SourceSetting]:
        return [source for source in self._asked(setting) if self._evidence(source).stale(self.inputs.now)]

    def _unreadable(self, setting: PartSetting, source: SourceSetting) -> Part:
        """A part that nothing is known of because a source that could know it can't be asked."""
        _, ref = self._split(setting)
        return Part(
            kind=setting.kind, ref=ref, name=ref, source=source.name, observed=Observed(evidence=self._evidence(source))
        )

    def _missing(self, service: str, setting: PartSetting) -> Part:
        """A part that no source knows, although all could be asked."""
        _, ref = self._split(setting)
        asked = self._asked(setting)
        wanted = _wanted(setting)
        where = ", ".join(source.name for source in asked) or f"any source of kind {wanted}"
        self.notes.append(f"{service}: {_KEY[setting.kind]} names {setting.ref}, which {where} does not know.")
        evidence = self._evidence(asked[0]) if asked else Evidence(source=wanted, as_of=None, stale_after=timedelta(0))
        of_groups = wanted is SourceKind.PBS
        note = f"no {'backup group' if of_groups else setting.kind} {ref} is known to {where}"
        note = (backup_groups.why_missing(self.inputs, setting) if of_groups else None) or note
        if hidden := self._hides_guests(asked) if wanted is SourceKind.PVE else None:
            note = f"{ref} is not among what {hidden[0]} shows: {hidden[1]}"
        return Part(
            kind=setting.kind,
            ref=ref,
            name=ref,
            source=asked[0].name if asked else str(wanted),
            observed=Observed(evidence=evidence),
            note=note,
        )

    def _hides_guests(self, asked: Iterable[SourceSetting]) -> tuple[str, str] | None:
        """A source whose token sees only some guests, and what it says of that."""
        for source in asked:
            report = self.inputs.reports.get(source.name)
            for limit in report.limits if report else ():
                if limit.kind is LimitKind.NOT_VISIBLE and limit.culprit == "/vms":
                    return source.name, limit.text
        return None

    def _evidence(self, source: SourceSetting) -> Evidence:
        """What the source's own list of such parts rests on."""
        scopes = {
            SourceKind.PVE: ("guests",),
            SourceKind.DATABASEMENT: ("plans",),
            SourceKind.BACKREST: ("plans",),
            SourceKind.PBS: ("datastores",),
        }
        report = self.inputs.reports.get(source.name)
        return self.inputs.evidence(source, report.reading(*scopes[source.kind]) if report else None)


def _wanted(setting: PartSetting) -> SourceKind:
    return SourceKind.PBS if setting.kind is PartKind.GUEST and "/" in setting.ref else _ASKED[setting.kind]


def _expecting(part: Part, setting: PartSetting, inputs: Inputs) -> Part:
    """Rule 2: the owner's own expectation takes the place of what the jobs owe, and any destination answers it."""
    own = setting.expect
    if own is None:
        return part
    zone = own.timezone or inputs.settings.timezone.key
    first = part.expectations[0] if part.expectations else None
    job = first.job if first else _own_job(part)
    schedule = ScheduleInForce(
        job=job, text=own.schedule, schedule=parse(own.schedule, ZoneInfo(zone)), timezone=zone, grace=own.grace
    )
    lengths = [expectation.longest for expectation in part.expectations if expectation.longest]
    expectation = Expectation(
        job=job,
        destination=None,
        schedule=schedule,
        observed=part.observed,
        activities=tuple(
            dict.fromkeys(activity for expectation in part.expectations for activity in expectation.activities)
        ),
        starts_seen=all(expectation.starts_seen for expectation in part.expectations) if first else part.starts_seen,
        longest=max(lengths, default=None),
    )
    return replace(part, expectations=(expectation,), note=None)


def _own_job(part: Part) -> JobId:
    """The job of a part that no job of its source is for: a backup group's or its own."""
    if part.kind is PartKind.GUEST and "/" in part.ref:
        return group_job(part.source, GroupKey.parse(part.ref))
    return JobId(SourceName(part.source), str(part.kind), part.ref)


def _matches(ref: str, patterns: Collection[str]) -> bool:
    return bool(patterns) and any(fnmatchcase(ref, pattern) for pattern in patterns)
