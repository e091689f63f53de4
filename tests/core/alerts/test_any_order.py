"""Whatever happens in whatever order: who was told of a problem is told of its end, once, and never too much."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.alerts.message import Kind
from sidecar.core.model import State
from tests.core.alerts.listener import PHONE, Listener

NAMES = ("service vault", "service web", "job pbs/gc/main", "source pbs", "datastore pbs/main")
WELL = dict.fromkeys(NAMES, "ok")
SOME = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([*map(str, State), "unknown pbs"]), max_size=len(NAMES))
HOLDS = st.sampled_from([timedelta(0), timedelta(minutes=2), timedelta(minutes=30)])


@given(st.lists(st.tuples(SOME, st.integers(1, 20)), max_size=12), HOLDS)
def test_every_problem_has_its_end_and_nothing_else_has_one(
    stretches: list[tuple[dict[str, str], int]], hold: timedelta
) -> None:
    phone = Listener(replace(PHONE, hold=hold), first=WELL)
    for states, minutes in stretches:
        phone.hear(WELL | states, minutes, every=2)
    phone.hear(WELL, 120, every=2)
    phone.messages.clear()

    assert phone.hear(WELL, 8 * 60, every=10) == []
    assert phone.memory is not None
    assert all(incident.is_over for incident in phone.memory.incidents.values())


@given(st.lists(st.tuples(SOME, st.integers(1, 20)), max_size=12))
def test_one_incident_has_at_most_one_problem_and_one_end(stretches: list[tuple[dict[str, str], int]]) -> None:
    phone = Listener(first=WELL)
    for states, minutes in [*stretches, ({}, 120)]:
        phone.hear(WELL | states, minutes, every=2)

    kinds = Counter((message.incident, message.kind) for message in phone.messages)
    assert all(number == 1 for (_, kind), number in kinds.items() if kind in (Kind.PROBLEM, Kind.RECOVERY))
    assert all(number <= 4 for number in kinds.values())
    sent = [message.at for message in phone.messages]
    assert all(sum(start <= at < start + timedelta(minutes=10) for at in sent) <= 6 for start in sent)
