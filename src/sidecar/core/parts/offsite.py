"""Off-site copies: what of a service lies where ``offsite:`` declares it off-site, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sidecar.core.model import Copy, State, Verdict, worst
from sidecar.core.reports.facts import Dump

from .expectation import SHORT_GRACE
from .inputs import Inputs
from .part import Part


def of_dumps(inputs: Inputs, source: str, kept: Sequence[Dump]) -> Iterator[Copy]:
    """The copies of a database on off-site volumes. ``kept``: its finished dumps, newest first.

    A volume is one of its places once any of them has been there: then the newest one should be there too.
    """
    for place in inputs.settings.offsite:
        owner, _, volume = place.partition("/")
        if owner == source and any(copy.volume == volume for dump in kept for copy in dump.copies):
            last = next((dump.run.start for dump in kept if _is_on(dump, volume)), None)
            yield Copy(place, _state(kept[0], volume, inputs), last)


def late(copies: Sequence[Copy]) -> Iterator[str]:
    """The warning about copies that should be there by now."""
    for copy in copies:
        if copy.state is State.MISSED:
            yield f"the off-site copy on {copy.job} is late"


def of_service(parts: Iterable[tuple[Part, Verdict]]) -> tuple[Copy, ...]:
    """One copy for each place: the worst state there, and the oldest of its parts' newest."""
    places: dict[str, list[Copy]] = {}
    for part, verdict in parts:
        for copy in (*part.copies, *_of_plan(part, verdict)):
            places.setdefault(copy.job, []).append(copy)
    return tuple(Copy(place, worst([copy.state for copy in there]), _oldest(there)) for place, there in places.items())


def repository(inputs: Inputs, source: str, repo: str | None) -> str | None:
    """The repository as ``offsite:`` names it, if it does."""
    place = f"{source}/{repo}"
    return place if repo and place in inputs.settings.offsite else None


def _of_plan(part: Part, verdict: Verdict) -> Iterator[Copy]:
    """What a plan saves to an off-site repository is itself the copy."""
    if part.offsite is not None:
        good = part.observed.newest_good
        yield Copy(part.offsite, verdict.state, good.start if good else None)


def _oldest(copies: Sequence[Copy]) -> datetime | None:
    runs = [copy.last_run for copy in copies]
    return min((run for run in runs if run), default=None) if all(runs) else None


def _is_on(dump: Dump, volume: str) -> bool:
    return any(copy.volume == volume and copy.ok for copy in dump.copies)


def _state(newest: Dump, volume: str, inputs: Inputs) -> State:
    if _is_on(newest, volume):
        return State.OK
    if any(copy.volume == volume and copy.ok is False for copy in newest.copies):
        return State.FAILED
    ended = newest.run.end or newest.run.start
    return State.LATE if inputs.now < ended + SHORT_GRACE else State.MISSED
