"""What concerns a receiver on a board: each thing that may be bad by itself, with what it hides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sidecar.core.model import State, worst

from .change import Standing, standing
from .rules import Receiver
from .seen import Seen, Situation, SubjectKind

#: What several have in common that are told together where they turn in the same minutes.
Cause = tuple[str, str]


class Subject:
    """One thing that may be bad, with what it hides."""

    def __init__(self, seen: Seen, standing: Standing, state: State, hidden: Sequence[Seen] = ()) -> None:
        self.key, self.seen, self.standing, self.state, self.hidden = seen.key, seen, standing, state, tuple(hidden)

    @property
    def services(self) -> int:
        """How many services it hides."""
        return sum(seen.kind is SubjectKind.SERVICE for seen in self.hidden)

    @property
    def origin(self) -> str | None:
        """The key of what brought it, where the readings show that."""
        return self.seen.origin.key if self.seen.origin is not None else None

    @property
    def cause(self) -> Cause | None:
        """What it may have in common with others: what brought it, or the job that did the same to others."""
        if self.standing is not Standing.OVER and self.origin is not None:
            return "origin", self.origin
        if self.seen.blame is None:
            return None
        if self.standing is Standing.OVER:
            return "over", self.seen.blame.key
        # What nothing ever came of was missed as well.
        return State.MISSED if self.state is State.NEVER else self.state, self.seen.blame.key


def subjects(situation: Situation, receiver: Receiver) -> dict[str, Subject]:
    """What concerns the receiver, by key."""
    return {subject.key: subject for subject in _subjects(situation.seen, receiver)}


def _subjects(every: Sequence[Seen], receiver: Receiver) -> Iterator[Subject]:
    """What a source hides belongs to the source, whether or not the receiver wants sources."""
    wanted = [seen for seen in every if not seen.silenced and _wants(receiver, seen)]
    hidden: dict[str, list[Seen]] = {}
    for seen in wanted:
        if seen.hidden_by is not None:
            hidden.setdefault(seen.hidden_by, []).append(seen)
    for seen in wanted:
        if seen.kind is not SubjectKind.SOURCE:
            meaning = Standing.OPEN if seen.hidden_by else standing(seen.state, receiver)
            yield Subject(seen, meaning, seen.state)
    for seen in every:
        if seen.kind is SubjectKind.SOURCE and not seen.silenced:
            yield _source(seen, hidden.get(seen.name, ()), receiver)


def _wants(receiver: Receiver, seen: Seen) -> bool:
    match seen.kind:
        case SubjectKind.SERVICE:
            return receiver.wants_service(seen.name)
        case SubjectKind.JOB:
            return receiver.jobs
        case SubjectKind.DATASTORE:
            return receiver.datastores
        case SubjectKind.SOURCE:
            return receiver.sources


def _source(seen: Seen, hidden: Sequence[Seen], receiver: Receiver) -> Subject:
    """As bad as what it hides: a source that can be read in part may hide a service."""
    own = [seen.state] if receiver.sources else []
    state = worst([*own, *(each.state for each in hidden)], State.OK)
    return Subject(seen, standing(state, receiver), state, hidden)
