"""What goes wrong, as data. A story takes a list of these; a new kind of fault is a new class and its reader.

Days are the local days on which the run was due; moments are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Fault:
    """Base of all faults."""


FaultT = TypeVar("FaultT", bound=Fault)


@dataclass(frozen=True, slots=True)
class GuestFails(Fault):
    """The backup of a guest fails ``after`` a while. With ``uploading`` it had reached PBS: a task fails there too."""

    vmid: int
    due: date
    error: str
    after: timedelta = timedelta(minutes=4)
    uploading: bool = False


@dataclass(frozen=True, slots=True)
class GuestWarns(Fault):
    """The backup of a guest is good, and vzdump warns of something."""

    vmid: int
    due: date
    text: str


@dataclass(frozen=True, slots=True)
class BackupNow(Fault):
    """Somebody starts a backup of some guests of one node by hand. With ``error`` all of them fail.

    ``storage``: where to; None: where the jobs write to.
    """

    vmids: tuple[int, ...]
    at: datetime
    error: str | None = None
    storage: str | None = None


@dataclass(frozen=True, slots=True)
class LogsClosed(Fault):
    """The token may list the tasks of ``source`` and not read their logs."""

    source: str


@dataclass(frozen=True, slots=True)
class GuestTakes(Fault):
    """The backup of a guest takes this long instead of the usual time."""

    vmid: int
    due: date
    takes: timedelta


@dataclass(frozen=True, slots=True)
class BackupShrinks(Fault):
    """A guest's backup of that day has only this share of its usual size."""

    vmid: int
    due: date
    share: float


@dataclass(frozen=True, slots=True)
class VolumeLeftOut(Fault):
    """Somebody takes a volume of a guest out of its backups: it has a second one, which jobs leave out from then on."""

    vmid: int
    volume: str
    name: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ClientSilent(Fault):
    """A client of the PBS does not run any more: it is off, or its timer is."""

    client: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClientFails(Fault):
    """The upload of a client breaks off."""

    client: str
    due: date
    error: str


@dataclass(frozen=True, slots=True)
class ClientTakes(Fault):
    """The upload of a client takes this long instead of the usual time."""

    client: str
    due: date
    takes: timedelta


@dataclass(frozen=True, slots=True)
class SnapshotRemoved(Fault):
    """Somebody removes a guest's backup of that day by hand."""

    vmid: int
    due: date
    at: datetime


@dataclass(frozen=True, slots=True)
class UploadLost(Fault):
    """The server died during an upload of a guest that somebody began by hand: an unfinished snapshot stays for ever."""

    vmid: int
    at: datetime


@dataclass(frozen=True, slots=True)
class BackupCorrupt(Fault):
    """Somebody verified a guest's or a client's backup of that day by hand, at ``verified``, and it failed."""

    vmid: int | str
    due: date
    verified: datetime


@dataclass(frozen=True, slots=True)
class NodeDown(Fault):
    """A PVE node is off: nothing starts there, what ran there is cut off."""

    node: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class JobDisabled(Fault):
    """Somebody switches a PVE backup job off."""

    job: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Maintenance(Fault):
    """The datastore is put into a maintenance mode. ``offline`` also makes backups to it fail."""

    mode: str
    message: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class UpkeepFails(Fault):
    """A run of PBS's ``prune``, ``gc``, ``verify`` or ``sync``, or of Backrest's ``prune`` or ``check``, ends with this state.

    ``system`` is ``pbs`` or ``backrest``. ``log``: what its task's log says, between the first line and the last.
    """

    system: str
    kind: str
    due: date
    state: str
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpkeepStuck(Fault):
    """PBS's scheduler no longer starts a kind of upkeep: its next run stays in the past."""

    kind: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SyncJobGone(Fault):
    """Somebody deletes the sync job that pushes, and makes it again."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PushFiltered(Fault):
    """The sync job that pushes gets ``filters``, which leave something out: "exclude:group:ct/101"."""

    filters: tuple[str, ...]
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DatastoreFills(Fault):
    """Something writes so much, from ``since`` on, that the datastore will be full ``within``."""

    since: datetime
    within: timedelta
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DatastoreFull(Fault):
    """Something writes until only ``left`` bytes are free."""

    since: datetime
    left: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DiskLost(Fault):
    """The disk under the datastore is not mounted any more: every list is empty, and the sizes are another disk's (PBS-20)."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DumpsHeldUp(Fault):
    """Databasement's scheduler stands still on that day: dumps begin ``by`` later, or never."""

    due: date
    by: timedelta | None = None


