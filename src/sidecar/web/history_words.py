"""A day of a service, and its last month, in words and marks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from sidecar.core.model import State
from sidecar.core.past.days import Cell, NothingDue, ServiceFacts, SizeTrend
from sidecar.core.past.tally import OccurrenceState, Tally
from sidecar.core.words import size

from .due_list import mark_of
from .words import TimedText, duration

#: Days with these marks are named below the row.
BAD_MARKS = frozenset({"failed", "missed", "unknown"})

_MARKS = {
    OccurrenceState.KEPT: "ok",
    OccurrenceState.KEPT_LATE: "kept-late",
    OccurrenceState.MISSED: "missed",
    OccurrenceState.FAILED: "failed",
    OccurrenceState.PAUSED: "disabled",
    OccurrenceState.SKIPPED: "disabled",
    OccurrenceState.NOT_OBSERVED: "unknown",
}
_WORDS = {
    OccurrenceState.KEPT: "kept",
    OccurrenceState.KEPT_LATE: "kept late",
    OccurrenceState.MISSED: "missed",
    OccurrenceState.FAILED: "failed",
    OccurrenceState.PAUSED: "paused",
    OccurrenceState.SKIPPED: "skipped by a clock change",
    OccurrenceState.NOT_OBSERVED: "not observed",
}
_OPEN_WORDS = {
    None: "still open",
    State.FAILED: "failed so far",
    State.MISSED: "missed so far",
    State.NEVER: "missed so far",
    State.UNKNOWN: "not known yet",
    State.WARNING: "warning so far",
    State.LATE: "late",
    State.RUNNING: "running",
    State.OK: "kept",
    State.DISABLED: "paused",
}
_NOTHING = {
    NothingDue.BEFORE: ("before", "not looked at yet"),
    NothingDue.NOTHING_KNOWN: ("nothing-known", "nothing known"),
    NothingDue.NOTHING_DUE: ("nothing-due", "nothing due"),
}

#: Sizes closer to each other than this share are called the same.
_THE_SAME = 0.01


@lru_cache(maxsize=4096)
def mark_and_words(cell: Cell) -> tuple[str, str]:
    """The mark of a day, as the calendar draws it, and the day in words: ("failed", "failed, 1 of 2 runs kept")."""
    if isinstance(cell, NothingDue):
        return _NOTHING[cell]
    worst = cell.worst
    if worst is None:
        return _NOTHING[NothingDue.NOTHING_DUE]
    if worst is OccurrenceState.OPEN:
        mark, word = mark_of(cell.present) or "disabled", _OPEN_WORDS.get(cell.present, "still open")
    else:
        mark, word = _MARKS[worst], _WORDS[worst]
    if cell.promised < 2:
        return mark, word
    return mark, _share(cell) if worst is OccurrenceState.KEPT else f"{word}, {_share(cell)}"


def facts_in_words(facts: ServiceFacts, *, has_schedule: bool) -> Iterator[TimedText]:
    """What the last month says of a service: its promises, the longest time without a good run, its size."""
    yield TimedText(_promises(facts.tally, has_schedule=has_schedule))
    if facts.longest_gap is not None and facts.tally.promised:
        lasts = " until now" if facts.longest_gap.lasts else ""
        yield TimedText(f"longest gap {duration(facts.longest_gap.length)}{lasts}")
    if facts.size is not None:
        yield TimedText(_size(facts.size))


def _share(tally: Tally) -> str:
    return f"{tally.kept} of {tally.promised} run{'s' if tally.promised != 1 else ''} kept"


def _promises(tally: Tally, *, has_schedule: bool) -> str:
    if not tally.due:
        return "nothing was due" if has_schedule else "no schedule is known, nothing was promised"
    if not tally.promised:
        return "paused"
    pieces = [f"{tally.kept} of {tally.decided} run{'s' if tally.decided != 1 else ''}"] if tally.decided else []
    for state, words in ((OccurrenceState.NOT_OBSERVED, "not observed"), (OccurrenceState.OPEN, "not decided yet")):
        pieces += [f"{tally.of(state)} {words}"] if tally.of(state) else []
    return ", ".join(pieces)


def _size(trend: SizeTrend) -> str:
    more = trend.now - trend.before
    if abs(more) <= trend.before * _THE_SAME:
        return size(trend.now)
    return f"{size(trend.now)}, {'grew' if more > 0 else 'shrank'} by {size(abs(more))}"
