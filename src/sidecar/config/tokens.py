"""``tokens:`` of the configuration file: programs that may ask without Caddy's key."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from .secret_refs import Secret
from .values import Model, not_empty


class Scope(StrEnum):
    """What a token opens."""

    API = "api"
    CALENDAR = "calendar"
    METRICS = "metrics"
    PROXY = "proxy"


class Token(Model):
    """A program, its secret, and what it may ask for."""

    name: str = Field(min_length=1, max_length=100)
    token: Secret = Field(description="At least 32 characters; letters, digits and - . _ ~ only.")
    scopes: Annotated[tuple[Scope, ...], AfterValidator(not_empty)] = Field(alias="for")
