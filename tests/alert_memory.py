"""A memory of alerts with something in every field, for tests of what keeps and sends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from sidecar.core.alerts.incident import AlertMemory, Held, Incident, Membership, ReceiverMemory, Waiting
from sidecar.core.alerts.message import Kind, Message
from sidecar.core.model import State
from tests.core.factories import at

MORNING = at("22 07:00")

PROBLEM = Message(
    receiver="phone",
    kind=Kind.PROBLEM,
    incident="00d1c0ffee00d1c0",
    title="vault: failed",
    body="Backup today 04:00 failed.\nRead its log.",
    at=MORNING,
    link="https://pve.lan:8006/",
)

FULL = AlertMemory(
    receivers=MappingProxyType(
        {
            "phone": ReceiverMemory(
                incidents=MappingProxyType(
                    {
                        "service:vault": Incident(
                            began=MORNING, state=State.FAILED, told_at=MORNING, opened=(MORNING, at("22 08:00"))
                        ),
                        "source:pbs": Incident(
                            began=MORNING,
                            state=State.UNKNOWN,
                            waiting=State.FAILED,
                            waiting_since=MORNING,
                            better=at("22 09:00"),
                            followers=9,
                        ),
                        "job:pbs/gc/main": Incident(began=MORNING, opened=(MORNING,)),
                    }
                ),
                members=MappingProxyType(
                    {
                        "service:vault": Membership(
                            incident="00d1c0ffee00d1c0",
                            began=MORNING,
                            state=State.FAILED,
                            origin="queue:backrest:2026-11-22T01:15:00+00:00",
                        ),
                        "service:files": Membership(
                            incident="00d1c0ffee00d1c0",
                            began=MORNING,
                            state=State.MISSED,
                            origin="queue:backrest:2026-11-22T01:15:00+00:00",
                            named=False,
                            left=at("22 08:30"),
                            well=at("22 09:00"),
                        ),
                    }
                ),
                sent=(MORNING, at("22 07:01")),
                flood=at("22 07:10"),
                held=(
                    Held(subject="service:web", name="web", problem=True, text="web: missed.", at=MORNING),
                    Held(subject="service:web", name="web", problem=False, text="web: ok again", at=MORNING),
                ),
                not_held=3,
            ),
            "mail": ReceiverMemory(),
        }
    ),
    outbox=(
        Waiting(number=1, message=PROBLEM, noted_at=MORNING),
        Waiting(
            number=7,
            message=replace(PROBLEM, others=("0ther1nc1dent000", "0ther1nc1dent001")),
            noted_at=MORNING,
            attempts=4,
            not_before=MORNING + timedelta(minutes=8),
            stands_for=6,
        ),
    ),
)
