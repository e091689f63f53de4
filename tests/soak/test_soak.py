"""The short form of ``make soak``: enough refreshes to see what leaks fast, and that the measure can fail."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.soak import endurance
from tests.soak.endurance import Curve, endured


@pytest.mark.fortnight
def test_nothing_grows_leaks_or_fails_in_some_refreshes_with_troubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """In so few rounds one large answer still shows in the memory; two thousand refreshes are held to 3 %."""
    monkeypatch.setattr(endurance, "MOST_GROWTH", 1.15)
    monkeypatch.setattr(endurance, "HARMED_EVERY", 5)
    curve = endured(64, seed=4)

    assert curve.excess() == []
    assert len(curve.points) == 16
    assert len(curve.harms) == 3


def _curve(**changes: int) -> Curve:
    """A flat curve, apart from what changes in its last quarter."""
    flat = {"memory": 70_000_000, "files": 20, "threads": 7, "tasks": 7, "ledger": 1_000_000}
    return Curve(points=[flat] * 30 + [{**flat, **changes}] * 10)


@pytest.mark.parametrize(
    ("curve", "says"),
    [
        (_curve(memory=73_000_000), "memory of the last quarter is 1.043 times"),
        (_curve(files=30), "files: 20 in the second quarter, 30 in the last"),
        (_curve(threads=20), "threads: 7"),
        (_curve(tasks=20), "tasks: 7"),
        (_curve(ledger=50_000_000), "the ledger had 50000000 bytes"),
        (Curve(points=_curve().points, log="Traceback"), "internal errors"),
        (Curve(points=_curve().points, left=("ledger.sqlite-wal",)), "it left ledger.sqlite-wal"),
        (Curve(points=_curve().points, seconds_to_end=9), "9.0 s to end"),
    ],
)
def test_what_grows_leaks_or_fails_is_said(curve: Curve, says: str) -> None:
    (found,) = curve.excess()

    assert says in found
    assert _curve(memory=71_000_000).excess() == []


def test_troubles_are_of_every_kind() -> None:
    assert Counter(line.split()[0] for line in _curve().table().splitlines())["refresh"] == 1
