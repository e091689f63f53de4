"""What holds for a part whatever its jobs say: pauses (rule 2)."""

from __future__ import annotations

import pytest

from sidecar.core.model import State
from sidecar.core.parts.expectation import PauseWindow
from tests.core.factories import (
    at,
    part,
    run,
    verdict_of,
)

YESTERDAY = run("22 04:00")
NOON = "22 12:00"


@pytest.mark.parametrize(
    ("now", "state"),
    [("22 11:59", State.OK), (NOON, State.DISABLED), ("22 13:59", State.DISABLED), ("22 14:00", State.OK)],
)
def test_rule_2_a_pause_begins_with_its_first_moment_and_is_over_at_its_last(now: str, state: State) -> None:
    pause = PauseWindow(at(NOON), at("22 14:00"))

    assert verdict_of(part(YESTERDAY, read=now, pauses=(pause,)), now).state is state
