"""Single values as the ledger's tables take them, and back: what comes back is exactly of the kind that was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_LARGEST = 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: No time outside was ever written: sources refuse such times of upstreams (sources/fields.py), because they can't be
#: shown in every zone. A day more, for what was counted from them.
EARLIEST, LATEST = datetime(1969, 12, 31, tzinfo=UTC), datetime(3000, 1, 2, tzinfo=UTC)


class UnreadableRecordError(ValueError):
    """Something in the ledger is not what any version of backup-glance would have written."""


# --- into the tables --------------------------------------------------------------------------------------------------


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


def microseconds(when: datetime) -> int:
    """A time as microseconds since 1970, for the tables with the most rows."""
    return (when - _EPOCH) // datetime.resolution


def microseconds_or_none(when: datetime | None) -> int | None:
    """The same; None is NULL."""
    return None if when is None else microseconds(when)


# --- out of the tables: a file that was damaged may hold anything in any column -------------------------------------------


def to_time(text: object) -> datetime:
    """A time from its text. Raises UnreadableRecordError."""
    try:
        when = datetime.fromisoformat(to_text(text))
    except ValueError:
        raise UnreadableRecordError("The ledger has something else where a time should be") from None
    if when.tzinfo is None:
        raise UnreadableRecordError("A time in the ledger has no time zone")
    return _plausible(when)


def to_time_or_none(text: object) -> datetime | None:
    """The same; NULL is None."""
    return None if text is None else to_time(text)


def from_microseconds(count: object) -> datetime:
    """The time that ``microseconds`` counted. Raises UnreadableRecordError."""
    try:
        return _plausible(_EPOCH + timedelta(microseconds=to_whole(count)))
    except OverflowError:
        raise UnreadableRecordError("The ledger has something else where a time should be") from None


def from_microseconds_or_none(count: object) -> datetime | None:
    """The same; NULL is None."""
    return None if count is None else from_microseconds(count)


def to_text(value: object) -> str:
    """A text. Raises UnreadableRecordError."""
    if not isinstance(value, str):
        raise UnreadableRecordError("The ledger has something else where a text should be")
    return value


def to_text_or_none(value: object) -> str | None:
    """The same; NULL is None."""
    return None if value is None else to_text(value)


def to_member(value: object) -> str:
    """A member by its full name, "KIND:SOURCE:REF". Raises UnreadableRecordError."""
    member = to_text(value)
    if member.count(":") < 2:
        raise UnreadableRecordError("The ledger has something else where a member should be")
    return member


def to_whole(value: object) -> int:
    """A whole number. Raises UnreadableRecordError."""
    if not isinstance(value, int):
        raise UnreadableRecordError("The ledger has something else where a number should be")
    return value


def to_whole_or_none(value: object) -> int | None:
    """The same; NULL is None."""
    return None if value is None else to_whole(value)


def to_flag(value: object) -> bool:
    """Yes or no, as 1 or 0. Raises UnreadableRecordError."""
    if value not in (0, 1):
        raise UnreadableRecordError("The ledger has something else where yes or no should be")
    return bool(value)


def _plausible(when: datetime) -> datetime:
    if not EARLIEST <= when < LATEST:
        raise UnreadableRecordError("A time in the ledger is one that nobody can have written")
    return when
