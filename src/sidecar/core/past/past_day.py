"""What is left of the records of a local day once they are counted: little enough to keep a year of a large house."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from sys import intern
from zoneinfo import ZoneInfo

from sidecar.core.value import value

from .records import Records
from .tally import NOTHING, Tally, decided


@value(kw_only=True)
class PastDay:
    """A local day, as it was judged then.

    Attributes:
        tallies: what became of all that was due then, by member.
        looked: the house was judged on that day.
        good: when good runs ended then, by member.
        sizes: bytes of the newest good backups at its end, by service.
    """

    tallies: Mapping[str, Tally]
    looked: bool
    good: Mapping[str, tuple[datetime, ...]]
    sizes: Mapping[str, int]

    def counted_only(self) -> PastDay:
        """Without what is only asked of the newest days."""
        return PastDay(tallies=self.tallies, looked=self.looked, good={}, sizes={})


def past_days(records: Records, zone: ZoneInfo) -> dict[date, PastDay]:
    """The days of ``zone`` on which something was due, judged or saved. ``records`` are of whole days."""
    tallies: dict[date, dict[str, Tally]] = defaultdict(dict)
    good: dict[date, dict[str, tuple[datetime, ...]]] = defaultdict(dict)
    sizes: dict[date, dict[str, int]] = defaultdict(dict)
    for final in records.finals:
        day = final.due.astimezone(zone).date()
        member = intern(final.member)  # The same name, every day of a year.
        mine = tallies[day]
        mine[member] = mine.get(member, NOTHING) + decided(final.state)
    for member, ends in records.good_ends.items():
        for end in ends:
            # Before these stands the last one of the time before.
            if end >= records.start:
                saved = good[end.astimezone(zone).date()]
                saved[member] = (*saved.get(member, ()), end)
    looked = {row.day for row in records.days}
    for row in records.days:
        if row.size is not None:
            sizes[row.day][row.service] = row.size
    return {
        day: PastDay(
            tallies=tallies.get(day, {}), looked=day in looked, good=good.get(day, {}), sizes=sizes.get(day, {})
        )
        for day in tallies.keys() | looked | good.keys()
    }
