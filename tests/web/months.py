"""Months for the tests of the report: what a homelab remembers of November 2026, and of a hostile one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sidecar.core.history.history import Sighting
from sidecar.core.history.verdict_log import (
    ExpectationKey,
    FinalOccurrence,
    FinalState,
    ObservationGap,
    ServiceDay,
    VerdictChange,
)
from sidecar.core.model import State
from sidecar.core.past.members import ServiceMembers
from sidecar.core.past.month import Month
from sidecar.core.past.present import Present
from sidecar.core.past.records import Records
from sidecar.core.past.undecided import Undecided
from tests.web.boards import HALF_A_CHARACTER, HOSTILE, LONG, NOW

BERLIN = ZoneInfo("Europe/Berlin")
NOVEMBER = Month(2026, 11)
START, END = NOVEMBER.start(BERLIN), NOVEMBER.end(BERLIN)
LONG_AGO = datetime(2026, 3, 1, 12, tzinfo=UTC)
CRITICAL, DUMPS, PRUNE = "pve/backup/backup-critical", "databasement/dump/Daily", "pbs/prune/daily"
SERVICES = ("forgejo", "home-assistant", "immich", "n8n", "nextcloud", "paperless", "vaultwarden")
FORMULA = '=HYPERLINK("http://evil","click")'
BEHIND_A_SEMICOLON = "a; =1+1"


@dataclass(frozen=True, slots=True)
class Past:
    """What is remembered, whatever stretch of it is asked for."""

    remembered: Records | None
    known: Present

    def records(self, start: datetime, end: datetime) -> Records | None:
        return replace(self.remembered, start=start, end=end) if self.remembered else None

    def present(self, _records: Records) -> Present:
        return self.known


def on(day: int, clock: str = "04:00") -> datetime:
    hour, minute = (int(piece) for piece in clock.split(":"))
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def final(member: str, job: str, day: int, clock: str, state: FinalState = FinalState.KEPT) -> FinalOccurrence:
    due = on(day, clock)
    return FinalOccurrence(
        member=member,
        job=job,
        destination="",
        due=due,
        state=state,
        run_start=None,
        decided_at=due + timedelta(hours=1),
    )


def change(member: str, job: str, when: datetime, states: tuple[State | None, State], reason: str) -> VerdictChange:
    before, after = states
    cause = "unreadable" if after is State.UNKNOWN else "run_failed"
    return VerdictChange(
        member=member, job=job, destination="", at=when, state_from=before, state_to=after, cause=cause, reason=reason
    )


def guest(place: int) -> str:
    return f"guest:pve:{101 + place}"


def dump(place: int) -> str:
    return f"database:databasement:pg/{SERVICES[place]}"


def homelab(days: int = 22, now: datetime = NOW) -> Past:
    """Up to a day of November: most nights are well, and each thing that can go wrong did once."""
    bad = {
        (guest(5), 9): FinalState.FAILED,
        (guest(6), 9): FinalState.FAILED,
        (dump(0), 12): FinalState.MISSED,
        (dump(1), 4): FinalState.KEPT_LATE,
        (guest(2), 15): FinalState.NOT_OBSERVED,
        (guest(3), 15): FinalState.NOT_OBSERVED,
        (guest(3), 1): FinalState.PAUSED,
    }
    finals, ends = [], {}
    for place in range(len(SERVICES)):
        for member, job, clock in ((guest(place), CRITICAL, "04:00"), (dump(place), DUMPS, "02:00")):
            finals += [
                final(member, job, day, clock, bad.get((member, day), FinalState.KEPT)) for day in range(1, days + 1)
            ]
            good = [on(day, clock) for day in range(1, days + 1) if (member, day) not in bad]
            ends[member] = (START - timedelta(hours=20), *(moment + timedelta(minutes=9) for moment in good))
    finals += [final("upkeep:pbs:prune/daily", PRUNE, day, "05:00") for day in range(1, days + 1)]
    finals += [final("guest:pve:140", CRITICAL, day, "04:00") for day in range(1, 7)]
    full = "CT 107: no space left on local-lvm."
    changes = [
        change(
            guest(place),
            CRITICAL,
            on(9, "04:11"),
            (State.OK, State.FAILED),
            f"The run that ended today 04:11 failed: {full}",
        )
        for place in (5, 6)
    ]
    changes += [change(guest(place), CRITICAL, on(10, "04:09"), (State.FAILED, State.OK), "") for place in (5, 6)]
    changes += [
        change(
            dump(0),
            DUMPS,
            on(12, "02:30"),
            (State.LATE, State.MISSED),
            "Due today 02:00, nothing had started by 02:30.",
        ),
        change(dump(0), DUMPS, on(13, "02:04"), (State.MISSED, State.OK), ""),
        change(guest(2), CRITICAL, on(14, "22:20"), (State.OK, State.UNKNOWN), "pbs can't be read since 22:00."),
        change(guest(3), CRITICAL, on(14, "22:20"), (State.OK, State.UNKNOWN), "pbs can't be read since 22:00."),
        change(guest(2), CRITICAL, on(16, "07:01"), (State.UNKNOWN, State.OK), ""),
        change(guest(3), CRITICAL, on(16, "07:01"), (State.UNKNOWN, State.OK), ""),
        change(
            guest(4),
            CRITICAL,
            on(22, "04:31"),
            (State.OK, State.MISSED),
            "Due today 04:00, nothing had started by 04:30.",
        ),
    ]
    newest = [
        ServiceDay(service=name, day=date(2026, 11, days + 1), count=27, verified=12, copies=1) for name in SERVICES
    ]
    newest[3] = replace(newest[3], day=date(2026, 11, 14), verified=None, copies=0)
    return Past(
        Records(
            start=START,
            end=END,
            finals=tuple(finals),
            changes=tuple(sorted(changes, key=lambda each: each.at)),
            gaps=(
                ObservationGap(source="pbs", start=on(14, "22:00"), until=on(16, "07:00")),
                ObservationGap(source="backrest", start=on(20, "06:00"), until=on(20, "06:25")),
            ),
            days=(*newest, ServiceDay(service="wiki", day=date(2026, 11, 6), count=30)),
            good_ends=MappingProxyType(ends),
        ),
        Present(
            at=now,
            zone=BERLIN,
            services=tuple(
                ServiceMembers(service=name, members=frozenset({guest(place), dump(place)}), looked_since=LONG_AGO)
                for place, name in enumerate(SERVICES)
            ),
            expectations=frozenset({ExpectationKey(guest(4), CRITICAL, "")}),
            upkeep=("upkeep:pbs:prune/daily",),
            undecided=(Undecided(ExpectationKey(guest(4), CRITICAL, ""), on(days + 1), State.MISSED),),
            contacts=MappingProxyType(
                {"pbs": LONG_AGO, "pve": LONG_AGO, "databasement": LONG_AGO, "backrest": on(3, "18:00")}
            ),
            titles=MappingProxyType(
                {CRITICAL: "backup-critical", DUMPS: "Databasement dumps", PRUNE: "PBS prune daily"}
            ),
            seen=MappingProxyType({"guest:pve:140": Sighting(first=LONG_AGO, name="wiki")}),
        ),
    )


def large(number: int) -> Past:
    """So many services, each with a month of nights: more than a page holds."""
    past = homelab()
    assert past.remembered is not None
    services = [
        ServiceMembers(service=f"service-{place:03}", members=frozenset({f"guest:pve:{place}"}), looked_since=LONG_AGO)
        for place in range(number)
    ]
    finals = [final(f"guest:pve:{place}", CRITICAL, day, "04:00") for place in range(number) for day in range(1, 23)]
    changes = [
        each
        for place in range(number)
        for each in (
            change(
                f"guest:pve:{place}",
                f"pve/backup/{place}",
                on(3, "04:20"),
                (State.OK, State.FAILED),
                "It failed. " * 20,
            ),
            change(f"guest:pve:{place}", f"pve/backup/{place}", on(4, "04:20"), (State.FAILED, State.OK), ""),
        )
    ]
    return Past(
        replace(past.remembered, finals=tuple(finals), changes=tuple(changes), days=()),
        replace(past.known, services=tuple(services), undecided=()),
    )


def hostile() -> Past:
    """Every text that others can choose is hostile."""
    past = homelab()
    assert past.remembered is not None
    texts = (
        HOSTILE,
        LONG,
        HALF_A_CHARACTER,
        FORMULA,
        "@sum",
        "\tx",
        "a\r\nb",
        BEHIND_A_SEMICOLON,
        "a\n=1",
        'a"b',
        "＝1",
    )
    members = [f"guest:pve:{text}" for text in texts]
    finals = [final(member, f"pve/backup/{HOSTILE}", 3, "04:00", FinalState.FAILED) for member in members]
    changes = [
        change(member, f"pve/backup/{HOSTILE}", on(3), (State.OK, State.FAILED), f"{HOSTILE} {LONG}")
        for member in members
    ]
    services = [
        ServiceMembers(service=text, members=frozenset({member}), looked_since=LONG_AGO)
        for text, member in zip(texts, members, strict=True)
    ]
    return Past(
        replace(
            past.remembered,
            finals=tuple(finals),
            changes=tuple(changes),
            gaps=(ObservationGap(source=HOSTILE, start=on(1)),),
            days=(ServiceDay(service=HOSTILE + LONG, day=date(2026, 11, 4), count=1),),
        ),
        replace(past.known, services=tuple(services), titles=MappingProxyType({f"pve/backup/{HOSTILE}": HOSTILE})),
    )


def blank() -> Past:
    """Nobody looked before the day of the board."""
    past = homelab()
    assert past.remembered is not None
    nothing = replace(past.remembered, finals=(), changes=(), gaps=(), days=(), good_ends=MappingProxyType({}))
    contacts = MappingProxyType({source: NOW - timedelta(hours=1) for source in past.known.contacts})
    services = tuple(replace(each, looked_since=NOW - timedelta(hours=1)) for each in past.known.services)
    return Past(nothing, replace(past.known, services=services, contacts=contacts, undecided=()))


def forgotten() -> Past:
    """There is no ledger, or it can't be read."""
    return replace(homelab(), remembered=None)
