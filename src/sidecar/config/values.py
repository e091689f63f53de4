"""Values of the configuration file with their own syntax: durations, time zones, schedules, addresses, references."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from sidecar.core.schedules import schedule
from sidecar.core.schedules.wall_clock import ScheduleError

T = TypeVar("T")

_DURATION = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_QUIET_HOURS = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SIXTY, _HOURS = 60, 24
#: What can be counted back from today, and days that can be counted on from in any zone.
_LONGEST = timedelta(days=36_500)
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9998, 12, 31)
_GUEST_REF = re.compile(
    r"(?:[a-z0-9][a-z0-9_-]*:)?(?:[1-9][0-9]{2,8}|[^/\s:]+(?:/[^/\s:]+)*/(?:vm|ct|host|\*)/[^/\s:]+)"
)
#: What lies beside the zones in the system's directory: the machine's own zone, and copies that count leap seconds.
_NO_ZONES = frozenset({"localtime", "posixrules", "posix", "right", "Factory"})
_NO_ADDRESS = "is not a web address; write https://HOST:PORT"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
FINGERPRINT = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){31}")


# --- values with their own syntax -----------------------------------------------------------------------------------


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is not a duration; write a number and s, m, h or d, for example 90s, 5m, 25h, 30d")
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if duration > _LONGEST:
        raise ValueError(f"is too long; write at most {_LONGEST.days}d")
    return duration


def _duration_or_off(value: object) -> object:
    """YAML reads the word off as false."""
    return "off" if value is False or value == "off" else _duration(value)


def _zone(value: str) -> str:
    if value.split("/")[0] in _NO_ZONES or not _is_zone(value):
        raise ValueError(f"{value!r} is not a time zone; write an IANA name such as Europe/Berlin")
    return value


def _is_zone(value: str) -> bool:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _schedule(value: str) -> str:
    try:
        schedule.parse(value, ZoneInfo("UTC"))
    except ScheduleError as error:
        raise ValueError(
            f"{error}; write five cron fields, @daily, or a Proxmox calendar event such as mon..fri 22:00"
        ) from None
    return value


def _schedule_text(value: object) -> object:
    """A bare number is a minute. A larger one was a time: YAML counts 21:00 without quotes in sixties, which gives 1260."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= _SIXTY:
        hours, rest = divmod(value, _SIXTY)
        time = f"{hours}:{rest:02}" if hours < _HOURS else f"{hours // _SIXTY}:{hours % _SIXTY:02}:{rest:02}"
        raise ValueError(f'is the number {value}, for YAML reads {time} without quotes so; write "{time}" in quotes')
    return _text(value)


def _guest_ref(value: str) -> str:
    if not _GUEST_REF.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a guest or backup group; write a guest id (101, pve2:101) "
            "or datastore[/namespace]/vm|ct|host/id (pbs:main/host/nas)"
        )
    return value


def _web_address(value: str) -> str:
    # What Python says of an address quotes it, and a password in it.
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError(_NO_ADDRESS) from None
    is_written = value.isprintable() and " " not in value
    if not is_written or parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(_NO_ADDRESS)
    if parts.username or parts.password:
        raise ValueError("contains a user or password; set them as secrets of the source instead")
    return value.rstrip("/")


def _proxmox_address(value: str) -> str:
    value = _web_address(value)
    if not value.startswith("https://"):
        raise ValueError("must start with https://: Proxmox needs TLS, and a token must not be sent without encryption")
    return value


def _quiet_hours(value: object) -> object:
    match = _QUIET_HOURS.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[1] == match[2]:
        raise ValueError('is not a time of day from and to; write it in quotes, for example "22:00-07:00"')
    return (time.fromisoformat(match[1]), time.fromisoformat(match[2]))


def _text(value: object) -> object:
    """Guest ids and schedules are often written as bare numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _true_or_false(value: object) -> object:
    """A number may be meant as a count."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number:
        raise ValueError("is a number, but must be true or false; write one of these words")
    return value


def _theme_value(value: object) -> object:
    is_plain = isinstance(value, str | int | float)
    if not is_plain:
        raise ValueError("must be text, a number, true or false; write it as in glance.yml")
    return value


def _whole_number(value: object) -> object:
    """Python counts true as 1."""
    is_truth = isinstance(value, bool)
    if is_truth:
        raise ValueError("must be a whole number; write it in digits")
    return value


def _day(value: object) -> object:
    """Only what is written as a day: a number would be read as seconds since 1970."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, date) and not isinstance(value, datetime):
        if not _FIRST_DAY <= value <= _LAST_DAY:
            raise ValueError(f"is too early or too late; write a day from {_FIRST_DAY} to {_LAST_DAY}")
        return value
    raise ValueError("is not a day; write YYYY-MM-DD, for example 2026-12-24")


def written_as(pattern: str, message: str) -> AfterValidator:
    """A validator for text of one form, with a sentence for what has another. The JSON Schema must be told by itself."""
    form = re.compile(pattern)

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(message)
        return value

    return AfterValidator(check)


def not_empty(value: tuple[T, ...]) -> tuple[T, ...]:
    """A validator for lists without a default that does anything."""
    if not value:
        raise ValueError("is empty; name at least one")
    return value


def _list_of_text(value: object) -> object:
    return [_text(item) for item in value] if isinstance(value, list) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=Annotated[str, Field(pattern=f"^{_DURATION.pattern}$")]),
]
DurationOrOff = Annotated[
    timedelta | Literal["off"],
    BeforeValidator(
        _duration_or_off, json_schema_input_type=Annotated[str, Field(pattern=f"^(?:{_DURATION.pattern}|off)$")]
    ),
]
#: A time of day from which, and one up to which, in local time; the second may be on the next day.
QuietHours = Annotated[
    tuple[time, time],
    BeforeValidator(_quiet_hours, json_schema_input_type=Annotated[str, Field(pattern=f"^{_QUIET_HOURS.pattern}$")]),
]
Zone = Annotated[str, AfterValidator(_zone)]
ScheduleText = Annotated[str, BeforeValidator(_schedule_text), AfterValidator(_schedule)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
ProxmoxAddress = Annotated[str, AfterValidator(_proxmox_address)]
GuestRef = Annotated[str, BeforeValidator(_text), AfterValidator(_guest_ref)]
Flag = Annotated[bool, BeforeValidator(_true_or_false)]
ThemeValue = Annotated[str | float | bool, BeforeValidator(_theme_value)]
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
Day = Annotated[date, BeforeValidator(_day)]
Fingerprint = Annotated[
    str,
    written_as(
        FINGERPRINT.pattern,
        "is not a SHA-256 fingerprint; write its 32 pairs of hexadecimal digits with colons between them",
    ),
    Field(json_schema_extra={"pattern": f"^{FINGERPRINT.pattern}$"}),
]
Texts = Annotated[tuple[str, ...], BeforeValidator(_list_of_text)]


class Model(BaseModel):
    """No unknown keys, and no values in error messages: they might be secrets that were pasted into the wrong place."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    #: How a section is written; without it, its keys are named.
    written: ClassVar[str | None] = None

    @classmethod
    def how_to_write(cls) -> str:
        """The keys, for who gave the section a value of its own."""
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        return cls.written or f"it with {'its key' if len(keys) == 1 else 'keys of its own:'} {', '.join(keys)}"


def sections_of(model: type[Model]) -> Iterator[type[Model]]:
    """All sections of the file that are made from ``model``."""
    for child in model.__subclasses__():
        yield child
        yield from sections_of(child)
