"""Whether a service has as many copies as its owner requires, and what that makes of it (rule 15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.alerts.seen import situation
from sidecar.core.board.board import board_of
from sidecar.core.history.history import EMPTY
from sidecar.core.judgement.copies_required import JudgedCopies, judged_copies
from sidecar.core.judgement.judged import Judged, JudgedService, judge_part
from sidecar.core.model import Board, Cause, PartKind, PlaceKind, Required, State, StoredCopy, Verdict
from sidecar.core.parts.counted_copies import Declared, Hidden
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import Part
from sidecar.core.parts.services import Service
from sidecar.core.parts.stored import Stored
from sidecar.core.settings import Pause, Settings, SourceSetting
from sidecar.core.timeline.verdict_memory import VerdictMemory, remember_verdicts
from tests.core.factories import BERLIN, at, evidence, failed, part, run
from tests.core.sample_reports import PBS, PVE, pve

NOW = at("23 07:30")
TWO = Required(2, offsite=True)
DECLARED = Declared(frozenset({"pbs2", "backrest/b2"}), NOW)


def lies(
    place: str, newest: str | None = "23 04:05", *, kind: PlaceKind = PlaceKind.DATASTORE, read: str = "23 07:25"
) -> Stored:
    named = (place.partition("/")[0],) if kind is PlaceKind.DATASTORE else (place,)
    return Stored(place=place, kind=kind, named=named, evidence=evidence(read), newest=at(newest) if newest else None)


GOOD = run("23 04:05")
GOOD_ONE = (GOOD,)


def guest(*stored: Stored, ref: str = "101", kind: PartKind = PartKind.GUEST, runs: Any = GOOD_ONE) -> Part:
    return replace(part(*runs, read="23 07:25"), ref=ref, kind=kind, stored=stored)


def unreadable(kind: PartKind) -> Part:
    """A part of which nothing can be told, because its source can't be read."""
    source = {PartKind.PLAN: "backrest", PartKind.DATABASE: "databasement"}[kind]
    return replace(part(read=None), kind=kind, source=source)


MAIN, FAR = lies("pbs/main"), lies("pbs2/store")
B2 = lies("backrest/b2", kind=PlaceKind.REPOSITORY)
UNREAD = lies("pbs2/store", read="23 05:00")


def judged(*parts: Part, required: Required | None = TWO, hidden: tuple[Stored, ...] = ()) -> JudgedCopies:
    return judged_copies(parts, Hidden.of(hidden, DECLARED), required, DECLARED)


def board(*parts: Part, required: Required | None = TWO, **changes: Any) -> tuple[Judged, Board]:
    """The board of a house with one service."""
    settings = Settings(timezone=BERLIN, sources=(), offsite=tuple(DECLARED.offsite), **changes)
    inputs = Inputs({}, settings, NOW, EMPTY)
    service = JudgedService(
        Service("passwords", parts, require=required), tuple(judge_part(each, inputs) for each in parts)
    )
    every = Judged(inputs=inputs, services=(service,), upkeep=(), left_out=0, notes=())
    return every, board_of(every)


@pytest.mark.parametrize(
    ("parts", "copies", "offsite"),
    [
        ([guest(MAIN)], 1, 0),
        ([guest(MAIN, FAR)], 2, 1),
        ([guest(MAIN, lies("pbs2/store", None))], 1, 0),
        ([guest(MAIN, UNREAD)], 1, 0),
        ([guest(MAIN, FAR), guest(MAIN, ref="102")], 1, 0),
        ([guest(MAIN), guest(FAR, ref="pg/crm", kind=PartKind.DATABASE)], 1, 0),
        ([guest(MAIN), guest(B2, ref="photos", kind=PartKind.PLAN)], 2, 1),
        ([guest(MAIN, FAR), guest(B2, kind=PartKind.PLAN), guest(MAIN, kind=PartKind.DATABASE)], 2, 1),
        ([guest(B2, ref="photos", kind=PartKind.PLAN)], 1, 1),
        ([guest(B2, ref="a", kind=PartKind.PLAN), guest(lies("backrest/nas"), ref="b", kind=PartKind.PLAN)], 2, 1),
        ([guest(B2, ref="a", kind=PartKind.PLAN), guest(B2, ref="b", kind=PartKind.PLAN)], 1, 1),
        ([], 0, 0),
    ],
)
def test_rule_15_each_guest_and_database_counts_for_itself_and_plans_for_all(
    parts: list[Part], copies: int, offsite: int
) -> None:
    posture = judged(*parts).posture

    assert (posture.copies, posture.offsite) == (copies, offsite)


