"""An ordinary fortnight: the homelab of the first user runs on, and nothing is red or amber in any minute that is looked at:
each in which something is due or under way, and each fifth of the others.

With what is ordinary: no two nights take equally long, a Monday takes half the day, dumps come late and are tried again,
Backrest's plans wait for each other, one guest is new in a job that takes all, one is deleted. A sync job pushes to another
server, so that three services have the copies that they must have (rule 15).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model import Board, State
from tests.simulators.changes import GuestCreated, GuestDeleted
from tests.simulators.faults import DumpFails, DumpsHeldUp, Fault, GuestTakes, PlanTakes
from tests.simulators.homelab import HOMELAB, PUSHING, Guest, Homelab
from tests.told import Told
from tests.watch import POLL, Watch, not_ok, not_well

pytestmark = pytest.mark.fortnight

BERLIN = ZoneInfo("Europe/Berlin")


def at(day: date, clock: str) -> datetime:
    return datetime.combine(day, datetime.strptime(clock, "%H:%M").time(), BERLIN).astimezone(UTC)


def grown(homelab: Homelab) -> Homelab:
    """The critical job takes all but the rest; guest 120 is in it as soon as it exists."""
    critical, other = homelab.jobs
    audiobooks = Guest(vmid=120, name="audiobooks", node="pve1", size=5 * 2**30, takes=timedelta(minutes=4))
    everything = replace(critical, guests=(*critical.guests, audiobooks.vmid), takes_all=True)
    return replace(homelab, guests=(*homelab.guests, audiobooks), jobs=(everything, other))


@dataclass(frozen=True)
class Stretch:
    """Some days in a row, and what is ordinary in them although it isn't every day's."""

    name: str
    homelab: Homelab
    start: datetime
    end: datetime
    ordinary: tuple[Fault, ...] = ()


MONDAY = date(2026, 11, 23)
WEDNESDAY = MONDAY + timedelta(days=2)

FORTNIGHT = Stretch(
    "a fortnight",
    grown(PUSHING),
    at(MONDAY - timedelta(days=1), "00:00"),
    at(MONDAY + timedelta(days=13), "00:00"),
    (
        # A long Monday: both jobs at 04:00 on one node, and the large one takes five hours and a half.
        GuestTakes(107, MONDAY, timedelta(minutes=35)),
        GuestTakes(201, MONDAY, timedelta(hours=5, minutes=30)),
        GuestTakes(108, WEDNESDAY, timedelta(minutes=25)),
        GuestCreated(120, at(WEDNESDAY, "15:20")),
        GuestDeleted(202, at(WEDNESDAY + timedelta(days=1), "11:05")),
        DumpsHeldUp(WEDNESDAY, timedelta(minutes=12)),
        DumpFails(
            server="postgres-main", database="forgejo", due=WEDNESDAY + timedelta(days=2), error="deadlock", tries=2
        ),
        PlanTakes("vault", WEDNESDAY + timedelta(days=1), timedelta(minutes=25)),
        PlanTakes("check", date(2026, 12, 1), timedelta(hours=3)),
        PlanTakes("prune", WEDNESDAY + timedelta(days=4), timedelta(minutes=80)),
    ),
)
SPRING = Stretch("the clocks go forward", HOMELAB, at(date(2026, 3, 28), "22:00"), at(date(2026, 3, 30), "03:30"))
AUTUMN = Stretch("the clocks go back", HOMELAB, at(date(2026, 10, 24), "22:00"), at(date(2026, 10, 26), "03:30"))


@pytest.mark.parametrize("stretch", [FORTNIGHT, SPRING, AUTUMN], ids=lambda stretch: stretch.name.replace(" ", "-"))
def test_not_one_minute_is_red_or_amber_and_all_is_ok_whenever_nothing_is_due_and_nobody_is_told(
    stretch: Stretch,
) -> None:
    wrong: list[str] = []

    with Watch(stretch.homelab, stretch.start, stretch.ordinary, sparing=True) as watch:
        told = Told(watch.settings)
        for board in watch.walk(stretch.end, quiet=POLL):
            told.hear(board)
            wrong += [f"{local(board)} {name}: {verdict}" for name, verdict in not_well(board).items()]
            if board.overall.state is not State.OK:
                wrong.append(f"{local(board)} {board.overall.headline}")
            if not watch.is_busy:
                wrong += [f"{local(board)} nothing is due, but {problem}" for problem in unexpected(board)]
            assert wrong == []
            assert told.lines == []


def local(board: Board) -> str:
    return f"{board.at.astimezone(BERLIN):%a %d %b %H:%M}"


def unexpected(board: Board) -> Iterable[str]:
    """What isn't ok; a guest is new until its first backup is due, and its job with it."""
    newcomers = {("audiobooks", State.NEW), ("pve/backup/backup-critical", State.NEW)}
    return (f"{name} is {state}" for name, state in not_ok(board).items() if (name, state) not in newcomers)
