"""The first user's ten schedule lines come out of the reports of the four upstreams, each with its state."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from functools import reduce
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sidecar.config import load
from sidecar.core.board.board import board
from sidecar.core.history.record import record
from sidecar.core.model import Board, Occurrence
from sidecar.core.reports.report import Report
from sidecar.core.timeline.timeline import Timeline, timeline
from sidecar.credentials import Credentials
from sidecar.web.calendar_page import CalendarPage, calendar_page
from sidecar.web.query import WidgetQuery
from sidecar.wiring import make_sources
from tests.evening_before import EARLIER, SettableClock, remembered
from tests.simulators import Rack, demo_faults, demo_homelab
from tests.simulators.faults import Fault, SourceAway

BERLIN = ZoneInfo("Europe/Berlin")
MORNING = datetime(2026, 11, 23, 7, 30, tzinfo=BERLIN)

TEN = [
    ("02:00", "Databasement dumps"),
    ("02:15", "Backrest vault snapshot"),
    ("02:20", "Backrest app configs"),
    ("02:30", "Backrest databasement-dump snapshot"),
    ("04:00", "PBS critical LXC"),
    ("05:00", "PBS prune"),
    ("Mon 04:00", "PBS non-critical LXC"),
    ("Sat 03:00", "PBS garbage collection"),
    ("Sun 06:00", "Backrest repository prune"),
    ("1st 07:00", "Backrest integrity check"),
]


class House:
    """The demo's homelab, read once: its board and its timeline."""

    def __init__(self, directory: Path, faults: tuple[Fault, ...]) -> None:
        clock = SettableClock(MORNING - EARLIER)
        with Rack(demo_homelab(), clock, directory, faults=faults) as rack:
            rack.settle()
            config = load.load(rack.write_config(directory / "config.yaml"))
            history = asyncio.run(remembered(config, Credentials(None), clock()))
            clock.moment = MORNING
            rack.settle()

            async def read() -> dict[str, Report]:
                async with make_sources(config, Credentials(None)) as sources:
                    return {source.name: await source.read(lambda: MORNING) for source in sources}

            reports = asyncio.run(read())
        history = reduce(record, reports.values(), history)
        settings = config.to_settings()
        self.board: Board = board(reports, history, settings, MORNING)
        self.timeline: Timeline = timeline(reports, history, settings, MORNING)

    def page(self) -> CalendarPage:
        return calendar_page(self.board, self.timeline, WidgetQuery(view="calendar"))

    def on(self, day: date) -> list[Occurrence]:
        start = datetime(day.year, day.month, day.day, tzinfo=BERLIN)
        return list(self.timeline.occurrences(start, start + timedelta(days=1)))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("good"), ())


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> House:
    reachable = tuple(fault for fault in demo_faults() if not isinstance(fault, SourceAway))
    return House(tmp_path_factory.mktemp("bad"), reachable)


def test_the_ten_lines_are_listed_daily_weekly_monthly(good: House) -> None:
    schedule = good.page().schedule

    assert [group for group, _ in schedule] == ["daily", "weekly", "monthly"]
    assert [(line.when, line.title) for _, lines in schedule for line in lines] == TEN
    assert {line.last for _, lines in schedule for line in lines} == {"ok", "running"}
    (gc,) = [line for _, lines in schedule for line in lines if line.when == "Sat 03:00"]
    assert (gc.kind, gc.last, gc.next and gc.next.text) == ("upkeep", "ok", "in 4d")


def test_each_line_is_due_when_it_should_be_in_local_time(good: House) -> None:
    start = datetime(2026, 11, 23, tzinfo=BERLIN)
    occurrences = good.timeline.occurrences(start, start + timedelta(days=14))
    times = {
        title: [occurrence.due.astimezone(BERLIN) for occurrence in occurrences if occurrence.title == title]
        for _, title in TEN
    }

    for when, title in TEN:
        assert {f"{due:%H:%M}" for due in times[title]} == {when.split()[-1]}
    daily = [title for when, title in TEN if " " not in when]
    assert {len(times[title]) for title in daily} == {14}
    assert [due.day for due in times["PBS non-critical LXC"]] == [23, 30]
    assert [due.day for due in times["PBS garbage collection"]] == [28, 5]
    assert [due.day for due in times["Backrest repository prune"]] == [29, 6]
    assert [f"{due:%d %b}" for due in times["Backrest integrity check"]] == ["01 Dec"]


def test_an_ordinary_month_has_no_mark_that_needs_anybody(good: House) -> None:
    marks = {mark for week in good.page().weeks for day in week for _, mark in day.marks}

    assert marks == {"ok", "planned", "running", None}


def test_a_bad_night_is_listed_job_by_job_with_its_culprits(bad: House) -> None:
    today = {occurrence.title: occurrence for occurrence in bad.on(date(2026, 11, 23))}

    assert {title: str(occurrence.state) for title, occurrence in today.items()} == {
        "Databasement dumps": "never",
        "Backrest vault snapshot": "ok",
        "Backrest app configs": "ok",
        "Backrest databasement-dump snapshot": "ok",
        "PBS critical LXC": "failed",
        "PBS non-critical LXC": "running",
        "PBS prune": "ok",
    }
    critical, dumps = today["PBS critical LXC"], today["Databasement dumps"]
    assert (critical.members_ok, critical.members) == (7, 9)
    assert critical.reason == "paperless failed, vaultwarden missed."
    assert (dumps.members_ok, dumps.members) == (6, 7)
    assert dumps.reason == "n8n never, home-assistant warning."


def test_the_newest_occurrence_of_every_job_is_as_the_board_says(bad: House) -> None:
    states = {job.name: job.verdict.state for job in bad.board.jobs}
    newest = {
        occurrence.job: occurrence for occurrence in bad.timeline.occurrences(MORNING - timedelta(days=40), MORNING)
    }

    assert {name: occurrence.state for name, occurrence in newest.items()} == states


def test_a_source_that_was_never_read_leaves_its_lines_planned_and_is_named_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    away = House(tmp_path_factory.mktemp("away"), demo_faults())
    (today, _) = away.page().sections
    unread = [entry for entry in today.entries if entry.mark == "unknown"]

    assert [(line.when, line.title) for _, lines in away.page().schedule for line in lines] == TEN
    assert [entry.title for entry in unread] == [title for _, title in TEN[1:4]]
    assert [entry.who for entry in unread] == ["Can't read backrest.", None, None]


def test_upkeep_of_the_days_before_comes_from_the_task_list(good: House) -> None:
    occurrences = good.timeline.occurrences(MORNING - timedelta(days=12), MORNING)
    states = {
        title: [str(occurrence.state) for occurrence in occurrences if occurrence.title == title]
        for title in ("PBS prune", "PBS garbage collection")
    }

    assert states == {"PBS prune": ["ok"] * 12, "PBS garbage collection": ["ok"] * 2}


def test_the_days_before_were_good(bad: House) -> None:
    for day in range(2, 23):
        assert {str(occurrence.state) for occurrence in bad.on(date(2026, 11, day))} == {"ok"}
