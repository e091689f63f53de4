"""Failures of the upstreams themselves: away, closed to us, wrong, or with a wrong clock. On Wednesday 25 November, at noon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from tests.failures.failure import AT_ONCE, AWAY, NOT_STARTED, Failure, at
from tests.failures.rows import CRITICAL, UPKEEP_OF_BACKREST, UPKEEP_OF_PBS, WITH_DATABASES, WITH_GUESTS, WITH_PLANS
from tests.simulators import Rack
from tests.simulators.acl import PBS_AUDIT, PBS_FULL, PVE_AUDITOR, PVE_FULL, Acl, Grant
from tests.simulators.faults import DumpsHeldUp, SourceAway
from tests.simulators.wire import How
from tests.watch import POLL

WEDNESDAY = date(2026, 11, 25)
_NOON, _MENDED = at("25 12:00"), at("25 13:00")

#: What is unknown while a source doesn't answer. Without the cluster, its guests' backups are still seen.
_SILENT = {
    "pbs": ("source pbs", *WITH_GUESTS, *UPKEEP_OF_PBS),
    "pve": ("source pve",),
    "databasement": ("source databasement", *WITH_DATABASES),
    "backrest": ("source backrest", *WITH_PLANS, *UPKEEP_OF_BACKREST),
}

_BESIDE = {"pbs": ("datastore pbs/main",)}

#: What is unknown once a source refuses us: nothing that it reported before counts any more.
_CLOSED = {
    "pbs": ("source pbs", *WITH_GUESTS),
    "pve": ("source pve", *WITH_GUESTS),
    "databasement": ("source databasement", *WITH_DATABASES),
    "backrest": ("source backrest", *WITH_PLANS),
}


def _away(source: str) -> Failure:
    """Nothing answers at its port, while behind it work goes on."""
    return Failure(
        name=f"{source} is away",
        seen=_NOON,
        limit=AWAY,
        rows=_SILENT[source],
        state="unknown",
        says="connection refused",
        healed=_MENDED,
        faults=(SourceAway(source, _NOON, _MENDED),),
        beside=_BESIDE.get(source, ()),
    )


def _broken(name: str, source: str, how: How, says: str, path: str = "/") -> Failure:
    """Everything below a path is answered wrongly, from noon to one."""
    return Failure(
        name=name,
        seen=_NOON,
        limit=AWAY,
        rows=_SILENT[source],
        state="unknown",
        says=says,
        healed=_MENDED,
        breaks=lambda rack: rack.break_answer(source, path, how),
        repairs=lambda rack: rack.repair(source),
        beside=_BESIDE.get(source, ()),
    )


def _refused(source: str, says: str) -> Failure:
    """Its token is revoked."""
    return Failure(
        name=f"{source} refuses the credential",
        seen=_NOON,
        limit=AT_ONCE,
        rows=_CLOSED[source],
        state="unknown",
        says=says,
        healed=_MENDED,
        breaks=lambda rack: rack.refuse_token(source),
        repairs=lambda rack: rack.refuse_token(source, refused=False),
    )


def _may(name: str, source: str, acl: Acl, says: str) -> Failure:
    """What the token may see is cut down; the lists that it gets are short or empty without an error."""
    full = PBS_FULL if source == "pbs" else PVE_FULL
    return Failure(
        name=name,
        seen=_NOON,
        limit=AT_ONCE,
        rows=_CLOSED[source],
        state="unknown",
        says=says,
        healed=_MENDED,
        breaks=lambda rack: rack.set_permissions(source, acl),
        repairs=lambda rack: rack.set_permissions(source, full),
    )


def _clocks(ahead: timedelta) -> Callable[[Rack], None]:
    def turn(rack: Rack) -> None:
        rack.set_clock("pve", ahead)
        rack.set_clock("pbs", ahead)

    return turn


_WITHOUT_SYS_AUDIT = Acl({"/": Grant(PVE_AUDITOR - {"Sys.Audit"})})

_WITHOUT_ITS_DATASTORE = Acl({"/": Grant(PBS_AUDIT), "/datastore/main": Grant(frozenset({"Datastore.Verify"}))})

SOURCES = (
    _away("pbs"),
    _away("pve"),
    _away("databasement"),
    _away("backrest"),
    _refused("pbs", "HTTP 401"),
    _refused("pve", "HTTP 401"),
    _refused("databasement", "its token was refused"),
    _refused("backrest", "the login of glance was refused"),
    _may("PBS shows the token nothing", "pbs", Acl(), "may not see any datastore"),
    _may("PVE shows the token nothing", "pve", Acl(), "no permission at all"),
    Failure(
        name="Databasement takes the token's role away",
        seen=_NOON,
        limit=AT_ONCE,
        rows=_CLOSED["databasement"],
        state="unknown",
        says="HTTP 403",
        healed=_MENDED,
        breaks=lambda rack: rack.break_answer("databasement", "/api/v1", 403),
        repairs=lambda rack: rack.repair("databasement"),
    ),
    Failure(
        name="PVE hides its backup jobs",
        seen=_NOON,
        limit=AT_ONCE,
        rows=WITH_GUESTS,
        state="unknown",
        says="Can't tell which job covers it",
        healed=_MENDED,
        breaks=lambda rack: rack.set_permissions("pve", _WITHOUT_SYS_AUDIT),
        repairs=lambda rack: rack.set_permissions("pve", PVE_FULL),
        beside=("source pve",),
    ),
    Failure(
        name="PBS takes one datastore away from the token",
        seen=_NOON,
        limit=AT_ONCE,
        rows=WITH_GUESTS,
        state="unknown",
        says="the token may not see /datastore/main",
        healed=_MENDED,
        breaks=lambda rack: rack.set_permissions("pbs", _WITHOUT_ITS_DATASTORE),
        repairs=lambda rack: rack.set_permissions("pbs", PBS_FULL),
        beside=("source pbs", *UPKEEP_OF_PBS),
    ),
    Failure(
        name="a datastore is removed",
        seen=_NOON,
        limit=AT_ONCE,
        rows=WITH_GUESTS,
        state="unknown",
        says="it has no datastore main",
        healed=_MENDED,
        breaks=lambda rack: rack.break_answer("pbs", "/api2/json/admin/datastore", "empty"),
        repairs=lambda rack: rack.repair("pbs"),
        beside=UPKEEP_OF_PBS,
    ),
    Failure(
        name="PVE hides whom a job covers",
        seen=_NOON,
        limit=AT_ONCE,
        rows=CRITICAL,
        state="unknown",
        says="the guests of job backup-critical could not be read: HTTP 403",
        healed=_MENDED,
        breaks=lambda rack: rack.break_answer("pve", "/api2/json/cluster/backup/backup-critical", 403),
        repairs=lambda rack: rack.repair("pve"),
        beside=("job pve/backup/backup-critical",),
    ),
    Failure(
        name="the list of snapshots can't be read",
        seen=at("25 05:01"),
        limit=AWAY,
        rows=WITH_GUESTS,
        state="unknown",
        says="HTTP 500",
        healed=at("25 06:00"),
        breaks=lambda rack: rack.break_answer("pbs", "/api2/json/admin/datastore/main/snapshots", 500),
        repairs=lambda rack: rack.repair("pbs"),
        beside=("source pbs",),
    ),
    Failure(
        name="a certificate is not the right one",
        seen=_NOON,
        limit=AWAY,
        rows=_SILENT["databasement"],
        state="unknown",
        says="its certificate is not trusted",
        healed=_MENDED,
        breaks=lambda rack: rack.distrust("databasement"),
        repairs=lambda rack: rack.repair("databasement"),
    ),
    _broken("Backrest shows a login page", "backrest", "login-page", "a web page came instead of an answer"),
    _broken("Databasement redirects elsewhere", "databasement", "redirect", "redirects to https://elsewhere.invalid"),
    _broken("PBS shows a login page", "pbs", "login-page", "a web page came instead of an answer"),
    _broken("PVE is too busy to answer", "pve", "busy", "HTTP 503"),
    _broken("Databasement's answers are cut off", "databasement", "truncated", "cut off"),
    _broken("Backrest answers nonsense", "backrest", "wrong-type", "not a summary of plans"),
    Failure(
        name="Backrest's log can't be read, and its summary alone proves nothing",
        seen=_NOON,
        limit=AWAY,
        rows=(*WITH_PLANS, *UPKEEP_OF_BACKREST),
        state="unknown",
        says="HTTP 500",
        healed=_MENDED,
        breaks=lambda rack: rack.break_answer("backrest", "/v1.Backrest/GetOperations", 500),
        repairs=lambda rack: rack.repair("backrest"),
        beside=("source backrest",),
    ),
    Failure(
        name="Databasement slept through the night, and makes up for nothing",
        seen=at("25 08:01"),
        limit=timedelta(minutes=15) + POLL,
        rows=WITH_DATABASES,
        state="missed",
        says="nothing had started by 02:30",
        healed=at("26 02:05"),
        faults=(DumpsHeldUp(WEDNESDAY), SourceAway("databasement", at("25 01:00"), at("25 08:01"))),
        breaks=Rack.settle,
        beside=("source databasement",),
        early=timedelta(hours=8),
    ),
    Failure(
        name="the clock of PBS is two days behind",
        seen=_NOON,
        limit=AT_ONCE,
        rows=CRITICAL,
        state="failed",
        says="the clock of pbs is 2 days behind",
        healed=_MENDED,
        breaks=lambda rack: rack.set_clock("pbs", -timedelta(days=2)),
        repairs=lambda rack: rack.set_clock("pbs", timedelta()),
    ),
    Failure(
        name="the clocks of PVE and PBS are two hours behind",
        seen=at("25 04:00"),
        limit=NOT_STARTED,
        rows=CRITICAL,
        state="missed",
        says="Due today 04:00, nothing had started by 04:30",
        healed=at("25 07:01"),
        breaks=_clocks(-timedelta(hours=2)),
        beside=("job pbs/prune/prune-main",),
    ),
    Failure(
        name="the clocks of PVE and PBS are two hours ahead",
        seen=at("25 04:00"),
        limit=NOT_STARTED,
        rows=("service forgejo",),
        state="missed",
        says="lies in the future: a clock is wrong",
        healed=at("25 04:37"),
        breaks=_clocks(timedelta(hours=2)),
    ),
)
