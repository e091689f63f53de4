"""The reason of an occurrence that several members share: their runs as one, and who is not ok and why."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter

from sidecar.core import words
from sidecar.core.model import Outcome, Run, State
from sidecar.core.parts.inputs import Inputs

from .collect import OccurrenceBuilder

_WORST_FIRST = (Outcome.FAILED, Outcome.RUNNING, Outcome.WARNING, Outcome.OK)
_UNNAMED = {State.FAILED: "it failed", State.MISSED: "nothing ran", State.NEVER: "nothing ever ran"}


def together(builder: OccurrenceBuilder) -> Run | None:
    """The runs of all members as one: from the first start to the last end, as bad as the worst."""
    others = [outcome.run for outcome in builder.outcomes if outcome.run is not None]
    runs = [*builder.fine, *others]
    if len(runs) < 2:
        return runs[0] if runs else None
    ends = [run.end for run in runs if run.end is not None]
    sizes = [run.size for run in runs if run.size is not None]
    return Run(
        start=min(map(attrgetter("start"), runs)),
        end=max(ends) if len(ends) == len(runs) else None,
        outcome=min((run.outcome for run in others), key=_WORST_FIRST.index, default=Outcome.OK),
        size=sum(sizes) if sizes else None,
    )


def reason(builder: OccurrenceBuilder, run: Run | None, until: datetime, inputs: Inputs) -> str | None:
    """Who is not ok and why; of one that was late, when it began. ``run``: the runs of all members as one."""
    bad = [outcome for outcome in builder.outcomes if outcome.state is not State.OK]
    if not bad:
        late = run is not None and run.start > until
        return f"Began late, {words.moment(run.start, inputs.now, inputs.settings.timezone)}." if run and late else None
    if builder.members == 1:
        return _sentences(bad[0].reason or _UNNAMED.get(bad[0].state, bad[0].state), bad[0].again, inputs)
    texts = {outcome.reason for outcome in bad}
    if len(texts) == 1 and all(outcome.state is State.FAILED for outcome in bad) and bad[0].reason:
        return _sentences(
            f"{words.listed([outcome.name for outcome in bad])}: {bad[0].reason}", bad[0].again, inputs, named=True
        )
    bad.sort(key=lambda outcome: outcome.state.rank)
    who = ", ".join(f"{outcome.name} {outcome.state}" for outcome in bad[:3])
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return f"{who}{more}."


def _sentences(text: str, again: Run | None, inputs: Inputs, *, named: bool = False) -> str:
    """``named``: it begins with a name, which keeps its own first letter."""
    good = f" Good again {words.moment(again.start, inputs.now, inputs.settings.timezone)}." if again else ""
    sentence = words.sentence(text)
    return f"{text[:1] + sentence[1:] if named else sentence}{good}"
