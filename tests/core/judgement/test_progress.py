"""Where a shared task is with one of its guests, in words (rule 5)."""

from __future__ import annotations

import pytest

from sidecar.core.judgement.progress import in_words
from sidecar.core.parts.expectation import Progress
from tests.core.factories import at

SINCE = at("22 04:12")


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(since=SINCE, done=1, total=2), ": being saved since 04:12, 1 of 2 done"),
        (Progress(since=SINCE, done=0, total=1), ": being saved since 04:12"),
        (Progress(), ": being saved"),
        (Progress(waits_for="CT 107", done=2, total=9), ": waits for CT 107, 2 of 9 done"),
        (Progress(over=True, waits_for="CT 107", done=3, total=9), ": its own part is over, 3 of 9 done"),
    ],
)
def test_rule_5_where_a_task_is_with_a_guest(progress: Progress, words: str) -> None:
    assert in_words(progress, lambda moment: "04:12" if moment == SINCE else "?") == words
