"""The report of a month: its page, its JSON and its CSV tell the same, also of hostile names, and errors say what to do."""

from __future__ import annotations

import asyncio
import csv
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from sidecar.core.past.present import Present, nobody_present
from sidecar.core.past.records import Records
from sidecar.web.app import create_app
from sidecar.web.month_reports import nothing_remembered
from sidecar.web.report_page import length
from tests.web import months
from tests.web.asking import KEY, ask, nothing_due
from tests.web.boards import HOSTILE, NOW, bad_morning

AFTERWARDS = datetime(2026, 12, 1, 9, tzinfo=UTC)
HTML = {"Accept": "text/html"}


def app_of(past: Any, *, at: datetime = NOW, now: datetime | None = None) -> ASGIApp:
    board = replace(bad_morning(), at=at)
    return create_app(
        board=lambda: board,
        timeline=nothing_due,
        ready=lambda: True,
        keys=(KEY,),
        clock=lambda: now or at,
        records=past.records if past else nothing_remembered,
        present=past.present if past else nobody_present,
    )


@pytest.fixture(scope="module")
def homelab() -> ASGIApp:
    return app_of(months.homelab())


def data(app: ASGIApp, month: str = "2026-11") -> Any:
    answer = ask(app, f"/api/v1/report?month={month}")
    assert answer.status_code == 200
    return answer.json()


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text.partition("<body>")[2]))


