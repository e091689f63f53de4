"""The log that an upkeep task of PBS writes (PBS-34): each line with its time; what went wrong stands in the middle."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulators.story import Moment
from tests.simulators.upkeep import UpkeepRun

_FIRST = {
    "prune": "prune job 'prune-main'",
    "gc": "starting garbage collection on store {store}",
    "verify": "Starting datastore verify job '{store}:v-main'",
    "sync": "Starting datastore sync job 'attic:main:{store}::s-main'",
}


def upkeep_log(moment: Moment, run: UpkeepRun) -> list[str]:
    """What stands in it by now."""
    stamp = f"{run.start.astimezone(moment.homelab.zone):%Y-%m-%dT%H:%M:%S+01:00}: "
    return [f"{stamp}{line}" for line in _lines(moment, run)]


def _lines(moment: Moment, run: UpkeepRun) -> Iterator[str]:
    yield _FIRST[run.kind].format(store=moment.homelab.datastore.name)
    yield from run.log
    if run.end <= moment.now:
        yield f"TASK {run.state}" if run.state == "OK" or run.state.startswith("WARN") else f"TASK ERROR: {run.state}"
