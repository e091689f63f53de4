"""Single values as the ledger's tables take them, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_LARGEST = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnreadableRecordError(ValueError):
    """Something in the ledger is not what any version of backup-glance would have written."""


def row(*values: object) -> tuple[object, ...]:
    """Values as SQLite takes them. Upstreams' text and numbers are hostile: what can't be stored must not stop the rest."""
    return tuple(stored(value) for value in values)


def stored(value: object) -> object:
    """One value as SQLite takes it: a time as text, a number that is too large as NULL."""
    if isinstance(value, datetime):
        # Always with microseconds, in UTC: text that sorts as the times do.
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return None if isinstance(value, int) and abs(value) > _LARGEST else value


def to_time(text: str) -> datetime:
    """A time from its text. Raises UnreadableRecordError."""
    try:
        when = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise UnreadableRecordError("The ledger has something else where a time should be") from None
    if when.tzinfo is None:
        raise UnreadableRecordError("A time in the ledger has no time zone")
    return when


def to_time_or_none(text: str | None) -> datetime | None:
    """The same; NULL is None."""
    return None if text is None else to_time(text)


def microseconds(when: datetime) -> int:
    """A time as microseconds since 1970, for the tables with the most rows."""
    return (when - _EPOCH) // datetime.resolution


def microseconds_or_none(when: datetime | None) -> int | None:
    """The same; None is NULL."""
    return None if when is None else microseconds(when)


def from_microseconds(count: int) -> datetime:
    """The time that ``microseconds`` counted. Raises UnreadableRecordError."""
    try:
        return _EPOCH + timedelta(microseconds=count)
    except (TypeError, OverflowError):
        raise UnreadableRecordError("The ledger has something else where a time should be") from None


def from_microseconds_or_none(count: int | None) -> datetime | None:
    """The same; NULL is None."""
    return None if count is None else from_microseconds(count)