@dataclass(frozen=True, slots=True)
class DumpsSwitchedOff(Fault):
    """Somebody switches the backups of a database server off."""

    server: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DumpEmpty(Fault):
    """A dump is completed, and its file is empty."""

    server: str
    database: str
    due: date


@dataclass(frozen=True, slots=True)
class DumpShrinks(Fault):
    """A dump is completed, and has only this share of its usual size."""

    server: str
    database: str
    due: date
    share: float


@dataclass(frozen=True, slots=True)
class DatabaseNeverDumped(Fault):
    """A database that is selected and never gets a row."""

    server: str
    database: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpFails(Fault):
    """All ``tries`` for a database fail; with fewer than three tries the next one succeeds (DB-6).

    ``schedule``: only those of the backups on this schedule.
    """

    server: str
    database: str
    due: date
    error: str
    tries: int = 3
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class RestoreFails(Fault):
    """The restore test of that name fails."""

    name: str
    due: date
    error: str


@dataclass(frozen=True, slots=True)
class ServerUnreachable(Fault):
    """A database server doesn't answer before its databases are known: one failed row for all of them."""

    server: str
    due: date
    error: str


@dataclass(frozen=True, slots=True)
class CopyFails(Fault):
    """Dumps of that day don't reach a volume; ``databases`` None means all."""

    volume: str
    due: date
    databases: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class DumpFileGone(Fault):
    """The nightly check finds the file of a dump gone from every volume."""

    server: str
    database: str
    due: date


@dataclass(frozen=True, slots=True)
class PlanFails(Fault):
    """A Backrest plan's run ends in an error, or with ``partial`` in a warning."""

    plan: str
    due: date
    error: str
    partial: bool = False


@dataclass(frozen=True, slots=True)
class PlanShrinks(Fault):
    """A run of a Backrest plan finds only this share of the bytes that it usually saves; 0 where a disk is not mounted."""

    plan: str
    due: date
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEnds(Fault):
    """The run of a Backrest plan ends with this status (BR-6).

    ``snapshot``: it left one although it failed. ``dry``: it was a dry run, which only the log says.
    """

    plan: str
    due: date
    status: str
    message: str | None = None
    snapshot: bool = False
    dry: bool = False


@dataclass(frozen=True, slots=True)
class PlanTakes(Fault):
    """A run of Backrest's queue, a plan's or ``prune`` or ``check``, takes this long instead of the usual time."""

    plan: str
    due: date
    takes: timedelta


@dataclass(frozen=True, slots=True)
class QueueStands(Fault):
    """Backrest starts nothing any more of this name, a plan or ``prune`` or ``check``; what it announced stays in the past."""

    plan: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceAway(Fault):
    """An upstream refuses connections: its port is closed, behind it work goes on. ``end`` None: for good."""

    source: str
    start: datetime
    end: datetime | None = None


def of_kind(faults: Iterable[Fault], kind: type[FaultT]) -> tuple[FaultT, ...]:
    """The faults of one kind."""
    return tuple([fault for fault in faults if isinstance(fault, kind)])


#: Faults that last until somebody fixes them, or for good.
Lasting = (
    JobDisabled
    | UpkeepStuck
    | SyncJobGone
    | PushFiltered
    | DatastoreFills
    | DatastoreFull
    | DiskLost
    | DumpsSwitchedOff
    | QueueStands
)


def holds(fault: Lasting, now: datetime) -> bool:
    """Whether the fault has begun by ``now`` and isn't fixed yet."""
    return fault.since <= now and (fault.until is None or now < fault.until)


def is_away(faults: Iterable[Fault], source: str, now: datetime) -> bool:
    """Whether an upstream refuses connections at ``now``."""
    return any(
        away.source == source and away.start <= now and (away.end is None or now < away.end)
        for away in of_kind(faults, SourceAway)
    )


def demo_faults() -> tuple[Fault, ...]:
    """The night before Monday 23 November 2026, 07:30: one of everything that can need somebody."""
    monday, berlin = date(2026, 11, 23), ZoneInfo("Europe/Berlin")

    def at(hour: int, minute: int) -> datetime:
        return datetime(2026, 11, 23, hour, minute, tzinfo=berlin).astimezone(UTC)

    return (
        GuestFails(104, monday, "no space left on local-lvm", after=timedelta(minutes=4, seconds=20)),
        NodeDown("pve2", at(1, 0), at(6, 50)),
        DatabaseNeverDumped("postgres-main", "n8n"),
        CopyFails("s3", monday, databases=("homeassistant",)),
        SourceAway("backrest", at(6, 2)),
    )
