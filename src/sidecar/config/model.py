"""The configuration file as a model: every key, its meaning, its default.

The models refuse unknown keys and do no I/O: ``load.py`` reads the file and adds the place of each finding.
Secrets are references only; ``credentials.py`` reads their values when they are needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, StringConstraints

from sidecar.core import settings, words
from sidecar.core.model import PartKind, Required, SourceKind

from .alerts import Alerts, Mute
from .secret_refs import CredentialSecret, FileSecret, Secret, Vault, VaultSecret
from .services import GuestPart, Part, Service
from .sources import Backrest, Databasement, Pbs, Pve, Source
from .tokens import Token
from .values import (
    Day,
    Duration,
    DurationOrOff,
    Flag,
    Model,
    ScheduleText,
    Texts,
    ThemeValue,
    Zone,
    sections_of,
    written_as,
)

#: Between light rounds, and between full ones: where light ones prove that nothing ran, and where they don't.
_LIGHT, _FULL, _UNPROVEN = timedelta(seconds=60), timedelta(minutes=15), timedelta(minutes=5)

#: Whoever lets readings count for longer has a source that sleeps: it is not woken every minute.
_SLEEPS = timedelta(hours=6)

_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


class Job(Model):
    """What you know about a job and its upstream does not."""

    title: str | None = None
    schedule: ScheduleText | None = Field(default=None, description="For jobs whose API has no schedule.")
    timezone: Zone | None = None
    grace: Duration | None = None
    disabled: Flag = False
    shrink: Flag = Field(default=True, description="A backup much smaller than usual is a warning.")


class Ignore(Model):
    """What the table leaves out; the page shows how many."""

    guests: Texts = Field(default=(), description="Guest ids, tag:NAME, pool:NAME.")
    groups: Texts = Field(default=(), description="Backup groups; * matches anything.")
    databases: Texts = Field(default=(), description="SERVER/DATABASE; * matches anything.")


class Pause(Model):
    """A time in which nothing is expected, including both days."""

    model_config = ConfigDict(populate_by_name=True)
    first: Day = Field(alias="from")
    last: Day = Field(alias="to")
    sources: tuple[str, ...] = ()
    reason: str | None = None


class CalendarLine(Model):
    """A planned event that no API knows: shown, never judged."""

    title: str
    schedule: ScheduleText
    kind: str = "offsite"
    timezone: Zone | None = None


class Widget(Model):
    """Where the page may be framed, how it looks, and what it is called."""

    # A header, in which it stands for Glance, must not begin or end with a space.
    title: Annotated[
        str,
        StringConstraints(strip_whitespace=True),
        written_as(r"[^\x00-\x1f\x7f]*", "must be one line; remove line ends and other control characters"),
    ] = Field(
        default="Backups",
        min_length=1,
        max_length=100,
        json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f]+$"},
        description="What the page is called in tabs and by Glance's extension widget.",
    )
    hide: frozenset[Literal["jobs", "datastores"]] = Field(
        default=frozenset(), description="What to leave out at the foot of the page; trouble is always shown."
    )
    frame_ancestors: tuple[str, ...] = Field(
        default=(), description="Addresses of the dashboards that may frame it; empty: only its own origin."
    )
    theme: dict[str, ThemeValue] = Field(
        default_factory=dict, description="Theme numbers, with the names of glance.yml."
    )
    refresh: Duration = Field(default=timedelta(minutes=1), description="How often an open page refreshes itself.")


class Proxy(Model):
    """The read-only pass-through to the upstreams."""

    enabled: Flag = False


class Config(Model):
    """The whole file."""

    timezone: Zone = Field(default="UTC", description="The time zone in which times are shown.")
    week_start: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    poll_interval: Duration = Field(
        default=_UNPROVEN,
        description="Time between two full rounds of a source. Where it is not set and light rounds prove in between that "
        "nothing ran, full rounds come every 15m.",
    )
    light_interval: DurationOrOff | None = Field(
        default=None,
        description="Time between two light rounds of a source, or off; default: 60s, but off where stale_after exceeds 6 h.",
    )
    stale_after: Duration = timedelta(minutes=20)
    remember_for: Duration = Field(
        default=timedelta(days=400), description="How long runs and earlier schedules are kept in the state directory."
    )
    vault: Vault | None = None
    sources: dict[str, Source] = Field(min_length=1)
    services: tuple[Service, ...] = ()
    jobs: dict[str, Job] = Field(default_factory=dict)
    ignore: Ignore = Ignore()
    pauses: tuple[Pause, ...] = ()
    offsite: tuple[str, ...] = ()
    calendar: tuple[CalendarLine, ...] = ()
    widget: Widget = Widget()
    proxy: Proxy = Proxy()
    tokens: tuple[Token, ...] = ()
    alerts: Alerts = Alerts()
    mutes: tuple[Mute, ...] = ()

    def across(self) -> Iterator[tuple[str, str]]:
        """Findings that need the whole file, as (place, message)."""
        yield from _misnamed_sources(self)
        yield from _repeated_services(self)
        yield from _repeated_names(self)
        yield from _unknown_places(self)
        yield from _missing_vault(self)

    def concerns(self) -> Iterator[tuple[str, str]]:
        """What is usable but not as it was meant, as (place, message)."""
        named: dict[tuple[str, timedelta, timedelta], list[str]] = {}
        for name, source in self.sources.items():
            given, counts = source.stale_after or self.stale_after, self._stale_after(source)
            if given < counts:
                place = f"sources.{name}.stale_after" if source.stale_after else "stale_after"
                named.setdefault((place, given, counts), []).append(name)
        for (place, given, counts), names in named.items():
            every, instead = words.duration(counts / 2), words.duration(counts)
            short = (
                f"{words.duration(given)} is too short for {words.listed(names)}, read every {every}: {instead} counts"
            )
            yield place, f"{short} instead; set stale_after to that or longer, or poll_interval lower"
        yield from _parts_of_no_source(self)

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Every reference to a secret with its place, except those that the login at Vault needs."""
        for name, source in self.sources.items():
            for key, value in source:
                if isinstance(value, VaultSecret | CredentialSecret | FileSecret):
                    yield f"sources.{name}.{key}", value
        for number, token in enumerate(self.tokens):
            yield f"tokens.{number}.token", token.token
        for number, receiver in enumerate(self.alerts.receivers):
            yield f"alerts.receivers.{number}.url", receiver.url
        if self.alerts.heartbeat_url is not None:
            yield "alerts.heartbeat_url", self.alerts.heartbeat_url

    def to_settings(self) -> settings.Settings:
        """The part of it that the judgement reads."""
        return settings.Settings(
            timezone=ZoneInfo(self.timezone),
            week_start=self.week_start,
            sources=tuple(self._source_setting(name, source) for name, source in self.sources.items()),
            services=tuple(_service_setting(service) for service in self.services),
            jobs=MappingProxyType({name: settings.JobSetting(**dict(job)) for name, job in self.jobs.items()}),
            ignore=settings.Ignore(**dict(self.ignore)),
            pauses=tuple(
                settings.Pause(pause.first, pause.last + timedelta(days=1), pause.sources, pause.reason)
                for pause in self.pauses
            ),
            mutes=tuple(
                settings.Mute(mute.service, mute.until + timedelta(days=1), mute.reason) for mute in self.mutes
            ),
            offsite=self.offsite,
            calendar=tuple(settings.CalendarLine(**dict(line)) for line in self.calendar),
            concerns=tuple(f"Configuration, {place}: {message}." for place, message in self.concerns()),
        )

    def unproven_interval(self, name: str) -> timedelta:
        """Time between two full rounds where no light one proves that nothing ran."""
        return self._interval(self.sources[name])

    def full_interval(self, name: str) -> timedelta:
        """Time between two full rounds. What is configured holds; else some may fail before a reading is too old."""
        source = self.sources[name]
        is_set = source.poll_interval is not None or "poll_interval" in self.model_fields_set
        if is_set or self.light_interval_of(name) is None:
            return self._interval(source)
        return max(min(_FULL, self._stale_after(source) * 3 / 4), _UNPROVEN)

    def light_interval_of(self, name: str) -> timedelta | None:
        """Time between two light rounds; None where there are none, or full ones as often."""
        source = self.sources[name]
        light = source.light_interval or self.light_interval
        if light is None:
            sleeps = (source.stale_after or self.stale_after) > _SLEEPS
            light = "off" if sleeps else _LIGHT
        interval = self._interval(source)
        return None if light == "off" or light >= interval else light

    def _interval(self, source: Source) -> timedelta:
        return source.poll_interval or self.poll_interval

    def _stale_after(self, source: Source) -> timedelta:
        """No reading is too old before the next but one is due."""
        interval = self._interval(source)
        return max(source.stale_after or self.stale_after, 2 * interval)

    def _source_setting(self, name: str, source: Source) -> settings.SourceSetting:
        return settings.SourceSetting(
            name=name,
            kind=SourceKind(source.kind),
            url=source.url,
            stale_after=self._stale_after(source),
            timezone=source.timezone if isinstance(source, Databasement) else None,
            storages=MappingProxyType(dict(source.storages) if isinstance(source, Pve) else {}),
        )


