"""The words of backup-glance as types: states, runs, and the Board that every page is drawn from.

Times are aware datetimes in UTC, sizes are bytes, durations are timedeltas, and ``None`` always means "not known".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from sidecar.core.value import value


class SourceKind(StrEnum):
    """The kinds of upstream a source can be."""

    PBS = "pbs"
    PVE = "pve"
    DATABASEMENT = "databasement"
    BACKREST = "backrest"

    @property
    def product(self) -> str:
        """What people call it."""
        return {"pbs": "Proxmox Backup Server", "pve": "Proxmox VE"}.get(self.value, self.value.capitalize())


class State(StrEnum):
    """What a row is worth, worst first: a service takes the worst state of its parts."""

    FAILED = "failed"
    MISSED = "missed"
    NEVER = "never"
    UNKNOWN = "unknown"
    WARNING = "warning"
    LATE = "late"
    RUNNING = "running"
    NEW = "new"
    OK = "ok"
    DISABLED = "disabled"

    @property
    def rank(self) -> int:
        """0 for the worst state, rising towards the harmless ones."""
        return _RANKS[self]


_RANKS = {state: rank for rank, state in enumerate(State)}

#: States that do not lower the overall state: nothing is wrong while they last.
HARMLESS = frozenset({State.LATE, State.RUNNING, State.NEW, State.OK, State.DISABLED})

#: States that ask somebody to do something about the backup itself ("2 of 12 need you").
NEEDS_YOU = frozenset({State.FAILED, State.MISSED, State.NEVER})


def worst(states: Iterable[State], default: State = State.UNKNOWN) -> State:
    """The worst of ``states``; without any, ``default``, because nothing known is never ok."""
    return min(states, key=lambda state: state.rank, default=default)


class Outcome(StrEnum):
    """What became of a run."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    RUNNING = "running"


_GOOD = (Outcome.OK, Outcome.WARNING)


@value(kw_only=True)
class Run:
    """Something that was observed to run for a part or a job.

    Attributes:
        start: when it began.
        end: when it ended; None while it runs, and where the upstream does not report it (a snapshot on PBS).
        outcome: what became of it.
        size: bytes it produced.
        text: the upstream's own words about a failure. Hostile text: escape it wherever it is shown.
        cancelled: a person ended it, or took it out of the queue when it was due: a failure that nobody has to look for.
    """

    start: datetime
    end: datetime | None
    outcome: Outcome
    size: int | None = None
    text: str | None = None
    cancelled: bool = False

    @property
    def good(self) -> bool:
        """Finished, and something can be restored from it."""
        return self.outcome in _GOOD


class PartKind(StrEnum):
    """What a member is: what protects a service, or an upkeep job, which is a member of itself."""

    GUEST = "guest"
    DATABASE = "database"
    PLAN = "plan"
    UPKEEP = "upkeep"


@value()
class Link:
    """A page of the upstream where the reader can act: its address, and what opens ("Task in Proxmox VE")."""

    url: str
    label: str


class Cause(StrEnum):
    """Why a verdict is what it is, for programs and for the memory. The sentence for people is made from it once."""

    PAUSED = "paused"
    SWITCHED_OFF_HERE = "switched_off_here"
    NOTHING_OWED = "nothing_owed"
    CANNOT_TELL = "cannot_tell"
    UNREADABLE = "unreadable"
    COPIES_REQUIRED = "copies_required"
    GONE = "gone"
    IN_NO_JOB = "in_no_job"
    SWITCHED_OFF_UPSTREAM = "switched_off_upstream"
    SCHEDULE_UNREADABLE = "schedule_unreadable"
    NEWEST_UNUSABLE = "newest_unusable"
    RUN_FAILED = "run_failed"
    RUN_CANCELLED = "run_cancelled"
    UNDER_WAY = "under_way"
    UNDER_WAY_TOO_LONG = "under_way_too_long"
    WAITING = "waiting"
    NOTHING_STARTED = "nothing_started"
    NOTHING_WAS_DUE = "nothing_was_due"
    CONCERNS = "concerns"
    OTHER_RUN_FAILED = "other_run_failed"
    NOT_VERIFIED = "not_verified"
    NOT_RESTORED = "not_restored"
    OUT_OF_RHYTHM = "out_of_rhythm"
    IN_TIME = "in_time"


