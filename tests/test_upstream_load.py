"""What reading costs the upstreams: requests and bytes of a day, counted where they arrive, beside reading everything every
five minutes as it was before there were light rounds."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests import large_day
from tests.simulators import HOMELAB
from tests.watch import MINUTE, POLL, Watch, not_well

pytestmark = pytest.mark.fortnight

BERLIN = ZoneInfo("Europe/Berlin")


# --- the homelab --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [(date(2026, 11, 23), 3, 6), (date(2026, 11, 25), 12, 14)],
    ids=["two jobs in the night", "noon, and nothing runs"],
)
def test_the_homelab_is_asked_500_times_an_hour_for_no_more_bytes_than_before(day: date, first: int, last: int) -> None:
    begin = datetime(day.year, day.month, day.day, first, tzinfo=BERLIN).astimezone(UTC)
    with Watch(HOMELAB, begin, lean=False) as watch:
        asked, sent = len(watch.rack.requests), watch.rack.sent
        for board in watch.walk(begin + timedelta(hours=last - first) - MINUTE):
            assert not_well(board) == {}
        hours = Counter(request.time.hour for request in watch.rack.requests[asked:])
        requests = hours.total()
        bytes_of_an_hour = (watch.rack.sent - sent) / (last - first)

    assert requests / (last - first) <= 500
    assert max(hours.values()) <= 520, "where two jobs run, of which the logs are followed"
    assert bytes_of_an_hour <= sent * (timedelta(hours=1) // POLL)


# --- a large backup server ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ordinary", "most"), [(False, 0.03), (True, 0.15)], ids=["idle", "ordinary"])
def test_a_day_of_many_snapshots_takes_a_small_part_of_the_bytes_that_it_took(ordinary: bool, most: float) -> None:
    """Of 15,000; `make soak` counts 50,000, of which the rounds themselves are a smaller share."""
    day = large_day.lived(groups=300, ordinary=ordinary)

    assert day.whole > 4_500_000
    assert day.share <= most
