"""Whatever hangs, waits, fails and heals in whatever order: one incident for one cause, and nobody is silenced for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.alerts.incident import Membership
from sidecar.core.alerts.message import Kind, Message
from tests.core.alerts.listener import PHONE, Listener, States

NAMES = ("vault", "files", "photos", "web")
WELL = {f"service {name}": "ok" for name in NAMES}
BAD = ("missed", "failed", "never", "missed holds:q", "missed behind:q", "never behind:q", "missed behind:r")
OTHERS = ("ok", "warning", "running", "late", "unknown", "unknown pbs", "new")
SOME = st.dictionaries(st.sampled_from([*WELL]), st.sampled_from([*BAD, *OTHERS]), max_size=len(NAMES))
STRETCHES = st.lists(st.tuples(SOME, st.integers(1, 90)), max_size=7)
HOLDS = st.sampled_from([timedelta(0), timedelta(minutes=2), timedelta(minutes=30)])

#: Minutes: longer than anything holds or settles.
LONG = 4 * 60


def states(some: States) -> dict[str, str]:
    """With the source that hides what can't be read."""
    hidden = any(state == "unknown pbs" for state in some.values())
    return WELL | dict(some) | {"source pbs": "unknown" if hidden else "ok"}


class Watched(Listener):
    """Also knows who was named last, and how."""

    def __init__(self, hold: timedelta) -> None:
        super().__init__(replace(PHONE, hold=hold), first=states({}))
        #: "bad" or "over", by name.
        self.said: dict[str, str] = {}
        #: Who was well at some time since a message called it bad.
        self.was_well: set[str] = set()

    def members(self) -> Mapping[str, Membership]:
        assert self.memory is not None
        return self.memory.members

    def listen(self, some: States, minutes: int) -> Iterator[tuple[Mapping[str, Membership], list[Message]]]:
        """What belonged to incidents before each board, and the messages that it brought."""
        every = 2 if minutes < LONG else 6
        for _ in range(0, minutes, every):
            before, number = self.members(), len(self.messages)
            self.was_well |= {name for name in NAMES if state_of(some, name) in ("ok", "new", "warning")}
            self.hear(states(some), every, every=every)
            new = self.messages[number:]
            yield before, new
            for message in new:
                self.said |= said(message)
                self.was_well -= {name for name, what in said(message).items() if what == "bad"}


def state_of(some: States, name: str) -> str:
    return some.get(f"service {name}", "ok")


def is_bad(some: States, name: str) -> bool:
    return state_of(some, name) in (*BAD, "unknown")


def said(message: Message) -> dict[str, str]:
    """Who is bad by a message, and who is not any more; what a source hides belongs to the source."""
    found: dict[str, str] = {}
    if message.title.startswith("pbs can't be read"):
        return found
    for line in [message.title, *message.body.splitlines()]:
        for name in NAMES:
            if f"{name}:" in line or (name in line and line.startswith(("Came and went", "Over"))):
                is_over = "again" in line or "any more" in line or line.startswith(("Came and went", "Over"))
                found[name] = "over" if is_over else "bad"
    return found


@given(STRETCHES, SOME, HOLDS)
def test_nobody_is_silenced_for_ever(
    stretches: list[tuple[dict[str, str], int]], last: dict[str, str], hold: timedelta
) -> None:
    phone = Watched(hold)
    for some, minutes in [*stretches, (last, LONG)]:
        for _ in phone.listen(some, minutes):
            pass

    members = phone.members()
    named = {member.origin for key, member in members.items() if member.named and is_bad(last, key.split(":")[1])}
    for name in NAMES:
        if is_bad(last, name):
            member = members[f"service:{name}"]
            assert member.well is None
            assert phone.said.get(name) == "bad" if member.named else member.origin in named - {None}


def incidents_of(queue: str, members: Mapping[str, Membership], some: States) -> set[str]:
    """Those to which something belongs that this queue brings now."""
    return {
        member.incident
        for key, member in members.items()
        if member.origin == f"queue:{queue}"
        and member.well is None
        and state_of(some, key.split(":")[1]).endswith(f":{queue}")
    }


@given(STRETCHES, HOLDS)
def test_what_one_origin_brings_opens_one_incident_while_it_lasts(
    stretches: list[tuple[dict[str, str], int]], hold: timedelta
) -> None:
    """Something may be back at its origin of before while that brings another incident: both were told, and stay two."""
    phone = Watched(hold)
    for some, minutes in stretches:
        for before, _ in phone.listen(some, minutes):
            known = {member.incident for member in before.values()}
            for queue in ("q", "r"):
                opened = incidents_of(queue, phone.members(), some) - known
                assert len(opened) <= (0 if incidents_of(queue, before, some) else 1)


@given(STRETCHES, HOLDS)
def test_an_incident_that_was_told_ends_with_a_message_that_names_all_of_it_and_no_other_does(
    stretches: list[tuple[dict[str, str], int]], hold: timedelta
) -> None:
    phone = Watched(hold)
    opened: set[str] = set()
    for some, minutes in [*stretches, ({}, LONG)]:
        for before, new in phone.listen(some, minutes):
            opened |= {member.incident for member in phone.members().values()}
            open_ = {member.incident for member in phone.members().values()}
            over = {name for message in new for name, what in said(message).items() if what == "over"}
            flood = phone.memory is not None and (phone.memory.flood or phone.memory.held)
            for key, member in before.items():
                name = key.split(":")[1]
                is_over = member.incident not in open_ and key.startswith("service") and not is_bad(some, name)
                if is_over and not flood:
                    assert name in over or any(message.kind is Kind.SUMMARY for message in new)
            for message in new:
                if message.kind is Kind.RECOVERY:
                    assert message.incident in {member.incident for member in before.values()}
    assert not phone.members()
    assert {message.incident for message in phone.messages if message.kind is Kind.RECOVERY} <= opened


@given(STRETCHES, HOLDS)
def test_who_is_called_well_again_was_well(stretches: list[tuple[dict[str, str], int]], hold: timedelta) -> None:
    """What is unknown, or tried again, does not count as that."""
    phone = Watched(hold)
    for some, minutes in stretches:
        for _, new in phone.listen(some, minutes):
            for message in new:
                if message.kind in (Kind.RECOVERY, Kind.UPDATE):
                    assert {name for name, what in said(message).items() if what == "over"} <= phone.was_well
