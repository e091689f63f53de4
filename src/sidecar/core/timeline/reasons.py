"""What is said of an occurrence that several members share: their runs as one, and who is not ok and why."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter

from sidecar.core import words
from sidecar.core.model import Outcome, Run, State
from sidecar.core.parts.inputs import Inputs

from .collect import OccurrenceBuilder

_WORST_FIRST = (Outcome.FAILED, Outcome.RUNNING, Outcome.WARNING, Outcome.OK)
_UNNAMED = {State.FAILED: "it failed", State.MISSED: "nothing ran", State.NEVER: "nothing ever ran"}


def together(occasion: OccurrenceBuilder) -> Run | None:
    """The runs of all members as one: from the first start to the last end, as bad as the worst."""
    others = [one.run for one in occasion.told if one.run is not None]
    runs = [*occasion.fine, *others]
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


def reason(occasion: OccurrenceBuilder, run: Run | None, until: datetime, lab: Inputs) -> str | None:
    """Who is not ok and why; of one that was late, when it began. ``run``: the runs of all members as one."""
    bad = [one for one in occasion.told if one.state is not State.OK]
    if not bad:
        late = run is not None and run.start > until
        return f"Began late, {words.moment(run.start, lab.now, lab.settings.timezone)}." if run and late else None
    if occasion.members == 1:
        return _sentences(bad[0].reason or _UNNAMED.get(bad[0].state, bad[0].state), bad[0].again, lab)
    texts = {one.reason for one in bad}
    if len(texts) == 1 and all(one.state is State.FAILED for one in bad) and bad[0].reason:
        return _sentences(f"{words.listed([one.name for one in bad])}: {bad[0].reason}", bad[0].again, lab, named=True)
    bad.sort(key=lambda one: one.state.rank)
    who = ", ".join(f"{one.name} {one.state}" for one in bad[:3])
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return f"{who}{more}."


def _sentences(text: str, again: Run | None, lab: Inputs, *, named: bool = False) -> str:
    """``named``: it begins with a name, which keeps its own first letter."""
    good = f" Good again {words.moment(again.start, lab.now, lab.settings.timezone)}." if again else ""
    said = words.sentence(text)
    return f"{text[:1] + said[1:] if named else said}{good}"