def lines_of(app: ASGIApp) -> list[dict[str, str]]:
    answer = ask(app, "/api/v1/report?month=2026-11&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(StringIO(answer.text, newline="")))


# --- what it says -----------------------------------------------------------------------------------------------------


def test_the_json_has_every_number_and_says_who_made_it_and_when(homelab: ASGIApp) -> None:
    report = data(homelab)

    assert (report["month"], report["timezone"], report["is_over"]) == ("2026-11", "Europe/Berlin", False)
    assert (report["from"], report["to"]) == ("2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z")
    assert report["generator"].startswith("backup-glance ")
    assert report["generated_at"] == "2026-11-23T06:26:00Z"
    counts = report["backups"]
    six = ("kept", "kept_late", "missed", "failed", "not_observed", "open")
    assert counts["promised"] == sum(counts[name] for name in six) == 314
    assert (counts["missed"], counts["failed"], counts["not_observed"], counts["open"]) == (1, 2, 2, 1)
    paperless = next(row for row in report["rows"] if row["name"] == "paperless")
    assert (paperless["promised"], paperless["failed"], paperless["restore_points"]) == (44, 1, 27)
    assert paperless["longest_gap"] == {
        "from": "2026-11-08T03:09:00Z",
        "to": "2026-11-10T03:09:00Z",
        "seconds": 2 * 86_400,
        "began_before": False,
        "lasts": False,
    }
    full = report["incidents"][0]
    assert (full["services"], full["states"], full["to"]) == (
        ["paperless", "vaultwarden"],
        ["failed"],
        "2026-11-10T03:09:00Z",
    )
    assert report["sources"][0] == {
        "source": "pbs",
        "known_since": "2026-03-01T12:00:00Z",
        "unobserved_seconds": 33 * 3600,
        "gaps": [{"from": "2026-11-14T21:00:00Z", "to": "2026-11-16T06:00:00Z"}],
    }


def test_the_page_says_the_same_in_words(homelab: ASGIApp) -> None:
    text = text_of(ask(homelab, "/report?month=2026-11"))

    assert "Backup report November 2026" in text
    assert "1 Nov 2026 00:00 to 1 Dec 2026 00:00 (Europe/Berlin)." in text
    assert re.search(r"Made Mon 23 Nov 2026 07:26:00 CET by backup-glance \d", text)
    assert "This month is not over. Everything is counted so far, up to 23 Nov 2026 07:26." in text
    assert "Not everything was observed: pbs for 33 h and backrest for 25 min." in text
    assert "1 due time is open" in text
    assert re.search(r"paperless 44 43 0 0 1 0 0 2 d 8 Nov 04:09 – 10 Nov 04:09 27 12 44 % 1", text)
    assert re.search(r"n8n besides: 1 paused 43 .*?27 on 14 Nov – 0", text)
    assert re.search(r"wiki \(guest:pve:140\) 6 6", text)
    assert re.search(r"9 Nov 04:11 10 Nov 04:09 23 h 58 min failed paperless and vaultwarden backup-critical", text)
    assert "22 Nov 04:31 not over" in text
    assert "14 Nov 22:00 – 16 Nov 07:00 (33 h)" in text
    assert re.search(r"PBS prune daily 22 22 0", text)


def test_a_month_that_is_over_says_nothing_of_so_far() -> None:
    app = app_of(months.homelab(29, AFTERWARDS), at=AFTERWARDS)

    assert "not over." not in text_of(ask(app, "/report?month=2026-11"))
    assert data(app)["is_over"] is True
    assert ask(app, "/report").text == ask(app, "/report?month=2026-11").text


def test_a_month_before_anybody_looked_is_blank_and_says_so() -> None:
    app = app_of(months.blank())

    assert "Nothing is known of this month: backup-glance first looked 23 Nov 2026 06:26." in text_of(
        ask(app, "/report?month=2026-10")
    )
    report = data(app, "2026-10")
    assert {*report["backups"].values()} == {None}
    assert {row["promised"] for row in report["rows"]} == {None}
    services = [line for line in lines_of(app) if line["kind"] == "service"]
    assert services


def test_what_belongs_to_a_source_that_was_not_read_yet_is_not_called_gone() -> None:
    past = months.homelab()
    known = replace(past.known, unread=frozenset({"pve"}), seen={})
    app = app_of(replace(past, known=known))
    said = text_of(ask(app, "/report?month=2026-11", headers=HTML))

    gone, unread = said.split("Of sources not read yet, November 2026")
    assert "guest:pve:140" in unread
    assert "guest:pve:140" not in gone
    assert "all, with what is no longer there and what was not read yet, each due time once" in said
    assert [row["kind"] for row in data(app)["rows"] if row["name"] == "guest:pve:140"] == ["unread"]


def test_a_judgement_that_stands_still_is_told_first() -> None:
    app = app_of(months.homelab(), now=NOW + timedelta(hours=2))
    text = text_of(ask(app, "/report?month=2026-11"))

    assert "backup-glance has judged nothing since 23 Nov 2026 07:26" in text
    assert data(app)["is_stale"] is True


def test_the_csv_has_the_numbers_of_the_json(homelab: ASGIApp) -> None:
    report, lines = data(homelab), lines_of(homelab)

    rows = [line for line in lines if line["kind"] != "source"]
    assert [line["name"] for line in rows] == [row["name"] for row in report["rows"]]
    for line, row in zip(rows, report["rows"], strict=True):
        for name in ("promised", "kept", "failed", "not_observed", "restore_points", "verified"):
            assert line[name] == ("" if row[name] is None else str(row[name]))
    unread = {line["name"]: line["unobserved_seconds"] for line in lines if line["kind"] == "source"}
    assert unread == {each["source"]: str(each["unobserved_seconds"]) for each in report["sources"]}
    assert {line["generator"] for line in lines} == {report["generator"]}


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=59), "under 1 min"),
        (timedelta(minutes=45, seconds=59), "45 min"),
        (timedelta(hours=25, minutes=3), "25 h 3 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (timedelta(days=7), "7 d"),
    ],
)
def test_lengths_have_two_units(span: timedelta, text: str) -> None:
    assert length(span) == text


# --- hostile texts ----------------------------------------------------------------------------------------------------


def test_hostile_texts_are_only_texts() -> None:
    app = app_of(months.hostile())
    for path in ("/report?month=2026-11", "/report?month=2026-11&download=true"):
        page = ask(app, path).text
        assert "<script" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page
    assert data(app)["rows"][0]["name"] == HOSTILE


