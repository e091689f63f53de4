"""Light rounds, full ones, and what leads from one to the other: the product's own rounds over a simulated homelab at noon,
when nothing runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model import State
from tests.product import states
from tests.simulators import HOMELAB, Rack, faults
from tests.simulators.acl import PBS_AUDIT, PVE_AUDITOR, Acl, Grant
from tests.simulators.homelab import Homelab
from tests.simulators.timetable import Timetable
from tests.simulators.wire import How
from tests.watch import MINUTE, Watch

BERLIN = ZoneInfo("Europe/Berlin")
WEDNESDAY = date(2026, 11, 25)


def only(source: str) -> Homelab:
    """The homelab of whose upstreams one is known."""
    return replace(HOMELAB, sources=(source,), services=())


PBS = only("pbs")
LISTS = "/api2/json/admin/datastore/main/snapshots"
TASKS = "/api2/json/nodes/localhost/tasks"

#: The only call of a light round, by source.
LIGHT = {
    "pbs": {TASKS: 1},
    "pve": {"/api2/json/nodes/pve1/tasks": 1, "/api2/json/nodes/pve2/tasks": 1},
    "databasement": {"/api/v1/jobs": 1},
    "backrest": {"/v1.Backrest/GetSummaryDashboard": 1},
}


#: What every fifth one asks for beside it: what leaves no task when it changes.
SHORT_LISTS = {
    "pbs": ["/api2/json/admin/datastore", "/api2/json/status/datastore-usage"],
    "pve": [
        "/api2/json/cluster/resources",
        "/api2/json/cluster/backup",
        "/api2/json/cluster/backup/backup-critical/included_volumes",
        "/api2/json/cluster/backup/backup-noncritical/included_volumes",
    ],
    "databasement": ["/api/v1/database-servers", "/api/v1/snapshots"],
}


def at(clock: str) -> datetime:
    return datetime.combine(WEDNESDAY, datetime.strptime(clock, "%H:%M").time(), BERLIN).astimezone(UTC)


class Steps:
    """A watch that goes on minute by minute, and what was asked in each."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.rack = watch.rack

    def asked(self, minutes: int = 1) -> list[Counter[str]]:
        """By minute how often each path was asked."""
        asked = []
        for _ in self.watch.walk(self.watch.now + minutes * MINUTE):
            asked.append(Counter(request.path for request in self.rack.requests))
            self.rack.requests.clear()
        return asked

    def lists(self, minutes: int) -> list[int]:
        """In which of the next minutes snapshots were listed."""
        return [minute for minute, asked in enumerate(self.asked(minutes), 1) if asked[LISTS]]

    def fulls(self, minutes: int) -> list[int]:
        """In which of the next minutes there was a full round of PBS."""
        path = "/api2/json/access/permissions"
        return [minute for minute, asked in enumerate(self.asked(minutes), 1) if asked[path]]

    def source(self, name: str) -> State:
        return next(row.verdict.state for row in self.watch.board.sources if row.name == name)


@contextmanager
def steps(homelab: Homelab = PBS, clock: str = "12:00", *wrong: faults.Fault) -> Iterator[Steps]:
    with Watch(homelab, at(clock), wrong) as watch:
        watch.rack.requests.clear()
        yield Steps(watch)


def test_a_light_round_is_one_call_and_a_full_one_comes_after_fifteen_minutes_without_long_lists() -> None:
    with steps(HOMELAB) as noon:
        asked, full = noon.asked(14), noon.asked(1)[0]

    light = Counter({path: n for calls in LIGHT.values() for path, n in calls.items()})
    wide = Counter({path: 1 for calls in SHORT_LISTS.values() for path in calls})
    assert [minute - light for minute in asked] == [*[Counter()] * 4, wide, *[Counter()] * 4, wide, *[Counter()] * 4]
    assert full["/api2/json/admin/gc"] == full["/api2/json/cluster/backup"] == full["/api/v1/database-servers"] == 1
    assert full["/api2/json/status/datastore-usage"] == full["/api2/json/admin/datastore"] == 1
    assert not full[LISTS]
    assert not full["/health"], "a Databasement that lists its servers is well"
    assert full["/api/v1/jobs"] == full["/api/v1/snapshots"] == 1, "the newest pages"