@pytest.mark.parametrize(
    ("parts", "hidden", "required", "state", "reason"),
    [
        ([guest(MAIN, FAR)], (), TWO, State.OK, None),
        ([guest(MAIN)], (), Required(1), State.OK, None),
        ([guest(MAIN)], (), Required(2), State.WARNING, "There are 1 of 2 required copies, on pbs/main."),
        ([guest(MAIN)], (), Required(1, offsite=True), State.WARNING, "There is no copy off-site."),
        (
            [guest(MAIN)],
            (),
            TWO,
            State.WARNING,
            "There are 1 of 2 required copies, on pbs/main; there is no copy off-site.",
        ),
        (
            [guest(MAIN, FAR), guest(ref="pg/crm", kind=PartKind.DATABASE)],
            (),
            Required(1),
            State.WARNING,
            "There are 0 of 1 required copies of pg/crm.",
        ),
        (
            [guest(MAIN, UNREAD)],
            (),
            Required(2),
            State.UNKNOWN,
            "There are 1 of 2 required copies, on pbs/main, as far as can be told: pbs2/store can't be read.",
        ),
        ([guest(MAIN)], (UNREAD,), Required(2), State.UNKNOWN, None),
        ([guest(MAIN)], (UNREAD,), Required(3), State.WARNING, "There are 1 of 3 required copies, on pbs/main."),
        ([guest(MAIN)], (UNREAD,), Required(1, offsite=True), State.UNKNOWN, None),
        ([guest(MAIN, FAR)], (UNREAD,), TWO, State.OK, None),
        ([guest(MAIN, kind=PartKind.DATABASE)], (UNREAD,), Required(2), State.WARNING, None),
        ([guest(MAIN), unreadable(PartKind.PLAN)], (), Required(9, offsite=True), State.UNKNOWN, None),
        ([unreadable(PartKind.DATABASE)], (), Required(9), State.UNKNOWN, None),
        ([unreadable(PartKind.DATABASE)], (), Required(1, offsite=True), State.WARNING, None),
        ([guest(MAIN)], (replace(UNREAD, place="pbs2", whole=True),), Required(9), State.UNKNOWN, None),
        ([replace(guest(MAIN, FAR), note="written by two")], (), TWO, State.UNKNOWN, None),
        ([guest(MAIN)], (replace(UNREAD, place="pbs/main"),), Required(2), State.WARNING, None),
    ],
)
def test_rule_15_a_lack_is_a_warning_and_unknown_where_it_cannot_be_told(
    parts: list[Part], hidden: tuple[Stored, ...], required: Required, state: State, reason: str | None
) -> None:
    posture = judged(*parts, required=required, hidden=hidden).posture

    assert posture.state is state
    assert reason in (None, posture.reason)


def test_rule_15_without_require_nothing_is_judged() -> None:
    _, made = board(guest(MAIN), required=None)

    (row,) = made.services
    assert (row.verdict.state, row.posture.copies, row.posture.state) == (State.OK, 1, None)


@pytest.mark.parametrize(
    ("runs", "stored", "state"),
    [
        ((run("23 04:05"),), (MAIN, FAR), State.OK),
        ((run("23 04:05"),), (MAIN,), State.WARNING),
        ((run("23 04:05"),), (MAIN, UNREAD), State.UNKNOWN),
        ((failed("23 04:05"), run("22 04:05")), (MAIN,), State.FAILED),
        ((run("22 04:05"),), (MAIN, UNREAD), State.MISSED),
    ],
)
def test_rule_15_what_is_lacking_lowers_a_service_and_never_betters_it(
    runs: Any, stored: tuple[Stored, ...], state: State
) -> None:
    _, made = board(guest(*stored, runs=runs))

    assert made.services[0].verdict.state is state
    assert made.overall.counts == {state: 1}


def test_rule_15_what_was_never_due_has_no_copy_to_require() -> None:
    new = replace(guest(runs=()), oldest_trace=None)

    assert board(new)[1].services[0].verdict.state is State.NEW


