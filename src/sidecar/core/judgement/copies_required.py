"""Rule 15: where the backups of a service lie, and whether these are as many as its owner requires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from sidecar.core import words
from sidecar.core.model import Cause, Posture, Required, State, StoredCopy, Verdict
from sidecar.core.parts.counted_copies import Counted, Declared, Hidden, counted, places
from sidecar.core.parts.part import Part
from sidecar.core.value import value

#: What was never due, or is not expected at all, is not required to have copies.
_LOWERED = (State.WARNING, State.LATE, State.RUNNING, State.OK)

_ONE_MORE = "Save it to one more place: with another job, a sync job, another volume or repository."
_OFFSITE = "Save it to a place in another location, and list that under offsite."

#: So many lacks are named in a reason.
_MOST_NAMED = 3


@value()
class JudgedCopies:
    """``verdict``: what is not as required; None where all is, or where nothing is required.

    ``excused``: what is paused may be away (rule 2), and nothing else is lacking.
    """

    posture: Posture
    verdict: Verdict | None
    excused: bool

    def lower(self, verdict: Verdict) -> Verdict:
        """The verdict of the service that is ``verdict`` by its parts. It is never better than that."""
        own = self.verdict
        if own is None or self.excused or verdict.state not in _LOWERED or own.state.rank >= verdict.state.rank:
            return verdict
        return own


def judged_copies(parts: Sequence[Part], hidden: Hidden, required: Required | None, declared: Declared) -> JudgedCopies:
    """Of the parts of one service."""
    every = counted(parts, hidden, declared)
    verdict = _Lack.of(every, required).verdict() if required is not None else None
    posture = Posture(
        copies=min((len(each.copies) for each in every), default=0),
        offsite=min((each.offsite for each in every), default=0),
        complete=not any(each.unread_number for each in every),
        places=places(parts, declared),
        required=required,
        state=None if required is None else verdict.state if verdict is not None else State.OK,
        reason=verdict.reason if verdict is not None else None,
    )
    excused = required is not None and all(each.is_enough(required, declared.paused) for each in every)
    return JudgedCopies(posture, verdict, excused)


@value()
class _Lack:
    """What is required and not there: ``certain``, or ``doubtful`` because of places that are ``unread``."""

    certain: tuple[str, ...]
    doubtful: tuple[str, ...]
    unread: tuple[StoredCopy, ...]
    of_copies: bool

    @classmethod
    def of(cls, every: Sequence[Counted], required: Required) -> Self:
        """A lack is certain where no place is left that could make up for it."""
        certain: list[str] = []
        doubtful: list[str] = []
        unread: dict[str, StoredCopy] = {}
        of_copies = False
        for each in every:
            whose = f" of {each.name}" if len(every) > 1 else ""
            missing = required.copies - len(each.copies)
            if missing > each.unread_number and not each.endless:
                certain.append(_too_few(whose, each, required))
                of_copies = True
            elif missing > 0:
                doubtful.append(_too_few(whose, each, required))
                unread |= {place.place: place for place in each.unread}
            if required.offsite and not each.offsite:
                may_be = {place.place: place for place in each.unread if place.offsite}
                (doubtful if may_be else certain).append(f"there is no copy off-site{whose}")
                unread |= may_be
        return cls(tuple(certain), tuple(doubtful), tuple(unread.values()), of_copies)

    def verdict(self) -> Verdict | None:
        """A lack that is certain is told before anything that can't be told."""
        if self.certain:
            return Verdict(
                state=State.WARNING,
                reason=words.sentence(_listed(self.certain)),
                action=_ONE_MORE if self.of_copies else _OFFSITE,
                cause=Cause.COPIES_REQUIRED,
            )
        if not self.doubtful:
            return None
        names = [place.place for place in self.unread]
        reason = f"{_listed(self.doubtful)}, as far as can be told: {words.listed(names)} can't be read"
        return Verdict(
            state=State.UNKNOWN,
            reason=words.sentence(reason),
            cause=Cause.UNREADABLE,
            unread=names[0].partition("/")[0],
        )


def _too_few(whose: str, each: Counted, required: Required) -> str:
    where = words.listed([copy.place for copy in each.copies])
    there = f"there are {len(each.copies)} of {required.copies} required copies{whose}"
    return f"{there}, on {where}" if where else there


def _listed(lacks: Sequence[str]) -> str:
    more = len(lacks) - _MOST_NAMED
    return "; ".join([*lacks[:_MOST_NAMED], *([f"{more} more like this"] if more > 0 else [])])
