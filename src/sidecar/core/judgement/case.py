"""What is judged: one expectation at one moment, with what the rules ask of it. Most rules are functions from a case."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import Cause, Run, State, Verdict
from sidecar.core.parts.expectation import Evidence, Expectation
from sidecar.core.parts.part import Part
from sidecar.core.value import value

from .cancelled import newest_cancelled
from .due import due_time, grace, oldest_known
from .evidence import newest_evident, newest_good
from .wording import newest_in_words, verdict_of


@value(kw_only=True)
class Case:
    """One expectation of one member at one moment, with what every rule asks for.

    Attributes:
        later: the runs of its own that began after the newest good one, newest first: nearly always none.
        cancelled: one of these that a person ended; it answers its due time (rule 10).
        first_seen: the oldest sign of the part, or since when it is known; None where nothing is remembered.
        names_job: others are expected of the part too, so the reason says which one it is about.
    """

    part: Part
    expectation: Expectation
    now: datetime
    zone: ZoneInfo
    good: Run | None
    later: tuple[Run, ...]
    cancelled: Run | None
    due: datetime | None
    grace: timedelta
    first_seen: datetime | None
    names_job: bool

    @classmethod
    def of(
        cls,
        part: Part,
        expectation: Expectation,
        known_since: datetime | None,
        now: datetime,
        zone: ZoneInfo,
        *,
        names_job: bool,
    ) -> Self:
        """The case of one of the part's expectations: see ``judge``."""
        good, later = newest_good(part, expectation, now)
        oldest = oldest_known(part, expectation, known_since)
        due = due_time(expectation, part.pauses, good, oldest)
        cancelled = newest_cancelled(expectation, later, due)
        if cancelled is not None:
            due = due_time(expectation, part.pauses, cancelled)
        return cls(
            part=part,
            expectation=expectation,
            now=now,
            zone=zone,
            good=good,
            later=later,
            cancelled=cancelled,
            due=due,
            grace=grace(expectation, now),
            first_seen=min(known_since, part.oldest_trace or known_since) if known_since else None,
            names_job=names_job,
        )

    @property
    def evidence(self) -> Evidence:
        """How old the readings are that everything rests on (rule 6)."""
        return self.expectation.observed.evidence

    def at(self, when: datetime) -> str:
        """A moment in words: "today 02:00"."""
        return words.moment(when, self.now, self.zone)

    def newest(self) -> str:
        """What is newest, in words. Where others of its destinations have a backup, it names the one that has none."""
        if self.good is None and self.expectation.destination and newest_evident(self.part, self.now) is not None:
            return f"no {self.part.noun} of {self.part.name} exists on {self.expectation.destination}"
        return newest_in_words(self.part, self.good, self.now, self.zone)

    def nothing_yet(self) -> str:
        """That there never was a good one, in words: "no dump of n8n since it was first seen Tue 3 Nov"."""
        newest = self.newest()
        if self.first_seen is None or newest != newest_in_words(self.part, None, self.now, self.zone):
            return f", and {newest}"
        seen = words.day(self.first_seen, self.now, self.zone)
        return f"; no {self.part.noun} of {self.part.name} since it was first seen {seen}"

    @property
    def about(self) -> str:
        """How a reason begins: "critical to pbs-main: " where the part has several jobs."""
        if not self.names_job:
            return ""
        place = f" to {self.expectation.destination}" if self.expectation.destination else ""
        return f"{self.expectation.job.id}{place}: "

    def verdict(
        self, state: State, cause: Cause, reason: str, since: datetime | None, action: str | None = None
    ) -> Verdict:
        """The verdict of a rule; ``reason`` and ``action`` without their capitals and full stops."""
        return verdict_of(self.part, state, cause, f"{self.about}{reason}", since, action)
