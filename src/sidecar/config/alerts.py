"""``alerts:`` and ``mutes:`` of the configuration file: who is told of a change for the worse, and of what nobody is told."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .secret_refs import Secret
from .values import Duration, DurationOrOff, Model, QuietHours, Texts, not_empty

AlertState = Literal["failed", "missed", "never", "unknown", "warning"]


class Receiver(Model):
    """Somebody who is told."""

    name: str = Field(min_length=1, max_length=100)
    url: Secret = Field(description="An Apprise address: ntfy(s), gotify(s), discord, tgram, mailto(s), json(s).")
    states: Annotated[tuple[AlertState, ...], AfterValidator(not_empty)] = ("failed", "missed", "never", "unknown")
    services: Texts = Field(default=("*",), description="Names of services; * matches anything.")
    jobs: bool = Field(default=True, description="Upkeep jobs: prune, gc, verify, sync, check.")
    datastores: bool = True
    sources: bool = True
    quiet: QuietHours | None = Field(
        default=None, description="HH:MM-HH:MM in the general time zone; held until its end."
    )
    remind_after: Duration | None = Field(default=None, description="Tell again what has lasted this long.")
    hold: DurationOrOff = Field(
        default=timedelta(minutes=2), description="Wait this long; what is over by then is not told."
    )
    ca_file: Path | None = Field(default=None, description="CA certificates for its server; default: the system's.")


class Alerts(Model):
    """Who is told, and the dead man's switch."""

    receivers: tuple[Receiver, ...] = ()
    heartbeat_url: Secret | None = Field(
        default=None, description="An address that is called at most once a minute, after each successful judgement."
    )


class Mute(Model):
    """Nobody is told of this service, up to and including that day."""

    service: str
    until: date
    reason: str | None = None
