"""The past, day by day: every occurrence stands in exactly one cell, and a cell is the worst of its day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.history.verdict_log import ExpectationKey, FinalOccurrence, FinalState, ObservationGap
from sidecar.core.model import State
from sidecar.core.past.days import Cell, History, NothingDue, Past, SizeTrend
from sidecar.core.past.members import ServiceMembers
from sidecar.core.past.past_day import DayCounter
from sidecar.core.past.tally import OccurrenceState, Tally
from sidecar.core.past.undecided import Undecided

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 7, 26, tzinfo=BERLIN)
WEB = ServiceMembers(
    service="web",
    members=frozenset({"guest:pve:101", "database:db:web"}),
    looked_since=None,
    sources=frozenset({"pve"}),
)
#: Worst first.
WORST_FIRST = ("failed", "missed", "not_observed", "kept_late", "kept", "skipped", "paused")


def local(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=BERLIN).astimezone(UTC)


def final(due: datetime, state: FinalState = FinalState.KEPT, member: str = "guest:pve:101") -> FinalOccurrence:
    good = state in (FinalState.KEPT, FinalState.KEPT_LATE)
    return FinalOccurrence(
        member=member,
        job="pve/backup/b",
        destination="",
        due=due,
        state=state,
        run_start=due if good else None,
        decided_at=due,
    )


def looked_at_since(since: datetime) -> ServiceMembers:
    return ServiceMembers(service="web", members=WEB.members, looked_since=since, sources=WEB.sources)


def open_at(member: str, due: datetime, state: State | None) -> Undecided:
    return Undecided(ExpectationKey(member, "pve/backup/b", ""), due, state)


def history(
    *finals: FinalOccurrence,
    looked: tuple[date, ...] = (),
    sizes: Mapping[date, int] | None = None,
    gaps: tuple[ObservationGap, ...] = (),
    ends: Mapping[str, tuple[datetime, ...]] | None = None,
    complete_since: datetime | None = None,
    undecided: tuple[Undecided, ...] = (),
    first: date = date(2026, 10, 20),
) -> History:
    counter = DayCounter(first, TODAY, BERLIN)
    for each in finals:
        counter.due(each.member, each.due, each.state)
    for day in looked:
        counter.judged(day)
    for day, size in (sizes or {}).items():
        counter.weighed("web", day, size)
    for member, moments in (ends or {}).items():
        for moment in moments:
            counter.saved(member, moment)
    past = Past(
        zone=BERLIN,
        first=first,
        today=TODAY,
        days=counter.days(),
        gaps=gaps,
        decided={},
        complete_since=complete_since,
        now=NOW,
    )
    return History(past, undecided)


def by_day(told: History, service: ServiceMembers, number: int = 35) -> dict[date, Cell]:
    cells = told.cells(service, number)
    return dict(zip(told.past.every_day[-len(cells) :], cells, strict=True))


# --- none is lost, none stands twice ----------------------------------------------------------------------------------

_MOMENTS = st.datetimes(datetime(2026, 10, 20), datetime(2026, 11, 23, 6)).map(
    lambda naive: naive.replace(tzinfo=BERLIN)
)
_FINALS = st.builds(
    final,
    _MOMENTS.map(lambda moment: moment.astimezone(UTC)),
    st.sampled_from(FinalState),
    st.sampled_from(sorted({*WEB.members, "guest:pve:999"})),
)
_OPEN = st.builds(
    open_at,
    st.sampled_from(sorted(WEB.members)),
    _MOMENTS.map(lambda moment: moment.astimezone(UTC)),
    st.none() | st.sampled_from(State),
)


@given(st.lists(_FINALS, max_size=40), st.lists(_OPEN, max_size=5))
def test_every_occurrence_of_its_members_is_counted_once_on_the_local_day_of_its_due_time(
    finals: list[FinalOccurrence], undecided: list[Undecided]
) -> None:
    cells = by_day(history(*finals, undecided=tuple(undecided)), WEB)

    mine = [each for each in finals if each.member in WEB.members]
    expected = Counter((each.due.astimezone(BERLIN).date(), each.state.value) for each in mine)
    expected += Counter((each.due.astimezone(BERLIN).date(), "open") for each in undecided)
    found = {
        (day, state.value): cell.of(state)
        for day, cell in cells.items()
        if isinstance(cell, Tally)
        for state in OccurrenceState
        if cell.of(state)
    }
    assert found == dict(expected)


@given(st.lists(_FINALS, max_size=12))
def test_a_day_is_the_worst_that_became_of_anything_due_on_it(finals: list[FinalOccurrence]) -> None:
    for day, cell in by_day(history(*finals), WEB).items():
        states = {
            each.state.value
            for each in finals
            if each.member in WEB.members and each.due.astimezone(BERLIN).date() == day
        }
        if isinstance(cell, Tally):
            assert cell.worst is not None
            assert cell.worst.value == min(states, key=WORST_FIRST.index)
        else:
            assert not states


def test_what_is_open_ranks_by_how_it_stands() -> None:
    due = local("11-23T02:00")
    for state, beside, worst in (
        (State.MISSED, FinalState.NOT_OBSERVED, OccurrenceState.OPEN),
        (State.MISSED, FinalState.FAILED, OccurrenceState.FAILED),
        (State.LATE, FinalState.KEPT, OccurrenceState.OPEN),
        (State.LATE, FinalState.MISSED, OccurrenceState.MISSED),
        (State.DISABLED, FinalState.KEPT, OccurrenceState.KEPT),
    ):
        told = history(final(due, beside), undecided=(open_at("database:db:web", due, state),))

        cell = by_day(told, WEB)[TODAY]

        assert isinstance(cell, Tally)
        assert (cell.worst, cell.present, cell.due) == (worst, state, 2)


# --- local days ---------------------------------------------------------------------------------------------------------


def test_days_are_local_also_when_clocks_change() -> None:
    hourly = [local("10-24T22:30") + hour * timedelta(hours=1) for hour in range(30)]

    cells = by_day(history(*(final(due) for due in hourly)), WEB)

    counts = [cell.due for day, cell in cells.items() if isinstance(cell, Tally)]
    assert counts == [2, 25, 3], "the day on which clocks go back has 25 hours"


# --- nothing due, and nothing known -------------------------------------------------------------------------------------


def test_nothing_due_nothing_known_and_not_looked_at_are_told_apart() -> None:
    days = [date(2026, 11, day) for day in range(10, 20)]
    away = ObservationGap(source="pve", start=local("11-13T23:00"), until=local("11-15T01:00"))
    other = ObservationGap(source="pbs", start=local("11-10T00:00"), until=None)
    service = looked_at_since(local("11-12T12:00"))

    cells = by_day(history(looked=(*days[:7], *days[8:]), gaps=(away, other)), service)

    assert cells[date(2026, 11, 11)] is NothingDue.BEFORE
    assert cells[date(2026, 11, 12)] is NothingDue.NOTHING_DUE
    assert cells[date(2026, 11, 13)] is NothingDue.NOTHING_DUE, "away for an hour of it"
    assert cells[date(2026, 11, 14)] is NothingDue.NOTHING_KNOWN, "away all day"
    assert cells[date(2026, 11, 15)] is NothingDue.NOTHING_DUE
    assert cells[date(2026, 11, 17)] is NothingDue.NOTHING_KNOWN, "nothing was judged that day"
    assert cells[TODAY] is NothingDue.NOTHING_DUE


def test_what_is_not_remembered_any_more_is_as_blank_as_what_nobody_saw() -> None:
    told = history(looked=(date(2026, 11, 20),), complete_since=local("11-19T06:00"))

    cells = by_day(told, looked_at_since(local("01-01T00:00")))

    assert cells[date(2026, 11, 19)] is NothingDue.BEFORE
    assert cells[date(2026, 11, 20)] is NothingDue.NOTHING_DUE


# --- the quiet line -----------------------------------------------------------------------------------------------------


def test_the_last_thirty_days_in_figures() -> None:
    nights = [local(f"11-{day:02}T02:00") for day in range(1, 23)]
    states = [FinalState.KEPT] * 22
    states[4:7] = [FinalState.MISSED, FinalState.PAUSED, FinalState.FAILED]
    finals = [final(due, state) for due, state in zip(nights, states, strict=True)]
    too_old = final(local("10-24T02:00"), FinalState.MISSED)
    sizes = {date(2026, 11, 1): 100, date(2026, 11, 21): 150}

    facts = history(too_old, *finals, looked=tuple(sizes), sizes=sizes).facts(WEB)

    assert (facts.tally.kept, facts.tally.decided, facts.tally.due) == (19, 21, 22)
    assert facts.size == SizeTrend(date(2026, 11, 1), 100, 150)


def test_the_longest_gap_is_that_of_one_member_not_hidden_by_another_one() -> None:
    ends = {
        "database:db:web": tuple(local(f"11-{day:02}T03:00") for day in range(1, 23)),
        "guest:pve:101": (local("10-30T02:00"), local("11-08T02:00"), local("11-22T02:00")),
    }

    due = (final(local("11-09T02:00"), FinalState.MISSED), final(local("11-22T02:00"), member="database:db:web"))

    gap = history(*due, ends=ends).facts(looked_at_since(local("10-01T00:00"))).longest_gap

    assert gap is not None
    assert (gap.start, gap.end, gap.lasts) == (local("11-08T02:00"), local("11-22T02:00"), False)


def test_of_a_member_of_which_nothing_was_decided_there_is_no_gap() -> None:
    ends = {"database:db:web": tuple(local(f"11-{day:02}T03:00") for day in range(1, 23))}
    dump = final(local("11-22T03:00"), member="database:db:web")

    gap = history(dump, ends=ends).facts(looked_at_since(local("11-01T01:00"))).longest_gap

    assert gap is not None
    assert gap.length < timedelta(days=2)


def test_what_was_not_there_yet_is_without_a_backup_only_since_it_was_seen() -> None:
    ends = {"guest:pve:101": (local("11-21T02:00"), local("11-22T02:00"))}
    due = (final(local("11-21T02:00")), final(local("11-22T02:00")))
    new = replace(looked_at_since(local("10-01T00:00")), first_seen={"guest:pve:101": local("11-20T12:00")})

    gap = history(*due, ends=ends).facts(new).longest_gap

    assert gap is not None
    assert (gap.start, gap.lasts) == (local("11-22T02:00"), True)


def test_nothing_is_said_of_what_is_not_known() -> None:
    facts = history().facts(WEB)

    assert (facts.tally.due, facts.longest_gap, facts.size) == (0, None, None)