def test_rule_15_a_paused_server_may_be_away() -> None:
    away = Pause(at("22 12:00").date(), at("25 12:00").date(), ("pbs2",), "moving")
    other = replace(PBS, name="pbs2")
    parts = guest(MAIN, UNREAD)
    settings = Settings(timezone=BERLIN, sources=(PVE, other), offsite=("pbs2",), pauses=(away,))
    inputs = Inputs({}, settings, NOW, EMPTY)
    service = JudgedService(Service("passwords", (parts,), require=TWO), (judge_part(parts, inputs),))
    made = board_of(Judged(inputs=inputs, services=(service,), upkeep=(), left_out=0, notes=()))

    assert (made.services[0].verdict.state, made.services[0].posture.state) == (State.OK, State.UNKNOWN)


ELSEWHERE = lies("pbs3/store", read="23 05:00")


@pytest.mark.parametrize(
    ("stored", "required", "state"),
    [
        ((MAIN, UNREAD), TWO, State.OK),
        ((MAIN, UNREAD, ELSEWHERE), TWO, State.OK),
        ((MAIN, ELSEWHERE, UNREAD), TWO, State.OK),
        ((MAIN, UNREAD, ELSEWHERE), Required(3), State.UNKNOWN),
        ((MAIN, ELSEWHERE), Required(2), State.UNKNOWN),
        ((MAIN, replace(UNREAD, place="pbs2", whole=True)), Required(9), State.OK),
        ((MAIN, UNREAD), Required(3), State.WARNING),
    ],
)
def test_rule_15_what_is_paused_excuses_only_what_it_could_hold(
    stored: tuple[Stored, ...], required: Required, state: State
) -> None:
    paused = replace(DECLARED, paused=frozenset({"pbs2"}))

    assert (
        judged_copies([guest(*stored)], Hidden.of((), paused), required, paused).lower(Verdict(state=State.OK)).state
        is state
    )


def test_rule_15_headline_alerts_and_history_tell_what_is_lacking() -> None:
    every, made = board(guest(MAIN))

    assert made.overall.headline == "All 1 backed up, 1 warning"
    (seen,) = (each for each in situation(made, every.inputs.settings).seen if each.name == "passwords")
    assert (seen.state, seen.verdict.cause) == (State.WARNING, Cause.COPIES_REQUIRED)
    memory, log = remember_verdicts(VerdictMemory(), every, made)
    (change,) = (change for change in log.changes if change.member == "service:passwords")
    assert (change.state_from, change.state_to, change.cause) == (None, State.WARNING, "copies_required")
    assert change.reason == made.services[0].posture.reason

    every, made = board(guest(MAIN, FAR))
    _, log = remember_verdicts(memory, every, made)
    (change,) = (change for change in log.changes if change.member == "service:passwords")
    assert (change.state_from, change.state_to, change.reason) == (State.WARNING, State.OK, None)


# --- whatever a service looks like ----------------------------------------------------------------------------------------

#: Where parts of each kind may lie.
OF_KIND = {
    PartKind.GUEST: ["pbs/main", "pbs2/store", "pve/nas"],
    PartKind.DATABASE: ["databasement/nas", "databasement/s3"],
    PartKind.PLAN: ["backrest/b2", "backrest/nas"],
}


def places(names: list[str]) -> st.SearchStrategy[Stored]:
    newest = st.sampled_from([None, "23 04:05", "2 04:05"])
    return st.builds(lies, st.sampled_from(names), newest, read=st.sampled_from(["23 07:25", "23 07:25", "23 05:00"]))


RUNS = st.sampled_from([(GOOD,), (failed("23 04:05"), run("22 04:05")), (run("22 04:05"),), ()])


@st.composite
def services(draw: st.DrawFn) -> list[Part]:
    parts = []
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(list(OF_KIND)))
        stored = draw(st.lists(places(OF_KIND[kind]), max_size=3, unique_by=lambda each: each.place))
        parts.append(guest(*stored, ref=str(101 + number), kind=kind, runs=draw(RUNS)))
    return parts


PARTS = services()
REQUIRED = st.builds(Required, st.integers(0, 4), st.booleans()).filter(lambda each: each.copies or each.offsite)
HIDDEN = st.lists(places(OF_KIND[PartKind.GUEST]).map(lambda each: replace(each, doubt=True)), max_size=2).map(tuple)


@given(PARTS, REQUIRED, HIDDEN)
def test_rule_15_what_is_shown_is_what_is_judged(
    parts: list[Part], required: Required, hidden: tuple[Stored, ...]
) -> None:
    copies = judged(*parts, required=required, hidden=hidden)
    posture = copies.posture
    enough = posture.copies >= required.copies and (posture.offsite > 0 or not required.offsite)

    assert (posture.state is State.OK) == enough == (copies.verdict is None)
    assert posture.copies <= sum(place.counts for place in posture.places)
    assert posture.offsite <= posture.copies
    assert posture.state is not State.UNKNOWN or not posture.complete