@value()
class Origin:
    """What brought a verdict, where the readings themselves show it: a closed datastore, what holds up a queue.

    Attributes:
        key: the same for all that it brought, and for nothing else.
        name: how people call it.
    """

    key: str
    name: str


@value(kw_only=True)
class Verdict:
    """The judgement of one thing at one moment.

    Attributes:
        state: see State.
        reason: one sentence with the evidence and the limit; None only where the state is enough.
        since: when the state began, as far as the evidence shows.
        action: one sentence in the imperative, where something can be done.
        link: where to do it.
        cause: the rule's answer as a word; None for rows that no rule of the judge speaks for (sources, datastores).
        unread: the source whose readings are missing, where nothing is known because of that (Cause.UNREADABLE).
        before: what the state was when that source was read last; None where it never was.
        origin: what brought it, and maybe others; None where no reading shows that.
    """

    state: State
    reason: str | None = None
    since: datetime | None = None
    action: str | None = None
    link: Link | None = None
    cause: Cause | None = None
    unread: str | None = None
    before: State | None = None
    origin: Origin | None = None


@value(kw_only=True)
class ExpectationRow:
    """What one job owes a part at one destination, as judged: the part's own verdict is the worst of these.

    Attributes:
        destination: a storage, volumes or a repository, in words; None where the job has but one place.
        last_backup: start of the newest good run there.
    """

    job: str
    destination: str | None
    verdict: Verdict
    last_backup: datetime | None
    next_run: datetime | None


@value()
class LeftOut:
    """A volume of a guest that ``job`` saves it without: how it is called, where it is, and Proxmox's reason."""

    job: str
    volume: str
    name: str | None
    reason: str | None


@value(kw_only=True)
class RestoreTest:
    """A restore of a database that its upstream repeats: what proves that its dumps can be read back.

    Attributes:
        target: where to, as the upstream names it: "SERVER/DATABASE".
        schedule: as the upstream writes it; None where it does not tell.
        tested_at: when its newest good run ended; its start, where that is not told. None where none is known.
        last_run: the newest run of any outcome.
        skipped: the upstream's word for why the last one was left out.
    """

    name: str
    target: str
    schedule: str | None
    enabled: bool
    tested_at: datetime | None
    last_run: Run | None
    skipped: str | None


