"""The real sidecar against answers that are too much: one case of each class (`make soak` takes all)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.cases import Case, cases
from tests.hostile.sweep import excess, measured

SAMPLES = [case for case in cases() if case.sample]


@pytest.mark.fortnight
@pytest.mark.parametrize("case", SAMPLES, ids=[case.name for case in SAMPLES])
def test_memory_steps_and_the_end_stay_within_their_limits(case: Case, tmp_path: Path) -> None:
    figures, _rows = measured(case, tmp_path)

    assert excess(figures) == []
