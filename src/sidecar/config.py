"""The configuration file as models: every key, its meaning, its default.

These models refuse unknown keys and know no I/O (``config_file.py`` reads the file and says where a finding stands).
Secrets are references only; their values are read by ``credentials.py`` when they are needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from .config_values import FINGERPRINT, Duration, GuestRef, HttpsAddress, Model, ScheduleText, Texts, WebAddress, Zone
from .core import settings
from .core.model import PartKind, SourceKind

_SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


# --- secrets ----------------------------------------------------------------------------------------------------------


class VaultSecret(Model):
    """A field of a KV entry in Vault."""

    vault: str = Field(description="Path of the entry below the KV mount, without the mount's name.")
    field: str = Field(description="Name of the field in the entry.")


class CredentialSecret(Model):
    """A systemd credential: a file in $CREDENTIALS_DIRECTORY."""

    credential: str = Field(pattern=r"^[A-Za-z0-9_.-]+$", description="Name of the credential.")


class FileSecret(Model):
    """A file; one final newline is stripped."""

    file: Path = Field(description="Absolute path of the file.")


def _kind_of_secret(value: object) -> str | None:
    keys = value.keys() if isinstance(value, dict) else type(value).model_fields if isinstance(value, BaseModel) else ()
    return next((key for key in ("vault", "credential", "file") if key in keys), None)


def _one_of(*kinds: str) -> Discriminator:
    forms = {"vault": "{vault: PATH, field: NAME}", "credential": "{credential: NAME}", "file": "{file: PATH}"}
    return Discriminator(
        _kind_of_secret,
        custom_error_type="no_secret",
        custom_error_message=f"is no reference to a secret; write {' or '.join(forms[kind] for kind in kinds)}",
    )


Secret = Annotated[
    Annotated[VaultSecret, Tag("vault")]
    | Annotated[CredentialSecret, Tag("credential")]
    | Annotated[FileSecret, Tag("file")],
    _one_of("vault", "credential", "file"),
]
LocalSecret = Annotated[
    Annotated[CredentialSecret, Tag("credential")] | Annotated[FileSecret, Tag("file")],
    _one_of("credential", "file"),
]


def _plain_or_not(value: object) -> str:
    return "plain" if isinstance(value, str | int) else "mapping"


#: A value that is either written down or kept as a secret (token ids are no secrets).
TextOrSecret = Annotated[
    Annotated[str, Tag("plain")] | Annotated[Secret, Tag("mapping")],
    Discriminator(_plain_or_not),
]


class AppRole(Model):
    """How to log in to Vault."""

    mount: str = Field(default="approle", description="Where the AppRole method is mounted.")
    role_id: LocalSecret = CredentialSecret(credential="role_id")
    secret_id: LocalSecret = CredentialSecret(credential="secret_id")


class Vault(Model):
    """The Vault or OpenBao server that keeps the upstreams' credentials."""

    address: HttpsAddress = Field(description="Address of the server.")
    ca_file: Path | None = Field(default=None, description="CA certificates to trust for it; without: the system's.")
    namespace: str | None = Field(default=None, description="Vault namespace, where the server has them.")
    approle: AppRole = AppRole()
    kv_mount: str = Field(default="secret", description="Mount of the KV version 2 engine.")


# --- sources ----------------------------------------------------------------------------------------------------------


class _Source(Model):
    poll_interval: Duration | None = Field(
        default=None, description="Time between two refreshes; without: the general one."
    )
    stale_after: Duration | None = Field(
        default=None, description="Age after which a reading proves nothing any more; without: the general one."
    )


class _Tls(_Source):
    ca_file: Path | None = Field(default=None, description="CA certificates to trust for this source.")
    fingerprint: str | None = Field(
        default=None,
        pattern=f"^{FINGERPRINT.pattern}$",
        description="SHA-256 fingerprint of its certificate; checked instead of a CA and of the host name.",
    )

    @model_validator(mode="after")
    def _one_trust(self) -> Self:
        if self.ca_file and self.fingerprint:
            raise ValueError("has both ca_file and fingerprint; keep one of them")
        return self


