"""What a list of tasks tells from one round to the next, by value: news, ends, and every doubt."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.reports.facts import Task
from sidecar.sources import pbs_news, pve_news
from sidecar.sources.task_list import Recent, TaskList, compare, first_list, merged

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def task(name: str, began: float, took: float | None = 1, *, type_: str = "backup", status: str = "OK") -> Task:
    """A task that began so many minutes after noon, and took so many; None: it runs."""
    start = NOON + began * MINUTE
    end = None if took is None else start + took * MINUTE
    return Task(
        node="n",
        type=type_,
        id=name,
        start=start,
        end=end,
        status=None if end is None else status,
        upid=f"{name}@{began:g}",
    )


def known(*tasks: Task, at: float = 0) -> TaskList:
    return first_list(tasks, NOON + at * MINUTE)


def names(tasks: Iterable[Task]) -> list[str]:
    return [each.id for each in tasks]


@pytest.mark.parametrize(
    ("before", "rows", "begun", "ended"),
    [
        pytest.param((task("a", -5),), (task("a", -5),), [], [], id="nothing"),
        pytest.param((task("a", -5),), (task("b", 0.5, None), task("a", -5)), ["b"], [], id="one begins"),
        pytest.param((task("a", -5, None),), (task("a", -5, 6),), [], ["a"], id="one ends that was running"),
        pytest.param((task("a", -5),), (task("a", -5), task("b", 0.1, 0.5)), [], ["b"], id="one ran in between"),
        pytest.param((task("a", -300, None),), (task("a", -300, 300.5),), [], ["a"], id="one of hours ends"),
        pytest.param(
            (task("a", -5),),
            (task("b", 0.5, None), task("b", 0.5, 0.2), task("a", -5)),
            [],
            ["b"],
            id="listed among the running and the ended",
        ),
        pytest.param((task("a", -5),), (task("a", -5), task("b", -9, 9)), [], ["b"], id="a clock set back a little"),
    ],
)
def test_what_began_and_what_ended(
    before: tuple[Task, ...], rows: tuple[Task, ...], begun: list[str], ended: list[str]
) -> None:
    list_ = known(*before)
    since = list_.since(to_the_oldest=False)
    assert all(row.start >= since for row in rows), "it is asked for from before each of these"

    change = compare(list_, since, rows, NOON + MINUTE)

    assert (names(change.begun), names(change.ended), change.doubt) == (begun, ended, None)
    assert change.after.proves
    again = compare(change.after, since, rows, NOON + 2 * MINUTE)
    assert not again.is_news, "what was told is no news any more"


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((), id="cleared, or the token sees only its own tasks now"),
        pytest.param((task("x", -2), task("y", -1)), id="another server"),
        pytest.param((task("b", -1, None),), id="only what runs"),
        pytest.param((task("a", -5),), id="a part of it"),
    ],
)
def test_tasks_that_are_not_listed_any_more_are_a_doubt(rows: tuple[Task, ...]) -> None:
    list_ = known(task("a", -5), task("b", -1, None))

    change = compare(list_, list_.since(to_the_oldest=False), rows, NOON + MINUTE)

    assert change.doubt is not None
    assert not change.after.proves
    assert not change.is_news


def test_without_any_task_nothing_is_proved_until_one_was_listed_twice() -> None:
    empty = known()
    first = compare(empty, empty.since(to_the_oldest=False), (), NOON + MINUTE)
    seen = compare(first.after, first.after.since(to_the_oldest=False), (task("a", 1),), NOON + 2 * MINUTE)
    twice = compare(seen.after, seen.after.since(to_the_oldest=False), (task("a", 1),), NOON + 3 * MINUTE)

    assert [each.after.proves for each in (first, seen, twice)] == [False, False, True]
    assert names(seen.ended) == ["a"]


def test_a_task_that_runs_for_days_does_not_make_every_light_round_long() -> None:
    others = tuple(task(f"t{number}", -number) for number in range(1, 2000))
    list_ = known(task("week", -7 * 24 * 60, None), *others)

    light, full = list_.since(to_the_oldest=False), list_.since(to_the_oldest=True)
    change = compare(list_, light, [each for each in others if each.start >= light], NOON + MINUTE)
    later = compare(change.after, full, (task("week", -7 * 24 * 60, 7 * 24 * 60), *others), NOON + 15 * MINUTE)

    assert light >= NOON - 400 * MINUTE
    assert full == NOON - 7 * timedelta(days=1)
    assert not change.is_news
    assert names(later.ended) == ["week"], "the full round sees its end, and takes nothing for news that was known"


TASKS = st.builds(
    task,
    st.sampled_from("abc"),
    st.integers(-60, 0),
    st.one_of(st.none(), st.integers(0, 30)),
)


@given(st.lists(TASKS, unique_by=lambda task: task.upid))
def test_of_a_list_that_begins_with_what_runs_nothing_is_left_out_that_must_be_known_later(rows: list[Task]) -> None:
    rows.sort(key=lambda task: task.status is not None)
    recent = Recent()
    kept = [task for task in rows if recent.keeps(task)]

    assert first_list(kept, NOON) == first_list(rows, NOON)


def test_of_a_list_from_its_newest_end_only_the_beginning_is_kept_while_it_is_read() -> None:
    recent = Recent()
    rows = [task("runs", -40, None), *(task("a", -minutes) for minutes in range(90))]

    assert [row.upid for row in rows if recent.keeps(row)] == [row.upid for row in rows if row.start >= rows[0].start]


def test_a_longer_list_takes_the_news_and_forgets_what_is_old() -> None:
    old, runs, new = task("old", -99), task("runs", -50, None), task("new", 1)
    list_ = known(runs)
    change = compare(list_, list_.since(to_the_oldest=False), (task("runs", -50, 51), new), NOON + 2 * MINUTE)

    every = merged((runs, old), change, NOON - 60 * MINUTE)

    assert [(each.id, each.status) for each in every] == [("new", "OK"), ("runs", "OK")]


# --- what a task touches ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "id_", "groups", "stores", "upkeep"),
    [
        ("backup", "main:ct/101", {("main", "ct", "101")}, set(), False),
        ("backup", "main:host/nas", {("main", "host", "nas")}, set(), False),
        ("verify_snapshot", "main:vm/9/6ABA2CB6", {("main", "vm", "9")}, set(), False),
        ("verify", "main:vm/9/6ABA2CB6", {("main", "vm", "9")}, set(), False),
        ("verify_group", "main:ns/attic/vm/vm/9", {("main", "vm", "9")}, set(), False),
        ("verify", "main", set(), {"main"}, False),
        ("verify", "main:ns/vm/x", set(), {"main"}, False),
        ("prune", "main:attic", set(), {"main"}, False),
        ("prunejob", "main:attic", set(), {"main"}, True),
        ("verificationjob", "main:v1", set(), {"main"}, True),
        ("syncjob", "far:main:copy::s1", set(), {"main", "copy"}, True),
        ("sync", "copy", set(), {"copy"}, False),
        ("garbage_collection", "main", set(), set(), True),
        ("delete-namespace", "main:attic", set(), {"main"}, False),
        ("a-type-of-tomorrow", "main:odd", set(), {"main"}, False),
        ("backup", "nonsense", set(), {"main", "copy"}, False),
        ("backup", "elsewhere:ct/101", set(), set(), False),
        ("backup", "main:", set(), {"main"}, False),
        ("reader", "main:ct/101", set(), set(), False),
        ("aptupdate", "", set(), set(), False),
    ],
)
def test_what_a_task_of_a_backup_server_touches(
    type_: str, id_: str, groups: set[pbs_news.Group], stores: set[str], upkeep: bool
) -> None:
    news = pbs_news.touched([task(id_, 0, type_=type_)], ["main", "copy"])

    assert (set(news.groups), set(news.stores), news.upkeep) == (groups, stores, upkeep)
    assert news.only_groups == (not stores and not upkeep)


@pytest.mark.parametrize(
    ("type_", "id_", "touched"),
    [
        ("vzdump", "101", pve_news.Touched(backups=True)),
        ("vzdump", "", pve_news.Touched(backups=True)),
        ("imgdel", "101@nas", pve_news.Touched(storages=frozenset({"nas"}))),
        ("imgdel", "odd", pve_news.Touched(backups=True)),
        ("qmdestroy", "101", pve_news.Touched(guests=True)),
        ("vzmigrate", "101", pve_news.Touched(guests=True)),
        ("aptupdate", "", pve_news.Touched()),
        ("vncproxy", "101", pve_news.Touched()),
    ],
)
def test_what_a_task_of_a_node_touches(type_: str, id_: str, touched: pve_news.Touched) -> None:
    assert pve_news.touched([task(id_, 0, type_=type_)]) == touched
