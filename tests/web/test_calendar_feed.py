"""/calendar.ics, read by another library than the one that writes it: the same occurrences as in the timeline."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp

from sidecar.core.model import Board, Exempt, Occurrence, OccurrenceKind, Outcome, Run, ScheduleLine, State
from sidecar.core.schedules.local_day import midnight
from sidecar.core.timeline.timeline import MOST, Timeline, TooManyError
from sidecar.web.app import Handlers, WidgetOptions, create_app
from sidecar.web.calendar_feed import MOST_READ, SPANS, calendar_feed
from sidecar.web.due_list import MOST_IN_A_LIST
from sidecar.web.dues import Dues
from sidecar.web.icalendar_text import icalendar_text
from sidecar.web.known import Known, Question, Whole
from sidecar.web.stale_board import StaleTimeline
from tests.core.factories import BERLIN, at, run
from tests.web import boards, calendars
from tests.web.asking import KEY, ask
from tests.web.boards import HALF_A_CHARACTER, HOSTILE, LONG, NOW

#: The same timelines are read again and again.
month = cache(calendars.month)

SRC = Path(__file__).parent.parent.parent / "src"


@dataclass(frozen=True)
class Listed:
    """Due times that are given one by one."""

    each: tuple[Occurrence, ...]

    def occurrences(self, start: datetime, end: datetime, most: int = MOST) -> tuple[Occurrence, ...]:
        some = tuple(occurrence for occurrence in self.each if start <= occurrence.due < end)
        if len(some) > most:
            raise TooManyError(most)
        return tuple(sorted(some, key=lambda occurrence: (occurrence.due, occurrence.title)))

    def nothing_known(self, _start: datetime, _end: datetime, _most: int = MOST) -> tuple[datetime, ...]:
        return ()

    @property
    def looked_since(self) -> datetime | None:
        return None

    def lines(self) -> tuple[ScheduleLine, ...]:
        return ()


def board_at(now: datetime) -> Board:
    return replace(boards.good_morning(), at=now)


def text_of(timeline: Dues, now: datetime = NOW) -> bytes:
    return b"".join(icalendar_text(calendar_feed(board_at(now), timeline)))


@cache
def read(text: bytes) -> list[Any]:
    """The events, as vobject reads them."""
    calendar = vobject.readOne(text.decode())
    return list(calendar.contents.get("vevent", ()))


def shown(event: Any) -> tuple[datetime, str, str]:
    """(due time, title, state) of an event."""
    title, _, _ = event.summary.value.partition(": ")
    return event.dtstart.value.astimezone(UTC), title, event.categories.value[0]


def known(occurrence: Occurrence) -> tuple[datetime, str, str]:
    """The same of an occurrence."""
    return occurrence.due, occurrence.title, str(occurrence.state or "planned")


def span_of(timeline: Dues, now: datetime, back: int = 30, ahead: int = 60) -> tuple[Occurrence, ...]:
    """The due times of the days that the feed covers."""
    today = now.astimezone(BERLIN).date()
    days = (today - timedelta(days=back), today + timedelta(days=ahead + 1))
    start, end = (midnight(day, BERLIN) for day in days)
    return timeline.occurrences(start, end, MOST_READ)


def app_for(timeline: Dues, board: Board | None = None, now: datetime = NOW) -> ASGIApp:
    made = board or board_at(now)
    return create_app(board=lambda: made, ready=lambda: True, keys=(KEY,), clock=lambda: now, timeline=lambda: timeline)


def test_it_holds_the_occurrences_of_the_timeline_with_their_states() -> None:
    timeline = month(NOW)
    events = [shown(event) for event in read(text_of(timeline))]

    assert sorted(events) == sorted(known(occurrence) for occurrence in span_of(timeline, NOW))
    assert events == sorted(events, key=lambda event: event[0])
    assert Counter(state for _, _, state in events)["missed"] == 1
    assert {"ok", "failed", "warning", "missed", "planned"} <= {state for _, _, state in events}
    assert events[0][0] < NOW - timedelta(days=20)
    assert events[-1][0] > NOW + timedelta(days=59)


WORDS = st.text(alphabet="ab ,;:\\\"'ä€😀\n\r\t\x00\x1f\x85\u202e\ud800", max_size=120)


@st.composite
def occurrences(draw: st.DrawFn) -> Occurrence:
    due = NOW + draw(st.integers(-45, 75)) * timedelta(days=1) + draw(st.integers(0, 40)) * timedelta(minutes=30)
    state = draw(st.sampled_from(State)) if due <= NOW else None
    start = due + timedelta(minutes=draw(st.integers(-5, 50)))
    ended, ran = draw(st.booleans()), draw(st.sampled_from([1, 60]))
    members = draw(st.none() | st.integers(1, 5))
    return Occurrence(
        job=draw(st.none() | st.sampled_from(["pve/backup/a", "pve/backup/b", "pbs/gc/main"])),
        title=f"title {draw(WORDS)}",
        kind=draw(st.sampled_from(OccurrenceKind)),
        due=due,
        grace_until=draw(st.none() | st.just(due + timedelta(minutes=30))),
        state=state,
        run=Run(start=start, end=start + timedelta(minutes=ran) if ended else None, outcome=Outcome.OK)
        if state is not None and draw(st.booleans())
        else None,
        members=members,
        members_ok=members,
        reason=draw(st.none() | WORDS),
        exempt=draw(st.none() | st.sampled_from(Exempt)) if state is State.DISABLED else None,
    )


@given(st.lists(occurrences(), max_size=40))
def test_no_occurrence_is_lost_or_added_and_none_has_another_state(each: list[Occurrence]) -> None:
    listed = Listed(tuple(each))
    text = text_of(listed)
    events = read(text)
    alone, folded_days = parted(span_of(listed, NOW))
    expected = Counter((occurrence.due, known(occurrence)[2]) for occurrence in alone)

    assert expected <= Counter((due, state) for due, _, state in map(shown, events))
    assert len(events) == len(alone) + folded_days
    assert len({event.uid.value for event in events}) == len(events)
    assert all(event.dtend.value > event.dtstart.value for event in events)
    assert all(event.dtstamp.value <= NOW + timedelta(days=1) for event in events)
    assert_lines_are_well_formed(text)


def parted(each: Iterable[Occurrence]) -> tuple[list[Occurrence], int]:
    """The due times that have an event of their own, and the number of days on which a job is due too often for that."""
    days: dict[object, list[Occurrence]] = defaultdict(list)
    for occurrence in each:
        whose = occurrence.job or (occurrence.kind, occurrence.title)
        days[whose, occurrence.due.astimezone(BERLIN).date()].append(occurrence)
    alone = [occurrence for mine in days.values() if len(mine) <= MOST_IN_A_LIST for occurrence in mine]
    return alone, sum(len(mine) > MOST_IN_A_LIST for mine in days.values())


def assert_lines_are_well_formed(text: bytes) -> None:
    """RFC 5545: at most 75 octets, no character is cut apart, and nothing that controls a terminal."""
    assert text.endswith(b"\r\n")
    for line in text.removesuffix(b"\r\n").split(b"\r\n"):
        assert len(line) <= 75
        assert all(letter.isprintable() for letter in line.decode())


def test_hostile_titles_end_no_line_and_begin_no_property() -> None:
    text = text_of(calendars.hostile(NOW))

    assert_lines_are_well_formed(text)
    assert max(len(event.summary.value) for event in read(text)) <= 220
    injected = Occurrence(
        job=None,
        title="a\r\nATTENDEE:mailto:x@y.z\nBEGIN:VALARM",
        kind=OccurrenceKind.BACKUP,
        due=NOW,
        reason=f"{HOSTILE}{HALF_A_CHARACTER}{LONG * 9}",
    )
    (event,) = read(text_of(Listed((injected,))))
    assert event.summary.value == "a ATTENDEE:mailto:x@y.z BEGIN:VALARM"
    assert event.description.value.startswith(HOSTILE)
    assert len(event.description.value) == 500
    assert set(event.contents) == {
        "uid",
        "dtstamp",
        "last-modified",
        "sequence",
        "dtstart",
        "dtend",
        "summary",
        "description",
        "categories",
        "transp",
    }


# --- what an event says ---------------------------------------------------------------------------------------------------


def summaries(timeline: Dues, now: datetime, day: datetime) -> dict[str, str]:
    """title: the rest, of one local day."""
    date = day.astimezone(BERLIN).date()
    events = [event for event in read(text_of(timeline, now)) if event.dtstart.value.astimezone(BERLIN).date() == date]
    return {title: rest for title, _, rest in (event.summary.value.partition(": ") for event in events)}


def test_past_ones_carry_their_verdict_in_words_and_those_to_come_none() -> None:
    timeline = month(NOW)

    assert summaries(timeline, NOW, at("10 02:00")) == {
        "Databasement dumps": "failed, 1 of 2",
        "Backrest vault snapshot": "ok",
        "PBS critical LXC": "ok",
    }
    assert summaries(timeline, NOW, at("12 02:00"))["PBS critical LXC"] == "missed"
    assert set(summaries(timeline, NOW, at("24 02:00")).values()) == {""}


def test_an_event_is_as_long_as_the_run_or_the_grace_and_makes_nobody_busy() -> None:
    events = {shown(event)[:2]: event for event in read(text_of(month(NOW)))}
    ran = events[at("10 02:15"), "Backrest vault snapshot"]
    coming = events[at("24 04:00"), "PBS critical LXC"]
    planned = events[at("1 Dec 09:00"), "Tape to the safe"]

    assert ran.dtend.value == at("10 02:22")
    assert coming.dtend.value == at("24 04:30")
    assert planned.dtend.value == at("1 Dec 09:30")
    assert {event.transp.value for event in events.values()} == {"TRANSPARENT"}
    assert not any("valarm" in event.contents for event in events.values())


def test_a_run_that_was_over_before_its_due_time_leaves_the_grace_as_its_end() -> None:
    early = Run(start=NOW - timedelta(minutes=4), end=NOW - timedelta(minutes=1), outcome=Outcome.OK)
    due = Occurrence(
        job="pve/backup/a", title="A", kind=OccurrenceKind.BACKUP, due=NOW, grace_until=NOW + timedelta(minutes=20)
    )
    (event,) = read(text_of(Listed((replace(due, state=State.OK, run=early),))))

    assert (event.dtstart.value, event.dtend.value) == (NOW, NOW + timedelta(minutes=20))
    assert event.dtstamp.value == NOW


def test_reasons_are_the_description() -> None:
    failed = Occurrence(
        job="pve/backup/a",
        title="A",
        kind=OccurrenceKind.BACKUP,
        due=NOW,
        state=State.FAILED,
        reason="101: no space, left.",
    )
    (event,) = read(text_of(Listed((failed,))))

    assert event.description.value == "101: no space, left."


def test_what_is_left_out_ahead_was_not_changed_in_the_future() -> None:
    due = NOW + timedelta(days=9)
    skipped = Occurrence(
        job="pve/backup/a", title="A", kind=OccurrenceKind.BACKUP, due=due, state=State.DISABLED, exempt=Exempt.SKIPPED
    )
    (event,) = read(text_of(Listed((skipped,))))

    assert event.last_modified.value <= NOW < event.dtstart.value
    assert event.sequence.value == "0"


def test_paused_and_skipped_ones_say_so() -> None:
    due = {"pve/backup/a": Exempt.PAUSED, "pve/backup/b": Exempt.SKIPPED}
    listed = tuple(
        Occurrence(job=job, title=job[-1], kind=OccurrenceKind.BACKUP, due=NOW, state=State.DISABLED, exempt=why)
        for job, why in due.items()
    )

    assert [event.summary.value for event in read(text_of(Listed(listed)))] == ["a: paused", "b: skipped"]


def test_the_calendar_has_a_name_and_says_how_often_to_ask() -> None:
    calendar = vobject.readOne(text_of(month(NOW)).decode())

    assert calendar.x_wr_calname.value == calendar.contents["name"][0].value == "Backups"
    assert calendar.x_published_ttl.value == calendar.refresh_interval.value == "PT1H"
    assert calendar.refresh_interval.params == {"VALUE": ["DURATION"]}
    assert calendar.x_wr_timezone.value == "Europe/Berlin"
    assert calendar.x_wr_caldesc.value == "The last 30 and the next 60 days."
    assert "method" not in calendar.contents


# --- clock changes --------------------------------------------------------------------------------------------------------


def dues_of(timeline: Timeline, now: datetime, title: str = "PBS critical LXC") -> list[tuple[str, str]]:
    events = [shown(event) for event in read(text_of(timeline, now))]
    return [(f"{due:%m-%d %H:%MZ}", state) for due, name, state in events if name == title]


@pytest.mark.fortnight
def test_in_autumn_a_time_that_exists_twice_is_due_once() -> None:
    dues = dues_of(month(NOW, every="02:30"), NOW)
    now = datetime(2026, 10, 20, 6, tzinfo=UTC)
    ahead = dues_of(month(now, every="02:30"), now)

    assert dict(ahead)["10-24 00:30Z"] == dict(ahead)["10-25 00:30Z"] == dict(ahead)["10-26 01:30Z"] == "planned"
    assert len(ahead) == len(dict(ahead)) == len({due[:5] for due, _ in ahead})
    assert all(due.endswith("01:30Z") for due, _ in dues)


@pytest.mark.fortnight
def test_in_spring_a_time_that_does_not_exist_is_skipped_and_the_others_keep_theirs() -> None:
    now = datetime(2027, 3, 1, 6, tzinfo=UTC)
    timeline = month(now, every="02:30")
    dues = dict(dues_of(timeline, now))

    assert (dues["03-27 01:30Z"], dues["03-28 01:30Z"], dues["03-29 00:30Z"]) == ("planned", "disabled", "planned")
    assert summaries(timeline, now, datetime(2027, 3, 28, 12, tzinfo=UTC))["PBS critical LXC"] == "skipped"
    skipped = {event.summary.value: event for event in read(text_of(timeline, now))}["PBS critical LXC: skipped"]
    assert skipped.description.value == "Skipped: clock change, there was no 02:30 that day."


@pytest.mark.fortnight
@pytest.mark.parametrize("now", [datetime(2026, 10, 20, 6, tzinfo=UTC), NOW, datetime(2027, 3, 1, 6, tzinfo=UTC)])
def test_over_clock_changes_too_it_is_the_timeline(now: datetime) -> None:
    timeline = month(now, every="02:30")

    assert sorted(shown(event) for event in read(text_of(timeline, now))) == sorted(
        known(occurrence) for occurrence in span_of(timeline, now)
    )


# --- the same bytes, the same names ---------------------------------------------------------------------------------------


def test_an_event_keeps_its_name_whatever_becomes_of_it() -> None:
    due = Occurrence(job="pve/backup/a", title="A", kind=OccurrenceKind.BACKUP, due=NOW)
    later = [due, *(replace(due, title=f"A{state}", state=state, run=run("23 07:30")) for state in State)]
    events = [read(text_of(Listed((each,))))[0] for each in later]

    assert len({event.uid.value for event in events}) == 1
    assert [event.sequence.value for event in events] == ["0", *["1"] * len(State)]
    other = read(text_of(Listed((replace(due, due=NOW + timedelta(days=1)),))))[0]
    assert other.uid.value != events[0].uid.value


def test_a_time_that_the_clocks_skip_keeps_its_name_beside_the_one_that_is_due_then() -> None:
    due = Occurrence(job="pve/backup/a", title="A", kind=OccurrenceKind.BACKUP, due=NOW)
    skipped = replace(due, state=State.DISABLED, exempt=Exempt.SKIPPED)
    both = {event.summary.value: event.uid.value for event in read(text_of(Listed((due, skipped))))}
    (alone,) = read(text_of(Listed((skipped,))))

    assert both["A: skipped"] == alone.uid.value != both["A"]


def test_while_nothing_happens_the_bytes_and_the_tag_stay() -> None:
    first = ask(app_for(month(NOW)), "/calendar.ics")
    later = NOW + timedelta(minutes=3)
    second = ask(app_for(month(later), now=later), "/calendar.ics", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["content-type"] == "text/calendar; charset=utf-8"
    assert first.content == text_of(month(NOW))
    assert (second.status_code, second.content) == (304, b"")
    assert ask(app_for(month(NOW)), "/calendar.ics", method="HEAD").headers == first.headers


def test_a_board_that_is_not_renewed_any_more_says_unknown_for_what_has_become_due() -> None:
    made = board_at(NOW)
    later = NOW + timedelta(days=1)
    app = create_app(
        board=lambda: made, ready=lambda: True, keys=(KEY,), clock=lambda: later, timeline=lambda: month(NOW)
    )
    events = [shown(event) for event in read(ask(app, "/calendar.ics").content)]

    assert (at("24 04:00"), "PBS critical LXC", "unknown") in events
    assert sorted(events) == sorted(map(known, span_of(StaleTimeline(month(NOW), later), later)))


# --- amounts --------------------------------------------------------------------------------------------------------------


def due_every(minutes: int, *, jobs: int = 1, back: int = 31, ahead: int = 61) -> Listed:
    """Good until now, but for one time."""
    start, step = at("23 00:00") - timedelta(days=back), timedelta(minutes=minutes)
    dues = [start + place * step for place in range(int(timedelta(days=back + ahead) / step))]
    bad = at("20 12:00")
    return Listed(
        tuple(
            Occurrence(
                job=f"pbs/sync/{job}",
                title=f"Sync {job}",
                kind=OccurrenceKind.UPKEEP,
                due=due,
                state=(State.FAILED if due == bad else State.OK) if due <= NOW else None,
                reason="connection lost" if due == bad else None,
            )
            for job in range(jobs)
            for due in dues
        )
    )


def test_a_job_that_is_due_very_often_has_one_event_a_day_which_the_worst_speaks_for() -> None:
    every = read(text_of(due_every(15)))
    events = {event.dtstart.value.astimezone(BERLIN).date().isoformat(): event for event in every}

    assert len(events) == len(every)
    assert events["2026-11-20"].summary.value == "Sync 0: failed, 95 of 96"
    assert events["2026-11-20"].description.value == "00:00 to 23:45, 96 times. connection lost"
    assert events["2026-11-20"].categories.value == ["failed"]
    assert events["2026-11-21"].summary.value == "Sync 0: ok, 96 of 96"
    assert events["2026-11-25"].summary.value == "Sync 0"
    assert (events["2026-11-21"].dtstart.value, events["2026-11-21"].dtend.value) == (at("21 00:00"), at("21 23:45"))


def test_a_folded_day_keeps_its_name_when_its_schedule_becomes_denser() -> None:
    names = [{event.uid.value for event in read(text_of(due_every(minutes)))} for minutes in (15, 30)]

    assert names[0] == names[1]


@pytest.mark.fortnight
@pytest.mark.parametrize(
    ("listed", "about"),
    [
        ({"minutes": 5}, "The last 30 and the next 60 days."),
        ({"minutes": 5, "jobs": 2}, "The last 14 and the next 30 days. Too much is due to show more days."),
        (
            {"minutes": 5, "jobs": 12, "back": 7, "ahead": 14},
            "The last 2 and the next 4 days. Too much is due to show more days.",
        ),
        ({"minutes": 1, "jobs": 4, "back": 2, "ahead": 4}, "Nothing is shown: too much is due on these days."),
        ({"minutes": 24 * 60, "jobs": 100}, "The last 14 and the next 30 days. Too much is due to show more days."),
    ],
)
def test_where_too_much_is_due_it_covers_fewer_days_and_says_so(listed: dict[str, int], about: str) -> None:
    feed = calendar_feed(board_at(NOW), due_every(**listed))

    assert feed.about == about
    assert len(feed.events) <= MOST


def test_its_spans_get_shorter() -> None:
    assert sorted(SPANS, reverse=True) == list(SPANS)


@pytest.mark.fortnight
def test_the_library_is_loaded_only_for_who_asks() -> None:
    code = "import sys, sidecar.web.app; sys.exit('icalendar' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(SRC)})


def test_a_new_board_does_not_wait_for_the_calendar_of_phones() -> None:
    """They ask once an hour, and drawing it takes longest of all."""
    known = Known(board=board_at(NOW), timeline=lambda: month(NOW))
    handlers = Handlers(known=lambda: known, ready=lambda: True, clock=lambda: NOW, options=WidgetOptions())

    async def asked() -> set[Question]:
        for question in (Whole.CALENDAR_FEED, Whole.STATUS):
            await handlers.answers.answer(known, question)
        return set(await handlers.answers.prepared(Known(board=board_at(NOW), timeline=lambda: month(NOW))))

    assert asyncio.run(asked()) == {Whole.STATUS}
