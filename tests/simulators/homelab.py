"""One homelab, described once: all four simulated upstreams are made from this. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from tests.simulators.timetable import Timetable

_GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A guest of the cluster. ``size`` is what one backup of it weighs, ``takes`` how long one usually takes."""

    vmid: int
    name: str
    node: str
    size: int
    takes: timedelta
    type: str = "lxc"
    tags: tuple[str, ...] = ()
    template: bool = False

    @property
    def backup_type(self) -> str:
        """What PBS calls it."""
        return "ct" if self.type == "lxc" else "vm"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerGuest:
    """A guest that PVE no longer has: its backups, one a day up to ``last``, were moved to a namespace to be kept."""

    vmid: int
    name: str
    namespace: str
    backups: int
    last: date
    size: int
    backup_type: str = "ct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A host that backs itself up to the PBS, by a timer that nobody else knows of.

    Attributes:
        name: what it writes as comment; None where it writes none.
        protected: the days of backups that somebody protected.
    """

    id: str
    name: str | None
    timetable: Timetable
    size: int
    takes: timedelta
    owner: str = "backup@pbs!hosts"
    encrypted: bool = False
    protected: tuple[date, ...] = ()

    @property
    def backup_type(self) -> str:
        """What PBS calls it."""
        return "host"

    @property
    def vmid(self) -> str:
        """The id of its group."""
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupJob:
    """A vzdump job over all nodes.

    Attributes:
        keep_last: PVE itself prunes to this many after each guest; None leaves it to PBS.
        since: its first day; None: it has always been there.
        takes_all: it is configured as "all but …"; ``guests`` are those that it takes.
    """

    id: str
    timetable: Timetable
    guests: tuple[int, ...]
    comment: str
    keep_last: int | None = None
    since: date | None = None
    takes_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Datastore:
    """The datastore of the PBS. ``used`` on ``used_on``, and ``growth`` a day, are fractions of ``total``.

    Attributes:
        verify, sync: when its verify job and its sync job are due; None: there is none.
        pushes_to: the remote to which the sync job pushes; None: it pulls. Only a PBS from 3.3 on can push (PBS-27).
    """

    name: str
    namespaces: tuple[str, ...]
    total: int
    used: float
    used_on: date
    growth: float
    prune_job: str
    prune: Timetable
    keep_last: int
    gc: Timetable
    verify: Timetable | None = None
    sync: Timetable | None = None
    pushes_to: str | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """Where dumps are copied to."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class DumpBackup:
    """A backup configuration of a database server.

    Attributes:
        schedule: the name of its schedule; several may share one.
        volumes: names of the volumes that it writes to.
        databases: those it dumps; None: all of its server's.
    """

    schedule: str
    timetable: Timetable
    volumes: tuple[str, ...]
    databases: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseServer:
    """A database server that Databasement dumps. With the selection mode ``all`` the API names no database.

    ``backups``: its backup configurations; without any it has one on the general schedule to all volumes.
    """

    name: str
    type: str
    host: str
    port: int
    databases: tuple[str, ...]
    mode: str = "selected"
    backups: tuple[DumpBackup, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedRestore:
    """A scheduled restore: of which database, and to which name on which server."""

    name: str
    server: str
    database: str
    target: str
    schema: str
    schedule: str
    timetable: Timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumps:
    """Databasement: its general schedule, its servers, its volumes, what it restores by itself."""

    schedule: str
    timetable: Timetable
    keep_days: int
    servers: tuple[DatabaseServer, ...]
    volumes: tuple[Volume, ...]
    takes: timedelta = timedelta(seconds=45)
    restores: tuple[RepeatedRestore, ...] = ()

    def backups_of(self, server: DatabaseServer) -> tuple[DumpBackup, ...]:
        """The backup configurations of a server, as Databasement lists them."""
        every = tuple(volume.name for volume in self.volumes)
        return server.backups or (DumpBackup(self.schedule, self.timetable, every),)

    def schedules(self) -> dict[str, Timetable]:
        """All schedules by name, the general one first."""
        backups = (backup for server in self.servers for backup in self.backups_of(server))
        every = {backup.schedule: backup.timetable for backup in backups}
        return {self.schedule: self.timetable, **every, **{each.schedule: each.timetable for each in self.restores}}

    def volume(self, name: str) -> Volume:
        """The volume of that name."""
        return next(volume for volume in self.volumes if volume.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A Backrest plan. ``title`` is what the owner calls its job."""

    id: str
    title: str
    timetable: Timetable
    path: str
    size: int
    takes: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The one restic repository, its plans and its upkeep."""

    id: str
    instance: str
    plans: tuple[Plan, ...]
    prune: Timetable
    check: Timetable
    keep_daily: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A row that the owner of the homelab cares about; references and keys as in the configuration of backup-glance."""

    name: str
    guests: tuple[int, ...] = ()
    databases: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    restore_within: str | None = None
    require: tuple[tuple[str, int], ...] = ()


#: The upstreams of a homelab, in the order in which they are started.
UPSTREAMS = ("pbs", "pve", "databasement", "backrest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Homelab:
    """Everything there is. ``sources`` are the upstreams that backup-glance is told of."""

    zone: ZoneInfo
    nodes: tuple[str, ...]
    guests: tuple[Guest, ...]
    former: tuple[FormerGuest, ...]
    jobs: tuple[BackupJob, ...]
    storage: str
    datastore: Datastore
    dumps: Dumps
    repository: Repository
    services: tuple[Service, ...]
    clients: tuple[Client, ...] = ()
    sources: tuple[str, ...] = UPSTREAMS

    def __hash__(self) -> int:
        """By little of it: what happens on a day is kept by homelab, and asked for often."""
        return hash((self.nodes, self.storage, self.sources))

    def guest(self, vmid: int) -> Guest:
        """The guest with that id."""
        return next(guest for guest in self.guests if guest.vmid == vmid)


def _minutes(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


GUESTS = (
    Guest(vmid=101, name="vaultwarden", node="pve2", size=2 * _GIB, takes=_minutes(7)),
    Guest(vmid=102, name="vault", node="pve1", size=3 * _GIB, takes=_minutes(3.5)),
    Guest(vmid=103, name="databasement", node="pve1", size=4 * _GIB, takes=_minutes(3.1)),
    Guest(vmid=104, name="paperless", node="pve1", size=18 * _GIB, takes=_minutes(3)),
    Guest(vmid=105, name="n8n", node="pve1", size=6 * _GIB, takes=_minutes(4)),
    Guest(vmid=106, name="home-assistant", node="pve1", size=32 * _GIB, takes=_minutes(6), type="qemu", tags=("home",)),
    Guest(vmid=107, name="nextcloud", node="pve1", size=60 * _GIB, takes=_minutes(10)),
    Guest(vmid=108, name="immich", node="pve1", size=120 * _GIB, takes=_minutes(12), type="qemu"),
    Guest(vmid=109, name="forgejo", node="pve1", size=12 * _GIB, takes=_minutes(5.5)),
    Guest(vmid=110, name="sandbox", node="pve2", size=8 * _GIB, takes=_minutes(3), tags=("lab", "no-backup")),
    Guest(vmid=201, name="jellyfin", node="pve1", size=480 * _GIB, takes=_minutes(180), tags=("media",)),
    Guest(vmid=202, name="grafana", node="pve1", size=9 * _GIB, takes=_minutes(6)),
    Guest(vmid=9000, name="debian-13-template", node="pve1", size=4 * _GIB, takes=_minutes(2), template=True),
)

HOMELAB = Homelab(
    zone=ZoneInfo("Europe/Berlin"),
    nodes=("pve1", "pve2"),
    guests=GUESTS,
    former=(
        FormerGuest(vmid=150, name="old-wiki", namespace="archive", backups=5, last=date(2026, 3, 14), size=5 * _GIB),
    ),
    jobs=(
        BackupJob(
            id="backup-critical",
            timetable=Timetable(4),
            guests=(101, 102, 103, 104, 105, 106, 107, 108, 109),
            comment="PBS critical LXC",
        ),
        BackupJob(
            id="backup-noncritical",
            timetable=Timetable(4, weekday=0),
            guests=(201, 202),
            comment="PBS non-critical LXC",
            keep_last=7,
        ),
    ),
    storage="pbs-main",
    datastore=Datastore(
        name="main",
        namespaces=("", "archive"),
        total=int(3.6 * 2**40),
        used=0.62,
        used_on=date(2026, 11, 23),
        growth=0.00117,
        prune_job="prune-main",
        prune=Timetable(5),
        keep_last=28,
        gc=Timetable(3, weekday=5),
    ),
    dumps=Dumps(
        schedule="Daily",
        timetable=Timetable(2),
        keep_days=28,
        servers=(
            DatabaseServer(
                name="mariadb-main",
                type="mysql",
                host="10.0.10.21",
                port=3306,
                databases=("homeassistant", "nextcloud", "vaultwarden"),
                mode="all",
            ),
            DatabaseServer(
                name="postgres-main",
                type="postgres",
                host="10.0.10.22",
                port=5432,
                databases=("forgejo", "immich", "n8n", "paperless"),
            ),
        ),
        volumes=(Volume("nas", "local"), Volume("s3", "s3")),
    ),
    repository=Repository(
        id="b2",
        instance="nas",
        plans=(
            Plan(
                id="vault",
                title="Backrest vault snapshot",
                timetable=Timetable(2, 15),
                path="/srv/vault",
                size=3 * _GIB,
                takes=_minutes(3),
            ),
            Plan(
                id="app-configs",
                title="Backrest app configs",
                timetable=Timetable(2, 20),
                path="/srv/app-configs",
                size=_GIB // 2,
                takes=_minutes(1.5),
            ),
            Plan(
                id="databasement-dumps",
                title="Backrest databasement-dump snapshot",
                timetable=Timetable(2, 30),
                path="/srv/dumps",
                size=90 * _GIB,
                takes=_minutes(9),
            ),
        ),
        prune=Timetable(6, weekday=6),
        check=Timetable(7, monthday=1),
        keep_daily=28,
    ),
    services=(
        Service(name="paperless", guests=(104,), databases=("postgres-main/paperless",)),
        Service(name="vaultwarden", guests=(101,), databases=("mariadb-main/vaultwarden",)),
        Service(name="n8n", guests=(105,), databases=("postgres-main/n8n",)),
        Service(name="vault", guests=(102,), plans=("vault",)),
        Service(name="databasement", guests=(103,), plans=("databasement-dumps",)),
        Service(name="app-configs", plans=("app-configs",)),
        Service(name="home-assistant", guests=(106,), databases=("mariadb-main/homeassistant",)),
        Service(name="jellyfin", guests=(201,)),
        Service(name="grafana", guests=(202,)),
        Service(name="nextcloud", guests=(107,), databases=("mariadb-main/nextcloud",)),
        Service(name="immich", guests=(108,), databases=("postgres-main/immich",)),
        Service(name="forgejo", guests=(109,), databases=("postgres-main/forgejo",)),
    ),
)
"""The first user's homelab: ten schedule lines, twelve services. It has always been there."""


_OTHERS_CRITICAL, _OTHERS_WEEKLY = HOMELAB.jobs

PBS_ONLY = replace(
    HOMELAB,
    jobs=(replace(_OTHERS_CRITICAL, guests=(101, 106)), replace(_OTHERS_WEEKLY, guests=(202,))),
    clients=(
        Client(
            id="nas",
            name="nas",
            timetable=Timetable(1, 30),
            size=210 * _GIB,
            takes=_minutes(14),
            encrypted=True,
            protected=(date(2026, 11, 20),),
        ),
        Client(id="web01", name=None, timetable=Timetable(3, 15), size=7 * _GIB, takes=_minutes(2)),
        Client(
            id="router",
            name="router",
            timetable=Timetable(12, 0, weekday=6),
            size=_GIB // 4,
            takes=_minutes(0.5),
            owner="root@pam",
        ),
    ),
    services=(),
    sources=("pbs",),
)
"""A house of which only the PBS is known: guests of some cluster, and hosts that back themselves up."""

PVE_ONLY = replace(
    HOMELAB,
    jobs=(replace(_OTHERS_CRITICAL, guests=(101, 106, 107)), replace(_OTHERS_WEEKLY, guests=(202,))),
    guests=tuple(guest for guest in GUESTS if guest.vmid in (101, 106, 107, 202)),
    services=(),
    sources=("pve",),
)
"""A house whose PBS belongs to somebody else: only PVE tells what lies there."""


PUSHING = replace(
    HOMELAB,
    datastore=replace(HOMELAB.datastore, sync=Timetable(8), pushes_to="attic"),
    services=tuple(
        replace(service, require=(("copies", 2), ("offsite", True)))
        if service.name in ("vaultwarden", "nextcloud", "jellyfin")
        else service
        for service in HOMELAB.services
    ),
)
"""The homelab with a second PBS in the attic, which only the first one knows: a sync job pushes to it every morning.

Three services must have two copies, one of them off-site.
"""


def demo_homelab() -> Homelab:
    """The same, but its daily job began four weeks before the demo's Monday: who failed once has 27 backups.

    One database is restored every week, to see that its dumps can be read back. Two services must have copies.
    """
    critical, other = HOMELAB.jobs
    jobs = (replace(critical, since=date(2026, 10, 27)), other)
    services = tuple(
        replace(
            service,
            restore_within="30d" if service.name == _RESTORE_TEST.database else None,
            require=_REQUIRED.get(service.name, ()),
        )
        for service in HOMELAB.services
    )
    dumps = replace(HOMELAB.dumps, restores=(_RESTORE_TEST,))
    return replace(HOMELAB, jobs=jobs, services=services, dumps=dumps)


_REQUIRED = {"databasement": (("copies", 2), ("offsite", True)), "n8n": (("copies", 1),)}

_RESTORE_TEST = RepeatedRestore(
    name="Restore test of forgejo",
    server="postgres-main",
    database="forgejo",
    target="postgres-main",
    schema="forgejo_restored",
    schedule="Weekly",
    timetable=Timetable(3, weekday=6),
)
