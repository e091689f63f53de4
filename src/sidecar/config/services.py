"""``services:`` of the configuration file: the static map from a name to the parts that protect it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Discriminator, Field, Tag, model_validator

from .secret_refs import plain_or_mapping
from .values import Duration, Flag, GuestRef, Model, ScheduleText, WholeNumber, Zone


class Expect(Model):
    """When a part must be backed up; replaces the schedules of its upstream."""

    schedule: ScheduleText
    timezone: Zone | None = Field(default=None, description="Time zone of the schedule; default: the general one.")
    grace: Duration | None = Field(default=None, description="How long after the due time a run may still start.")


class GuestPart(Model):
    """A guest or backup group with its own schedule."""

    ref: GuestRef
    expect: Expect


class Part(Model):
    """A database or plan with its own schedule."""

    ref: str
    expect: Expect


GuestEntry = Annotated[
    Annotated[GuestRef, Tag("plain")] | Annotated[GuestPart, Tag("mapping")], Discriminator(plain_or_mapping)
]
PartEntry = Annotated[Annotated[str, Tag("plain")] | Annotated[Part, Tag("mapping")], Discriminator(plain_or_mapping)]


class Require(Model):
    """How many copies there must be, and where."""

    written: ClassVar[str] = "copies: 2, offsite: true, or both"

    copies: WholeNumber = Field(
        default=0, ge=0, le=20, description="At so many places there must be a good backup of each guest and database."
    )
    offsite: Flag = Field(default=False, description="One of these must be a place of offsite.")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.copies or self.offsite):
            raise ValueError(f"asks for nothing; write {self.written}")
        return self


class Service(Model):
    """A row of the table: something you care about, and what protects it."""

    name: str = Field(min_length=1, max_length=100)
    guests: tuple[GuestEntry, ...] = ()
    databases: tuple[PartEntry, ...] = ()
    plans: tuple[PartEntry, ...] = ()
    verify_within: Duration | None = Field(
        default=None, description="The newest verification of its snapshots must not be older than this."
    )
    restore_within: Duration | None = Field(
        default=None, description="The newest good restore of each of its databases must not be older than this."
    )

    shrink: Flag = Field(default=True, description="A backup much smaller than usual is a warning.")
    require: Require | None = Field(default=None, description="A service with fewer copies is a warning.")

    @model_validator(mode="after")
    def _has_parts(self) -> Self:
        if not (self.guests or self.databases or self.plans):
            raise ValueError("has no parts that protect it; add guests, databases or plans")
        return self

    @model_validator(mode="after")
    def _restores_databases(self) -> Self:
        if self.restore_within is not None and not self.databases:
            raise ValueError("restore_within is about databases, and it names none; add databases, or leave it out")
        return self
