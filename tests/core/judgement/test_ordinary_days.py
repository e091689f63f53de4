"""Days on which nothing is wrong, and the verdicts when something is: frequent jobs, long queues, hosts that sleep."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.model import SourceKind, State
from sidecar.core.reports.facts import BackupGroup, Guest
from sidecar.core.reports.report import Report
from tests.core.factories import at, daily, failed, part, run, verdict_of
from tests.core.remembering import BoardKeeper
from tests.core.sample_reports import CRITICAL, PBS, PVE, away, group, judged, pbs, pve, row, settings, vzdump

# --- every quarter of an hour ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "newest", "state"),
    [
        ("23 12:14", "23 12:00", State.OK),
        ("23 12:15", "23 12:00", State.LATE),
        ("23 12:44", "23 12:00", State.LATE),
        ("23 12:45", "23 12:00", State.MISSED),
        ("23 12:45", "23 12:31", State.LATE),
        ("23 12:46", "23 12:45", State.OK),
        ("23 13:59", "23 12:00", State.MISSED),
    ],
)
def test_rule_3_every_quarter_of_an_hour_two_runs_may_come_late_before_one_is_missed(
    now: str, newest: str, state: State
) -> None:
    assert verdict_of(part(run(newest), read=now, plans=(daily("*/15"),)), now).state is state


def test_rule_3_every_quarter_of_an_hour_what_is_missed_is_the_first_due_time_without_a_run() -> None:
    verdict = verdict_of(part(run("23 12:00"), read="23 14:00", plans=(daily("*/15"),)), "23 14:00")

    assert verdict.since == at("23 12:45")
    assert verdict.reason == "Due today 12:15, nothing had started by 12:45; newest backup today 12:00."


def test_rule_3_every_quarter_of_an_hour_a_failure_counts_until_the_next_good_run() -> None:
    runs = (run("23 12:00"), failed("23 12:15"))
    frequent: dict[str, Any] = {"plans": (daily("*/15"),)}

    assert verdict_of(part(*runs, read="23 12:29", **frequent), "23 12:29").state is State.FAILED
    assert verdict_of(part(*runs, run("23 12:30"), read="23 12:38", **frequent), "23 12:38").state is State.OK


# --- a queue of forty guests ------------------------------------------------------------------------------------------------

FORTY = tuple(range(101, 141))
GUESTS = tuple(Guest(vmid=vmid, type="lxc", name=f"guest{vmid}", node="pve1") for vmid in FORTY)
ALL = replace(CRITICAL, guests=FORTY)
LAST_VZDUMP = vzdump("22 04:00", "22 10:40")


def saved(day: int, place: int) -> str:
    """Each guest takes ten minutes: the first begins at 04:00, the last at 10:30."""
    begun = at(f"{day} 04:00") + timedelta(minutes=10 * place)
    return f"{day} {begun + timedelta(hours=1):%H:%M}"


def queue(now: str, done: int, *, left_out: int | None = None) -> Report:
    """``done`` guests are saved tonight, the next one is being saved; ``left_out`` got nothing."""
    groups = []
    for place, vmid in enumerate(FORTY):
        times = [saved(22, place)]
        if place <= done and vmid != left_out:
            times.append(saved(23, place) if place < done else f"!{saved(23, place)}")
        groups.append(group(*times, vmid=str(vmid)))
    return pbs(now, *groups)


@pytest.mark.parametrize(("now", "done"), [("23 04:05", 0), ("23 05:05", 6), ("23 07:25", 20), ("23 10:35", 39)])
def test_rule_5_in_a_long_queue_whoever_is_not_saved_yet_is_running_however_long_it_takes(now: str, done: int) -> None:
    cluster = pve(now, LAST_VZDUMP, vzdump("23 04:00", None), guests=GUESTS, jobs=(ALL,))
    board = judged(now, cluster, queue(now, done))
    states = [row(board, f"guest{vmid}").verdict.state for vmid in FORTY]

    assert states == [State.OK] * done + [State.RUNNING] * (40 - done)
    assert board.overall.state in (State.OK, State.RUNNING)


def test_rule_5_when_the_long_queue_has_ended_all_are_good_and_who_got_nothing_has_failed() -> None:
    ended = vzdump("23 04:00", "23 10:40", "job errors")
    cluster = pve("23 10:50", LAST_VZDUMP, ended, guests=GUESTS, jobs=(ALL,))
    board = judged("23 10:51", cluster, queue("23 10:50", 40, left_out=120))

    assert {service.name for service in board.services if service.verdict.state is not State.OK} == {"guest120"}
    assert row(board, "guest120").verdict.state is State.FAILED


@pytest.mark.parametrize(("now", "state"), [("23 17:19", State.RUNNING), ("23 17:21", State.MISSED)])
def test_rule_5_a_queue_that_takes_more_than_twice_as_long_as_usual_leaves_the_rest_missed(
    now: str, state: State
) -> None:
    cluster = pve(now, LAST_VZDUMP, vzdump("23 04:00", None), guests=GUESTS, jobs=(ALL,))
    board = judged(now, cluster, queue(now, 20))

    assert row(board, "guest140").verdict.state is state


# --- a host that sleeps -------------------------------------------------------------------------------------------------------


def sleeping() -> BoardKeeper:
    """A backup server that is on from 03:55 to 05:00 only, so its readings may be 25 h old."""
    patient = replace(PBS, stale_after=timedelta(hours=25))
    keeper = BoardKeeper(settings(PVE, patient))
    return keeper.take(pve("22 04:58", vzdump("22 04:00", "22 04:10")), pbs("22 04:58", group("21 04:05", "22 04:05")))


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("22 05:05", State.OK),
        ("22 20:00", State.OK),
        ("23 03:54", State.OK),
        ("23 04:05", State.LATE),
        ("23 05:57", State.LATE),
        ("23 05:59", State.UNKNOWN),
    ],
)
def test_rule_6_while_the_backup_server_sleeps_its_last_reading_counts_as_long_as_the_owner_says(
    now: str, state: State
) -> None:
    keeper = sleeping().take(away("pbs", SourceKind.PBS, now), pve(now, vzdump("22 04:00", "22 04:10")))

    assert keeper.state(now) is state


def test_rule_6_once_it_is_awake_again_what_it_shows_counts() -> None:
    tasks = (vzdump("22 04:00", "22 04:10"), vzdump("23 04:00", "23 04:10"))
    slept = sleeping().take(away("pbs", SourceKind.PBS, "22 12:00"))
    good = slept.take(pve("23 04:58", *tasks), pbs("23 04:58", group("22 04:05", "23 04:05")))
    assert good.state("23 04:59") is State.OK

    overslept = sleeping().take(pve("23 04:58", tasks[0]), pbs("23 04:58", group("21 04:05", "22 04:05")))
    assert overslept.state("23 04:59") is State.MISSED


def test_rule_6_a_sidecar_that_slept_itself_knows_nothing_until_it_has_read_again() -> None:
    keeper = BoardKeeper().take(pve("22 11:58", vzdump("22 04:00", "22 04:10")), pbs("22 11:58", group("22 04:05")))
    assert keeper.state("23 07:30") is State.UNKNOWN

    tasks = (vzdump("22 04:00", "22 04:10"), vzdump("23 04:00", "23 04:10"))
    keeper.take(pve("23 07:31", *tasks), pbs("23 07:31", group("22 04:05", "23 04:05")))
    assert keeper.state("23 07:32") is State.OK


# --- each state of docs/verdicts.md -----------------------------------------------------------------------------------------


def state_of(now: str, *kept: BackupGroup, tasks: tuple[Any, ...] = (vzdump("22 04:00", "22 04:10"),)) -> State:
    return row(judged(now, pve(now, *tasks), pbs(now, *kept)), "vaultwarden").verdict.state


BROKEN = (vzdump("22 04:00", "22 04:10"), vzdump("23 04:00", "23 04:10", "job errors"))


def test_each_state_has_its_guest() -> None:
    """``disabled`` has tests of its own: parts/test_pauses.py."""
    in_no_job = judged("22 12:00", pve("22 12:00", jobs=()), pbs("22 12:00", group("22 04:05")))
    never = judged("23 07:30", pve("23 07:29"), pbs("23 07:29"), since="22 12:00")
    states = {
        State.FAILED: state_of("23 07:30", group("22 04:05"), tasks=BROKEN),
        State.MISSED: state_of("23 07:30", group("22 04:05")),
        State.NEVER: row(never, "vaultwarden").verdict.state,
        State.UNKNOWN: sleeping().state("24 12:00"),
        State.WARNING: row(in_no_job, "vaultwarden").verdict.state,
        State.LATE: state_of("23 04:10", group("22 04:05")),
        State.RUNNING: state_of("23 04:10", group("22 04:05", "!23 04:05")),
        State.NEW: state_of("22 12:00", group("22 11:05", vmid="102"), tasks=()),
        State.OK: state_of("22 12:00", group("22 04:05")),
    }

    assert states == {state: state for state in State if state is not State.DISABLED}