def test_a_light_round_without_news_does_not_judge_anew_and_what_it_confirms_is_as_old_as_its_tasks() -> None:
    with steps() as noon:
        noon.asked(10)
        before = noon.watch.board
        noon.watch.now += MINUTE
        brought = noon.watch.round("pbs")
        assert noon.watch.board is before

    assert not brought.is_news
    assert brought.report is not None
    listing, jobs = brought.report.reading("snapshots", "main", ""), brought.report.reading("upkeep", "prune")
    assert listing is not None
    assert jobs is not None
    assert (listing.as_of, jobs.as_of) == (at("12:11"), at("12:00"))


def test_long_lists_are_read_after_six_hours_at_the_latest() -> None:
    with steps() as noon:
        listed = []
        while noon.watch.now < at("12:00") + timedelta(hours=7):
            noon.watch.now += timedelta(minutes=15)
            noon.watch.round("pbs")
            listed += [noon.watch.now for request in noon.rack.requests if request.path == LISTS]
            noon.rack.requests.clear()

    assert set(listed) == {at("18:00")}


@pytest.mark.parametrize("source", LIGHT)
def test_a_source_that_goes_away_is_told_in_the_next_minute_and_takes_nothing_away(source: str) -> None:
    with steps(only(source)) as noon:
        noon.asked(2)
        well = states(noon.watch.board)
        noon.rack.close(source)
        noon.asked(1)
        told, others = noon.source(source), states(noon.watch.board)
        asked = noon.asked(5)
        noon.rack.open(source)
        noon.asked(1)
        back = noon.source(source)

    assert (told, others, back) == (State.WARNING, well, State.OK)
    assert not any(path in asked[-1] for path in LIGHT[source]), "nothing answers there"


@pytest.mark.parametrize("how", [429, 500, "truncated", "login-page", "wrong-type"])
@pytest.mark.parametrize("source", LIGHT)
def test_one_light_call_that_fails_makes_nothing_unknown(source: str, how: How) -> None:
    (path, *_) = LIGHT[source]
    with steps(only(source)) as noon:
        noon.asked(2)
        well = states(noon.watch.board)
        noon.rack.break_answer(source, path, how)
        noon.asked(1)
        during = states(noon.watch.board), noon.source(source)
        noon.rack.repair(source)

    assert during[0] == well
    assert during[1] is State.WARNING


