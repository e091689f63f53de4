"""Rule 6: where nothing came in time and a clock is wrong, the reason says whose."""

from __future__ import annotations

from dataclasses import replace

from sidecar.core import words
from sidecar.core.model import Cause, Verdict
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import Part
from sidecar.core.reports.clocks import wrong_clock

from .judge import Judgement

#: A wrong clock explains these: what came seems to have come at another time.
_EXPLAINED = (Cause.NOTHING_STARTED, Cause.WAITING, Cause.UNDER_WAY_TOO_LONG, Cause.OUT_OF_RHYTHM)

#: And may explain this: a task whose backup seems to be of another time left none.
_PERHAPS = Cause.RUN_FAILED


def with_wrong_clock(judgement: Judgement, part: Part, inputs: Inputs) -> Judgement:
    """The judgement, with the clock that explains it, if one is wrong."""
    verdict = judgement.verdict
    if verdict.cause not in (*_EXPLAINED, _PERHAPS):
        return judgement
    reports = (inputs.reports.get(source) for source in (part.source, *part.kept_on))
    wrong = next((clock for report in reports if report and (clock := wrong_clock(report))), None)
    return judgement if wrong is None else replace(judgement, verdict=_explained(verdict, wrong))


def _explained(verdict: Verdict, wrong: str) -> Verdict:
    reason = words.sentence(f"{(verdict.reason or '').removesuffix('.')}; {wrong}")
    if verdict.cause is _PERHAPS:
        return replace(verdict, reason=reason)
    correct = words.sentence(f"correct the clock first: {wrong}")
    return replace(verdict, reason=reason, action=f"{correct} {verdict.action}" if verdict.action else correct)
