"""More rows than a page shows: what needs attention stays in sight, every other row is in one group, counted and short."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model import HARMLESS, State, Verdict
from sidecar.web.groups import LONGEST_NAME, Grouped, grouped, ranges
from sidecar.web.page import Page, Wanted, page
from sidecar.web.rows import MOST_ROWS, Row
from tests.web import boards
from tests.web.asking import app_for, ask

STATES = st.lists(st.sampled_from(list(State)), max_size=40).flatmap(
    lambda few: st.lists(st.sampled_from(few or [State.OK]), max_size=400)
)


def row(name: str, state: State, *, by_source: bool = False) -> Row:
    (made,) = page(boards.board([boards.service(name, boards.guest(101, boards.OK))])).rows
    return replace(made, name=name, state=state, by_source=by_source)


def rows_in(states: list[State]) -> list[Row]:
    """Worst first, with names in no order."""
    plain = row("x", State.OK)
    made = [replace(plain, name=f"{place * 7919 % 1009:04}", state=state) for place, state in enumerate(states)]
    return sorted(made, key=lambda each: each.state.rank)


def all_of(parted: Grouped) -> list[Row]:
    return [*parted.in_sight, *(each for group in parted.groups for part in group.ranges for each in part.members)]


@given(STATES, st.booleans(), st.booleans())
def test_every_row_is_there_once_in_its_order_and_nothing_bad_is_hidden(
    states: list[State],
    stale: bool,
    calm_first: bool,
) -> None:
    every = rows_in(states)
    parted = grouped(every, stale=stale, calm_first=calm_first)
    place = {each.name: number for number, each in enumerate(every)}

    assert sorted(each.name for each in all_of(parted)) == sorted(place)
    assert [place[each.name] for each in parted.in_sight] == sorted(place[each.name] for each in parted.in_sight)
    hidden = {each.state for group in parted.groups for part in group.ranges for each in part.members}
    assert hidden <= HARMLESS | ({State.UNKNOWN} if stale else set())
    assert [group.state.rank for group in parted.groups] == sorted({group.state.rank for group in parted.groups})
    if len(every) <= MOST_ROWS:
        assert parted == Grouped(tuple(every))
    for group in parted.groups:
        seen = sum(each.state is group.state for each in parted.in_sight)
        assert group.count + seen == states.count(group.state)
        assert group.more is (seen > 0)
        members = [each for part in group.ranges for each in part.members]
        assert {each.state for each in members} == {group.state}
        names = [each.name for each in members]
        in_order = sorted(names) if len(group.ranges) > 1 else sorted(names, key=lambda name: place[name])
        assert names == in_order


@given(st.lists(st.text(max_size=80), max_size=300), st.integers(1, 60))
def test_ranges_are_short_equally_long_and_named_by_their_ends(names: list[str], most: int) -> None:
    made = ranges(names, lambda name: name, most)
    lengths = [len(each.members) for each in made]

    assert sorted(name for each in made for name in each.members) == sorted(names)
    assert max(lengths, default=0) <= most
    assert max(lengths, default=0) - min(lengths, default=0) <= 1
    for each in made:
        for shown, name in ((each.first, each.members[0]), (each.last, each.members[-1])):
            assert len(shown) <= LONGEST_NAME
            assert name.startswith(shown.removesuffix("…"))


def test_what_is_late_or_runs_is_in_sight_while_there_is_room() -> None:
    few = grouped(rows_in([State.FAILED] * 3 + [State.LATE] * 20 + [State.RUNNING] * 37 + [State.OK] * 300))
    many = grouped(rows_in([State.FAILED] * 3 + [State.LATE] * 20 + [State.RUNNING] * 38 + [State.OK] * 300))

    assert (len(few.in_sight), [group.state for group in few.groups]) == (60, ["ok"])
    assert (len(many.in_sight), [group.state for group in many.groups]) == (3, ["late", "running", "ok"])


def test_what_is_unknown_by_its_source_is_a_group_with_the_reason_and_other_unknown_rows_stay() -> None:
    by_source = replace(row("b", State.UNKNOWN, by_source=True), reason="pve can't be read since 06:02, was ok.")
    own = row("a", State.UNKNOWN)
    every = [own, *(replace(by_source, name=f"b{place}") for place in range(70))]
    parted = grouped(every)

    assert parted.in_sight == (own,)
    (group,) = parted.groups
    assert (group.state, group.count, group.more) == (State.UNKNOWN, 70, True)
    assert str(group.words) == "pve can't be read since 06:02, was ok."
    several = grouped([*every, replace(by_source, name="c", reason="pbs can't be read.")]).groups[0]
    assert several.words is None


@pytest.mark.parametrize(
    ("known", "unknown", "words"),
    [(70, 0, "oldest last backup 2d"), (69, 1, "oldest last backup that is known 2d"), (0, 70, "None")],
)
def test_how_old_the_oldest_last_backup_is_stands_on_the_group(known: int, unknown: int, words: str) -> None:
    services = [boards.service(f"s{place:02}", boards.guest(100 + place)) for place in range(known + unknown)]
    services = [
        replace(each, last_backup=None if place >= known else each.last_backup) for place, each in enumerate(services)
    ]
    services[0] = replace(services[0], last_backup=boards.at(21, "03:00") if known else None)
    (group,) = page(boards.board(services)).groups
    assert str(group.words) == words


def test_on_old_data_all_that_is_unknown_is_one_group_and_nothing_is_ok() -> None:
    unknown = Verdict(state=State.UNKNOWN, reason="Nothing was read for 3h.", since=boards.NOW)
    stale = boards.stale()
    services = [boards.service(f"s{place:03}", boards.guest(place + 100, unknown)) for place in range(200)]
    shown = page(replace(stale, services=tuple(services)))

    assert shown.stale
    assert (shown.rows, [(group.state, group.count, group.words) for group in shown.groups]) == (
        (),
        [("unknown", 200, None)],
    )


def state_counts(shown: Page) -> dict[State, int]:
    in_groups = {group.state: group.count for group in shown.groups}
    in_sight = {state: len(list(some)) for state, some in groupby(shown.rows, key=lambda each: each.state)}
    return {state: number for state in State if (number := in_groups.get(state, 0) + in_sight.get(state, 0))}


@given(STATES)
def test_rows_and_groups_add_up_to_what_the_headline_counts(states: list[State]) -> None:
    services = [
        boards.service(f"s{place}", boards.guest(100, Verdict(state=state))) for place, state in enumerate(states)
    ]
    board = boards.board(services)

    assert state_counts(page(board)) == dict(board.overall.counts)
    assert state_counts(page(board, Wanted(search="s"))) == dict(board.overall.counts)


@pytest.mark.parametrize("path", ["/widget", "/extension"])
def test_names_of_ranges_are_escaped_and_cut(path: str) -> None:
    names = [f"{boards.HOSTILE}{place:03}{'x' * 500}" for place in range(130)]
    board = boards.board([boards.service(name, boards.guest(100 + place)) for place, name in enumerate(names)])
    html = ask(app_for(lambda: board), path).text
    lines = html.split('group-text">')[1:]

    assert len(lines) == 4
    assert "<script>" not in html
    assert all(len(line.partition("</summary>")[0]) < 700 for line in lines)