DOUBTS: dict[str, Callable[[Rack], None]] = {
    "the list is empty": lambda rack: rack.break_answer("pbs", TASKS, "empty"),
    "the list can't be read": lambda rack: rack.break_answer("pbs", TASKS, 500),
    "the token does not see the tasks of others": lambda rack: rack.set_permissions(
        "pbs", Acl({"/": Grant(PBS_AUDIT - {"Sys.Audit"})})
    ),
    "the clock was set back by two days": lambda rack: rack.set_clock("pbs", -timedelta(days=2)),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_doubt_leads_to_a_reading_of_everything_but_not_every_minute(doubt: str) -> None:
    with steps() as noon:
        assert noon.lists(7) == []
        DOUBTS[doubt](noon.rack)
        lists = noon.lists(16)

    assert lists[0] == 1
    assert all(later - earlier >= 5 for earlier, later in pairwise(lists))


def test_after_the_server_was_started_anew_its_first_task_leads_to_a_reading_of_everything() -> None:
    monday = at("03:58") - timedelta(days=2)
    with Watch(PBS, monday) as watch:
        watch.rack.requests.clear()
        [*_] = watch.walk(monday + timedelta(minutes=30))
        lists = [request for request in watch.rack.requests if request.path == LISTS]
        whole = [request for request in lists if "backup-id" not in request.query]

    assert len(whole) == len(PBS.datastore.namespaces)
    assert len(lists) > len(whole), "then single groups again"


def test_a_clock_that_was_set_back_by_ten_minutes_is_noticed_in_the_next_full_round() -> None:
    with steps() as noon:
        noon.asked(3)
        noon.rack.set_clock("pbs", -timedelta(minutes=10))
        assert noon.lists(20)[0] == 12


def test_after_a_round_that_failed_everything_is_read() -> None:
    with steps() as noon:
        noon.rack.close("pbs")
        noon.asked(2)
        noon.rack.open("pbs")
        assert noon.lists(1) == [1]


def test_an_upload_leads_to_its_group_and_upkeep_to_its_lists() -> None:
    with steps(PBS, "03:57") as night:
        night.asked(2)
        groups, whole = [], []
        for _ in night.watch.walk(at("04:50")):
            requests = [request for request in night.rack.requests if request.path == LISTS]
            groups += [request for request in requests if "backup-id" in request.query]
            whole += [request for request in requests if "backup-id" not in request.query]
            night.rack.requests.clear()
        pruned = night.lists(15)

    assert whole == []
    assert len({request.query for request in groups}) == 9
    assert len(groups) <= 2 * 9
    assert pruned[0] == 11, "prune at 05:00"


def test_a_task_that_began_before_the_last_light_round_and_ended_after_it_is_told_in_the_next() -> None:
    homelab = replace(PBS, datastore=replace(PBS.datastore, verify=Timetable(9)))
    with steps(homelab, "09:00") as morning:
        morning.asked(5)
        job = next(row for row in morning.watch.board.jobs if row.kind == "verify")
        assert job.verdict.state is State.RUNNING
        *_, ended = (run.end for run in morning.rack.site.moment().upkeep if run.kind == "verify")
        for board in morning.watch.walk(ended + 2 * MINUTE):
            job = next(row for row in board.jobs if row.kind == "verify")
            if job.verdict.state is not State.RUNNING:
                break

    assert job.verdict.state is State.OK
    assert board.at - ended <= timedelta(seconds=75)


def test_the_log_of_a_task_that_waits_for_its_node_is_not_asked_until_the_other_one_is_over() -> None:
    monday = datetime(2026, 11, 23, 4, tzinfo=BERLIN).astimezone(UTC)
    jobs = (HOMELAB.jobs[0], replace(HOMELAB.jobs[1], guests=(201,)))
    with Watch(replace(only("pve"), jobs=jobs), monday + MINUTE) as watch:
        watch.rack.requests.clear()
        asked: dict[datetime, set[str]] = {}
        for board in watch.walk(monday + timedelta(minutes=60)):
            logs = [each.path for each in watch.rack.requests if each.path.endswith("/log") and "/pve1/" in each.path]
            asked[board.at] = set(logs)
            watch.rack.requests.clear()

    both = [moment for moment, logs in asked.items() if len(logs) > 1]
    assert len(set().union(*asked.values())) == 2
    assert len(both) == 1, "when the first one was over"


def test_a_guest_that_is_new_to_a_datastore_is_found_though_no_namespace_knows_it() -> None:
    homelab = replace(PBS, jobs=(replace(PBS.jobs[0], since=WEDNESDAY), PBS.jobs[1]))
    with steps(homelab, "03:58") as night:
        assert not any(
            part.count for service in night.watch.board.services for part in service.parts if part.ref == "104"
        )
        night.asked(60)
        refs = {part.ref for service in night.watch.board.services for part in service.parts}

    assert any(ref.endswith("ct/104") for ref in refs)


def test_what_only_light_rounds_confirmed_falls_back_to_the_full_round_where_it_cannot_be_read() -> None:
    closed = faults.Maintenance("offline", "disk swap", at("12:01"), at("14:00"))
    with steps(PBS, "12:00", closed) as noon:
        boards = noon.watch.walk(at("12:30"))
        unknown = next(board.at for board in boards if "unknown" in states(board).values())

    assert unknown == at("12:21"), "20 minutes after the round that read it, not after the tasks of 12:14"


def test_a_restart_between_two_rounds_reads_everything_and_shows_the_same() -> None:
    with steps(HOMELAB) as noon:
        noon.asked(7)
        before = states(noon.watch.board)
        noon.rack.requests.clear()
        noon.watch.restart()
        asked = Counter(request.path for request in noon.rack.requests)
        noon.rack.requests.clear()
        light = noon.asked(1)[0]

        assert states(noon.watch.board) == before
    assert asked[LISTS] == 2
    assert light[LISTS] == 0


def test_a_source_that_sleeps_is_let_sleep() -> None:
    """It is away at most hours: only full rounds look whether it is there."""
    away = faults.SourceAway("pbs", at("12:01"), at("14:00"))
    with Watch(PBS, at("12:00"), [away], options={"stale_after": "25h"}) as noon:
        well = states(noon.board)
        noon.rack.requests.clear()
        [*boards] = noon.walk(at("14:30"))
        asked = Counter(request.path for request in noon.rack.requests)

    assert all(states(board) == well for board in boards)
    assert asked[TASKS] == asked["/api2/json/access/permissions"] > 0


def test_pve_that_hides_its_tasks_is_read_at_once() -> None:
    with steps(only("pve")) as noon:
        noon.asked(7)
        noon.rack.set_permissions("pve", Acl({"/": Grant(PVE_AUDITOR - {"Sys.Audit"})}))
        asked = noon.asked(1)[0]

    assert asked["/api2/json/access/permissions"] == 1
