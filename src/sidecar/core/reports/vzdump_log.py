"""What the log of a vzdump task tells: where it saves to, which guests it is for, and what became of each (PVE-20).

A log explains, and says whose a task is. It never proves a backup: only what lies at the destination does (rule 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property


class GuestStep(StrEnum):
    """How far a task came with a guest."""

    SAVING = "saving"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestInLog:
    """One guest in the log of a task.

    Attributes:
        type: qemu or lxc; None where the line with it is missing.
        start, end: by the log, in the node's own time; None where it does not tell, or tells a time outside of its task.
        text: the error in the task's words; of a guest that was saved its first warning.
    """

    vmid: int
    step: GuestStep
    type: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class VzdumpLog:
    """The log of one task, as far as it was understood.

    Attributes:
        storage: where it saves to; None where the first line does not tell, or was not read.
        elsewhere: it saves to a directory of its own (``--dumpdir``), to no storage of a job.
        named: the guests that the first line names; None where it names none ("all", a pool) or was not read.
        excluded: guests that the first line leaves out.
        external: guests that were on another node when it began, so that it passed over them.
        guests: those that it worked on, in their order.
        whole: every line was read; else what stood between the beginning and the end is not known.
    """

    storage: str | None = None
    elsewhere: bool = False
    named: tuple[int, ...] | None = None
    excluded: tuple[int, ...] = ()
    external: tuple[int, ...] = ()
    guests: tuple[GuestInLog, ...] = ()
    whole: bool = True

    def covers(self, vmid: int) -> bool | None:
        """The task is for this guest, wherever that is; None where the log does not tell."""
        if vmid in self._excluded:
            return False
        if vmid in self._newest:
            return True
        return None if self._named is None else vmid in self._named

    def of(self, vmid: int) -> GuestInLog | None:
        """The newest that it tells of a guest."""
        return self._newest.get(vmid)

    @property
    def has_not_begun(self) -> bool:
        """It waits for the lock of its node: there is no first line yet."""
        return self == VzdumpLog(whole=False)

    def so_far(self) -> VzdumpLog:
        """What it still tells when its task went on and came to an end that nobody read."""
        over = tuple(guest for guest in self.guests if guest.step is not GuestStep.SAVING)
        return replace(self, guests=over, whole=False)

    # A thousand guests ask on every board.

    @cached_property
    def _newest(self) -> Mapping[int, GuestInLog]:
        return {guest.vmid: guest for guest in self.guests}

    @cached_property
    def _named(self) -> frozenset[int] | None:
        return None if self.named is None else frozenset(self.named)

    @cached_property
    def _excluded(self) -> frozenset[int]:
        return frozenset(self.excluded)