def known_keys() -> set[str]:
    """Every key that any section knows, for "did you mean"."""
    return {field.alias or name for section in sections_of(Model) for name, field in section.model_fields.items()}


def _service_setting(service: Service) -> settings.ServiceSetting:
    entries = [
        *((PartKind.GUEST, entry) for entry in service.guests),
        *((PartKind.DATABASE, entry) for entry in service.databases),
        *((PartKind.PLAN, entry) for entry in service.plans),
    ]
    return settings.ServiceSetting(
        name=service.name,
        parts=tuple(_part_setting(kind, entry) for kind, entry in entries),
        verify_within=service.verify_within,
        restore_within=service.restore_within,
        shrink=service.shrink,
        require=Required(service.require.copies, service.require.offsite) if service.require else None,
    )


def _part_setting(kind: PartKind, entry: str | GuestPart | Part) -> settings.PartSetting:
    if isinstance(entry, str):
        return settings.PartSetting(kind, entry)
    return settings.PartSetting(kind, entry.ref, settings.ExpectSetting(**dict(entry.expect)))


def _misnamed_sources(config: Config) -> Iterator[tuple[str, str]]:
    for name, source in config.sources.items():
        if not _SOURCE_NAME.fullmatch(name):
            yield f"sources.{name}", "is not a valid name of a source; use lower-case letters, digits, - and _"
        for storage, target in source.storages.items() if isinstance(source, Pve) else ():
            if not isinstance(config.sources.get(target), Pbs):
                yield (
                    f"sources.{name}.storages.{storage}",
                    f"{target!r} is not a source of kind pbs; use the name of one",
                )
    for number, pause in enumerate(config.pauses):
        for name in set(pause.sources) - set(config.sources):
            yield f"pauses.{number}.sources", f"there is no source {name!r}; use {', '.join(config.sources)}"
        if pause.last < pause.first:
            yield f"pauses.{number}.to", "is before from; swap them"
    for job in config.jobs:
        if job.count("/") < 2 or job.split("/")[0] not in config.sources:
            yield (
                f"jobs.{job}",
                f"is not the name of a job; write SOURCE/KIND/ID with one of the sources {', '.join(config.sources)}",
            )


