"""Rule 13: a backup that is much smaller than those before it may lack something."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import median

from sidecar.core import words
from sidecar.core.model import PartKind, Run
from sidecar.core.parts.expectation import Expectation
from sidecar.core.parts.part import Part
from sidecar.core.value import value

#: So many earlier sizes tell what is usual, at least and at most: what grows is compared with what it was lately.
LEAST_EARLIER = 4
MOST_EARLIER = 8

#: Below this share of what is usual, and by so many bytes at least: what is small varies much.
SHARE = 0.5
LEAST_LOSS = 64 * 2**20

#: A dump holds nothing but data: below this share however small it is.
DUMP_SHARE = 0.1

#: So many in a row that are nearly alike are the new usual.
IN_A_ROW = 3
ALIKE = 1.25


@value()
class Shrunk:
    """The newest backup has ``size`` bytes, where ``usual`` were usual."""

    size: int
    usual: int


#: What to do about it.
ACTION = "Look whether something is missing in it; if it is right, say shrink: false for its service or job."


def shrunk(kind: PartKind, expectation: Expectation, good: Run) -> Shrunk | None:
    """Whether ``good``, the newest good run, is much smaller than the good ones before it at the same destination.

    Only what the job itself made is compared: another one may leave out half of the tables on purpose.
    """
    observed, others = expectation.observed, expectation.not_its_own
    if good.size is None or good.start in others or not expectation.judges_size:
        return None
    series = next((runs for runs in observed.by_destination if good in runs), observed.runs)
    own = (run for run in series if run.start not in others)
    return of_sizes(_newest_sizes(own, good.start), is_dump=kind is PartKind.DATABASE)


def of_sizes(sizes: Sequence[int], *, is_dump: bool) -> Shrunk | None:
    """The same of sizes alone, newest first."""
    earlier = sizes[1 : MOST_EARLIER + 1]
    if len(earlier) < LEAST_EARLIER or sizes[0] >= SHARE * max(earlier):
        return None
    newest = sizes[0]
    usual = int(median(earlier))
    much_less = newest < SHARE * usual and usual - newest >= LEAST_LOSS
    nearly_nothing = is_dump and newest < DUMP_SHARE * usual
    last = sizes[:IN_A_ROW]
    if not (much_less or nearly_nothing) or max(last) <= ALIKE * min(last):
        return None
    return Shrunk(newest, usual)


def in_words(shrunk: Shrunk, part: Part) -> str:
    """What shrank, and what a guest's jobs leave out, which may be why."""
    text = f"the newest {part.noun} has only {words.size(shrunk.size)}, usually {words.size(shrunk.usual)}"
    missing = [str(volume) for _, volume in part.left_out]
    return f"{text}, and is made without {words.listed(missing)}" if missing else text


def _newest_sizes(runs: Iterable[Run], until: datetime) -> list[int]:
    """Of the newest good runs up to ``until``: all that is compared."""
    sizes = []
    for run in runs:
        if run.size is not None and run.start <= until and run.good:
            sizes.append(run.size)
            if len(sizes) > MOST_EARLIER:
                break
    return sizes
