"""Boards built by hand for the tests of the web side: the homelab on Monday 23 November 2026, 07:26 in Berlin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sidecar.core.board import headline
from sidecar.core.model import (
    Board,
    Copy,
    DatastoreRow,
    ExpectationRow,
    JobRow,
    Link,
    Outcome,
    PartKind,
    PartRow,
    PlaceKind,
    Posture,
    Required,
    Run,
    ServiceRow,
    SourceKind,
    SourceRow,
    SourceTrouble,
    State,
    StoredCopy,
    Verdict,
)

NOW = datetime(2026, 11, 23, 6, 26, tzinfo=UTC)
TIMEZONE = "Europe/Berlin"
TIB = 1024**4
OK = Verdict(state=State.OK)

HOSTILE = '<script>alert("x")</script>&amp;\'"><img src=x onerror=alert(1)>'
HALF_A_CHARACTER = "\ud800"
LONG = "w" * 300


def at(day: int, clock: str, *, month: int = 11) -> datetime:
    """A local time of November 2026 (CET), in UTC."""
    hour, minute = (int(piece) for piece in clock.split(":"))
    return datetime(2026, month, day, hour, minute, tzinfo=UTC) - timedelta(hours=1)


def run(day: int, clock: str, outcome: Outcome = Outcome.OK, *, minutes: int = 3, size: int = 9_000_000_000) -> Run:
    start = at(day, clock)
    end = None if outcome is Outcome.RUNNING else start + timedelta(minutes=minutes)
    return Run(
        start=start, end=end, outcome=outcome, size=None if outcome in (Outcome.FAILED, Outcome.RUNNING) else size
    )


def nightly(clock: str, last: Outcome = Outcome.OK, *, size: int = 9_000_000_000) -> tuple[Run, ...]:
    """Ten nights, newest first."""
    nights = [run(day, clock, size=size) for day in range(22, 13, -1)]
    return (run(23, clock, last, size=size), *nights)


def guest(
    vmid: int,
    verdict: Verdict = OK,
    *,
    runs: tuple[Run, ...] | None = None,
    count: int | None = 28,
    due: datetime | None = None,
) -> PartRow:
    runs = nightly("04:09") if runs is None else runs
    return PartRow(
        kind=PartKind.GUEST,
        ref=str(vmid),
        source="pve",
        job="pve/backup/backup-critical",
        verdict=verdict,
        last_backup=_newest_good(runs),
        count=count,
        next_run=due or at(24, "04:00"),
        verified_at=at(14, "09:00"),
        size=9_000_000_000,
        schedule="04:00",
        timezone=TIMEZONE,
        last_run=runs[0] if runs else None,
        runs=runs,
    )


def dump(ref: str, verdict: Verdict = OK, *, runs: tuple[Run, ...] | None = None) -> PartRow:
    runs = nightly("02:03", size=64_000_000) if runs is None else runs
    return PartRow(
        kind=PartKind.DATABASE,
        ref=ref,
        source="databasement",
        job="databasement/dump/Daily",
        verdict=verdict,
        last_backup=_newest_good(runs),
        count=14 if runs else 0,
        next_run=at(24, "02:00"),
        verified_at=None,
        size=64_000_000,
        schedule="0 2 * * *",
        timezone=TIMEZONE,
        last_run=runs[0] if runs else None,
        runs=runs,
        expectations=(
            ExpectationRow(
                job="databasement/dump/Daily",
                destination="local and s3",
                verdict=verdict,
                last_backup=_newest_good(runs),
                next_run=at(24, "02:00"),
            ),
        ),
    )


def plan(ref: str, verdict: Verdict = OK) -> PartRow:
    runs = nightly("02:20")
    return PartRow(
        kind=PartKind.PLAN,
        ref=ref,
        source="backrest",
        job=f"backrest/plan/{ref}",
        verdict=verdict,
        last_backup=_newest_good(runs),
        count=None,
        next_run=at(24, "02:20"),
        verified_at=None,
        size=None,
        schedule=None,
        timezone=None,
        last_run=runs[0],
        runs=runs,
    )


def service(name: str, *parts: PartRow, verdict: Verdict | None = None, copies: tuple[Copy, ...] = ()) -> ServiceRow:
    """A service judged by the worst of its parts."""
    guests = [part for part in parts if part.kind is PartKind.GUEST]
    backups = [part.last_backup for part in parts]
    return ServiceRow(
        name=name,
        verdict=verdict or min((part.verdict for part in parts), key=lambda verdict: verdict.state.rank),
        last_backup=None if None in backups else min(backup for backup in backups if backup),
        count=sum(part.count or 0 for part in guests) if guests else None,
        next_run=min((part.next_run for part in parts if part.next_run), default=None),
        verified_at=guests[0].verified_at if guests else None,
        last_run=max((run for part in parts for run in part.runs), key=lambda run: run.start, default=None),
        parts=parts,
        copies=copies,
    )


def stored(place: str, kind: PlaceKind = PlaceKind.DATASTORE, **changes: Any) -> StoredCopy:
    """A copy of last night."""
    fields: dict[str, Any] = {"offsite": False, "known": True, "last_backup": at(23, "04:00"), **changes}
    return StoredCopy(place=place, kind=kind, **fields)


def posture(*places: StoredCopy, **changes: Any) -> Posture:
    """Of a service with one part."""
    counted = [place for place in places if place.counts]
    made = Posture(copies=len(counted), offsite=sum(place.offsite for place in counted), places=places)
    return replace(made, **changes)


def job(name: str, title: str, due: datetime, verdict: Verdict = OK) -> JobRow:
    source, kind, _ = name.split("/")
    return JobRow(
        name=name,
        title=title,
        kind=kind,
        source=source,
        verdict=verdict,
        schedule="05:00",
        timezone=TIMEZONE,
        last_run=run(23, "05:00"),
        next_run=due,
        members=1,
        members_ok=1,
    )


def source(name: str, kind: SourceKind, verdict: Verdict = OK, *, limits: tuple[str, ...] = ()) -> SourceRow:
    trouble = SourceTrouble.PARTLY_READ if verdict.state is State.WARNING else None
    return SourceRow(name=name, kind=kind, verdict=verdict, as_of=NOW, version="4.0.1", limits=limits, trouble=trouble)


def unread(row: SourceRow, verdict: Verdict, after_name: str, as_of: datetime | None) -> SourceRow:
    """The same source when nothing of it can be read."""
    trouble = SourceTrouble.UNREADABLE if as_of else SourceTrouble.NOT_READ_YET
    return replace(row, verdict=verdict, trouble=trouble, after_name=after_name, as_of=as_of)


def board(
    services: Sequence[ServiceRow],
    *,
    sources: Sequence[SourceRow] | None = None,
    jobs: Sequence[JobRow] | None = None,
) -> Board:
    jobs, sources = tuple(UPKEEP if jobs is None else jobs), tuple(SOURCES if sources is None else sources)
    return Board(
        at=NOW,
        timezone=TIMEZONE,
        overall=headline.overall(services, headline.Beside(jobs, sources), NOW, ZoneInfo(TIMEZONE)),
        as_of=NOW,
        next_run=min((row.next_run for row in services if row.next_run), default=None),
        services=tuple(services),
        jobs=jobs,
        sources=sources,
        datastores=(
            DatastoreRow(
                source="pbs",
                name="main",
                total=4 * TIB,
                used=2_700_000_000_000,
                avail=1_600_000_000_000,
                full_at=at(1, "00:00", month=10).replace(year=2027),
                verdict=OK,
            ),
        ),
    )


def good_morning() -> Board:
    """All is well."""
    databases = ("vaultwarden", "nextcloud", "immich", "paperless", "forgejo", "home-assistant")
    services = [service(name, guest(100 + i), dump(f"mariadb-main/{name}")) for i, name in enumerate(databases, 1)]
    services += [
        replace(
            service("vault", guest(110), plan("vault")),
            posture=posture(
                stored("backrest/b2", PlaceKind.REPOSITORY, offsite=True, parts=("backrest:vault",)),
                stored("pbs/main", parts=("pve:110",)),
                required=Required(2, offsite=True),
                state=State.OK,
            ),
        ),
        service("databasement", guest(111), plan("databasement-dumps")),
        service("app-configs", plan("app-configs")),
        service("n8n", guest(112, count=8), dump("postgres-main/n8n")),
        service("grafana", guest(113, count=8, due=at(30, "04:00"))),
        service("jellyfin", guest(114, count=8, due=at(30, "04:00"))),
    ]
    return board(services)


def bad_morning() -> Board:
    """Twelve services in all states but two, and a source that can't be read."""
    unknown = Verdict(
        state=State.UNKNOWN, reason="Backrest can't be read since 06:02.", since=at(23, "06:02"), before=State.OK
    )
    services = [
        service("nextcloud", guest(102), dump("mariadb-main/nextcloud"), dump("mariadb-main/nextcloud_cache")),
        service(
            "paperless",
            guest(104, FAILED, runs=nightly("04:09", Outcome.FAILED), count=27),
            dump("postgres-main/paperless"),
            copies=COPIES,
        ),
        service(
            "vaultwarden", guest(101, MISSED, runs=nightly("04:07")[1:], count=27), dump("mariadb-main/vaultwarden")
        ),
        replace(
            service("n8n", guest(112), dump("postgres-main/n8n", NEVER, runs=())),
            posture=posture(
                stored(
                    "databasement/nas", PlaceKind.VOLUME, last_backup=None, parts=("databasement:postgres-main/n8n",)
                ),
                stored("pbs/main", parts=("pve:112",)),
                copies=0,
                required=Required(1),
                state=State.WARNING,
                reason="There are 0 of 1 required copies of postgres-main/n8n.",
            ),
        ),
        service("vault", guest(110), plan("vault", unknown)),
        service("databasement", guest(111), plan("databasement-dumps", unknown)),
        service("app-configs", plan("app-configs", unknown)),
        service("home-assistant", guest(106), dump("mariadb-main/homeassistant", WARNING)),
        service("jellyfin", guest(114, RUNNING, runs=(run(23, "04:48", Outcome.RUNNING), run(16, "04:48")), count=7)),
        service("grafana", guest(113, LATE, count=7)),
        service("immich", guest(103), dump("mariadb-main/immich", NEW, runs=())),
        service("forgejo", guest(105)),
    ]
    backrest = unread(
        SOURCES[3], BACKREST_DOWN, "can't be read since 06:02: connection refused.", as_of=at(23, "06:02")
    )
    return board(services, sources=[*SOURCES[:3], backrest])


