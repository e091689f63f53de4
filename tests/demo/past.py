"""Four months that the demo's sidecar remembers: nearly every night went well, and those that did not stand out.

It is written by the product's own ledger, as if it had been judged night by night: for all that is expected on the evening
before. Only what is expected since then, because nothing of it was ever seen, has no past.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path

from sidecar.config.model import Config
from sidecar.core.board.board import board_of
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.history.verdict_log import (
    ExpectationKey,
    FinalOccurrence,
    FinalState,
    ObservationGap,
    ServiceDay,
    VerdictChange,
    VerdictLog,
)
from sidecar.core.judgement.judged import Judged, JudgedPart, judged
from sidecar.core.model import Board, Cause, Outcome, PartKind, Run, ServiceRow, State
from sidecar.core.parts.expectation import ScheduleInForce
from sidecar.core.timeline.verdict_memory import every_part, expectation_key
from sidecar.credentials import Credentials
from sidecar.ledger.ledger import Ledger
from tests.evening_before import read_all, remember
from tests.web.pasts import final_of, member_of

#: How long before the evening everything was read for the first time.
REMEMBERED = timedelta(days=118)

#: What stood out of guests and of what has no guest, by service and nights before the evening: longer ago than the
#: simulated upstreams still hold backups, or nothing that these show otherwise.
STOOD_OUT = {
    ("paperless", 16): FinalState.KEPT_LATE,
    ("paperless", 51): FinalState.FAILED,
    ("vaultwarden", 34): FinalState.MISSED,
    ("vaultwarden", 35): FinalState.MISSED,
    ("home-assistant", 28): FinalState.FAILED,
    ("jellyfin", 27): FinalState.PAUSED,
    ("grafana", 27): FinalState.PAUSED,
    ("immich", 72): FinalState.KEPT_LATE,
    ("nextcloud", 29): FinalState.FAILED,
    ("app-configs", 88): FinalState.MISSED,
}

#: For so many nights before the evening this source could not be read.
AWAY, AWAY_FROM, AWAY_UNTIL = "backrest", 64, 62

_WENT_WRONG = {
    FinalState.FAILED: (State.FAILED, Cause.RUN_FAILED, "The run failed: no space left on device."),
    FinalState.MISSED: (State.MISSED, Cause.NOTHING_STARTED, "Nothing had started."),
}
_DAY = timedelta(days=1)
_TAKES = timedelta(minutes=9)

#: By this much the services have grown each day, in thousandths.
_GROWTH = 1.1


async def write_months(config: Config, credentials: Credentials, evening: datetime, state: Path) -> None:
    """The ledger of a sidecar that was there for months, and whose readings of the evening are lost."""
    settings = config.to_settings()
    reports = await read_all(config, credentials, evening)
    history = reduce(record, reports, EMPTY)
    then = judged({report.source: report for report in reports}, history, settings, evening)
    board, log = board_of(then), _judged_night_by_night(then)
    with closing(Ledger(state, evening)) as ledger:
        remember(ledger, settings, _there_for_months(history, then), _with_earlier_runs(board, log.finals))
        ledger.record_verdicts(log)


def _there_for_months(history: History, then: Judged) -> History:
    """The same, as if it had begun earlier; what nothing was ever seen of is new."""
    since = then.inputs.now - REMEMBERED
    new = {str(part.part.member) for _, part in every_part(then) if part.good is None}
    plans = {
        member: tuple(replace(row, valid_from=then.inputs.now) for row in rows) if member in new else rows
        for member, rows in history.plans.items()
    }
    seen = {
        member: sighting if member in new else replace(sighting, first=since)
        for member, sighting in history.seen.items()
    }
    contacts = dict.fromkeys(history.contacts, since)
    return replace(history, first_contact=since, contacts=contacts, plans=plans, seen=seen)


def _with_earlier_runs(board: Board, finals: Sequence[FinalOccurrence]) -> Board:
    """The runs that kept what was due before retention removed their backups."""
    begun: dict[str, list[datetime]] = defaultdict(list)
    for final in finals:
        if final.run_start is not None:
            begun[final.member].append(final.run_start)
    return replace(board, services=tuple(_with_runs_begun(row, begun) for row in board.services))


def _with_runs_begun(row: ServiceRow, begun: Mapping[str, Sequence[datetime]]) -> ServiceRow:
    parts = []
    for part in row.parts:
        oldest = min((run.start for run in part.runs), default=None)
        starts = begun.get(member_of(part), ())
        earlier = [
            Run(start=start, end=start + _TAKES, outcome=Outcome.OK)
            for start in sorted(starts, reverse=True)
            if oldest is not None and start < oldest - _TAKES
        ]
        parts.append(replace(part, runs=(*part.runs, *earlier)))
    return replace(row, parts=tuple(parts))


def _judged_night_by_night(then: Judged) -> VerdictLog:
    finals: list[FinalOccurrence] = []
    changes: list[VerdictChange] = []
    for name, part in every_part(then):
        if part.good is None:
            continue
        for judgement in part.judgements:
            key = expectation_key(part, judgement.expectation)
            mine = [_final(key, name, part, due, then) for due in _dues(judgement.expectation.schedules, then)]
            finals += mine
            changes += _changes(mine)
    evening = then.inputs.now
    gap = ObservationGap(source=AWAY, start=evening - AWAY_FROM * _DAY, until=evening - AWAY_UNTIL * _DAY)
    return VerdictLog(
        changes=tuple(changes), finals=tuple(finals), gaps=(gap,), days=tuple(_days(board_of(then).services, then))
    )


def _dues(schedules: Sequence[ScheduleInForce], then: Judged) -> Iterator[datetime]:
    evening = then.inputs.now
    for schedule in schedules:
        if schedule.schedule is not None:
            due = schedule.due_after(evening - REMEMBERED)
            while due is not None and due <= evening:
                yield due
                due = schedule.due_after(due)
        elif schedule.announced is not None:
            # Backrest announces the next one only; its plans run every night.
            zone = then.inputs.settings.timezone
            for ago in range(REMEMBERED.days, 0, -1):
                yield schedule.announced.astimezone(zone) - ago * _DAY


def _final(key: ExpectationKey, name: str, part: JudgedPart, due: datetime, then: Judged) -> FinalOccurrence:
    nights = (then.inputs.now - due) // _DAY
    is_told = part.part.kind is PartKind.GUEST or name == "app-configs"
    state = STOOD_OUT.get((name, nights), FinalState.KEPT) if is_told else FinalState.KEPT
    if part.part.source == AWAY and AWAY_UNTIL <= nights < AWAY_FROM:
        state = FinalState.NOT_OBSERVED
    wait = timedelta(hours=2) if state is FinalState.KEPT_LATE else timedelta(minutes=5)
    return final_of(key, due, state, wait)


def _changes(finals: Sequence[FinalOccurrence]) -> Iterator[VerdictChange]:
    """What went wrong, and that it was good again with the next run."""
    before = State.OK
    for final in finals:
        after, cause, reason = _WENT_WRONG.get(final.state, (State.OK, Cause.IN_TIME, None))
        if after is not before:
            yield VerdictChange(
                member=final.member,
                job=final.job,
                destination=final.destination,
                at=final.due + timedelta(minutes=31),
                state_from=before,
                state_to=after,
                cause=str(cause),
                reason=reason,
            )
        before = after


def _days(services: Sequence[ServiceRow], then: Judged) -> Iterator[ServiceDay]:
    today = then.inputs.now.astimezone(then.inputs.settings.timezone).date()
    for row in services:
        sizes = [part.size for part in row.parts if part.size is not None]
        for ago in range(REMEMBERED.days, -1, -1):
            size = round(sum(sizes) * (1 - ago * _GROWTH / 1000)) if sizes else None
            yield ServiceDay(service=row.name, day=today - ago * _DAY, count=row.count, size=size, copies=0)
