"""``alerts:`` and ``mutes:`` of the configuration file: who is told of a change for the worse, and of what nobody is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from sidecar.core.alerts import rules
from sidecar.core.model import State

from .secret_refs import Secret
from .values import Day, Duration, DurationOrOff, Flag, Model, QuietHours, Texts, not_empty

AlertState = Literal["failed", "missed", "never", "unknown", "warning"]


class Receiver(Model):
    """Somebody who is told."""

    name: str = Field(min_length=1, max_length=100)
    url: Secret = Field(description="An Apprise address: ntfy(s), gotify(s), discord, tgram, mailto(s), json(s).")
    states: Annotated[tuple[AlertState, ...], AfterValidator(not_empty)] = ("failed", "missed", "never", "unknown")
    services: Texts = Field(default=("*",), description="Names of services; * matches anything.")
    jobs: Flag = Field(default=True, description="Upkeep jobs: prune, gc, verify, sync, check.")
    datastores: Flag = True
    sources: Flag = True
    quiet: QuietHours | None = Field(
        default=None, description="HH:MM-HH:MM in the general time zone; held until its end."
    )
    remind_after: Duration | None = Field(default=None, description="Tell again what has lasted this long.")
    hold: DurationOrOff = Field(
        default=timedelta(minutes=2), description="Wait this long; what is over by then is not told."
    )
    ca_file: Path | None = Field(default=None, description="CA certificates for its server; default: the system's.")

    def to_rules(self, zone: ZoneInfo) -> rules.Receiver:
        """The part of it that decides who is told of what; ``zone``: of the quiet hours."""
        return rules.Receiver(
            name=self.name,
            states=frozenset(State(state) for state in self.states),
            services=self.services,
            jobs=self.jobs,
            datastores=self.datastores,
            sources=self.sources,
            quiet=rules.QuietHours(*self.quiet, zone) if self.quiet else None,
            remind_after=self.remind_after,
            hold=timedelta(0) if self.hold == "off" else self.hold,
        )


class Alerts(Model):
    """Who is told, and the dead man's switch."""

    receivers: tuple[Receiver, ...] = ()
    heartbeat_url: Secret | None = Field(
        default=None, description="An address that is called at most once a minute, after each successful judgement."
    )


class Mute(Model):
    """Nobody is told of this service, up to and including that day."""

    service: str
    until: Day
    reason: str | None = None
