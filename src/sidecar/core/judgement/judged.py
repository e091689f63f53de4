"""Every part with the verdicts of its expectations at one moment: what board and calendar are both drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sidecar.core.history.history import History
from sidecar.core.model import PartKind, Run, Verdict
from sidecar.core.parts.expectation import Expectation
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import Part
from sidecar.core.parts.seen_again import seen_again
from sidecar.core.parts.services import Service, services
from sidecar.core.parts.upkeep import upkeep
from sidecar.core.reports.cached import LastMade, last_made
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings
from sidecar.core.value import value

from .evidence import newest_evident
from .judge import Judgement, judge
from .lasting import holds_until
from .no_job import of_no_job, settled
from .whole_part import of_the_part_alone
from .wrong_clocks import with_wrong_clock


@value(kw_only=True)
class JudgedPart:
    """A part with the verdict of each of its expectations; its own verdict is the worst of them.

    Attributes:
        good: the newest good run at any destination that counts as evidence.
        next: the judgement of the expectation that is due next; None where nothing is.
    """

    part: Part
    verdict: Verdict
    judgements: tuple[Judgement, ...]
    good: Run | None
    next: Judgement | None


@value()
class JudgedService:
    """A service with the verdicts of its parts."""

    service: Service
    parts: tuple[JudgedPart, ...]


@value(kw_only=True)
class Judged:
    """Everything that was judged at ``inputs.now``. The last four: see services.Services."""

    inputs: Inputs
    services: tuple[JudgedService, ...]
    upkeep: tuple[JudgedPart, ...]
    left_out: int
    notes: tuple[str, ...]
    references: tuple[str, ...] = ()
    ignored: tuple[tuple[str, int], ...] = ()


def judged(reports: Mapping[str, Report], history: History, settings: Settings, now: datetime) -> Judged:
    """Judges everything that ``reports`` (newest per source, by name) and ``history`` tell, at ``now``."""
    inputs = Inputs(reports, settings, now, history)
    mapped = services(inputs)
    return Judged(
        inputs=inputs,
        services=tuple(
            JudgedService(service, tuple(judge_part(part, inputs) for part in service.parts))
            for service in mapped.services
        ),
        upkeep=tuple(judge_part(part, inputs) for part in upkeep(inputs)),
        left_out=sum(number for _, number in mapped.ignored),
        notes=mapped.notes,
        references=mapped.references,
        ignored=mapped.ignored,
    )


@value(kw_only=True, eq=False)
class _Lasting:
    """A part as it was judged, and when that holds. ``member``: its name in the memory; ``known_since``: see History."""

    member: str
    judged: JudgedPart
    settings: Settings
    known_since: datetime | None
    since: datetime
    until: datetime

    def lasts(self, inputs: Inputs) -> bool:
        """The part would be judged the same now."""
        return self.settings is inputs.settings and self.since <= inputs.now < self.until


@last_made
def _kept(_report: Report) -> LastMade[tuple[PartKind, str], _Lasting]:
    """What lasts of the parts of a source, by kind and reference."""
    return LastMade()


def judge_part(part: Part, inputs: Inputs) -> JudgedPart:
    """One verdict for each expectation; the part takes the worst, and the first of those that are equally bad.

    Where that can't be another one now it is the very verdict of the board before.
    """
    report = inputs.reports.get(part.source)
    kept, name = _kept(report) if report is not None else LastMade(), (part.kind, part.ref)
    before = kept.get(name)
    if before is not None and not before.lasts(inputs):
        before = None
    if before is not None and before.judged.part is part:
        return before.judged
    member = before.member if before is not None else str(part.member)
    known_since = inputs.history.known_since(member, part.source)
    if before is not None and before.known_since == known_since and seen_again(before.judged.part, part, inputs.now):
        made = _seen_again(before.judged, part)
    else:
        made = _judged_part(part, known_since, inputs)
    until = holds_until(part, made.judgements, inputs.now, inputs.settings.timezone)
    if until is not None:
        lasting = _Lasting(
            member=member,
            judged=made,
            settings=inputs.settings,
            known_since=known_since,
            since=inputs.now,
            until=until,
        )
        kept.keep(name, lasting)
    return made


def _seen_again(before: JudgedPart, part: Part) -> JudgedPart:
    """As it was judged before. What lasts has one expectation."""
    was = before.judgements[0]
    # As replace() would, which takes three times as long: thousands are seen again.
    only = Judgement(
        expectation=part.expectations[0],
        verdict=was.verdict,
        good=was.good,
        due=was.due,
        next_run=was.next_run,
        grace=was.grace,
        under_way=was.under_way,
    )
    return JudgedPart(part=part, verdict=before.verdict, judgements=(only,), good=before.good, next=only)


def _judged_part(part: Part, known_since: datetime | None, inputs: Inputs) -> JudgedPart:
    now, zone = inputs.now, inputs.settings.timezone
    several = sum(expectation.schedule is not None for expectation in part.expectations) > 1
    judgements = tuple(
        with_wrong_clock(judge(part, expectation, known_since, now, zone, names_job=several), part, inputs)
        for expectation in part.expectations
    )
    if len(judgements) == 1 and judgements[0].expectation.schedule is not None:
        only = judgements[0]
        good = _newest_good(part, judgements, now)
        return JudgedPart(part=part, verdict=only.verdict, judgements=judgements, good=good, next=only)
    own = [judgement for judgement in judgements if judgement.expectation.schedule is not None]
    alone = None if own else of_the_part_alone(part, now, zone) or of_no_job(part, judgements, now, zone)
    if not any(_answers(judgement.expectation) for judgement in own):
        judgements = settled(judgements, alone or _worst(judgement.verdict for judgement in own))
    verdicts = [judgement.verdict for judgement in judgements if judgement.speaks]
    coming = [judgement for judgement in own if judgement.next_run is not None]
    return JudgedPart(
        part=part,
        verdict=_worst([*([alone] if alone else []), *verdicts]),
        judgements=judgements,
        good=_newest_good(part, judgements, now),
        next=min(coming, key=lambda judgement: judgement.next_run or now) if coming else next(iter(own), None),
    )


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=lambda verdict: verdict.state.rank)


def _answers(expectation: Expectation) -> bool:
    """Its job is to make a run that can be seen, which then answers what ended jobs still owe as well (rule 1)."""
    return expectation.owes and expectation.note is None


def _newest_good(part: Part, judgements: tuple[Judgement, ...], now: datetime) -> Run | None:
    if len(judgements) == 1 and judgements[0].expectation.observed is part.observed:
        return judgements[0].good
    return newest_evident(part, now)