class Pbs(_Tls):
    """A Proxmox Backup Server."""

    kind: Literal["pbs"]
    url: HttpsAddress
    token_id: TextOrSecret = Field(description="USER@REALM!TOKEN, or where it is kept.")
    secret: Secret


class Pve(_Tls):
    """A Proxmox VE node or cluster."""

    kind: Literal["pve"]
    url: HttpsAddress
    token_id: TextOrSecret = Field(description="USER@REALM!TOKEN, or where it is kept.")
    secret: Secret
    storages: dict[str, str] = Field(
        default_factory=dict, description="Storage name → PBS source, only where the join can't be found."
    )


class Databasement(_Tls):
    """A Databasement server."""

    kind: Literal["databasement"]
    url: WebAddress
    token: Secret = Field(description="An API token of a user with the role viewer.")
    timezone: Zone = Field(
        default="UTC", description="Zone of its schedules (its APP_DISPLAY_TIMEZONE): its API doesn't tell."
    )


class Backrest(_Tls):
    """A Backrest server."""

    kind: Literal["backrest"]
    url: WebAddress
    username: str | None = Field(default=None, description="Without: its authentication is off.")
    password: Secret | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("needs username and password together, or neither")
        return self


Source = Annotated[Pbs | Pve | Databasement | Backrest, Field(discriminator="kind")]


# --- services ---------------------------------------------------------------------------------------------------------


class Expect(Model):
    """The owner's word on when a part is backed up; it wins over what the upstream says."""

    schedule: ScheduleText
    timezone: Zone | None = Field(default=None, description="Zone of the schedule; without: the general one.")
    grace: Duration | None = Field(default=None, description="How long after the due time a run may still start.")


class GuestPart(Model):
    """A guest or backup group with its own expectation."""

    ref: GuestRef
    expect: Expect


class Part(Model):
    """A database or plan with its own expectation."""

    ref: str
    expect: Expect


GuestEntry = Annotated[
    Annotated[GuestRef, Tag("plain")] | Annotated[GuestPart, Tag("mapping")], Discriminator(_plain_or_not)
]
PartEntry = Annotated[Annotated[str, Tag("plain")] | Annotated[Part, Tag("mapping")], Discriminator(_plain_or_not)]


class Service(Model):
    """A row of the table: something you care about, and what protects it."""

    name: str = Field(min_length=1, max_length=100)
    guests: tuple[GuestEntry, ...] = ()
    databases: tuple[PartEntry, ...] = ()
    plans: tuple[PartEntry, ...] = ()
    verify_within: Duration | None = Field(
        default=None, description="The newest verification of its snapshots may be no older than this."
    )

    @model_validator(mode="after")
    def _has_parts(self) -> Self:
        if not (self.guests or self.databases or self.plans):
            raise ValueError("names nothing that protects it; add guests, databases or plans")
        return self


class Job(Model):
    """What you know of a job better than its upstream does."""

    title: str | None = None
    schedule: ScheduleText | None = Field(default=None, description="Where no API tells it.")
    timezone: Zone | None = None
    grace: Duration | None = None
    disabled: bool = False


class Ignore(Model):
    """What is left out of the table, and counted as left out."""

    guests: Texts = Field(default=(), description="Guest ids, tag:NAME, pool:NAME.")
    groups: Texts = Field(default=(), description="Backup groups; * matches anything.")
    databases: Texts = Field(default=(), description="SERVER/DATABASE; * matches anything.")


class Pause(Model):
    """A time in which nothing is expected: both days belong to it."""

    model_config = ConfigDict(populate_by_name=True)
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    sources: tuple[str, ...] = ()
    reason: str | None = None


class CalendarLine(Model):
    """A planned event that no API knows of: shown, never judged."""

    title: str
    schedule: ScheduleText
    kind: str = "offsite"
    timezone: Zone | None = None


