"""The headline: its content is decided in fields, and the words are made from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from sidecar.core.board.headline import Beside, first_half, headline, second_half, sentence
from sidecar.core.model import (
    Culprit,
    Headline,
    HeadlineKind,
    JobRow,
    ServiceRow,
    SourceKind,
    SourceRow,
    SourceTrouble,
    State,
    Verdict,
)
from tests.core.factories import BERLIN, at

NOW = at("23 07:26")
ALONE = (Culprit("vaultwarden", State.MISSED, at("23 04:30")),)
AWAY = (Culprit("pbs", State.UNKNOWN, at("22 23:10"), is_source=True),)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (Headline(HeadlineKind.FIRST_READING, 0, 4), "Reading for the first time: 0 of 4 sources answered"),
        (Headline(HeadlineKind.UNREADABLE, culprits=AWAY), "Can't tell: pbs can't be read"),
        (Headline(HeadlineKind.EMPTY), "No service seen: all lists are empty"),
        (Headline(HeadlineKind.NEED_YOU, 2, 12), "2 of 12 need you"),
        (Headline(HeadlineKind.NEED_YOU, 1, 12, ALONE), "1 of 12 need you: vaultwarden missed 04:30"),
        (Headline(HeadlineKind.CANT_TELL, 9, 12), "Can't tell for 9 of 12"),
        (
            Headline(HeadlineKind.CANT_TELL, 9, 12, AWAY),
            "Can't tell for 9 of 12: pbs can't be read since Sun 22 Nov 23:10",
        ),
        (Headline(HeadlineKind.NOT_JUDGED, 9, 12), "Can't tell for 9 of 12: backup-glance stopped judging"),
        (Headline(HeadlineKind.NOT_JUDGED), "Can't tell: backup-glance stopped judging"),
        (Headline(HeadlineKind.SWITCHED_OFF), "Everything is paused or switched off"),
        (Headline(HeadlineKind.NOTHING_DUE), "Nothing was due yet"),
        (Headline(HeadlineKind.BACKED_UP, 12, 12), "All 12 backed up"),
        (
            Headline(HeadlineKind.BACKED_UP, 9, 12, extras=((State.RUNNING, 1), (State.LATE, 2), (State.WARNING, 2))),
            "9 of 12 backed up, 1 running, 2 late, 2 warnings",
        ),
        (
            Headline(HeadlineKind.BACKED_UP, 3, 3, (Culprit("PBS prune", State.FAILED), *AWAY), ((State.WARNING, 1),)),
            "All 3 backed up, 1 warning: PBS prune failed and pbs can't be read since Sun 22 Nov 23:10",
        ),
    ],
)
def test_the_words_follow_from_the_fields(facts: Headline, words: str) -> None:
    assert sentence(facts, NOW, BERLIN) == words
    assert words == ": ".join(half for half in (first_half(facts), second_half(facts, NOW, BERLIN)) if half)


def service(name: str, state: State) -> ServiceRow:
    return ServiceRow(
        name=name,
        verdict=Verdict(state=state, since=NOW - timedelta(hours=1)),
        last_backup=None,
        count=None,
        next_run=None,
        verified_at=None,
        last_run=None,
        parts=(),
    )


def job(title: str, state: State) -> JobRow:
    return JobRow(
        name="pbs/prune/p",
        title=title,
        kind="prune",
        source="pbs",
        verdict=Verdict(state=state),
        schedule=None,
        timezone=None,
        last_run=None,
        next_run=None,
    )


def source(name: str, state: State, trouble: SourceTrouble | None = None) -> SourceRow:
    as_of = None if trouble is SourceTrouble.NOT_READ_YET else NOW
    return SourceRow(
        name=name, kind=SourceKind.PBS, verdict=Verdict(state=state), as_of=as_of, version=None, trouble=trouble
    )


FINE = source("pve", State.OK)
GONE = source("pbs", State.UNKNOWN, SourceTrouble.UNREADABLE)
UNREAD = source("pbs", State.UNKNOWN, SourceTrouble.NOT_READ_YET)


@pytest.mark.parametrize(
    ("services", "sources", "kind", "count", "total"),
    [
        ([], [UNREAD, UNREAD], HeadlineKind.FIRST_READING, 0, 2),
        ([], [UNREAD, GONE], HeadlineKind.UNREADABLE, 0, 0),
        ([], [FINE], HeadlineKind.EMPTY, 0, 0),
        ([State.OK, State.MISSED, State.UNKNOWN, State.DISABLED], [FINE], HeadlineKind.NEED_YOU, 1, 3),
        ([State.OK, State.UNKNOWN], [FINE, GONE], HeadlineKind.CANT_TELL, 1, 2),
        ([State.DISABLED], [FINE], HeadlineKind.SWITCHED_OFF, 0, 0),
        ([State.NEW, State.NEW], [FINE], HeadlineKind.NOTHING_DUE, 0, 0),
        ([State.OK, State.WARNING, State.LATE], [FINE], HeadlineKind.BACKED_UP, 2, 3),
    ],
)
def test_what_it_says_follows_from_the_rows(
    services: Sequence[State], sources: Sequence[SourceRow], kind: HeadlineKind, count: int, total: int
) -> None:
    facts = headline([service(f"s{place}", state) for place, state in enumerate(services)], Beside(sources=sources))

    assert (facts.kind, facts.count, facts.total) == (kind, count, total)


def test_one_alone_is_named_and_many_are_not() -> None:
    first, second = service("a", State.FAILED), service("b", State.NEVER)

    assert headline([first], Beside(sources=[FINE])).culprits == (Culprit("a", State.FAILED, NOW - timedelta(hours=1)),)
    assert headline([first, second], Beside(sources=[FINE])).culprits == ()


def test_trouble_that_no_service_shows_is_named() -> None:
    facts = headline([service("a", State.OK)], Beside([job("Prune", State.FAILED), job("GC", State.OK)], [FINE, GONE]))

    assert facts.culprits == (Culprit("Prune", State.FAILED), Culprit("pbs", State.UNKNOWN, is_source=True))
