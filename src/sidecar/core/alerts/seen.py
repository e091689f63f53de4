"""What the board says, as alerts see it: each thing that somebody may be told of, and what a source hides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sidecar.core.model import (
    Board,
    Cause,
    DatastoreRow,
    JobRow,
    Link,
    Origin,
    PartRow,
    ServiceRow,
    SourceRow,
    SourceTrouble,
    State,
    Verdict,
)
from sidecar.core.settings import Settings


class SubjectKind(StrEnum):
    """What somebody may be told of."""

    SERVICE = "service"
    JOB = "job"
    SOURCE = "source"
    DATASTORE = "datastore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How something stands now.

    Attributes:
        key: names it in the memory: "service:vaultwarden".
        name: how people call it.
        blame: what it has in common with others that are so at the same time: the job, the source that tells too little, or
            the copies that are required of them.
            Two jobs of one title are two.
        origin: what brought all that is bad about it, where the readings show that: the same for all that it brought.
        is_origin: it is that itself, and not one of those that wait for it.
        hidden_by: the source that can't be read, because of which nothing is known here.
        after_name: of a source, what is wrong with it, as it goes on after its name.
        silenced: it is muted, or a pause expects nothing of it.
    """

    kind: SubjectKind
    key: str
    name: str
    verdict: Verdict
    blame: Origin | None = None
    origin: Origin | None = None
    is_origin: bool = False
    hidden_by: str | None = None
    after_name: str | None = None
    silenced: bool = False

    @property
    def state(self) -> State:
        """Its state."""
        return self.verdict.state


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything on a board that somebody may be told of, at its moment; ``zone``: in which people read times."""

    at: datetime
    zone: ZoneInfo
    seen: tuple[Seen, ...]


def situation(board: Board, settings: Settings) -> Situation:
    """What ``board`` says."""
    return Situation(board.at, settings.timezone, tuple(_seen_on(board, settings)))


def _seen_on(board: Board, settings: Settings) -> Iterator[Seen]:
    now, zone = board.at, settings.timezone
    mutes = [mute for mute in settings.mutes if mute.lasts(now, zone)]
    names = {service.name for service in board.services} if mutes else ()
    away = {source.name for source in settings.sources if _is_paused(settings, source.name, now)}
    troubled = {row.name for row in board.sources if row.trouble is not None and row.name not in away}
    titles = {row.name: row.title for row in board.jobs}
    for service in board.services:
        is_muted = any(mute.concerns(service.name, names) for mute in mutes)
        yield _service(service, troubled, titles, silenced=is_muted)
    for job in board.jobs:
        # A job that backs something up shows in its services.
        if job.members is None:
            yield _upkeep(job, troubled)
    for store in board.datastores:
        yield _datastore(store, troubled, silenced=store.source in away)
    for source in board.sources:
        yield _source(source, silenced=source.name in away)


def _is_paused(settings: Settings, source: str, now: datetime) -> bool:
    spans = (pause.span(settings.timezone) for pause in settings.pauses if pause.concerns(source))
    return any(start <= now < end for start, end in spans)


def _service(row: ServiceRow, troubled: set[str], titles: dict[str, str], *, silenced: bool) -> Seen:
    part = next((part for part in row.parts if part.verdict.state is row.verdict.state), None)
    return Seen(
        kind=SubjectKind.SERVICE,
        key=f"service:{row.name}",
        name=row.name,
        verdict=row.verdict,
        blame=_blame(part, titles) if part else _blame_as_a_whole(row.verdict),
        origin=_origin_of_all(row),
        is_origin=part is not None and _holds_others_up(part.verdict),
        # Of what a service lacks as a whole (rule 15) no part tells.
        hidden_by=_hidden_by(part.verdict, part.source, troubled) if part else _hidden_by(row.verdict, "", troubled),
        silenced=silenced,
    )


def _blame(part: PartRow, titles: dict[str, str]) -> Origin:
    if part.verdict.state is State.UNKNOWN:
        return _source_itself(part.verdict.unread or part.source)
    bad = (row.job for row in part.expectations if row.verdict.state is part.verdict.state)
    job = next(bad, part.job)
    # Of no job: what all of them have in common is who tells so.
    return Origin(f"job:{job}", titles.get(job, job)) if job else _source_itself(part.source)


def _blame_as_a_whole(verdict: Verdict) -> Origin | None:
    """A sync job that is gone takes a copy from many services at once (rule 15)."""
    return Origin("copies", "required copies") if verdict.cause is Cause.COPIES_REQUIRED else None


def _source_itself(name: str) -> Origin:
    return Origin(f"source:{name}", name)


def _origin_of_all(row: ServiceRow) -> Origin | None:
    """What brought it, where that is so of all that is bad about the service: something else would be hidden by it."""
    worth_telling = max(row.verdict.state.rank, State.UNKNOWN.rank)
    origins = {each.origin for part in row.parts for each in _verdicts(part) if each.state.rank <= worth_telling}
    return origins.pop() if len(origins) == 1 else None


def _verdicts(part: PartRow) -> Iterator[Verdict]:
    yield part.verdict
    yield from (row.verdict for row in part.expectations)


def _holds_others_up(verdict: Verdict) -> bool:
    return verdict.origin is not None and verdict.cause is Cause.UNDER_WAY_TOO_LONG


def _hidden_by(verdict: Verdict, source: str, troubled: set[str]) -> str | None:
    if verdict.state is not State.UNKNOWN:
        return None
    culprit = verdict.unread or (source if verdict.cause in (Cause.CANNOT_TELL, None) else None)
    return culprit if culprit in troubled else None


def _upkeep(row: JobRow, troubled: set[str]) -> Seen:
    return Seen(
        kind=SubjectKind.JOB,
        key=f"job:{row.name}",
        name=row.title,
        verdict=row.verdict,
        blame=_source_itself(row.source) if row.verdict.state is State.UNKNOWN else None,
        origin=row.verdict.origin,
        is_origin=_holds_others_up(row.verdict),
        hidden_by=_hidden_by(row.verdict, row.source, troubled),
    )


def _datastore(row: DatastoreRow, troubled: set[str], *, silenced: bool) -> Seen:
    return Seen(
        kind=SubjectKind.DATASTORE,
        key=f"datastore:{row.source}/{row.name}",
        name=f"datastore {row.source}/{row.name}",
        verdict=row.verdict,
        blame=_source_itself(row.source) if row.verdict.state is State.UNKNOWN else None,
        origin=row.verdict.origin,
        is_origin=row.verdict.origin is not None,
        hidden_by=_hidden_by(row.verdict, row.source, troubled),
        silenced=silenced,
    )


def _source(row: SourceRow, *, silenced: bool) -> Seen:
    whole = row.trouble is SourceTrouble.UNREADABLE
    return Seen(
        kind=SubjectKind.SOURCE,
        key=f"source:{row.name}",
        name=row.name,
        verdict=row.verdict,
        after_name="can't be read" if whole else "can't be read in part" if row.trouble else None,
        silenced=silenced,
    )


def link_of(seen: Seen) -> str | None:
    """The page of the upstream where the reader can act."""
    link: Link | None = seen.verdict.link
    return link.url if link and link.url.startswith(("https://", "http://")) else None
