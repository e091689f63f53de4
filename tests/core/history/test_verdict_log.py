"""What a judgement adds to the memory: logs that wait are put together in their order, and are never without end."""

from __future__ import annotations

from datetime import date, timedelta

from sidecar.core.history.verdict_log import (
    ExpectationKey,
    FinalOccurrence,
    FinalState,
    ObservationGap,
    ServiceDay,
    VerdictChange,
    VerdictLog,
)
from sidecar.core.model import State
from tests.core.factories import at


def log(number: int) -> VerdictLog:
    """Something of each kind, distinguished by its number."""
    when = at("22 04:00") + timedelta(minutes=number)
    expectation = {"member": "guest:pve:101", "job": "pve/backup/critical", "destination": "pbs:main"}
    change = VerdictChange(**expectation, at=when, state_from=None, state_to=State.OK, cause="run_kept")
    final = FinalOccurrence(**expectation, due=when, state=FinalState.KEPT, run_start=when, decided_at=when)
    return VerdictLog(
        changes=(change,),
        finals=(final,),
        gaps=(ObservationGap(source="pbs", start=when),),
        days=(ServiceDay(service="vaultwarden", day=date(2026, 11, 1) + timedelta(days=number)),),
    )


def test_a_log_is_empty_only_without_anything_in_it() -> None:
    full = log(0)

    assert not VerdictLog()
    assert VerdictLog(changes=full.changes)
    assert VerdictLog(finals=full.finals)
    assert VerdictLog(gaps=full.gaps)
    assert VerdictLog(days=full.days)


def test_two_logs_stand_one_after_the_other() -> None:
    both = log(1) + log(2)

    assert both == VerdictLog(
        changes=(*log(1).changes, *log(2).changes),
        finals=(*log(1).finals, *log(2).finals),
        gaps=(*log(1).gaps, *log(2).gaps),
        days=(*log(1).days, *log(2).days),
    )


def test_the_newest_of_each_kind_stay() -> None:
    three = log(1) + log(2) + log(3)

    assert three.newest(2) == log(2) + log(3)
    assert three.newest(5) == three


def test_changes_and_final_states_name_their_expectation_alike() -> None:
    key = ExpectationKey("guest:pve:101", "pve/backup/critical", "pbs:main")

    assert log(0).changes[0].expectation == key
    assert log(0).finals[0].expectation == key
