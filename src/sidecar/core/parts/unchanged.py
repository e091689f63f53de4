"""Parts that were made for the board before, where nothing that they rest on is different now.

The board is judged every minute, mostly from the same reports. What is seen of a guest then changes only where a reading has
become too old, or lies in the future no more (rule 6).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar, cast

from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting
from sidecar.core.value import value

from .expectation import CLOCK_TOLERANCE
from .inputs import Inputs

T = TypeVar("T")


@value(eq=False)
class Basis:
    """What parts were made from: ``things`` as they are, ``ages`` by their value."""

    things: tuple[object, ...]
    ages: tuple[bool, ...]

    def is_same(self, other: Basis) -> bool:
        """Nothing else would be made of the other one."""
        if len(self.things) != len(other.things) or self.ages != other.ages:
            return False
        return all(mine is theirs for mine, theirs in zip(self.things, other.things, strict=True))


def basis(inputs: Inputs, *kinds: SourceKind) -> Basis:
    """The reports of these kinds, the settings, the memory, and of each reading whether it still proves something."""
    history = inputs.history
    sources = [(source, report) for kind in kinds for source, report in inputs.of(kind)]
    reports: list[Report | None] = [report for _, report in sources]
    remembered = (history.plans, history.seen, history.contacts, history.first_contact)
    ages = (age for source, report in sources if report for age in _ages(inputs, source, report))
    return Basis((inputs.settings, *remembered, *reports), tuple(ages))


def _ages(inputs: Inputs, source: SourceSetting, report: Report) -> Iterator[bool]:
    """Of each reading what depends on ``now``: by either limit too old (see Inputs.evidence), or of the future."""
    limits = (source.stale_after, max(source.stale_after, 2 * report.apart))
    for reading in report.readings:
        if reading.as_of is not None:
            age = inputs.now - reading.as_of
            yield from (age > limit for limit in limits)
            yield age < -CLOCK_TOLERANCE


def unchanged(report: Report, key: Hashable, basis: Basis, make: Callable[[], Sequence[T]]) -> Sequence[T]:
    """What was made for the board before under this key, if it is still the same; else what is made now."""
    before = cast("tuple[Basis, Sequence[T]] | None", report.derived.get(key))
    if before is not None and before[0].is_same(basis):
        return before[1]
    made = make()
    report.derived[key] = basis, made
    return made
