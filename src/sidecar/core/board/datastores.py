"""The room that is left on the datastores of a backup server, and whether they can be read at all (rule 14)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sidecar.core import words
from sidecar.core.model import DatastoreRow, Link, SourceKind, State, Verdict
from sidecar.core.parts import stores
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.links import datastore_page
from sidecar.core.reports.facts import Datastore
from sidecar.core.reports.report import SIZES, Problem, ProblemKind, Reading, Report
from sidecar.core.settings import SourceSetting

#: A datastore that is full sooner than this is worth a warning.
SOON_FULL = timedelta(days=14)

#: Shares that are free: below the first nothing can be saved any more, below the second soon.
FULL, NEARLY_FULL = 0.01, 0.05

#: Modes in which its content can't be read.
_CLOSED = ("offline", "delete", "unmount")

_MAKE_ROOM = "Make room, or prune more; then run garbage collection."


def datastore_rows(inputs: Inputs) -> Iterator[DatastoreRow]:
    """Room on all datastores."""
    for source, report in inputs.of(SourceKind.PBS):
        for store in report.facts(Datastore) if report else ():
            yield DatastoreRow(
                source=source.name,
                name=store.name,
                total=store.total,
                used=store.used,
                avail=store.avail,
                full_at=store.full_at,
                verdict=_verdict(inputs, source, report, store),
            )


def _verdict(inputs: Inputs, source: SourceSetting, report: Report | None, store: Datastore) -> Verdict:
    reading = report.reading("datastores") if report else None
    page = datastore_page(source, store.name)
    if report is None or not inputs.fresh(source, reading):
        return _unread(inputs, source, reading)
    if store.maintenance == "delete":
        return Verdict(state=State.UNKNOWN, reason="It is being deleted.")
    if store.maintenance in _CLOSED:
        end = f"End the maintenance mode of {store.name}."
        return Verdict(
            state=State.UNKNOWN,
            reason=f"In maintenance: {store.maintenance}.",
            action=end,
            link=page,
            origin=stores.closed(source.name, store.name),
        )
    if store.away:
        plug = f"Plug in and mount the disk of {store.name}."
        return Verdict(state=State.UNKNOWN, reason="It is not mounted.", action=plug, link=page)
    if store.error:
        check = f"Check on the backup server that the disk of {store.name} is mounted and can be read."
        return Verdict(state=State.UNKNOWN, reason=words.sentence(store.error), action=check, link=page)
    if lost := _looks_empty(report, store) or stores.why_lost(inputs, source, store.name):
        return Verdict(state=State.UNKNOWN, reason=words.sentence(lost.cause), action=_sentence(lost.action), link=page)
    return _room(inputs, source, report, store)


def _unread(inputs: Inputs, source: SourceSetting, reading: Reading | None) -> Verdict:
    evidence = inputs.evidence(source, reading)
    problem, as_of = evidence.problem, evidence.as_of
    since = f" since {words.moment(as_of, inputs.now, inputs.settings.timezone)}" if as_of else ""
    cause = f": {problem.cause}" if problem else ""
    return Verdict(
        state=State.UNKNOWN,
        reason=words.sentence(f"can't read {source.name}{since}{cause}"),
        since=as_of,
        action=_sentence(problem.action) if problem else None,
    )


def _sentence(text: str | None) -> str | None:
    return words.sentence(text) if text else None


def _looks_empty(report: Report, store: Datastore) -> Problem | None:
    """The source itself noticed that the disk beneath is another."""
    problems = (reading.problem for reading in report.within("snapshots", store.name) if reading.problem)
    return next((problem for problem in problems if problem.kind is ProblemKind.LOOKS_EMPTY), None)


def _no_size(report: Report, store: Datastore, page: Link) -> Verdict:
    """Why nobody knows how much room there is: the token sees only a part of it, or one bad disk spoils the list (PBS-22)."""
    listing = report.reading("namespaces", store.name)
    problem = listing.problem if listing is not None else None
    if problem is not None and problem.denied:
        cause = words.sentence(f"its size can't be read: {problem.cause}")
        return Verdict(state=State.UNKNOWN, reason=cause, action=_sentence(problem.action), link=page)
    unread = next((limit.text for limit in report.limits if limit.culprit == SIZES), None)
    return Verdict(state=State.UNKNOWN, reason=words.sentence(unread or "its size can't be read"), link=page)


def _room(inputs: Inputs, source: SourceSetting, report: Report, store: Datastore) -> Verdict:
    """Failed when it is full, a warning when it soon will be. What is in S3 has as much room as is paid for."""
    page = datastore_page(source, store.name)
    free = None if store.object_store else store.free
    if free is not None and free < FULL:
        return Verdict(
            state=State.FAILED, reason=f"It is full: {_percent(free)} free.", since=None, action=_MAKE_ROOM, link=page
        )
    if store.maintenance:
        reason, origin = words.sentence(f"in maintenance: {store.maintenance}"), stores.closed(source.name, store.name)
        return Verdict(state=State.WARNING, reason=reason, link=page, origin=origin)
    if store.object_store:
        return Verdict(state=State.OK, reason="It is in S3, whose room is not judged.")
    if free is None:
        return _no_size(report, store, page)
    if free < NEARLY_FULL:
        return Verdict(
            state=State.WARNING, reason=f"Nearly full: {_percent(free)} free.", since=None, action=_MAKE_ROOM, link=page
        )
    if store.full_at and store.full_at - inputs.now < SOON_FULL:
        when = words.moment(store.full_at, inputs.now, inputs.settings.timezone)
        return Verdict(
            state=State.WARNING, reason=f"Full by {when} as it grows now.", since=None, action=_MAKE_ROOM, link=page
        )
    return Verdict(state=State.OK)


def _percent(share: float) -> str:
    """ "0.3%": rounded down, so that it never looks like more than there is."""
    return f"{int(share * 1000) / 10}%"
