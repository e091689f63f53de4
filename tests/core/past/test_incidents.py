"""Incidents: when something was bad, from when to when, whom it concerned, and what belongs together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sidecar.core.history.verdict_log import ExpectationKey, FinalOccurrence, FinalState, VerdictChange
from sidecar.core.model import State
from sidecar.core.past import incidents as module
from sidecar.core.past.incidents import Incident, incidents, services_of
from sidecar.core.past.records import Records
from tests.core.factories import at

START, END = at("1 00:00"), at("2026-12-01 00:00")
VAULT = "guest:pve:101"


def change(when: str, before: State | None, after: State, member: str = VAULT, **changes: Any) -> VerdictChange:
    given: dict[str, Any] = {"job": "pve/backup/critical", "cause": "run_failed", "reason": "It failed."}
    return VerdictChange(
        member=member, destination="pbs-main", at=at(when), state_from=before, state_to=after, **{**given, **changes}
    )


def found(*changes: VerdictChange, **more: Any) -> tuple[Incident, ...]:
    return of(*changes, **more).listed


def of(*changes: VerdictChange, current: tuple[str, ...] = (VAULT,), **more: Any) -> module.Incidents:
    """Changes before the month are those that were the last before it."""
    records = Records(
        start=START,
        end=END,
        finals=more.get("finals", ()),
        changes=tuple(each for each in changes if each.at >= START),
        before=tuple(each for each in changes if each.at < START),
        gaps=(),
        days=(),
    )
    return incidents(records, {ExpectationKey(member, "pve/backup/critical", "pbs-main") for member in current})


def test_it_lasts_from_the_first_bad_state_until_it_is_well_again() -> None:
    (only,) = found(
        change("3 04:30", State.LATE, State.MISSED, cause="nothing_started", reason="Nothing had started."),
        change("3 06:00", State.MISSED, State.RUNNING),
        change("3 06:10", State.RUNNING, State.FAILED),
        change("3 08:00", State.FAILED, State.RUNNING),
        change("3 08:10", State.RUNNING, State.OK),
    )

    assert (only.start, only.end) == (at("3 04:30"), at("3 08:10"))
    assert only.states == (State.MISSED, State.FAILED)
    assert (only.cause, only.reason) == ("nothing_started", "Nothing had started.")
    assert not only.began_before


def test_a_warning_is_no_incident_and_ends_one() -> None:
    assert not found(change("3 04:30", State.OK, State.WARNING))
    (only,) = found(change("3 04:30", State.OK, State.FAILED), change("4 04:30", State.FAILED, State.WARNING))
    assert only.end == at("4 04:30")


def test_what_was_bad_when_the_month_began_is_in_it_and_what_ended_before_is_not() -> None:
    (only,) = found(
        change("2026-10-29 04:30", State.MISSED, State.FAILED),
        change("2 04:30", State.FAILED, State.OK),
    )
    assert (only.start, only.began_before, only.end) == (at("2026-10-29 04:30"), True, at("2 04:30"))
    assert not found(change("2026-10-29 04:30", State.FAILED, State.OK))


def test_what_is_not_over_has_no_end() -> None:
    (only,) = found(change("29 04:30", State.OK, State.FAILED))
    assert only.end is None


def test_what_is_gone_since_before_the_month_is_no_incident_of_it() -> None:
    old = change("2026-10-02 04:30", State.OK, State.FAILED, member="guest:pve:9")
    assert not found(old)
    trace = FinalOccurrence(
        member="guest:pve:9",
        job="pve/backup/critical",
        destination="pbs-main",
        due=at("2 04:00"),
        state=FinalState.MISSED,
        run_start=None,
        decided_at=at("3 04:00"),
    )
    assert found(old, finals=(trace,))
    assert found(old, current=("guest:pve:9",))


def test_several_with_one_cause_are_one() -> None:
    others = [change(f"3 04:3{place}", State.OK, State.FAILED, member=f"guest:pve:{place}") for place in range(3)]
    ends = [change(f"3 0{place + 5}:00", State.FAILED, State.OK, member=f"guest:pve:{place}") for place in range(3)]
    later = change("3 06:00", State.OK, State.FAILED, member="guest:pve:7")
    elsewhere = change("3 04:31", State.OK, State.FAILED, member="guest:pve:8", job="pve/backup/other")

    together, other, alone = found(*others, *ends, later, elsewhere)

    assert together.members == ("guest:pve:0", "guest:pve:1", "guest:pve:2")
    assert (together.start, together.end) == (at("3 04:30"), at("3 07:00"))
    assert (other.members, alone.members) == (("guest:pve:8",), ("guest:pve:7",))
    assert services_of(together, {"guest:pve:0": ("a", "b"), "guest:pve:1": ("a",)}) == ("a", "b", "guest:pve:2")


def test_a_service_that_is_gone_is_called_by_its_name() -> None:
    """What it required (rule 15) is remembered under a name of our own."""
    (incident,) = found(change("3 04:30", State.OK, State.UNKNOWN, member="service:old wiki"))

    assert services_of(incident, {}) == ("old wiki",)


def test_what_a_source_hides_is_one_whatever_the_job() -> None:
    changes = [
        change("3 04:30", State.OK, State.UNKNOWN, member=f"guest:pve:{place}", job=f"pve/backup/{place}")
        for place in range(3)
    ]
    (only,) = found(*changes)
    assert (only.source, only.job, len(only.members)) == ("pve", "", 3)


def test_what_was_over_at_once_is_only_counted() -> None:
    changes = (change("3 04:30", None, State.UNKNOWN), change("3 04:31", State.UNKNOWN, State.OK))
    assert (of(*changes).listed, of(*changes).short) == ((), 1)
    assert timedelta(minutes=1) < module.SHORT


def test_a_moment_of_knowing_nothing_is_not_the_cause() -> None:
    (only,) = found(
        change("3 04:30", State.OK, State.UNKNOWN, cause="unreadable", reason="Not read yet."),
        change("3 04:31", State.UNKNOWN, State.MISSED, cause="nothing_started", reason="Nothing had started."),
    )
    assert (only.states, only.start, only.cause, only.began_before) == (
        (State.MISSED,),
        at("3 04:30"),
        "nothing_started",
        False,
    )
    (longer,) = found(
        change("3 04:30", State.OK, State.UNKNOWN, cause="unreadable"), change("3 05:30", State.UNKNOWN, State.MISSED)
    )
    assert (longer.states, longer.cause) == ((State.UNKNOWN, State.MISSED), "unreadable")


def test_of_too_many_the_longest_stay() -> None:
    members = [f"guest:pve:{place}" for place in range(module.MOST + 3)]
    changes = [
        each
        for place, member in enumerate(members)
        for each in (
            change("3 04:30", State.OK, State.FAILED, member=member, job=f"pve/backup/{place}"),
            change(f"{4 + (place == 7)} 04:30", State.FAILED, State.OK, member=member, job=f"pve/backup/{place}"),
        )
    ]
    made = of(*changes)
    assert (len(made.listed), made.beyond) == (module.MOST, 3)
    assert members[7] in [each.members[0] for each in made.listed]
