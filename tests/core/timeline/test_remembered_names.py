"""What is remembered of expectations in the process has bounds, whatever names an upstream makes up."""

from __future__ import annotations

import pytest

from sidecar.core.history.verdict_log import MOST_EXPECTATIONS, ExpectationKey, RememberedVerdicts
from sidecar.core.model import State
from sidecar.core.timeline import remembered_names
from sidecar.core.timeline.remembered_names import within_bounds
from tests.core.factories import at


def key(name: str) -> ExpectationKey:
    return ExpectationKey(f"guest:pve:{name}", "pve/backup/critical", "pbs-main")


def remembered(*names: str) -> RememberedVerdicts:
    """Of each the state, and a due time that was decided: of the first one the oldest."""
    keys = [key(name) for name in names]
    return RememberedVerdicts(
        states=dict.fromkeys(keys, State.OK),
        decided={each: at(f"{day} 04:00") for day, each in enumerate(keys, start=1)},
    )


@pytest.mark.parametrize(
    ("before", "current", "kept", "admitted"),
    [
        ("", "abc", "", "abc"),
        ("abc", "abc", "abc", "abc"),
        ("ab", "c", "ab", "c"),
        ("abc", "cde", "c", "cde"),
        ("abc", "cd", "bc", "cd"),
        ("abc", "xcba", "abc", "cba"),
        ("", "abcd", "", "abc"),
    ],
)
def test_what_is_there_stays_and_of_what_is_gone_the_oldest_goes_first(
    before: str, current: str, kept: str, admitted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered_names, "MOST_EXPECTATIONS", 3)
    after, may = within_bounds(remembered(*before), map(key, current))

    assert set(after.states) == set(after.decided) == {key(name) for name in kept}
    assert may == {key(name) for name in admitted}


def test_a_house_is_far_within_them() -> None:
    many = [str(number) for number in range(1000)]
    before = RememberedVerdicts(states=dict.fromkeys(map(key, many), State.OK))
    assert within_bounds(before, ())[0] is before
    assert len(many) < MOST_EXPECTATIONS / 10
