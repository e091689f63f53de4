"""A receiver that hears of boards minute by minute, and what it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.alerts.incident import ReceiverMemory
from sidecar.core.alerts.message import Message
from sidecar.core.alerts.rules import Receiver
from sidecar.core.alerts.seen import situation
from sidecar.core.alerts.telling import told
from sidecar.core.model import (
    Board,
    Cause,
    DatastoreRow,
    Headline,
    HeadlineKind,
    JobRow,
    Link,
    Origin,
    Overall,
    PartKind,
    PartRow,
    ServiceRow,
    SourceKind,
    SourceRow,
    SourceTrouble,
    State,
    Verdict,
)
from sidecar.core.settings import Mute, Pause, Settings, SourceSetting

BERLIN = ZoneInfo("Europe/Berlin")
#: 07:00 in Berlin.
START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USUAL = frozenset({State.FAILED, State.MISSED, State.NEVER, State.UNKNOWN})
PHONE = Receiver(name="phone", states=USUAL)

#: One state of each thing, by key: {"service vault": "missed", "source pbs": "unknown", "job pbs/gc/main": "failed"};
#: "unknown pbs" is unknown because pbs can't be read, "missed behind:q" because something holds up queue q, which is
#: "missed holds:q".
States = Mapping[str, str]


def board(states: States, now: datetime, *, job: str = "critical") -> Board:
    every = {tuple(name.split(" ", 1)): state for name, state in states.items()}

    def of(kind: str) -> list[tuple[str, Verdict]]:
        return [(name, _verdict(state)) for (what, name), state in every.items() if what == kind]

    return Board(
        at=now,
        timezone="Europe/Berlin",
        overall=Overall(State.OK, "", {}, Headline(HeadlineKind.BACKED_UP)),
        as_of=now,
        next_run=None,
        services=tuple(_service(name, verdict, job) for name, verdict in of("service")),
        jobs=tuple(_upkeep(name, verdict) for name, verdict in of("job")),
        sources=tuple(_source(name, verdict) for name, verdict in of("source")),
        datastores=tuple(_datastore(name, verdict) for name, verdict in of("datastore")),
    )


def _verdict(text: str) -> Verdict:
    state, _, why = text.partition(" ")
    how, _, queue = why.partition(":")
    unread = "" if queue else why
    link = Link("https://pve.lan/task", "Task") if state == "failed" else None
    cause = Cause.UNREADABLE if unread else Cause.IN_TIME if state == "ok" else Cause.RUN_FAILED
    if queue:
        cause = Cause.UNDER_WAY_TOO_LONG if how == "holds" else Cause.NOTHING_STARTED
    return Verdict(
        state=State(state),
        reason=None if state == "ok" else f"It is {state}.",
        action="Do something." if state == "failed" else None,
        link=link,
        cause=cause,
        unread=unread or None,
        origin=Origin(f"queue:{queue}", f"backup {queue}") if queue else None,
    )


def _service(name: str, verdict: Verdict, job: str) -> ServiceRow:
    part = PartRow(
        kind=PartKind.GUEST,
        ref="101",
        source="pve",
        job=f"pve/backup/{job if verdict.state is not State.FAILED else name}",
        verdict=verdict,
        last_backup=None,
        count=None,
        next_run=None,
        verified_at=None,
        size=None,
        schedule=None,
        timezone=None,
        last_run=None,
    )
    return ServiceRow(
        name=name,
        verdict=verdict,
        last_backup=None,
        count=None,
        next_run=None,
        verified_at=None,
        last_run=None,
        parts=(part,),
    )


def _upkeep(name: str, verdict: Verdict) -> JobRow:
    return JobRow(
        name=name,
        title=f"Upkeep {name}",
        kind="gc",
        source=name.split("/")[0],
        verdict=verdict,
        schedule=None,
        timezone=None,
        last_run=None,
        next_run=None,
    )


def _source(name: str, verdict: Verdict) -> SourceRow:
    trouble = {State.UNKNOWN: SourceTrouble.UNREADABLE, State.WARNING: SourceTrouble.PARTLY_READ}.get(verdict.state)
    return SourceRow(
        name=name, kind=SourceKind.PBS, verdict=replace(verdict, cause=None), as_of=None, version=None, trouble=trouble
    )


def _datastore(name: str, verdict: Verdict) -> DatastoreRow:
    source, _, store = name.partition("/")
    plain = replace(verdict, cause=None, unread=None)
    return DatastoreRow(source=source, name=store, total=None, used=None, avail=None, full_at=None, verdict=plain)


def settings(mutes: Sequence[Mute] = (), pauses: Sequence[Pause] = ()) -> Settings:
    sources = tuple(
        SourceSetting(name=name, kind=SourceKind.PBS, url=f"https://{name}.lan", stale_after=timedelta(minutes=20))
        for name in ("pbs", "pve")
    )
    return Settings(timezone=BERLIN, sources=sources, mutes=tuple(mutes), pauses=tuple(pauses))


class Listener:
    """Hears of a board every minute, first of one on which all is well."""

    def __init__(
        self, receiver: Receiver = PHONE, first: States | None = None, *, now: datetime = START, **options: Settings
    ) -> None:
        self.receiver = receiver
        self.now = now
        self.settings = options.get("settings") or settings()
        self.messages: list[Message] = []
        self.memory: ReceiverMemory | None = None
        self.hear(first or {})

    def hear(self, states: States, minutes: int = 1, *, every: int = 1) -> list[str]:
        """What is told in so many minutes in which all is like this, one board every so many of them: "KIND: TITLE"."""
        before, made = len(self.messages), board(states, self.now)
        for _ in range(0, minutes, every):
            self.memory, new = told(self.receiver, self.memory, situation(replace(made, at=self.now), self.settings))
            self.messages += new
            self.now += every * MINUTE
        return [f"{message.kind}: {message.title}" for message in self.messages[before:]]
