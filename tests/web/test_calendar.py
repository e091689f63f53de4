"""The calendar: /api/v1/calendar, and the view with its month, its list and its schedule."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote

import jsonschema
import pytest
from starlette.types import ASGIApp

from sidecar.core.history.history import EMPTY
from sidecar.core.model import Board
from sidecar.core.timeline.timeline import Timeline, timeline
from sidecar.web import openapi
from sidecar.web.app import create_app
from sidecar.web.calendar_page import CalendarPage, Day, calendar_page
from sidecar.web.due_list import Section
from sidecar.web.query import WidgetQuery, parse_widget_query
from sidecar.web.theme import Theme
from tests.core.factories import at
from tests.core.sample_reports import CRITICAL, PBS, PVE, group, pbs, pve, settings
from tests.web import boards, calendars
from tests.web.asking import KEY, ask
from tests.web.boards import NOW


def app_for(timeline: Timeline | None = None, board: Board | None = None) -> ASGIApp:
    shown, due = board or boards.good_morning(), timeline or calendars.month(NOW)
    return create_app(board=lambda: shown, ready=lambda: True, keys=(KEY,), clock=lambda: NOW, timeline=lambda: due)


def api(query: str, timeline: Timeline | None = None) -> Any:
    return ask(app_for(timeline), f"/api/v1/calendar?{query}")


def page(
    query: str = "", timeline: Timeline | None = None, now: datetime = NOW, week_start: str = "monday"
) -> CalendarPage:
    pairs = [(name, values[0]) for name, values in parse_qs(f"view=calendar&{query}").items()]
    made = parse_widget_query(pairs, Theme())
    board = boards.good_morning()
    return calendar_page(
        Board(**{each.name: getattr(board, each.name) for each in fields(Board)} | {"at": now}),
        timeline or calendars.month(now),
        made,
        week_start,
    )


def day(page: CalendarPage, number: int, *, in_month: bool = True) -> Day:
    return next(entry for week in page.weeks for entry in week if (entry.number, entry.in_month) == (number, in_month))


def marks(page: CalendarPage, number: int) -> list[str | None]:
    return [mark for _, mark in day(page, number).marks]


def entries(section: Section) -> list[tuple[str, str, str]]:
    return [(entry.due.text, entry.title, entry.result) for entry in section.entries]


# --- the API ----------------------------------------------------------------------------------------------------------


def test_the_view_of_the_calendar_names_the_sources_that_can_not_be_read() -> None:
    alone = ask(app_for(board=boards.bad_morning()), "/widget?view=calendar").text
    both = ask(app_for(board=boards.bad_morning()), "/widget?view=all").text
    assert alone.count("<b>backrest</b> can&#39;t be read since 06:02: connection refused.") == 1
    assert both.count("<b>backrest</b> can&#39;t be read since 06:02: connection refused.") == 1
    assert 'class="troubles"' not in ask(app_for(), "/widget?view=calendar").text


def test_a_day_on_which_nothing_was_due_looks_different_from_one_of_which_nothing_is_known() -> None:
    weekly = (replace(CRITICAL, schedule="mon 04:00"),)
    reports = {"pve": pve("23 07:00", jobs=weekly), "pbs": pbs("23 07:00", group("9 04:00", "16 04:00", "23 04:00"))}
    looked = replace(EMPTY, first_contact=at("5 12:00"), contacts=dict.fromkeys(reports, at("5 12:00")))

    shown = page(timeline=timeline(reports, looked, settings(PVE, PBS), NOW))

    told = {number: day(shown, number) for number in (2, 4, 5, 6, 9, 24)}
    assert {number: (each.label.partition(": ")[2], each.is_known) for number, each in told.items()} == {
        2: ("nothing known", False),
        4: ("nothing known", False),
        5: ("nothing due", True),
        6: ("nothing due", True),
        9: ("backup ok", True),
        24: ("nothing due", True),
    }


def test_what_retention_may_have_removed_is_not_nothing_due() -> None:
    reports = {
        "pve": pve("23 07:00"),
        "pbs": pbs("23 07:00", group("1 04:00", "20 04:00", "21 04:00", "22 04:00", "23 04:00")),
    }
    looked = replace(EMPTY, first_contact=at("1 00:00"), contacts=dict.fromkeys(reports, at("1 00:00")))

    shown = day(page(timeline=timeline(reports, looked, settings(PVE, PBS), NOW)), 10)

    assert shown.label == "Tue 10 Nov: nothing known"


def test_occurrences_of_a_day_are_listed_in_utc_with_their_states() -> None:
    answer = api("from=2026-11-10T00:00:00%2B01:00&to=2026-11-11T00:00:00%2B01:00").json()

    assert (answer["version"], answer["from"], answer["to"]) == (1, "2026-11-09T23:00:00Z", "2026-11-10T23:00:00Z")
    assert [(occurrence["due"], occurrence["title"], occurrence["state"]) for occurrence in answer["occurrences"]] == [
        ("2026-11-10T01:00:00Z", "Databasement dumps", "failed"),
        ("2026-11-10T01:15:00Z", "Backrest vault snapshot", "ok"),
        ("2026-11-10T03:00:00Z", "PBS critical LXC", "ok"),
    ]
    assert answer["occurrences"][0] == {
        "job": "databasement/dump/Daily",
        "title": "Databasement dumps",
        "kind": "dump",
        "due": "2026-11-10T01:00:00Z",
        "grace_until": "2026-11-10T01:30:00Z",
        "state": "failed",
        "run": {"start": "2026-11-10T01:00:00Z", "end": "2026-11-10T01:07:00Z", "outcome": "failed"},
        "members": 2,
        "members_ok": 1,
        "reason": "immich: postgres-main refused the login. Good again Wed 11 Nov 02:00.",
    }


def test_what_is_to_come_is_planned_and_a_calendar_line_has_no_job() -> None:
    occurrences = api("from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z").json()["occurrences"]

    assert {occurrence["state"] for occurrence in occurrences} == {"planned"}
    assert [occurrence["title"] for occurrence in occurrences if occurrence["job"] is None] == ["Tape to the safe"]


def test_the_answer_is_as_the_description_says() -> None:
    document = openapi.document()
    schema = {"$ref": "#/components/schemas/Calendar", "components": document["components"]}
    answer = api("from=2026-11-01T00:00:00Z&to=2026-12-31T00:00:00Z").json()

    assert len(answer["occurrences"]) > 100
    jsonschema.validate(answer, schema, format_checker=jsonschema.FormatChecker())


def test_an_unchanged_answer_is_304() -> None:
    app, path = app_for(), "/api/v1/calendar?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"
    etag = ask(app, path).headers["etag"]

    assert ask(app, path, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "from is missing"),
        ("from=2026-11-01T00:00:00Z", "to is missing"),
        ("from=2026-11-01&to=2026-11-02", 'from: "2026-11-01" is not a time'),
        ("from=2026-11-01T00:00:00&to=2026-11-02T00:00:00Z", "is not a time"),
        ("from=2026-13-01T00:00:00Z&to=2026-11-02T00:00:00Z", "is not a time"),
        ("from=0001-01-01T00:00:00%2B23:00&to=2026-11-02T00:00:00Z", "is not a time"),
        ("from=9999-12-31T23:59:59-23:00&to=9999-12-31T23:59:59Z", "is not a time"),
        ("from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "to must be later than from"),
        ("from=2026-11-02T00:00:00Z&to=2026-11-02T00:00:00Z", "to must be later than from"),
        ("from=2026-01-01T00:00:00Z&to=2027-02-06T00:00:00Z", "more than 400 days"),
        ("from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z&jobs=1", 'Unknown parameter "jobs"'),
        ("from=2026-11-01T00:00:00Z&from=2026-11-01T00:00:00Z", "given twice"),
    ],
)
def test_a_window_that_makes_no_sense_is_422_with_words(query: str, words: str) -> None:
    answer = api(query)

    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_four_hundred_days_are_allowed_and_a_plus_that_was_not_escaped_is_understood() -> None:
    assert api("from=2026-01-01T00:00:00Z&to=2027-02-05T00:00:00Z").status_code == 200
    assert api("from=2026-11-01T00:00:00+01:00&to=2026-11-02T00:00:00.5+01:00").status_code == 200


def test_too_many_occurrences_are_422_and_never_a_short_answer() -> None:
    often = calendars.month(NOW, every="*:0/5")
    answer = api("from=2026-11-24T00:00:00Z&to=2026-12-24T00:00:00Z", often)

    assert answer.status_code == 422
    assert answer.json()["detail"] == "There are more than 5000 occurrences; ask for a shorter period."


# --- the month --------------------------------------------------------------------------------------------------------


def test_each_day_has_the_worst_mark_of_each_kind_in_its_fixed_place() -> None:
    calendar = page()

    assert (calendar.month, calendar.number) == ("November 2026", 11)
    assert marks(calendar, 9) == ["ok", "ok", None]
    assert marks(calendar, 10) == ["ok", "failed", None]
    assert marks(calendar, 12) == ["missed", "ok", None]
    assert marks(calendar, 14) == ["warning", "ok", None]
    assert marks(calendar, 21) == ["ok", "ok", "ok"]
    assert marks(calendar, 24) == ["planned", "planned", "planned"]
    assert [day(calendar, number).tone for number in (9, 10, 12, 14, 24)] == ["", "bad", "bad", "note", ""]
    assert day(calendar, 10).label == "Tue 10 Nov: backup ok, dump failed"


def test_the_grid_holds_whole_weeks_and_marks_today_and_the_days_beyond_the_month() -> None:
    calendar = page()
    days = [entry for week in calendar.weeks for entry in week]

    assert {len(week) for week in calendar.weeks} == {7}
    assert (days[0].number, days[0].in_month, days[-1].number, days[-1].in_month) == (26, False, 6, False)
    assert [entry.number for entry in days if entry.is_today] == [23]
    assert [name[:2] for name in calendar.weekdays] == ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]


def test_weeks_begin_as_configured() -> None:
    calendar = page(week_start="sunday")

    assert calendar.weekdays[0] == "Sunday"
    assert calendar.weeks[0][0].number == 1
    assert calendar.weeks[0][0].in_month


@pytest.mark.parametrize(
    ("month", "before", "after"),
    [("2026-12", "2026-11", "2027-01"), ("2027-01", "2026-12", "2027-02"), ("2026-03", "2026-02", "2026-04")],
)
def test_the_neighbours_of_a_month_can_be_reached(month: str, before: str, after: str) -> None:
    calendar = page(f"month={month}")

    assert (calendar.before, calendar.after) == (f"?view=calendar&month={before}", f"?view=calendar&month={after}")


@pytest.mark.parametrize(("month", "neighbour"), [("2000-01", "2000-02"), ("2099-12", "2099-11")])
def test_from_the_first_and_the_last_month_there_is_only_one_way(month: str, neighbour: str) -> None:
    answer = ask(app_for(), f"/widget?view=calendar&month={month}")

    assert answer.status_code == 200
    assert re.findall(r'href="\?view=calendar&amp;month=([0-9-]+)" aria-label="month', answer.text) == [neighbour]


@pytest.mark.parametrize(("month", "changed"), [("2026-03", 29), ("2026-10", 25)])
def test_days_with_a_clock_change_are_days_like_others(month: str, changed: int) -> None:
    now = datetime.fromisoformat(f"{month}-01T06:26:00+00:00")
    calendar = page(f"month={month}", now=now, timeline=calendars.month(now))

    for number in (changed - 1, changed, changed + 1):
        assert day(calendar, number).marks[0][1] == "planned"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("2026-03-29", ("03:30", "skipped", "Skipped: clock change, there was no 02:30 that day.")),
        ("2026-10-25", ("02:30", "in 20m", None)),
    ],
)
def test_an_opened_day_with_a_clock_change_lists_each_due_time_once(
    changed: str, expected: tuple[str, str, str | None]
) -> None:
    now = datetime.fromisoformat(f"{changed}T00:10:00+00:00")
    calendar = page(f"day={changed}", now=now, timeline=calendars.month(now, every="02:30"))
    mine = [entry for entry in calendar.sections[0].entries if entry.title == "PBS critical LXC"]

    assert [(entry.due.text, entry.result, entry.who) for entry in mine] == [expected]


def test_a_month_with_too_many_due_times_says_so() -> None:
    calendar = page("month=2026-12", calendars.month(NOW, every="*:0/1"))

    assert calendar.too_many == "There are more than 20000 occurrences in this month."
    assert {mark for week in calendar.weeks for entry in week for _, mark in entry.marks} == {None}


# --- the list ---------------------------------------------------------------------------------------------------------


def test_today_and_the_next_24_hours_are_one_list_parted_by_now() -> None:
    today, tomorrow = page().sections

    assert (today.heading, today.aside, today.now_before) == ("Mon 23 Nov", "today", 4)
    assert entries(today) == [
        ("02:00", "Databasement dumps", "2 of 2"),
        ("02:15", "Backrest vault snapshot", "ok"),
        ("04:00", "PBS critical LXC", "ok"),
        ("05:00", "PBS prune", "ok"),
    ]
    assert (tomorrow.heading, tomorrow.aside, tomorrow.now_before) == ("Tue 24 Nov", "next 24 h", None)
    assert entries(tomorrow) == [
        ("02:00", "Databasement dumps", "in 18h"),
        ("02:15", "Backrest vault snapshot", "in 18h"),
        ("04:00", "PBS critical LXC", "in 20h"),
        ("05:00", "PBS prune", "in 21h"),
    ]


def test_now_stands_before_what_is_still_to_come_today() -> None:
    now = at("23 04:30")
    (today, _) = page(now=now, timeline=calendars.month(now)).sections

    assert today.entries[today.now_before or 0].title == "PBS prune"


def test_an_opened_day_replaces_the_list_and_says_who_and_why() -> None:
    calendar = page("day=2026-11-12")
    (section,) = calendar.sections

    assert calendar.opened
    assert calendar.month == "November 2026"
    assert (section.heading, section.now_before) == ("Thu 12 Nov", None)
    assert entries(section)[2] == ("04:00", "PBS critical LXC", "missed")
    assert section.entries[2].who == "Nothing ran. Good again Fri 13 Nov 04:00."
    assert day(calendar, 12).is_open
    assert calendar.back == "?view=calendar&month=2026-11"


def test_a_day_on_which_nothing_is_due_is_empty() -> None:
    (section,) = page("day=2020-02-29").sections

    assert section.entries == ()
    assert "Nothing due." in ask(app_for(), "/widget?view=calendar&day=2020-02-29").text


def test_a_job_that_is_due_every_few_minutes_takes_one_line() -> None:
    (section,) = page("day=2026-11-30", calendars.month(NOW, every="*:0/5")).sections
    often = [entry for entry in section.entries if entry.title == "PBS critical LXC"]

    assert [(entry.due.text, entry.result, entry.who) for entry in often] == [
        ("00:00", "in 6d", "00:00 to 23:55, 288 times.")
    ]


# --- the schedule and the page ----------------------------------------------------------------------------------------


def test_the_schedule_is_grouped_and_shows_the_last_result_and_the_next_due_time() -> None:
    board = boards.good_morning()
    schedule = {
        group: [(line.when, line.title, line.next and line.next.text) for line in lines]
        for group, lines in page().schedule
    }

    assert schedule == {
        "daily": [
            ("02:00", "Databasement dumps", "in 18h"),
            ("04:00", "PBS critical LXC", "in 20h"),
            ("05:00", "PBS prune", "in 21h"),
        ],
        "weekly": [("Sat 03:00", "PBS garbage collection", "in 4d")],
        "monthly": [("1st 09:00", "Tape to the safe", "in 8d")],
        "other": [("24 Nov 02:15", "Backrest vault snapshot", "in 18h")],
    }
    known = {line.title: line.last for _, lines in page().schedule for line in lines}
    assert {job.name for job in board.jobs} >= {"pbs/prune/prune-main"}
    assert (known["PBS prune"], known["Tape to the safe"]) == ("ok", None)


def test_the_two_views_lead_to_each_other_with_the_theme_of_the_page() -> None:
    theme = "background-color=220%2023%2095&light=true"
    for view in ("table", "calendar"):
        text = ask(app_for(), f"/widget?view={view}&{theme}").text.replace("&amp;", "&")
        assert f'href="?{theme}"' in text
        assert f'href="?view=calendar&{theme}"' in text
        assert len(re.findall(r'aria-current="page"', text)) == 2  # above and at the foot, one of which is shown
    assert re.search(rf'href="\?view=calendar&month=2026-11&day=2026-11-10&{re.escape(theme)}"', text)


def test_all_is_the_table_and_the_calendar_below_one_headline() -> None:
    text = ask(app_for(), "/widget?view=all&day=2026-11-12&light=true").text.replace("&amp;", "&")
    addresses = re.findall(r'href="(\?[^"]*)"', text)

    assert text.count("<h1 ") == 1
    assert text.index('class="services"') < text.index('class="calendar"')
    assert "Nothing ran. Good again" in text
    assert len(addresses) == 42 - 7 + 7 + 3
    assert {address.partition("&")[0] for address in addresses} == {"?view=all"}
    assert all(address.endswith("&light=true") for address in addresses)


@pytest.mark.parametrize("query", ["view=all&service=vault", "view=calendar&service=vault", "month=2026-11"])
def test_a_service_belongs_to_the_table_and_a_month_to_the_calendar(query: str) -> None:
    assert ask(app_for(), f"/widget?{query}").status_code == 422


def test_hostile_titles_are_shown_as_text() -> None:
    text = ask(app_for(calendars.hostile(NOW), boards.hostile()), "/widget?view=calendar").text

    assert text.count("<script") == 2
    assert "onerror" not in text.replace("onerror=alert(1)&gt;", "")
    assert "&lt;script&gt;" in text


def test_the_calendar_has_no_inline_script_no_inline_style_and_only_relative_addresses() -> None:
    text = ask(app_for(), "/widget?view=calendar").text

    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", text)
    for address in re.findall(r'href="([^"]*)"', text):
        assert address.startswith(("?", "#", "static/", "theme.css", "report"))


def test_the_view_is_in_the_description() -> None:
    (view,) = [
        parameter
        for parameter in openapi.document()["paths"]["/widget"]["get"]["parameters"]
        if parameter["name"] == "view"
    ]

    assert view["schema"]["enum"] == ["table", "calendar", "all", "history", "line"]


def test_equal_queries_make_one_page() -> None:
    query = parse_widget_query([("view", "calendar"), ("month", "2026-11"), ("light", "true")], Theme())
    other = parse_widget_query([("light", "true"), ("month", "2026-11"), ("view", "calendar")], Theme())

    assert query == other
    assert query.address(day="2026-11-23") == "?day=2026-11-23&light=true"
    assert WidgetQuery().address() == "?"
    assert quote("a b") == "a%20b"
