"""One thing goes wrong at a known time: what should be found of it, and how long that takes.

The homelab and the sidecar go on minute by minute. Whatever else turns red or amber
meanwhile is an error, and so is a failure that is found too early: it would be a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.model import Board
from tests.simulators import Rack
from tests.simulators.faults import Fault
from tests.simulators.homelab import HOMELAB, Homelab
from tests.told import EVERYTHING, USUAL, Told
from tests.watch import MINUTE, POLL, Watch, not_well

BERLIN = ZoneInfo("Europe/Berlin")

#: How long it may take from when it could be seen: what fails, what doesn't start (grace 30 min), a dump that is tried
#: again for four minutes, and a source that is away (``stale_after`` 20 min).
AT_ONCE = POLL
NOT_STARTED = timedelta(minutes=30) + POLL
TRIED_AGAIN = timedelta(minutes=4) + POLL
AWAY = timedelta(minutes=21)

#: What leaves no task in any list is seen when long lists are read again.
UNTOLD = timedelta(hours=6) + POLL

#: Everything was read just before, so that it takes as long as it can until it is read again.
_BEFORE = timedelta(minutes=1)
_AFTER = timedelta(minutes=5)

#: So long it takes until something is told.
_HELD = timedelta(minutes=3)


def at(text: str) -> datetime:
    """``25 04:00`` is a day of November 2026 in Berlin; ``1 Dec 07:00`` works too."""
    form = "%d %b %H:%M" if text.count(" ") == 2 else "%d %H:%M"
    moment = datetime.strptime(f"2026 {text}", f"%Y {form}")
    return moment.replace(month=11 if form == "%d %H:%M" else moment.month, tzinfo=BERLIN).astimezone(UTC)


def _nothing(_: Rack) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What goes wrong, and what is to be found of it.

    Attributes:
        seen: when it could be seen first: it was due, it failed, it was broken.
        limit: how long after that it may be found: grace and one poll of five minutes.
        rows: what turns into ``state``, as not_well names it, each with ``says`` in its reason.
        beside: what else may turn, because it rests on the same.
        healed: when the fix can be seen; a poll later everything is well. None: nobody fixes it.
        faults: what goes wrong in the homelab.
        breaks: what is done to the upstreams at ``seen``, and ``repairs`` at ``healed``.
        early: how long before ``seen`` the sidecar was started.
    """

    name: str
    seen: datetime
    limit: timedelta
    rows: tuple[str, ...]
    state: str
    says: str
    healed: datetime | None = None
    faults: tuple[Fault, ...] = ()
    breaks: Callable[[Rack], None] = _nothing
    repairs: Callable[[Rack], None] = _nothing
    beside: tuple[str, ...] = ()
    homelab: Homelab = HOMELAB
    early: timedelta = timedelta(hours=3)

    @property
    def earliest(self) -> datetime:
        """Before the grace has passed it is not certain that nothing started."""
        waits = self.state in ("missed", "never")
        return self.seen + self.limit - POLL if waits else self.seen

    @property
    def watched_from(self) -> datetime:
        """A while before it can be found, or before it is done."""
        return (self.earliest if self.breaks is _nothing else self.seen) - _BEFORE


@dataclass(frozen=True)
class Found:
    """What became of a failure.

    Attributes:
        at: the minute in which it was found; None: not within the time given.
        reasons: the reasons of its rows then.
        gone: from when on everything was well again; None: not within the time given.
        strange: whatever turned beside it.
        told: the messages of a receiver who is told of everything that is red or amber, as "KIND: TITLE".
    """

    at: datetime | None
    reasons: Mapping[str, str]
    gone: datetime | None
    strange: tuple[str, ...]
    told: tuple[str, ...]


def measure(failure: Failure) -> Found:
    """Lets it happen, and looks every minute."""
    with Watch(failure.homelab, failure.seen - failure.early, failure.faults) as watch:
        watch.leap(failure.watched_from)
        strange: list[str] = []
        told = Told(watch.settings, EVERYTHING if failure.state == "warning" else USUAL)
        moment = _find(watch, failure, strange, told)
        told.hear_for(watch.board, _HELD)
        shown = not_well(watch.board)
        reasons = {row: str(shown[row].reason) for row in failure.rows if row in shown}
        gone = _recover(watch, failure, failure.healed, strange, told) if moment and failure.healed else None
    return Found(moment, reasons, gone, tuple(strange), tuple(told.lines))


def _find(watch: Watch, failure: Failure, strange: list[str], told: Told) -> datetime | None:
    for board in _minutes(watch, failure.seen + failure.limit + _AFTER, told):
        if board.at == failure.seen - MINUTE:
            failure.breaks(watch.rack)
        turned = _states(board)
        strange += _strange(board, failure)
        if all(turned.get(row) == failure.state for row in failure.rows):
            return board.at
    return None


def _recover(watch: Watch, failure: Failure, healed: datetime, strange: list[str], told: Told) -> datetime | None:
    """The first minute from which on everything is well."""
    watch.leap(healed - MINUTE)
    failure.repairs(watch.rack)
    gone = None
    for board in _minutes(watch, healed + POLL + _AFTER, told):
        strange += _strange(board, failure)
        gone = None if _states(board) else gone or board.at
        if gone and board.at >= gone + _AFTER:
            break
    return gone


def _minutes(watch: Watch, until: datetime, told: Told) -> Iterator[Board]:
    told.hear(watch.board)
    yield watch.board
    for board in watch.walk(until):
        told.hear(board)
        yield board


def _states(board: Board) -> dict[str, str]:
    """What is red or amber, but for jobs that only follow the services that they back up."""
    bad = not_well(board)
    follow = {f"job {job.name}" for job in board.jobs if job.members and any(row.startswith("service") for row in bad)}
    return {name: str(verdict.state) for name, verdict in bad.items() if name not in follow}


def _strange(board: Board, failure: Failure) -> Iterator[str]:
    expected = {*failure.rows, *failure.beside}
    for name, verdict in not_well(board).items():
        if name in _states(board) and name not in expected:
            yield f"{board.at.astimezone(BERLIN):%d %b %H:%M} {name} {verdict.state}: {verdict.reason}"
