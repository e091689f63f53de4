"""The words of messages. They are made of fields and of the board's own sentences; nothing is read out of sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import State

from .incident import Held, Incident, incident_id
from .message import Kind, Message, lines, shortened
from .seen import Seen, SubjectKind, link_of

#: Characters of what is held for a summary.
_LONGEST_LINE = 300

#: Names that a title lists.
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something to tell of a subject.

    Attributes:
        seen: how it stands; None: it is not on the board any more.
        incident: as it was before this, for what is over; else as it is.
        hidden: what can't be judged because of it.
    """

    kind: Kind
    key: str
    seen: Seen | None
    incident: Incident
    hidden: tuple[Seen, ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return self.seen.name if self.seen else self.key.partition(":")[2]

    @property
    def cause(self) -> tuple[object, ...]:
        """What is told in one message where it is so at once: of one job or source, all that is well again, or gone."""
        if self.kind is Kind.RECOVERY:
            return (self.kind, self.seen is None)
        blame = self.seen.blame if self.seen else None
        return (self.kind, self.seen.state, blame) if self.seen and blame else (self.kind, self.key)


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom it is written: the receiver, the moment, and the zone of the times."""

    receiver: str
    now: datetime
    zone: ZoneInfo

    def at(self, when: datetime) -> str:
        """A moment in words."""
        return words.moment(when, self.now, self.zone)

    def clock(self, when: datetime) -> str:
        """A moment in few words: today's without its day."""
        return words.clock(when, self.now, self.now, self.zone)

    def message(self, kind: Kind, incident: str, title: str, body: Sequence[str], link: str | None = None) -> Message:
        """The message; empty lines are left out."""
        text = "\n".join(line for line in body if line)
        return Message(
            receiver=self.receiver, kind=kind, incident=incident, title=title, body=text, at=self.now, link=link
        )


def message_of(news: Sequence[News], reader: Reader) -> Message:
    """One message about one or several things that have the same cause."""
    first = news[0]
    incident = incident_id(first.key, first.incident.began)
    link = link_of(first.seen) if first.seen and first.kind is not Kind.RECOVERY else None
    if len(news) == 1:
        return reader.message(first.kind, incident, title_of(first, reader), _body(first, reader), link)
    return reader.message(
        first.kind, incident, _title_of_many(news), [lines([_line(each, reader) for each in news])], link
    )


def title_of(news: News, reader: Reader) -> str:
    """ "vaultwarden: missed", "pbs can't be read since 06:02: 9 services unknown", "vaultwarden: ok again"."""
    seen = news.seen
    if seen is None:
        return f"{news.name}: not shown any more"
    if news.kind is Kind.RECOVERY:
        return _recovered(news, seen)
    still = "Still: " if news.kind is Kind.REMINDER else ""
    if seen.kind is SubjectKind.SOURCE:
        hidden = f": {_counted(news.hidden)} unknown" if news.hidden else ""
        since = f" since {reader.clock(seen.verdict.since)}" if seen.verdict.since and seen.after_name else ""
        return f"{still}{seen.name} {seen.after_name or 'is ' + seen.state}{since}{hidden}"
    return f"{still}{seen.name}: {seen.state}"


def _recovered(news: News, seen: Seen) -> str:
    if seen.kind is SubjectKind.SOURCE:
        return f"{seen.name} can be read again"
    if seen.state is State.OK:
        return f"{seen.name}: ok again"
    return f"{seen.name}: not {news.incident.state} any more, now {seen.state}"


def _title_of_many(news: Sequence[News]) -> str:
    first, names = news[0], words.listed([each.name for each in news], _NAMED)
    if first.seen is None:
        return f"{len(news)} are not shown any more: {names}"
    if first.kind is Kind.RECOVERY:
        return f"{_better(news)}: {names}"
    still = "Still: " if first.kind is Kind.REMINDER else ""
    return f"{still}{first.seen.blame}: {len(news)} {first.seen.state}: {names}"


def _better(news: Sequence[News]) -> str:
    """ "3 are well again and 1 is now warning"."""
    counts = Counter(each.seen.state for each in news if each.seen)
    states = sorted(counts, key=lambda state: (state is not State.OK, state.rank))
    return words.listed(
        [
            f"{counts[state]} {'is' if counts[state] == 1 else 'are'} {'well again' if state is State.OK else f'now {state}'}"
            for state in states
        ],
        len(State),
    )


def _line(news: News, reader: Reader) -> str:
    reason, text = news.seen.verdict.reason if news.seen else None, title_of(news, reader)
    return f"{text}. {reason}" if reason and news.kind is not Kind.RECOVERY else f"{text}."


def _counted(hidden: Sequence[Seen]) -> str:
    """ "9 services and 2 jobs"."""
    counts = Counter(seen.kind for seen in hidden)
    return words.listed(
        [f"{counts[kind]} {kind}{'' if counts[kind] == 1 else 's'}" for kind in SubjectKind if counts[kind]]
    )


def _body(news: News, reader: Reader) -> list[str]:
    seen, incident = news.seen, news.incident
    if news.kind is Kind.RECOVERY or seen is None:
        was = f"It was {incident.state} from {reader.at(incident.began)} until {reader.at(incident.better or reader.now)}."
        reason = seen.verdict.reason if seen and seen.state is not State.OK else None
        return [was, reason or ""]
    since = (
        f"Since {reader.at(incident.began)}." if news.kind is Kind.REMINDER else f"Seen {reader.at(incident.began)}."
    )
    hidden = lines([f"{each.name}: {each.state}" for each in news.hidden])
    return [seen.verdict.reason or "", hidden, seen.verdict.action or "", since]


# --- what was held back -----------------------------------------------------------------------------------------------


def held_of(news: News, reader: Reader) -> Held:
    """What is kept of it for a summary."""
    problem = news.kind is not Kind.RECOVERY
    text = shortened(_line(news, reader), _LONGEST_LINE)
    name = shortened(news.name, _LONGEST_LINE) + ("" if problem else _if_not_well(news))
    return Held(subject=news.key, name=name, problem=problem, text=text, at=reader.now)


def _if_not_well(news: News) -> str:
    if news.seen is None:
        return " (not shown any more)"
    return "" if news.seen.state is State.OK else f" (now {news.seen.state})"


def summary_of(held: Sequence[Held], still: frozenset[str], reader: Reader, more: int = 0) -> Message | None:
    """What is still so, what came and went, and what is over; ``more``: how many could not be kept.

    None: nothing of that. What was well again and is bad once more is told when that has held.
    """
    newest = {each.subject: each for each in held}
    troubled = {each.subject for each in held if each.problem}
    lasting = [_newest_problem(held, subject) for subject in newest if subject in troubled and subject in still]
    over = [newest[subject] for subject in newest if subject not in still]
    went = [each for each in over if each.subject in troubled]
    well = [each for each in over if each.subject not in troubled]
    counts = ((len(lasting), "need you"), (len(went), "came and went"), (len(well), "over"))
    title = ", ".join(f"{number} {what}" for number, what in counts if number) or (f"{more} more" if more else "")
    if not title:
        return None
    body = [
        lines([f"{reader.at(each.at)}: {each.text}" for each in lasting]),
        f"Came and went: {words.listed([each.name for each in went], 10)}." if went else "",
        f"Over: {words.listed([each.name for each in well], 10)}." if well else "",
        f"{more} more are not listed." if more else "",
    ]
    began = held[0].at
    incident = incident_id(f"summary:{reader.receiver}", began)
    return reader.message(Kind.SUMMARY, incident, f"Since {reader.at(began)}: {title}", body)


def _newest_problem(held: Sequence[Held], subject: str) -> Held:
    return [each for each in held if each.subject == subject and each.problem][-1]