def only(*names: str) -> Board:
    """The bad morning with these services alone."""
    shown = bad_morning()
    return replace(shown, services=tuple(row for row in shown.services if row.name in names))


def calm(number: int) -> Board:
    """So many services, and nothing wrong with any."""
    services = [service(f"service-{place:02}", guest(100 + place), dump(f"db/s{place:02}")) for place in range(number)]
    return board(services)


def crowded(number: int, bad: int) -> Board:
    """So many services, of which the first ones are missed."""
    services = [
        service(f"service-{place:03}", guest(100 + place, MISSED if place < bad else OK)) for place in range(number)
    ]
    return board(services)


def many(number: int) -> Board:
    """A house with many services, some with many parts and with names that are long."""
    services = [*calm(number).services]
    parts = [dump(f"mariadb-main/tenant_{place:02}", WARNING if place in (3, 7) else OK) for place in range(14)]
    services[0] = service("a-service-with-a-very-long-name-that-somebody-chose", *parts, guest(100), plan("photos"))
    return board(services)


def every_state() -> Board:
    """One service in each state, worst first."""
    services = [service(f"is-{state}", guest(100 + place, Verdict(state=state))) for place, state in enumerate(State)]
    return board(services)


def hostile() -> Board:
    """Every text an upstream can choose is hostile, some of it endless."""
    bad = Verdict(
        state=State.FAILED, reason=HOSTILE, since=NOW, action=HOSTILE, link=Link("javascript:alert(1)", HOSTILE)
    )
    part = replace(guest(101, bad), ref=HOSTILE, schedule=HOSTILE, job=HOSTILE)
    failed = replace(run(23, "04:00", Outcome.FAILED), text=HOSTILE)
    lies = stored(f"{HOSTILE} too", made_by=HOSTILE, parts=(f"pve:{HOSTILE}",))
    services = [
        replace(
            service(
                HOSTILE,
                replace(part, runs=(failed,)),
                dump(HOSTILE, bad),
                dump(LONG, bad),
                copies=(Copy(HOSTILE, State.OK, NOW),),
            ),
            posture=posture(lies, required=Required(2), state=State.WARNING, reason=f"{HOSTILE} has 0"),
        ),
        service(
            LONG,
            guest(
                102,
                Verdict(
                    state=State.WARNING, reason=LONG, since=NOW, action=LONG, link=Link("https://pve.lan/" + LONG, LONG)
                ),
            ),
        ),
        service("ok" + LONG, guest(103), dump(LONG)),
    ]
    built = board(
        services,
        sources=[replace(source(HOSTILE, SourceKind.PBS, replace(bad, state=State.WARNING)), limits=(HOSTILE, LONG))],
        jobs=[replace(job("pbs/prune/x", HOSTILE, NOW, bad), source=HOSTILE), replace(job("pbs/gc/x", LONG, NOW, bad))],
    )
    store = replace(built.datastores[0], name=HOSTILE + LONG, verdict=bad, full_at=datetime.max.replace(tzinfo=UTC))
    return replace(built, datastores=(store,), notes=(HOSTILE, LONG, HALF_A_CHARACTER), left_out=2)


