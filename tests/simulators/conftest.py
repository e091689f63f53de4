"""Racks for the tests that look at the upstreams themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.simulators import HOMELAB, Rack, demo_faults, demo_homelab
from tests.simulators.faults import SourceAway

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""07:30 in the homelab."""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Monday, 07:30 in the homelab, until a test changes it."""
    return Clock()


@pytest.fixture
def rack(clock: Clock, tmp_path: Path) -> Iterator[Rack]:
    """A rack in which nothing goes wrong, for one test to turn at."""
    with Rack(HOMELAB, clock, tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    """The night before the demo's Monday, with Backrest reachable. Not to be turned at."""
    faults = [fault for fault in demo_faults() if not isinstance(fault, SourceAway)]
    with Rack(demo_homelab(), lambda: MONDAY, tmp_path_factory.mktemp("demo"), faults) as running:
        yield running