@given(PARTS, REQUIRED, st.sampled_from(list(State)), HIDDEN)
def test_rule_15_it_never_betters_a_verdict_and_what_is_met_never_worsens_it(
    parts: list[Part], required: Required, state: State, hidden: tuple[Stored, ...]
) -> None:
    copies = judged(*parts, required=required, hidden=hidden)
    before = Verdict(state=state)
    after = copies.lower(before)

    assert after.state.rank <= state.rank
    if copies.posture.state is State.OK:
        assert after is before


@given(PARTS, st.data(), HIDDEN)
def test_rule_15_one_place_more_never_lowers_the_number(
    parts: list[Part], data: st.DataObject, hidden: tuple[Stored, ...]
) -> None:
    before = judged(*parts, hidden=hidden).posture
    place = data.draw(st.integers(0, len(parts) - 1))
    more = data.draw(places(OF_KIND[parts[place].kind]))
    parts[place] = replace(parts[place], stored=(*parts[place].stored, more))
    after = judged(*parts, hidden=hidden).posture

    assert after.copies >= before.copies
    assert after.offsite >= before.offsite


@given(PARTS, REQUIRED)
def test_rule_15_board_and_judgement_agree(parts: list[Part], required: Required) -> None:
    _, made = board(*parts, required=required)
    (row,) = made.services
    by_parts = board(*parts, required=None)[1].services[0].verdict

    assert row.posture == judged(*parts, required=required).posture
    assert row.verdict == judged(*parts, required=required).lower(by_parts)
    assert made.overall.counts == {row.verdict.state: 1}


def test_places_are_shown_as_they_can_be_read_now_though_the_parts_stay_as_they_are() -> None:
    """A row is made once for the same parts. Meanwhile the other server is read no more, another one is off-site, a third
    one comes that was never read.
    """
    parts = (guest(MAIN, lies("pbs2/store", read="23 07:15")),)
    report = pve("23 07:25")
    reports = {parts[0].source: report}
    inputs = Inputs(reports, Settings(timezone=BERLIN, sources=(), offsite=("pbs2",)), NOW, EMPTY)
    service = JudgedService(Service("passwords", parts), tuple(judge_part(each, inputs) for each in parts))

    def shown(now: datetime, *offsite: str, sources: tuple[SourceSetting, ...] = ()) -> list[object]:
        settings = Settings(timezone=BERLIN, sources=sources, offsite=offsite)
        every = Judged(
            inputs=Inputs(reports, settings, now, EMPTY), services=(service,), upkeep=(), left_out=0, notes=()
        )
        (row,) = board_of(every).services
        return [row.posture.complete, *((copy.known, copy.offsite) for copy in row.posture.places)]

    assert shown(NOW, "pbs2") == [True, (True, False), (True, True)]
    assert shown(NOW + timedelta(minutes=10), "pbs2") == [False, (True, False), (False, True)]
    assert shown(NOW, "pbs2") == [True, (True, False), (True, True)]
    assert shown(NOW, "pbs") == [True, (True, True), (True, False)]
    assert shown(NOW, "pbs", sources=(PBS,)) == [False, (True, True), (True, False)]
    assert shown(NOW, "pbs") == [True, (True, True), (True, False)]


def test_an_age_is_judged_by_nothing_but_its_own_key() -> None:
    """A copy of three weeks ago is one."""
    old = lies("pbs2/store", "2 04:05")

    assert NOW - (old.newest or NOW) > timedelta(days=20)
    assert judged(guest(MAIN, old)).posture.state is State.OK


class NeverLookedThrough(dict[tuple[PlaceKind, str], StoredCopy]):
    """Places of which each may be asked for, and not all of them."""

    def items(self) -> Any:
        raise AssertionError("each place was looked at")

    __iter__ = keys = values = items


@pytest.mark.parametrize("required", [None, Required(2), Required(0, offsite=True)])
def test_a_service_does_not_look_at_each_place_that_cannot_be_read(required: Required | None) -> None:
    """With 1,000 of them a judgement of 1,000 services took a second longer."""
    every = Hidden.of([lies(f"pbs3/{number}", read="23 05:00") for number in range(3)], DECLARED)
    hidden = Hidden(NeverLookedThrough(every.copies), every.whole)

    found = judged_copies([guest(MAIN, FAR)], hidden, required, DECLARED)

    assert not found.posture.complete
    assert found.verdict is None
