"""What the owner configured, as the judgement reads it. ``config/model.py`` turns the YAML file into these."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from .ids import shared_name
from .model import PartKind, Required, SourceKind


@dataclass(frozen=True, slots=True)
class ExpectSetting:
    """``expect:`` of a part: the owner's schedule for it. It wins over what the upstream reports."""

    schedule: str
    timezone: str | None = None
    grace: timedelta | None = None


@dataclass(frozen=True, slots=True)
class PartSetting:
    """A part as configured: a reference ("101", "pbs:main/host/nas", "mariadb-main/*") and perhaps its own expectation."""

    kind: PartKind
    ref: str
    expect: ExpectSetting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSetting:
    """A row of the static map.

    Attributes:
        verify_within: the newest verification may be no older than this.
        restore_within: the newest good restore of each of its databases may be no older than this.
        shrink: a backup that is much smaller than usual is a warning (rule 13).
        require: how many copies there must be of it, and where (rule 15).
    """

    name: str
    parts: tuple[PartSetting, ...]
    verify_within: timedelta | None = None
    shrink: bool = True
    restore_within: timedelta | None = None
    require: Required | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSetting:
    """What the owner configured for one job, by its name "{source}/{kind}/{id}"."""

    title: str | None = None
    schedule: str | None = None
    timezone: str | None = None
    grace: timedelta | None = None
    disabled: bool = False
    shrink: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSetting:
    """A source as the judgement needs it: no secrets.

    Attributes:
        url: where people open it, for links.
        stale_after: age from which its readings prove nothing; never less than two intervals between readings.
        timezone: the zone of its schedules, where its API does not report it.
        storages: PVE storage → PBS source, where the join can't be found.
    """

    name: str
    kind: SourceKind
    url: str
    stale_after: timedelta
    timezone: str | None = None
    storages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is expected from ``first`` up to, not including, ``until`` (local days); without ``sources``: of any source."""

    first: date
    until: date
    sources: tuple[str, ...] = ()
    reason: str | None = None

    def concerns(self, *sources: str) -> bool:
        """It is for one of these sources, or for all."""
        return not self.sources or not set(self.sources).isdisjoint(sources)

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From its first midnight up to, not including, its last one."""
        start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (self.first, self.until))
        return start, end


@dataclass(frozen=True, slots=True)
class Mute:
    """Nobody is told of ``service`` before the local day ``until``."""

    service: str
    until: date
    reason: str | None = None

    def lasts(self, now: datetime, zone: ZoneInfo) -> bool:
        """It still holds."""
        return now.astimezone(zone).date() < self.until

    def concerns(self, name: str, names: Collection[str]) -> bool:
        """It is the mute of the service ``name``, one of ``names``; where none is called so, of all that share its name."""
        return name == self.service or (self.service not in names and shared_name(name) == self.service)


@dataclass(frozen=True, slots=True)
class Ignore:
    """What is left out: vmids, "tag:x" and "pool:x" for guests; globs for groups and databases."""

    guests: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CalendarLine:
    """A line of the calendar that no API knows of: shown as planned, never judged."""

    title: str
    schedule: str
    kind: str
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the judgement needs from the configuration file. ``concerns``: sentences about what is odd in it."""

    timezone: ZoneInfo
    sources: tuple[SourceSetting, ...]
    services: tuple[ServiceSetting, ...] = ()
    jobs: Mapping[str, JobSetting] = field(default_factory=lambda: MappingProxyType({}))
    ignore: Ignore = Ignore()
    pauses: tuple[Pause, ...] = ()
    mutes: tuple[Mute, ...] = ()
    offsite: tuple[str, ...] = ()
    calendar: tuple[CalendarLine, ...] = ()
    week_start: str = "monday"
    concerns: tuple[str, ...] = ()

    def source(self, name: str) -> SourceSetting | None:
        """The source of that name."""
        return next((source for source in self.sources if source.name == name), None)

    def split(self, ref: str) -> tuple[str | None, str]:
        """A reference as (the source that it begins with, the rest); None when it begins with the name of none."""
        source, colon, rest = ref.partition(":")
        return (source, rest) if colon and self.source(source) else (None, ref)
