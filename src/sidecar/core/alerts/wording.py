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
        told_in: the id of the incident that it belongs to.
        hidden: what can't be judged because of it.
        in_part: some that belong to the incident are over and others are not, and one message tells both.
        silent: it joined an incident that was told, so that no message is made of it. A summary lists it.
    """

    kind: Kind
    key: str
    seen: Seen | None
    incident: Incident
    told_in: str
    hidden: tuple[Seen, ...] = ()
    in_part: bool = False
    silent: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return self.seen.name if self.seen else self.key.partition(":")[2]

    @property
    def message(self) -> tuple[str, ...]:
        """What is told in one message where it is so at once: of one incident, and all that is well again, or gone."""
        if self.in_part:
            return Kind.UPDATE, self.told_in
        return (self.kind,) if self.kind is Kind.RECOVERY else (self.kind, self.told_in)


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

    def message(
        self, kind: Kind, incidents: Sequence[str], title: str, body: Sequence[str], link: str | None = None
    ) -> Message:
        """The message; empty lines are left out."""
        return Message(
            receiver=self.receiver,
            kind=kind,
            incident=incidents[0],
            others=tuple(incidents[1:]),
            title=title,
            body="\n".join(line for line in body if line),
            at=self.now,
            link=link,
        )


def message_of(news: Sequence[News], reader: Reader) -> Message:
    """One message: of an incident with all that belongs to it, or of what is over."""
    first = min(news, key=lambda each: not (each.seen and each.seen.is_origin))
    kind = Kind.UPDATE if first.in_part else first.kind
    link = link_of(first.seen) if first.seen and kind is not Kind.RECOVERY else None
    incidents = [*dict.fromkeys(each.told_in for each in news)]
    if len(news) == 1:
        return reader.message(kind, incidents, title_of(first, reader), _body(first, reader), link)
    sorted_ = [first, *(each for each in news if each is not first)]
    text = lines([_line(each, reader) for each in sorted_])
    return reader.message(kind, incidents, _title_of_many(sorted_, reader), [text, _shared_action(news)], link)


def _shared_action(news: Sequence[News]) -> str:
    """What can be done about all that is bad, where that is one thing."""
    actions = {each.seen.verdict.action for each in news if each.seen and each.kind is not Kind.RECOVERY}
    return (actions.pop() or "") if len(actions) == 1 else ""


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


def _title_of_many(news: Sequence[News], reader: Reader) -> str:
    over = [each for each in news if each.kind is Kind.RECOVERY]
    bad = [each for each in news if each.kind is not Kind.RECOVERY]
    if not bad:
        return f"{_better(over)}: {_names(over)}"
    if over:
        better = title_of(over[0], reader) if len(over) == 1 else _better(over)
        return f"{better}; still {_states(bad).removeprefix(f'{len(bad)} ')}: {_names(bad)}"
    first = bad[0]
    still = "Still: " if first.kind is Kind.REMINDER else ""
    if first.seen and first.seen.is_origin:
        return f"{title_of(first, reader)}, and with it {_names(bad[1:])}"
    shared = {each.seen and (each.seen.origin or each.seen.blame) for each in bad}
    blame = shared.pop() if len(shared) == 1 else None
    return f"{still}{f'{blame.name}: ' if blame else ''}{_states(bad)}: {_names(bad)}"


def _names(news: Sequence[News]) -> str:
    """Of what is over, what is not there any more comes last."""
    there = sorted(news, key=lambda each: each.seen is None)
    return words.listed([each.name for each in there], _NAMED)


def _states(news: Sequence[News]) -> str:
    """ "9 missed", "8 missed and 1 never"."""
    counts = Counter(each.seen.state for each in news if each.seen)
    return words.listed([f"{counts[state]} {state}" for state in State if counts[state]], len(State))


def _better(news: Sequence[News]) -> str:
    """ "3 are well again, 1 is now warning and 2 are not shown any more"."""
    counts = Counter(each.seen.state if each.seen else None for each in news)
    states = sorted(counts, key=lambda state: (state is not State.OK, state is None, state.rank if state else 0))
    return words.listed([f"{counts[each]} {_became(each, counts[each])}" for each in states], len(State))


def _became(state: State | None, number: int) -> str:
    verb = "is" if number == 1 else "are"
    if state is None:
        return f"{verb} not shown any more"
    return f"{verb} well again" if state is State.OK else f"{verb} now {state}"


def _line(news: News, reader: Reader) -> str:
    text = title_of(news, reader)
    if news.kind is Kind.RECOVERY:
        return f"{text}. {_was(news, reader)}"
    reason = news.seen.verdict.reason if news.seen else None
    return f"{text}. {reason}" if reason else f"{text}."


def _was(news: News, reader: Reader) -> str:
    incident = news.incident
    return f"It was {incident.state} from {reader.at(incident.began)} until {reader.at(incident.better or reader.now)}."


def _counted(hidden: Sequence[Seen]) -> str:
    """ "9 services and 2 jobs"."""
    counts = Counter(seen.kind for seen in hidden)
    return words.listed(
        [f"{counts[kind]} {kind}{'' if counts[kind] == 1 else 's'}" for kind in SubjectKind if counts[kind]]
    )


def _body(news: News, reader: Reader) -> list[str]:
    seen, incident = news.seen, news.incident
    if news.kind is Kind.RECOVERY or seen is None:
        reason = seen.verdict.reason if seen and seen.state is not State.OK else None
        return [_was(news, reader), reason or ""]
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
    began = min(each.at for each in held)
    incident = incident_id(f"summary:{reader.receiver}", began)
    return reader.message(Kind.SUMMARY, [incident], f"Since {reader.at(began)}: {title}", body)


def _newest_problem(held: Sequence[Held], subject: str) -> Held:
    return [each for each in held if each.subject == subject and each.problem][-1]
