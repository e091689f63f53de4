"""A message as it is handed on for delivery: short plain text with everything that a receiver may show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: Characters. Whatever an upstream says, a message is never longer.
LONGEST_TITLE = 100
LONGEST_BODY = 2_000

#: Lines that a message lists at most.
MOST_LINES = 10


class Kind(StrEnum):
    """What a message is about."""

    PROBLEM = "problem"
    UPDATE = "update"
    RECOVERY = "recovery"
    REMINDER = "reminder"
    SUMMARY = "summary"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to tell a receiver.

    Attributes:
        incident: what it is about. The same message sent twice, and all about one incident, have the same.
        others: what else it is about: a recovery may end several incidents.
        at: when it was so. A message that is delivered late says it.
        link: a page of the upstream where the reader can act.
    """

    receiver: str
    kind: Kind
    incident: str
    title: str
    body: str
    at: datetime
    link: str | None = None
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", shortened(" ".join(self.title.split()), LONGEST_TITLE))
        object.__setattr__(self, "body", shortened(self.body, LONGEST_BODY))

    @property
    def incidents(self) -> tuple[str, ...]:
        """All that it is about."""
        return (self.incident, *self.others)


def shortened(text: str, most: int) -> str:
    """At most so many characters; what is left out shows as an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def lines(texts: list[str], most: int = MOST_LINES) -> str:
    """One below the other; of many the first, and how many more there are."""
    shown = [shortened(" ".join(text.split()), 250) for text in texts[:most]]
    more = len(texts) - most
    return "\n".join([*shown, *([f"and {more} more"] if more > 0 else [])])