def stale() -> Board:
    """Nothing could be read for three hours."""
    unknown = Verdict(state=State.UNKNOWN, reason="Nothing was read for 3h.", since=NOW)
    morning = good_morning()
    services = [
        service(row.name, *(replace(part, verdict=unknown) for part in row.parts), verdict=unknown)
        for row in morning.services
    ]
    since, text = at(23, "04:20"), "an't be read since today 04:20: no route to host."
    down = Verdict(state=State.UNKNOWN, reason=f"C{text}", since=since)
    sources = [unread(row, down, f"c{text}", as_of=since) for row in morning.sources]
    return replace(board(services, sources=sources), as_of=since)


def empty() -> Board:
    """All sources answered with empty lists."""
    built = board([], jobs=[])
    return replace(built, datastores=(), next_run=None)


def first_reading() -> Board:
    """Nothing was read yet."""
    waiting = Verdict(state=State.UNKNOWN, reason="It was not read yet.")
    sources = [replace(unread(row, waiting, "was not read yet.", as_of=None), version=None) for row in SOURCES]
    built = board([], sources=sources, jobs=[])
    return replace(built, as_of=None, datastores=(), next_run=None)


ALL = {
    "good_morning": good_morning,
    "bad_morning": bad_morning,
    "hostile": hostile,
    "stale": stale,
    "empty": empty,
    "first_reading": first_reading,
}