@value(kw_only=True)
class PartRow:
    """A part on the board.

    Attributes:
        ref: how configuration names it: "101", "mariadb-main/vaultwarden", "vault".
        source: the source that was asked for it.
        job: the job that will run next for it, "pve/backup/backup-critical".
        last_backup: start of the newest good run.
        count: finished snapshots; for a database, finished dumps that are kept.
        next_run: the next due time after now.
        verified_at: when the newest snapshot was last verified by its own server.
        size: bytes of the newest good backup.
        schedule, timezone: as the upstream writes them.
        last_run: the newest run of any outcome.
        runs: newest first, for the service's own page.
        expectations: by job and destination, where there are several; else the part says it all.
        left_out: what its jobs save it without.
        called: what its upstream shows it as, "CT 104 on pve1"; None where that is ``ref``.
        owner, encrypted, protected: whom its backup group belongs to, whether the newest backup is encrypted, and how many
            no prune removes; None where nobody tells.
        restore_tests: of a database.
    """

    kind: PartKind
    ref: str
    source: str
    job: str | None
    verdict: Verdict
    last_backup: datetime | None
    count: int | None
    next_run: datetime | None
    verified_at: datetime | None
    size: int | None
    schedule: str | None
    timezone: str | None
    last_run: Run | None
    runs: tuple[Run, ...] = ()
    expectations: tuple[ExpectationRow, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    owner: str | None = None
    encrypted: bool | None = None
    protected: int | None = None
    restore_tests: tuple[RestoreTest, ...] = ()
    called: str | None = None


@value()
class Copy:
    """An off-site copy of a service: which job makes it and how it stands."""

    job: str
    state: State
    last_run: datetime | None


class PlaceKind(StrEnum):
    """What a place is where backups lie."""

    DATASTORE = "datastore"
    #: A storage of Proxmox VE that is no datastore of a source.
    STORAGE = "storage"
    #: A backup server that a sync job brings copies to.
    REMOTE = "remote"
    VOLUME = "volume"
    REPOSITORY = "repository"


@value(kw_only=True)
class StoredCopy:
    """What lies of a service at one place (rule 15).

    Attributes:
        place: "pbs/main", "pve/nas", "pbs/REMOTE", "databasement/s3", "backrest/b2".
        offsite: ``offsite:`` of the configuration says so.
        known: it is known now what lies there.
        last_backup: start of the newest good backup there, of several parts the oldest of these; None without any.
        verified_at: when the newest one there was last verified by its own server, of several parts the oldest of these.
        encrypted, protected: whether the newest there is encrypted, and how many no prune removes; None where nobody tells.
        made_by: the sync job that brings it there; None where the backup job itself does.
        parts: whose backups these are, each as "source:reference"; where there are none, whose should be there.
    """

    place: str
    kind: PlaceKind
    offsite: bool
    known: bool
    last_backup: datetime | None
    verified_at: datetime | None = None
    encrypted: bool | None = None
    protected: int | None = None
    made_by: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """It is a copy: a good backup is known to lie there."""
        return self.known and self.last_backup is not None


@value()
class Required:
    """``require:`` of a service: so many copies, and one off-site."""

    copies: int = 0
    offsite: bool = False


@value(kw_only=True)
class Posture:
    """Where the backups of a service lie (rule 15).

    Attributes:
        copies: how many copies there are at least of each guest and database.
        offsite: how many of them lie off-site, at least.
        complete: there is no place where more may lie that can't be told now.
        places: by name, each once.
        required: what the owner asks for; None: nothing, then ``state`` is None too.
        state: ok, warning (not met) or unknown (it can't be told).
        reason: one sentence about what is not as required; None where all is.
    """

    copies: int = 0
    offsite: int = 0
    complete: bool = True
    places: tuple[StoredCopy, ...] = ()
    required: Required | None = None
    state: State | None = None
    reason: str | None = None


#: Of what nothing is known.
NO_POSTURE = Posture()


@value(kw_only=True)
class ServiceRow:
    """A service on the board: the worst of its parts speaks for it.

    Attributes:
        last_backup: the oldest of its parts' newest good backups, so that one forgotten part shows.
        count: finished snapshots of its guest parts; None without a guest part.
        next_run: the earliest of its parts'.
        posture: where its backups lie, and whether that is enough.
    """

    name: str
    verdict: Verdict
    last_backup: datetime | None
    count: int | None
    next_run: datetime | None
    verified_at: datetime | None
    last_run: Run | None
    parts: tuple[PartRow, ...]
    copies: tuple[Copy, ...] = ()
    posture: Posture = NO_POSTURE


@value(kw_only=True)
class JobRow:
    """A job on the board. ``name`` is "{source}/{kind}/{id}"; members are the parts it covers."""

    name: str
    title: str
    kind: str
    source: str
    verdict: Verdict
    schedule: str | None
    timezone: str | None
    last_run: Run | None
    next_run: datetime | None
    members: int | None = None
    members_ok: int | None = None


class OccurrenceKind(StrEnum):
    """What is due: a backup of a guest or of files, a dump of databases, or work that keeps the backups in order."""

    BACKUP = "backup"
    DUMP = "dump"
    UPKEEP = "upkeep"


class Exempt(StrEnum):
    """Why nothing is expected at a due time: a pause, or a clock change that skips this local time."""

    PAUSED = "paused"
    SKIPPED = "skipped"


@value(kw_only=True)
class Occurrence:
    """One due time of one job and what became of it.

    Attributes:
        job: "{source}/{kind}/{id}"; None for a ``calendar:`` line, which is planned and never judged.
        grace_until: how long a run may still start; None for what is never judged.
        state: None while it is planned.
        run: what answered it; of several members from the first start to the last end.
        members: how many parts were due; None where it makes no sense (upkeep, calendar lines).
        reason: one sentence where the state is not enough.
        exempt: why nothing is expected, where that is so.
    """

    job: str | None
    title: str
    kind: OccurrenceKind
    due: datetime
    grace_until: datetime | None = None
    state: State | None = None
    run: Run | None = None
    members: int | None = None
    members_ok: int | None = None
    reason: str | None = None
    exempt: Exempt | None = None


@value()
class ScheduleLine:
    """When a job or a ``calendar:`` line comes round: its due times from the start of today on, enough to see a pattern.

    ``text``: the schedule as it was written; None where there is none.
    """

    job: str | None
    title: str
    kind: OccurrenceKind
    dues: tuple[datetime, ...]
    text: str | None = None


class SourceTrouble(StrEnum):
    """What is wrong with a source."""

    NOT_READ_YET = "not read yet"
    UNREADABLE = "unreadable"
    PARTLY_READ = "partly read"


@value(kw_only=True)
class SourceRow:
    """A source on the board: ok (all read), warning (part of it could not be read) or unknown (nothing usable).

    Attributes:
        trouble: what is wrong with it; None where all was read.
        after_name: the reason as it goes on after the source's name, "can't be read since today 11:58: connection refused.";
            None where the reason is a sentence of its own.
    """

    name: str
    kind: SourceKind
    verdict: Verdict
    as_of: datetime | None
    version: str | None
    limits: tuple[str, ...] = ()
    trouble: SourceTrouble | None = None
    after_name: str | None = None


@value(kw_only=True)
class DatastoreRow:
    """Room on a datastore. ``full_at`` is the server's own estimate; None when it gives none that means anything.

    ``total`` may hold more than ``used`` and ``avail``: what a file system keeps for itself.
    """

    source: str
    name: str
    total: int | None
    used: int | None
    avail: int | None
    full_at: datetime | None
    verdict: Verdict

    @property
    def share(self) -> float | None:
        """What is used of what can be used, as the backup server shows it; None where it does not tell."""
        if self.used is None or self.avail is None or self.used + self.avail <= 0:
            return None
        return self.used / (self.used + self.avail)


class HeadlineKind(StrEnum):
    """What the headline says."""

    FIRST_READING = "first reading"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NEED_YOU = "need you"
    CANT_TELL = "can't tell"
    NOT_JUDGED = "not judged"
    SWITCHED_OFF = "switched off"
    NOTHING_EXPECTED = "nothing expected"
    NOTHING_DUE = "nothing due"
    BACKED_UP = "backed up"


@value()
class Culprit:
    """What a headline names: a service or a job with its state, or a source that can't be read."""

    name: str
    state: State
    since: datetime | None = None
    is_source: bool = False


@value()
class Headline:
    """What the headline says, in fields; core/board/headline.py makes the words.

    Attributes:
        count: how many of ``total`` are meant: services, or the sources of a first reading that answered.
        culprits: the only one where one alone is to blame, every source that hides all services, or every trouble that
            no service shows.
        extras: how many services are in a state that "backed up" does not cover or that is worth a word, in that order.
    """

    kind: HeadlineKind
    count: int = 0
    total: int = 0
    culprits: tuple[Culprit, ...] = ()
    extras: tuple[tuple[State, int], ...] = ()


@value()
class Overall:
    """One line for everything. ``counts`` counts services by state, worst state first, zeros left out.

    ``headline`` is the line in words, made of ``facts`` once; whoever needs to know what it says reads those.
    """

    state: State
    headline: str
    counts: dict[State, int]
    facts: Headline


@value(kw_only=True)
class Board:
    """The whole answer at one moment: immutable, swapped by reference.

    Attributes:
        at: the moment it was judged for.
        timezone: the IANA zone in which people read times.
        as_of: the oldest reading that a verdict on it rests on; None when nothing was read yet.
        next_run: the earliest next run of any service.
        left_out: how many parts the configuration ignores; ``ignored``: the same by what they are.
        watched_since: when anything was read for the first time; None where that is not remembered over a restart.
        notes: things worth knowing that are nobody's fault: unmatched references, kept backups of deleted guests.
    """

    at: datetime
    timezone: str
    overall: Overall
    as_of: datetime | None
    next_run: datetime | None
    services: tuple[ServiceRow, ...]
    jobs: tuple[JobRow, ...]
    sources: tuple[SourceRow, ...]
    datastores: tuple[DatastoreRow, ...]
    left_out: int = 0
    notes: tuple[str, ...] = field(default=())
    ignored: tuple[tuple[str, int], ...] = ()
    watched_since: datetime | None = None