def test_no_cell_of_the_csv_is_a_formula_and_each_line_has_every_column() -> None:
    answer = ask(app_of(months.hostile()), "/api/v1/report?month=2026-11&format=csv")
    rows = list(csv.reader(StringIO(answer.text, newline="")))

    assert {len(row) for row in rows} == {len(rows[0])}
    assert not [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))]
    # A spreadsheet may part the cells at semicolons.
    assert not re.search(r"[;\n] *[=+\-@]", answer.text)
    assert f"'{months.FORMULA}" in [row[1] for row in rows]
    assert answer.content.endswith(b"\r\n")
    assert 'service,"a\r\nb"' in answer.text
    assert 'service,"a""b"' in answer.text


# --- as a file, on paper ----------------------------------------------------------------------------------------------


def test_the_page_holds_no_style_and_no_script_and_its_links_are_relative(homelab: ASGIApp) -> None:
    page = ask(homelab, "/report?month=2026-11").text

    assert "<style" not in page
    assert "<script" not in page
    assert " style=" not in page
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert "api/v1/report?month=2026-11&amp;format=csv" in links
    assert not [link for link in links if link.startswith(("/", "http"))]


def test_a_download_is_one_file_that_leads_nowhere(homelab: ASGIApp) -> None:
    answer = ask(homelab, "/report?month=2026-11&download=true")

    assert answer.headers["content-disposition"] == 'attachment; filename="backup-report-2026-11.html"'
    assert "@page" in answer.text
    assert not re.findall(r'(?:href|src)="', answer.text)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("month=2026-13", "is not a month in the years"),
        ("month=2026-1", "is not a month in the years"),
        ("month=", "is not a month in the years"),
        ("month=2026-11-01", "is not a month in the years"),
        ("month=2026-10&month=2026-11", "given twice"),
        ("mont=2026-11", "Unknown parameter"),
        ("download=yes", "is not true or false"),
    ],
)
def test_a_wrong_query_is_told(homelab: ASGIApp, query: str, says: str) -> None:
    page, document = ask(homelab, f"/report?{query}", headers=HTML), ask(homelab, f"/report?{query}")

    assert (page.status_code, document.status_code) == (422, 422)
    assert page.headers["content-type"].startswith("text/html")
    assert says in document.json()["detail"]


def test_of_a_month_that_has_not_begun_there_is_no_report(homelab: ASGIApp) -> None:
    answer = ask(homelab, "/report?month=2027-01")

    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "There is no report of 2027-01: that month has not begun.",
    )


def test_a_wrong_format_is_told(homelab: ASGIApp) -> None:
    answer = ask(homelab, "/api/v1/report?format=pdf")

    assert (answer.status_code, answer.json()["detail"]) == (422, 'Unknown format "pdf"; use json, csv.')


@pytest.mark.parametrize("path", ["/report?month=2026-11", "/api/v1/report?month=2026-11"])
def test_without_a_ledger_there_is_no_report(path: str) -> None:
    for app in (app_of(months.forgotten()), app_of(None)):
        answer = ask(app, path)
        assert answer.status_code == 503
        assert "can't read its ledger" in answer.json()["detail"]


def test_it_needs_the_key(homelab: ASGIApp) -> None:
    assert ask(homelab, "/report?month=2026-11", key=None).status_code == 401


def test_a_slow_disk_stops_nobody_else() -> None:
    may_go_on = threading.Event()

    class Slow:
        def records(self, start: datetime, end: datetime) -> Records | None:
            may_go_on.wait(30)
            return months.homelab().records(start, end)

        def present(self, records: Records) -> Present:
            return months.homelab().present(records)

    app = app_of(Slow())

    async def both() -> tuple[int, int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://sidecar", headers={"Authorization": f"Bearer {KEY}"}
        ) as client:
            report = asyncio.create_task(client.get("/report?month=2026-11"))
            status = await client.get("/api/v1/status")
            may_go_on.set()
            return status.status_code, (await report).status_code

    assert asyncio.run(both()) == (200, 200)