UPKEEP = (
    job("pbs/prune/prune-main", "Prune", at(24, "05:00")),
    job("pbs/gc/main", "Garbage collection", at(28, "03:00")),
)

SOURCES = (
    source("pbs", SourceKind.PBS),
    source("pve", SourceKind.PVE),
    source("databasement", SourceKind.DATABASEMENT),
    source("backrest", SourceKind.BACKREST),
)

COPIES = (Copy("backrest/b2", State.OK, at(23, "02:41")), Copy("databasement/s3", State.OK, at(23, "02:05")))

FAILED = Verdict(
    state=State.FAILED,
    reason="CT 104 ended 04:11 without a snapshot: no space left on local-lvm. Newest backup Sun 22 Nov 04:09.",
    since=at(23, "04:11"),
    action="Free space on local-lvm, then run backup-critical again.",
    link=Link("https://pve.lan:8006/#v1:0:=node%2Fpve1:4:=tasks", "Task in Proxmox VE"),
)
MISSED = Verdict(
    state=State.MISSED,
    reason="Due today 04:00, nothing had started by 04:30. Newest backup Sun 22 Nov 04:07.",
    since=at(23, "04:30"),
    action="Check that node pve2 is up, then start backup-critical there.",
    link=Link("https://pve.lan:8006/#v1:0:=cluster", "Backup jobs in Proxmox VE"),
)
NEVER = Verdict(
    state=State.NEVER,
    reason="Due today 02:00, nothing had started by 02:30, and no dump of postgres-main/n8n exists.",
    since=at(23, "02:30"),
    action="Test the connection to postgres-main.",
    link=Link("https://db.lan/servers/2", "Server in Databasement"),
)
WARNING = Verdict(
    state=State.WARNING,
    reason="Backed up, but the copy of the 02:00 dump to volume s3 failed: access denied.",
    since=at(23, "02:05"),
    action="Renew the key of volume s3.",
    link=Link("https://db.lan/volumes/3", "Volume in Databasement"),
)
RUNNING = Verdict(state=State.RUNNING, reason="Since 04:48, usually 3h.", since=at(23, "04:48"))
LATE = Verdict(state=State.LATE, reason="Due 07:00, until 07:30.", since=at(23, "07:00"))
NEW = Verdict(state=State.NEW, reason="First run 24 Nov 02:00.", since=NOW)
BACKREST_DOWN = Verdict(
    state=State.UNKNOWN,
    reason="Can't be read since 06:02: connection refused.",
    since=at(23, "06:02"),
    action="Start Backrest on backrest.lan.",
    link=Link("http://backrest.lan:9898", "Open Backrest"),
)


def _newest_good(runs: Sequence[Run]) -> datetime | None:
    return next((run.start for run in runs if run.good), None)
