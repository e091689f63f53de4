"""``sources:`` of the configuration file: one model per kind of upstream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .secret_refs import Secret, TextOrSecret
from .values import Duration, DurationOrOff, Fingerprint, Model, ProxmoxAddress, WebAddress, Zone


class _Source(Model):
    poll_interval: Duration | None = Field(
        default=None, description="Time between two full rounds; default: the general one."
    )
    light_interval: DurationOrOff | None = Field(
        default=None,
        description="Time between two light rounds, or off; default: the general one, but off where stale_after exceeds 6 h.",
    )
    stale_after: Duration | None = Field(
        default=None, description="Age after which a reading no longer counts as evidence; default: the general one."
    )
    timeout: Duration | None = Field(
        default=None,
        description="How long an upstream may be silent during a call, a whole call twice as long; default: 60s.",
    )


class _Tls(_Source):
    ca_file: Path | None = Field(default=None, description="CA certificates to trust for this source.")
    fingerprint: Fingerprint | None = Field(
        default=None,
        description="SHA-256 fingerprint of its certificate; checked instead of a CA and the host name.",
    )

    @model_validator(mode="after")
    def _one_trust(self) -> Self:
        if self.ca_file and self.fingerprint:
            raise ValueError("has both ca_file and fingerprint; keep one of them")
        return self


class Pbs(_Tls):
    """A Proxmox Backup Server."""

    kind: Literal["pbs"]
    url: ProxmoxAddress
    token_id: TextOrSecret = Field(description="USER@REALM!TOKEN, or a reference to it.")
    secret: Secret


class Pve(_Tls):
    """A Proxmox VE node or cluster."""

    kind: Literal["pve"]
    url: ProxmoxAddress
    token_id: TextOrSecret = Field(description="USER@REALM!TOKEN, or a reference to it.")
    secret: Secret
    storages: dict[str, str] = Field(
        default_factory=dict, description="Storage name → PBS source, only if the page reports that it can't be found."
    )


class Databasement(_Tls):
    """A Databasement server."""

    kind: Literal["databasement"]
    url: WebAddress
    token: Secret = Field(description="An API token of a user with the role viewer.")
    timezone: Zone = Field(
        default="UTC", description="Time zone of its schedules (its APP_DISPLAY_TIMEZONE); its API does not report it."
    )


class Backrest(_Tls):
    """A Backrest server."""

    kind: Literal["backrest"]
    url: WebAddress
    username: str | None = Field(default=None, description="Leave it out if its authentication is off.")
    password: Secret | None = None
    basic_auth: Secret | None = Field(
        default=None,
        description="USER:PASSWORD that a proxy in front of it asks for; only where Backrest's own authentication is off.",
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("needs username and password together; add the other one, or remove this one")
        if self.username is not None and self.basic_auth is not None:
            raise ValueError(
                "has both username and basic_auth, but a call carries only one login; "
                "keep one of them, or let the proxy in front pass Backrest's API"
            )
        return self


Source = Annotated[Pbs | Pve | Databasement | Backrest, Field(discriminator="kind")]