def _unknown_places(config: Config) -> Iterator[tuple[str, str]]:
    """Off-site places: volumes, repositories, backup servers, and remotes that these push to."""
    for number, place in enumerate(config.offsite):
        name, slash, rest = place.partition("/")
        source = config.sources.get(name)
        if isinstance(source, Pbs) and (rest or not slash):
            continue
        if not isinstance(source, Databasement | Backrest) or not rest:
            yield f"offsite.{number}", f"{place!r} is not a place that can be off-site; {_how_to_write_a_place(config)}"


def _how_to_write_a_place(config: Config) -> str:
    """The forms that fit to the sources there are."""
    forms = ((Databasement, "{0}/VOLUME"), (Backrest, "{0}/REPOSITORY"), (Pbs, "{0}"), (Pbs, "{0}/REMOTE"))
    ways = [
        form.format(name) for kind, form in forms for name, source in config.sources.items() if isinstance(source, kind)
    ]
    return f"write {words.listed(ways, most=8)}" if ways else "no source has one; remove it"


#: Where the parts of a service come from.
_KINDS = {"guests": ("pve", "pbs"), "databases": ("databasement",), "plans": ("backrest",)}


def _parts_of_no_source(config: Config) -> Iterator[tuple[str, str]]:
    """References that nothing can match, because there is no source that could know them."""
    for number, service in enumerate(config.services):
        for key, kinds in _KINDS.items():
            place, entries = f"services.{number}.{key}", getattr(service, key)
            if entries and not any(source.kind in kinds for source in config.sources.values()):
                yield place, f"there is no source of kind {' or '.join(kinds)}; add one, or remove them"
            elif key == "guests":
                yield from _guests_of_no_source(config, place, entries)


def _guests_of_no_source(config: Config, place: str, entries: Iterable[str | GuestPart]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        source, colon, _ = (entry if isinstance(entry, str) else entry.ref).partition(":")
        if colon and source not in config.sources:
            yield place, f"there is no source {source!r}; use {', '.join(config.sources)}"


def _repeated_services(config: Config) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for number, service in enumerate(config.services):
        if service.name in seen:
            yield f"services.{number}.name", f"{service.name!r} appears twice; give each service its own name"
        seen.add(service.name)


def _repeated_names(config: Config) -> Iterator[tuple[str, str]]:
    """Programs and receivers are told apart by their names, in messages and in what is remembered."""
    for place, names in (
        ("tokens", [token.name for token in config.tokens]),
        ("alerts.receivers", [receiver.name for receiver in config.alerts.receivers]),
    ):
        for number, name in enumerate(names):
            if name in names[:number]:
                yield f"{place}.{number}.name", f"{name!r} appears twice; give each its own name"


def _missing_vault(config: Config) -> Iterator[tuple[str, str]]:
    if config.vault is not None:
        return
    for place, secret in config.secrets():
        if isinstance(secret, VaultSecret):
            yield place, "refers to Vault, but there is no vault: section; add one"
