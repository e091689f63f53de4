"""A situation and the whole verdict on it, for tables: state, cause, since when, the sentence, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sidecar.core.model import Cause, Link, State, Verdict
from sidecar.core.parts.part import Part
from tests.core.factories import at, judged_at, part

PAGE = Link("https://pve.lan:8006/#v1:0:=lxc%2F101", "Guest in Proxmox VE")


def guest(*runs: Any, read: str | None = "23 07:30", **changes: Any) -> Part:
    """As ``part``, with a page of its own, read on the morning of the 23rd."""
    return part(*runs, read=read, link=PAGE, **changes)


@dataclass(frozen=True, kw_only=True)
class Whole:
    """``since`` as in ``at``, None for none."""

    what: str
    part: Part
    now: str
    state: State
    cause: Cause
    since: str | None
    reason: str
    action: str | None = None
    before: State | None = None

    def check(self) -> None:
        """The verdict is exactly this one, with a link where somebody must act."""
        bad = self.state.rank <= State.WARNING.rank
        assert judged_at(self.part, at(self.now)).verdict == Verdict(
            state=self.state,
            cause=self.cause,
            since=at(self.since) if self.since else None,
            reason=self.reason,
            action=self.action,
            link=PAGE if bad else None,
            unread="pbs" if self.cause is Cause.UNREADABLE else None,
            before=self.before,
        )