class Widget(Model):
    """How the page is framed and coloured."""

    frame_ancestors: tuple[str, ...] = Field(
        default=(), description="Addresses of the dashboards that may frame it; without: only its own origin."
    )
    theme: dict[str, str | float | bool] = Field(
        default_factory=dict, description="Theme numbers under the names of glance.yml."
    )


class ProxyToken(Model):
    """A program that may use the proxy."""

    name: str
    token: Secret


class Proxy(Model):
    """The read-only pass-through to the upstreams."""

    enabled: bool = False
    tokens: tuple[ProxyToken, ...] = ()


class Config(Model):
    """The whole file."""

    timezone: Zone = Field(default="UTC", description="The zone in which people read times.")
    week_start: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = "monday"
    poll_interval: Duration = timedelta(minutes=5)
    stale_after: Duration = timedelta(minutes=20)
    remember_for: Duration = Field(
        default=timedelta(days=400), description="How long runs and former plans are kept in the state directory."
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

    def across(self) -> Iterator[tuple[str, str]]:
        """What only the whole file can tell, as (place, finding)."""
        yield from _misnamed_sources(self)
        yield from _repeated_services(self)
        yield from _missing_vault(self)

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
            offsite=self.offsite,
            calendar=tuple(settings.CalendarLine(**dict(line)) for line in self.calendar),
        )

    def _source_setting(self, name: str, source: Pbs | Pve | Databasement | Backrest) -> settings.SourceSetting:
        return settings.SourceSetting(
            name=name,
            kind=SourceKind(source.kind),
            url=source.url,
            stale_after=source.stale_after or self.stale_after,
            timezone=source.timezone if isinstance(source, Databasement) else None,
            storages=MappingProxyType(dict(source.storages) if isinstance(source, Pve) else {}),
        )


def known_keys() -> set[str]:
    """Every key that any section knows, for "did you mean"."""
    sections = [Model]
    for section in sections:
        sections += section.__subclasses__()
    return {field.alias or name for section in sections for name, field in section.model_fields.items()}


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
    )


def _part_setting(kind: PartKind, entry: str | GuestPart | Part) -> settings.PartSetting:
    if isinstance(entry, str):
        return settings.PartSetting(kind, entry)
    return settings.PartSetting(kind, entry.ref, settings.Expectation(**dict(entry.expect)))


def _misnamed_sources(config: Config) -> Iterator[tuple[str, str]]:
    for name, source in config.sources.items():
        if not _SOURCE_NAME.fullmatch(name):
            yield f"sources.{name}", "is no name for a source; use small letters, digits, - and _"
        for storage, target in source.storages.items() if isinstance(source, Pve) else ():
            if not isinstance(config.sources.get(target), Pbs):
                yield f"sources.{name}.storages.{storage}", f"{target!r} is no source of kind pbs; name one"
    for number, pause in enumerate(config.pauses):
        for name in set(pause.sources) - set(config.sources):
            yield f"pauses.{number}.sources", f"there is no source {name!r}; use {', '.join(config.sources)}"
        if pause.last < pause.first:
            yield f"pauses.{number}.to", "lies before from; exchange them"
    for job in config.jobs:
        if job.count("/") < 2 or job.split("/")[0] not in config.sources:
            yield (
                f"jobs.{job}",
                f"is no name of a job; write SOURCE/KIND/ID with a source of {', '.join(config.sources)}",
            )


def _repeated_services(config: Config) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for number, service in enumerate(config.services):
        if service.name in seen:
            yield f"services.{number}.name", f"{service.name!r} is there twice; give each service its own name"
        seen.add(service.name)


def _missing_vault(config: Config) -> Iterator[tuple[str, str]]:
    if config.vault is not None:
        return
    for name, source in config.sources.items():
        for key, value in source:
            if isinstance(value, VaultSecret):
                yield f"sources.{name}.{key}", "is kept in Vault, but there is no vault: section; add one"
