"""What stands on the page: the right words in the right place, and nothing of an upstream unescaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from sidecar.core.model import (
    Board,
    Culprit,
    Headline,
    HeadlineKind,
    PartRow,
    SourceKind,
    SourceTrouble,
    State,
    Verdict,
)
from sidecar.web.app import WidgetOptions
from sidecar.web.page import DOCTOR, Page, Wanted, page, page_of_service
from sidecar.web.rows import Row
from sidecar.web.words import TimedText
from tests.web import boards
from tests.web.asking import app_for, ask


def row(shown: Page, name: str) -> Row:
    return next(row for row in shown.rows if row.name == name)


def texts(times: Iterable[TimedText]) -> tuple[str, ...]:
    return tuple(map(str, times))


@pytest.mark.parametrize(
    ("made", "state", "line_1", "line_2"),
    [
        (boards.good_morning, "ok", "All 12 backed up", ("as of 07:26", "next 02:00")),
        (boards.bad_morning, "failed", "3 of 12 need you", ("as of 07:26", "next 02:00")),
        (boards.stale, "unknown", "Can't tell for 12 of 12", ("as of 04:20", "next 02:00")),
        (boards.empty, "unknown", "No service seen", ("all lists are empty", "as of 07:26")),
        (boards.first_reading, "unknown", "Reading for the first time", ("0 of 4 sources answered",)),
    ],
)
def test_the_headline_is_one_line_and_the_age_of_the_data(
    made: Callable[[], Board], state: str, line_1: str, line_2: tuple[str, ...]
) -> None:
    headline = page(made()).headline
    assert (headline.state, headline.line_1, texts(headline.line_2)) == (state, line_1, line_2)


def test_the_culprit_is_named_below_only_where_no_tally_names_the_states() -> None:
    board = boards.good_morning()
    facts = Headline(HeadlineKind.NEED_YOU, 1, 12, (Culprit("vault", State.MISSED, boards.at(23, "04:00")),))
    alone = replace(board, overall=replace(board.overall, facts=facts))
    among = replace(alone, overall=replace(alone.overall, counts={State.MISSED: 1, State.OK: 11}))
    assert texts(page(alone).headline.line_2) == ("vault missed 04:00", "as of 07:26")
    assert texts(page(among).headline.line_2) == ("as of 07:26", "next 02:00")


def test_a_name_that_looks_like_a_piece_of_the_headline_stays_whole() -> None:
    board = boards.good_morning()
    name = "mail: inbox · as of 2019"
    facts = Headline(HeadlineKind.NEED_YOU, 1, 12, (Culprit(name, State.MISSED),))
    headline = page(replace(board, overall=replace(board.overall, facts=facts))).headline
    assert (headline.line_1, texts(headline.line_2)[0]) == ("1 of 12 need you", f"{name} missed")


def test_how_a_reason_begins_decides_nothing() -> None:
    verdict = Verdict(state=State.WARNING, reason="Was never seen: it said so itself.")
    partly = replace(boards.SOURCES[1], verdict=verdict, trouble=SourceTrouble.PARTLY_READ)
    (trouble,) = page(replace(boards.good_morning(), sources=(partly,))).troubles
    assert trouble.reason == ": Was never seen: it said so itself."


def test_the_tally_counts_worst_first_and_is_silent_when_all_is_ok() -> None:
    tally = page(boards.bad_morning()).tally
    assert [state for state, _ in tally] == sorted((state for state, _ in tally), key=lambda state: state.rank)
    assert dict(tally)[State.UNKNOWN] == 3
    assert page(boards.good_morning()).tally == ()


def test_rows_are_worst_first() -> None:
    states = [row.state.rank for row in page(boards.bad_morning()).rows]
    assert states == sorted(states)


def test_a_problem_row_shows_reason_action_and_link() -> None:
    paperless = row(page(boards.bad_morning()), "paperless")
    assert paperless.reason == boards.FAILED.reason
    assert paperless.action == boards.FAILED.action
    assert paperless.link == boards.FAILED.link


def test_a_running_row_shows_its_line_and_no_action() -> None:
    jellyfin = row(page(boards.bad_morning()), "jellyfin")
    assert (jellyfin.reason, jellyfin.action, jellyfin.link) == ("Since 04:48, usually 3h.", None, None)
    assert jellyfin.next is not None
    assert jellyfin.next.text == "now"


def test_a_good_row_is_one_calm_line() -> None:
    assert all(row.reason is None and row.action is None for row in page(boards.good_morning()).rows)


def test_why_a_source_can_not_be_read_is_shown_once_and_its_rows_say_what_they_were() -> None:
    shown = page(boards.bad_morning())
    assert [(trouble.name, trouble.reason) for trouble in shown.troubles] == [
        ("backrest", " can't be read since 06:02: connection refused.")
    ]
    vault = row(shown, "vault")
    assert (vault.reason, vault.action, vault.needs_words) == (
        "backrest can't be read since 06:02, was ok.",
        None,
        False,
    )


def test_a_guest_whose_backup_server_can_not_be_read_names_that_server() -> None:
    board = boards.bad_morning()
    lost = Verdict(state=State.UNKNOWN, reason="Can't read backrest.", unread="backrest", before=State.LATE)
    guest = boards.service("grafana", boards.guest(113, lost))
    (shown,) = page(replace(board, services=(guest,))).rows
    assert (shown.reason, shown.by_source) == ("backrest can't be read since 06:02, was late.", True)
    assert [trouble.name for trouble in page_of_service(board, guest).troubles] == ["backrest"]


def test_a_source_that_was_never_read_was_nothing_before() -> None:
    waiting = replace(boards.bad_morning().sources[3], verdict=Verdict(state=State.UNKNOWN))
    unread = Verdict(state=State.UNKNOWN, reason="Nothing was read from backrest yet.")
    board = replace(boards.good_morning(), sources=(*boards.SOURCES[:3], waiting))
    vault = boards.service("vault", boards.plan("vault", unread))
    assert page(replace(board, services=(vault,))).rows[0].reason == "backrest can't be read."


def test_an_unknown_row_whose_source_answers_keeps_its_reason() -> None:
    board = boards.bad_morning()
    assert row(page(replace(board, sources=boards.SOURCES)), "vault").reason == "Backrest can't be read since 06:02."


def test_a_source_that_was_read_only_in_part_is_named_with_what_it_lacks() -> None:
    source = replace(
        boards.SOURCES[1],
        verdict=Verdict(state=State.WARNING, reason="Tasks pve2: timed out."),
        limits=("The token may not see pool lab.",),
        trouble=SourceTrouble.PARTLY_READ,
    )
    trouble = page(replace(boards.good_morning(), sources=(source,))).troubles[0]
    assert (trouble.name, trouble.reason, trouble.limits) == (
        "pve",
        ": Tasks pve2: timed out.",
        ("The token may not see pool lab.",),
    )


def test_failed_upkeep_stands_among_the_troubles_and_in_the_last_line() -> None:
    failed = boards.job(
        "pbs/prune/p", "PBS prune p", boards.at(24, "05:00"), Verdict(state=State.FAILED, reason="No space left.")
    )
    shown = page(replace(boards.good_morning(), jobs=(failed, boards.UPKEEP[1])))
    assert [(trouble.name, trouble.state, trouble.reason) for trouble in shown.troubles] == [
        ("PBS prune p", "failed", "No space left.")
    ]
    (upkeep,) = shown.upkeep
    assert texts(upkeep.pieces) == ("upkeep failed", "PBS prune p 05:00", "Garbage collection Sat 03:00")


def test_upkeep_has_a_line_for_each_source_and_calls_its_jobs_by_their_names() -> None:
    checks = [boards.job(f"backrest/check/r{place}", f"Check {place}", boards.at(25, "07:00")) for place in range(5)]
    shown = page(replace(boards.good_morning(), jobs=(*boards.UPKEEP, *checks))).upkeep
    assert [texts(line.pieces) for line in shown] == [
        ("backrest upkeep ok", "Check 0 Wed 07:00", "Check 1 Wed 07:00", "Check 2 Wed 07:00", "2 more"),
        ("pbs upkeep ok", "Prune 05:00", "Garbage collection Sat 03:00"),
    ]


@pytest.mark.parametrize(
    ("ignored", "text"),
    [
        ((("guest", 1),), "1 guest by your ignore list"),
        ((("guest", 1), ("database", 12)), "1 guest and 12 databases by your ignore list"),
        ((), None),
    ],
)
def test_what_is_left_out_says_what_and_why(ignored: tuple[tuple[str, int], ...], text: str | None) -> None:
    left_out = sum(number for _, number in ignored)
    assert page(replace(boards.good_morning(), left_out=left_out, ignored=ignored)).left_out == text


def test_databases_show_their_state_on_the_row() -> None:
    nextcloud = boards.bad_morning().services[0]
    bad = replace(nextcloud.parts[1], verdict=boards.WARNING)
    several = replace(nextcloud, parts=(nextcloud.parts[0], bad, nextcloud.parts[2]), verdict=boards.WARNING)
    shown = page(replace(boards.bad_morning(), services=(nextcloud, several)))
    marks = [[(mark.state.value, mark.label) for mark in row.marks] for row in shown.rows]
    assert marks == [
        [("ok", "guest"), ("warning", "mariadb-main/nextcloud"), ("ok", "1 dump")],
        [("ok", "guest"), ("ok", "2 dumps")],
    ]


def test_calm_rows_fold_behind_the_first_five() -> None:
    shown = page(boards.good_morning())
    assert [row.folded for row in shown.rows] == [False] * 5 + [True] * 7
    assert shown.folded == 7
    assert page(boards.bad_morning()).folded == 0


@pytest.mark.parametrize(("services", "bad"), [(61, 0), (1_000, 0), (1_000, 40), (1_000, 900), (70, 66), (70, 70)])
@pytest.mark.parametrize("fold", [None, -1, 0, 30])
def test_a_long_page_has_groups_and_what_needs_attention_stays_in_sight(
    services: int, bad: int, fold: int | None
) -> None:
    shown = page(boards.crowded(services, bad), Wanted(fold=fold))
    assert [row.name for row in shown.rows] == [f"service-{place:03}" for place in range(bad)]
    assert (shown.folded, shown.beyond) == (0, 0)
    assert [(group.state, group.count, group.more) for group in shown.groups] == [
        (State.OK, services - bad, False) for _ in range(services > bad)
    ]


def test_a_page_of_60_rows_has_no_groups_and_search_shows_what_was_found() -> None:
    assert page(boards.crowded(60, 3)).groups == ()
    found = page(boards.crowded(1_000, 0), Wanted(search="service-0"))
    assert [row.name for row in found.rows] == [f"service-{place:03}" for place in range(60)]
    assert [(group.count, group.more) for group in found.groups] == [(40, True)]


def test_many_datastores_are_in_ranges_by_name() -> None:
    board = boards.good_morning()
    stores = tuple(replace(board.datastores[0], name=f"store-{place:02}") for place in range(61))
    (alone,) = page(board).datastores
    assert [each.name for each in alone.members] == ["main"]
    shown = page(replace(board, datastores=stores[::-1])).datastores
    assert [(each.first, each.last, len(each.members)) for each in shown] == [
        ("store-00", "store-29", 30),
        ("store-30", "store-60", 31),
    ]


def test_an_opened_row_shows_ref_schedule_result_kept_and_size() -> None:
    paperless = row(page(boards.bad_morning()), "paperless")
    details = paperless.details
    guest, dump = details.parts
    assert (guest.about, guest.schedule, guest.outcome, guest.kept) == (
        "104",
        "daily 04:00",
        "failed",
        "27 kept, 8.4 GiB",
    )
    assert (dump.about, dump.schedule, dump.kept) == ("postgres-main/paperless", "daily 02:00", "14 kept, 61 MiB")
    assert (guest.written, dump.written) == (None, "0 2 * * *")
    assert [len(strip.marks) for strip in details.strips] == [10, 10]
    assert details.strips[0].marks[-1][0] == "failed"
    assert [run.outcome for run in details.runs] == ["failed", "ok", "ok"]
    assert str(details.verified) == "Sat 14 Nov 09:00"
    assert [str(copy.text) for copy in details.copies] == ["backrest/b2 today 02:41", "databasement/s3 today 02:05"]


@pytest.mark.parametrize(
    ("parts", "number", "of"),
    [
        ((boards.guest(101),), 28, None),
        ((boards.guest(101), boards.guest(102, count=3)), 31, None),
        ((boards.guest(101), boards.dump("db/a")), 28, "guest"),
        ((boards.guest(101), boards.guest(102, count=3), boards.plan("a")), 31, "guests"),
        ((replace(boards.guest(101), ref="main/host/nas"), boards.plan("a")), 28, "host"),
        ((boards.dump("db/a"), boards.dump("db/b")), 28, None),
        ((boards.dump("db/a"), boards.plan("a")), None, None),
        ((boards.guest(101, count=None), boards.dump("db/a")), None, None),
        ((boards.plan("a"),), None, None),
    ],
)
def test_what_is_kept_says_what_it_counts_where_a_service_has_other_parts_too(
    parts: tuple[PartRow, ...], number: int | None, of: str | None
) -> None:
    (only,) = page(replace(boards.good_morning(), services=(boards.service("a", *parts),))).rows
    assert (only.kept.number if only.kept else None, only.kept.of if only.kept else None) == (number, of)


@pytest.mark.parametrize(
    ("schedule", "timezone", "shown", "written"),
    [
        ("mon 04:00", boards.TIMEZONE, "Mon 04:00", None),
        ("0 2 * * *", "America/New_York", "daily 08:00", "0 2 * * * America/New_York"),
        ("*:0/15", boards.TIMEZONE, "every 15m", "*:0/15"),
        ("0 7 1 * *", None, "monthly 1st 07:00", "0 7 1 * *"),
        ("2027-01-01", boards.TIMEZONE, "2027-01-01", None),
        (boards.HOSTILE, boards.TIMEZONE, boards.HOSTILE, None),
        ("04:00", "../../etc/passwd", "04:00 ../../etc/passwd", None),
    ],
)
def test_a_schedule_is_in_words_and_as_it_is_written(
    schedule: str, timezone: str | None, shown: str, written: str | None
) -> None:
    part = replace(boards.guest(104), schedule=schedule, timezone=timezone, called="CT 104 on pve1")
    ((detail,),) = [
        row.details.parts for row in page(replace(boards.good_morning(), services=(boards.service("a", part),))).rows
    ]
    assert (detail.about, detail.schedule, detail.written) == ("CT 104 on pve1", shown, written)


def test_nothing_looks_fine_when_nothing_can_be_read() -> None:
    shown = page(boards.stale())
    assert shown.stale
    assert shown.banner
    assert str(shown.banner.text) == "Nothing read since 04:20, 3h ago."
    assert {mark.state for row in shown.rows for mark in row.marks} == {State.UNKNOWN}


def test_one_service_alone_has_its_own_headline() -> None:
    board = boards.bad_morning()
    shown = page_of_service(board, board.services[4])
    assert shown.headline.line_1 == "vault: unknown"
    assert [trouble.name for trouble in shown.troubles] == ["backrest"]
    assert len(shown.rows) == 1


def test_a_fold_that_is_asked_for_holds_at_any_width() -> None:
    for fold, in_sight in ((0, 0), (3, 3), (11, 12), (-1, 12)):
        rows = page(boards.good_morning(), Wanted(fold=fold)).rows
        assert sum(not row.beyond for row in rows) == sum(not row.folded for row in rows) == in_sight
    assert sum(not row.beyond for row in page(boards.bad_morning(), Wanted(fold=0)).rows) == 6


def test_what_is_hidden_is_out_of_the_foot_and_trouble_stays() -> None:
    failed = boards.job("pbs/prune/p", "Prune", boards.at(24, "05:00"), Verdict(state=State.FAILED))
    board = replace(boards.good_morning(), jobs=(failed,))
    shown = page(board, Wanted(hidden=frozenset({"jobs", "datastores"})))
    assert (shown.upkeep, shown.datastores) == ((), ())
    assert [trouble.name for trouble in shown.troubles] == ["Prune"]
    assert page(board, Wanted(hidden=frozenset({"jobs"}))).datastores != ()


# --- as HTML --------------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Collects what a browser would see: tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("made", boards.ALL.values(), ids=boards.ALL)
def test_the_page_has_no_inline_script_or_style_and_only_relative_addresses(made: Callable[[], Board]) -> None:
    html = ask(app_for(made), "/widget").text
    reader = Reader(html)
    assert not {"style", "img", "iframe", "form"} & {tag for tag, _ in reader.tags}
    assert html.count("<script") == len(re.findall(r'<script src="static/[\w.]+\.js"( defer)?></script>', html)) == 2
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        address = attributes.get("href") or ""
        if tag == "a" and not address.startswith("?"):
            assert address == "report" or address.startswith(("https://", "http://"))
            assert (attributes["target"], attributes["rel"]) == ("_blank", "noopener noreferrer")
        elif address:
            assert address.startswith(("#", "?", "static/", "theme.css"))


def test_hostile_text_arrives_as_text() -> None:
    html = ask(app_for(boards.hostile), "/widget").text
    reader = Reader(html)
    assert "<script>" not in html
    assert html.count("<script") == 2
    assert boards.HOSTILE in "".join(reader.text)
    assert not [attributes for tag, attributes in reader.tags if "javascript" in (attributes.get("href") or "")]


def test_times_are_exact_for_machines_and_in_the_tooltip() -> None:
    reader = Reader(ask(app_for(), "/widget").text)
    times = [attributes for tag, attributes in reader.tags if tag == "time"]
    assert {"datetime": "2026-11-22T03:07:00Z", "title": "Sun 22 Nov 2026 04:07:00 CET"} in times


def test_an_open_page_asks_again_by_itself_also_without_script() -> None:
    html = ask(app_for(), "/widget").text
    assert '<noscript><meta http-equiv="refresh" content="60"></noscript>' in html
    assert 'data-refresh="60"' in html


@pytest.mark.parametrize(("stale_after", "seconds"), [(timedelta(minutes=20), 300), (timedelta(minutes=2), 120)])
def test_an_open_page_without_an_answer_is_believed_no_longer_than_a_board(
    stale_after: timedelta, seconds: int
) -> None:
    html = ask(app_for(options=WidgetOptions(stale_after=stale_after)), "/widget").text
    assert f'data-now="2026-11-23T06:26:00Z" data-clock="07:26" data-refresh="60" data-good-for="{seconds}"' in html


def test_what_a_source_cannot_tell_although_it_is_read_well_is_a_note() -> None:
    limited = replace(
        boards.good_morning(), sources=(boards.source("pbs", SourceKind.PBS, limits=("sees no remotes",)),)
    )

    assert page(limited).notes[-2:] == ("pbs: sees no remotes", DOCTOR)
    assert page(limited).troubles == ()


def test_the_command_that_tells_more_is_named_once_where_sources_are_not_well() -> None:
    board = boards.bad_morning()
    troubled = [replace(row, trouble=SourceTrouble.PARTLY_READ) for row in board.sources]
    shown = page(replace(board, sources=tuple(troubled)))

    assert [trouble.more for trouble in shown.troubles if trouble.is_source] == [None] * (len(troubled) - 1) + [DOCTOR]
    assert ask(app_for(boards.bad_morning), "/widget").text.count("run: backup-glance doctor") == 1
    assert "backup-glance doctor" not in ask(app_for(boards.good_morning), "/widget").text
    (service,) = [row for row in board.services if row.name == "vault"]
    assert [trouble.more for trouble in page_of_service(board, service).troubles] == [DOCTOR]


def test_a_line_is_the_headline_and_nothing_else() -> None:
    def shown(board: Callable[[], Board], query: str = "") -> tuple[str, str]:
        html = ask(app_for(board), f"/widget?view=line{query}").text
        card = html.partition("<main")[2].partition("</main>")[0]
        return " ".join("".join(Reader(f"<main{card}").text).split()), html

    assert shown(boards.bad_morning)[0] == "3 of 12 need you as of 07:26next 02:00"
    assert shown(boards.stale)[0].startswith("Can't tell for 12 of 12 as of 04:20")
    assert shown(boards.bad_morning, "&service=vault")[0].startswith("vault: unknown")
    assert not re.search(
        r'class="(views|troubles|tally|services|calendar|banner)',
        shown(boards.bad_morning)[1].partition("<template>")[0],
    )
    assert ask(app_for(), "/widget?view=line&service=nobody").status_code == 404
    fragment = ask(app_for(), "/extension?view=line").text
    assert "3 of 12 need you" in fragment
    assert "bg-trouble" not in fragment.partition("</style>")[2]


def test_the_title_is_the_owners_in_tabs_in_problems_and_for_glance() -> None:
    app = app_for(options=WidgetOptions(title="Sicherungen <Küche> 🗄"))
    assert "<title>Sicherungen &lt;Küche&gt; 🗄: 3 of 12 need you</title>" in ask(app, "/widget").text
    assert "<title>Sicherungen" in ask(app, "/widget?view=x", headers={"Accept": "text/html"}).text
    given = [value for name, value in ask(app, "/extension").headers.raw if name == b"widget-title"]
    assert [value.decode() for value in given] == ["Sicherungen <Küche> 🗄"]
