"""Metrics: the same verdicts as on the board, in a format that Prometheus reads whatever the upstreams call their things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.core.board.board import board_of
from sidecar.core.history.run_counts import RunCounts
from sidecar.core.judgement.judged import judged
from sidecar.core.model import Board, State
from sidecar.upstream.traffic import Traffic
from sidecar.web import views
from sidecar.web.counts import Counts
from sidecar.web.exposition import families
from sidecar.web.metric_rows import MOST_CHARACTERS, MOST_SERIES, label, metric_rows
from sidecar.web.metric_table import CODES, LEFT_OUT, LEVELS, PREFIX, Shown, Type, every_metric
from sidecar.web.stale_board import stale_board
from tests.core.racks import Rack, racks
from tests.web import boards, metrics_page
from tests.web.asking import app_for, ask
from tests.web.metrics import Metrics, metrics, parsed, seconds

PART = ("service", "source", "kind", "ref")
TIMES = {"last_success": "last_backup", "next_run": "next_run", "verified": "verified_at"}


def states_of(board: Board) -> dict[str, dict[tuple[str, ...], str]]:
    """All states of the JSON, by what the metrics call their rows. Of what can't be told apart, the worst."""
    status = views.status(board)
    parts = [(row["name"], part) for row in status["services"] for part in row["parts"]]
    return {
        "overall_state": {(): status["overall"]["state"]},
        "service_state": worst_by(((row["name"],), row) for row in status["services"]),
        "job_state": worst_by(((row["source"], row["kind"], row["name"]), row) for row in status["jobs"]),
        "source_state": worst_by(((row["name"],), row) for row in status["sources"]),
        "datastore_state": worst_by(((row["source"], row["name"]), row) for row in status["datastores"]),
        "part_state_code": worst_by((part_key(name, part), part) for name, part in parts),
        "expectation_state_code": worst_by(
            ((*part_key(name, part), row["job"], row["destination"] or ""), row)
            for name, part in parts
            for row in part["expectations"]
        ),
    }


def part_key(name: str, part: dict[str, Any]) -> tuple[str, ...]:
    return name, part["source"], part["kind"], part["ref"]


def worst_by(rows: Any) -> dict[tuple[str, ...], str]:
    states: dict[tuple[str, ...], str] = {}
    for key, row in rows:
        states[key] = min(row["state"], states.get(key, row["state"]), key=lambda state: State(state).rank)
    return states


def states_in(shown: Metrics) -> dict[str, dict[tuple[str, ...], str]]:
    return {
        "overall_state": shown.states("overall_state"),
        "service_state": shown.states("service_state", "service"),
        "job_state": shown.states("job_state", "source", "kind", "backup_job"),
        "source_state": shown.states("source_state", "source"),
        "datastore_state": shown.states("datastore_state", "source", "datastore"),
        "part_state_code": shown.coded("part_state_code", *PART),
        "expectation_state_code": shown.coded("expectation_state_code", *PART, "backup_job", "destination"),
    }


@pytest.mark.fortnight
@settings(suppress_health_check=list(HealthCheck))
@given(racks())
def test_whatever_a_rack_looks_like_its_metrics_are_those_of_the_board_also_when_it_is_stale(rack: Rack) -> None:
    board = board_of(judged(*rack.live(), rack.settings, rack.now))
    shown = metrics(board)

    assert states_in(shown) == states_of(board)
    assert_times_and_counts(shown, board)
    assert_stale(board, timedelta(minutes=6))


def assert_stale(board: Board, age: timedelta) -> None:
    """Nothing on it is better than unknown."""
    shown = metrics(board, stale_after=age)

    assert states_in(shown) == states_of(stale_board(board, board.at + age))
    states = [state for rows in states_in(shown).values() for state in rows.values()]
    assert all(State(state).rank <= State.UNKNOWN.rank for state in states)
    assert shown.value("board_stale") == 1
    assert shown.value("board_timestamp_seconds") == board.at.timestamp()


def assert_times_and_counts(shown: Metrics, board: Board) -> None:
    """Of services and jobs."""
    status = views.status(board)
    for row in status["services"]:
        of = {"service": row["name"]}
        for metric, field in TIMES.items():
            assert shown.value(f"service_{metric}_timestamp_seconds", **of) == seconds(row[field])
        assert shown.value("service_backups", **of) == row["count"]
        age = shown.value("service_last_success_age_seconds", **of)
        last = seconds(row["last_backup"])
        assert (age, last) == (None, None) or age == board.at.timestamp() - (last or 0)
    for row in status["jobs"]:
        of = {"backup_job": row["name"]}
        assert shown.value("job_members", **of) == row["members"]
        assert shown.value("job_members_ok", **of) == row["members_ok"]
        assert shown.value("job_next_run_timestamp_seconds", **of) == seconds(row["next_run"])
        start = row["last_run"] and row["last_run"]["start"]
        assert shown.value("job_last_run_timestamp_seconds", **of) == seconds(start)


#: The names of "hostile" are longer than a label.
BOARDS: dict[str, Callable[[], Board]] = {
    **boards.ALL,
    "every_state": boards.every_state,
    "many": lambda: boards.many(80),
}


@pytest.mark.parametrize("name", sorted(BOARDS.keys() - {"hostile"}))
def test_boards_of_every_kind_have_the_states_of_their_json(name: str) -> None:
    board = BOARDS[name]()

    assert states_in(metrics(board)) == states_of(board)


def test_a_board_that_is_renewed_says_so() -> None:
    shown = metrics(boards.good_morning())

    assert shown.value("board_stale") == 0
    assert shown.value("board_timestamp_seconds") == boards.NOW.timestamp()


def test_parts_and_datastores_have_theirs_too() -> None:
    shown = metrics(boards.bad_morning())
    dump = {"service": "nextcloud", "ref": "mariadb-main/nextcloud"}
    store = {"source": "pbs", "datastore": "main"}
    (row,) = boards.bad_morning().datastores

    assert shown.value("part_size_bytes", **dump) == 64_000_000
    assert shown.value("part_backups", **dump) == 14
    assert shown.value("part_last_success_timestamp_seconds", **dump) == boards.at(23, "02:03").timestamp()
    assert shown.value("part_next_run_timestamp_seconds", **dump) == boards.at(24, "02:00").timestamp()
    assert shown.value("part_verified_timestamp_seconds", **dump) is None
    assert shown.value("datastore_size_bytes", **store) == row.total
    assert shown.value("datastore_used_bytes", **store) == row.used
    assert shown.value("datastore_available_bytes", **store) == row.avail
    assert shown.value("source_info", source="pbs", version="4.0.1") == 1


def test_what_nobody_knows_has_no_series() -> None:
    shown = metrics(boards.first_reading())

    assert shown.value("oldest_reading_timestamp_seconds") is None
    assert shown.value("source_as_of_timestamp_seconds", source="pbs") is None
    assert not shown.of("runs_due_total")
    assert not shown.of("source_calls_total")


def test_the_number_of_a_state_is_the_higher_the_worse() -> None:
    assert sorted(CODES, key=lambda state: CODES[state], reverse=True) == list(State)
    assert sorted(CODES.values()) == list(range(len(State)))


def test_counts_are_shown_for_what_is_on_the_board_and_begin_with_0() -> None:
    runs = {"pbs/prune/prune-main": RunCounts(due=5, kept=2, failed=1, missed=1), "gone/gc/main": RunCounts(due=9)}
    traffic = {"pbs": Traffic(full_rounds=1, light_rounds=2, calls=30, failed_calls=4, received_bytes=500)}
    shown = metrics(boards.good_morning(), counts=Counts(lambda: runs, lambda: traffic))
    prune, gc = {"backup_job": "pbs/prune/prune-main"}, {"backup_job": "pbs/gc/main"}

    assert [shown.value(f"runs_{what}_total", **prune) for what in ("due", "kept", "failed", "missed")] == [5, 2, 1, 1]
    assert [shown.value(f"runs_{what}_total", **gc) for what in ("due", "kept", "failed", "missed")] == [0, 0, 0, 0]
    assert not shown.of("runs_due_total", backup_job="gone/gc/main")
    counted = ("full_rounds", "light_rounds", "calls", "failed_calls", "received_bytes")
    assert [shown.value(f"source_{what}_total", source="pbs") for what in counted] == [1, 2, 30, 4, 500]
    assert not shown.of("source_calls_total", source="pve")


# --- hostile names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ('a"b', 'a"b'),
        ("a\\b", "a\\b"),
        ("a\nb", "a\\u000ab"),
        ("a\\\nb", "a\\\\u000ab"),
        ("a\rb", "a\\u000db"),
        ('"} 1\nbackup_glance_overall_state{state="ok"} 1', '"} 1\\u000abackup_glance_overall_state{state="ok"} 1'),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        (boards.HALF_A_CHARACTER, "\\ud800"),
        ("größe 💾", "größe 💾"),
        ("\x00\x1b[2J", "\\u0000\\u001b[2J"),
    ],
)
def test_a_name_is_escaped_and_ends_no_label(name: str, written: str) -> None:
    shown = metrics(boards.board([boards.service(name, boards.guest(101))]))

    assert shown.states("service_state", "service") == {(written,): "ok"}
    assert len(shown.states("overall_state")) == 1


@given(st.text(st.characters(exclude_categories=()), max_size=250))
def test_any_name_is_read_as_it_was_written(name: str) -> None:
    shown = metrics(boards.board([boards.service(name, boards.guest(101))]))

    assert shown.states("service_state", "service") == {(label(name),): "ok"}


def test_long_names_are_cut_and_stay_different() -> None:
    first, second = "w" * 300 + "1", "w" * 300 + "2"
    shown = metrics(boards.board([boards.service(name, boards.guest(101)) for name in (first, second)]))

    names = [name for (name,) in shown.states("service_state", "service")]
    assert [len(name) for name in names] == [MOST_CHARACTERS] * 2
    assert label("w" * MOST_CHARACTERS) == "w" * MOST_CHARACTERS


def test_hostile_texts_everywhere_leave_metrics_that_can_be_read() -> None:
    shown = metrics(boards.hostile())

    assert shown.states("service_state", "service")[(boards.HOSTILE,)] == "failed"
    assert all(len(text) <= MOST_CHARACTERS for sample in shown.samples for text in sample.labels.values())


def test_of_two_that_have_one_name_the_worse_one_is_shown() -> None:
    twice = [boards.service("web", boards.guest(101)), boards.service("web", boards.guest(101, boards.MISSED))]
    shown = metrics(boards.board(twice))

    assert shown.states("service_state", "service") == {("web",): "missed"}
    assert shown.coded("part_state_code", *PART) == {("web", "pve", "guest", "101"): "missed"}


# --- the limit ----------------------------------------------------------------------------------------------------------


def shown_of(board: Board) -> Shown:
    return Shown(board=board, judged_at=board.at, is_stale=False, version="1", runs=None, sources={})


def series_by_level(board: Board, most: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in metric_rows(shown_of(board), most).rows:
        counts[row.level.title] = counts.get(row.level.title, 0) + row.series
    return counts


def test_expectations_are_left_out_first_then_parts_then_the_harmless_rows() -> None:
    board = boards.bad_morning()
    everything = series_by_level(board, MOST_SERIES)
    total = sum(everything.values()) + 1
    expectations, parts = everything["Expectations of parts that have several"], everything["Parts"]
    without_expectations, without_parts = total - expectations, total - expectations - parts

    assert series_by_level(board, total) == everything
    assert sum(series_by_level(board, total - 1).values()) < total - 1
    for most in (without_expectations, without_parts):
        kept = series_by_level(board, most)
        assert {level: kept.get(level, 0) for level in ("Services", "Jobs", "Sources", "Datastores")} == {
            level: everything[level] for level in ("Services", "Jobs", "Sources", "Datastores")
        }
    assert "Parts" not in series_by_level(board, without_parts)
    few = metric_rows(shown_of(board), 150)
    assert sum(row.series for row in few.rows) + few.left_out + 1 == total
    assert few == metric_rows(shown_of(board), 150)
    worst = [row.level.state(row.row).rank for row in few.rows if row.level.place == 1]
    assert worst == sorted(worst)
    assert worst[0] == State.FAILED.rank
    assert worst[-1] < State.OK.rank, "what is well is left out first"


def test_a_large_house_has_no_more_series_than_may_be_and_says_how_many_are_left_out() -> None:
    rows = metric_rows(shown_of(boards.crowded(1600, 30)))
    services = [row.level.state(row.row) for row in rows.rows if row.level.title == "Services"]

    assert sum(row.series for row in rows.rows) < MOST_SERIES
    assert services.count(State.MISSED) == 30
    assert rows.left_out > 1000
    told = {family.name: family for family in families(rows)}[f"{PREFIX}{LEFT_OUT.name}"]
    assert [sample.value for sample in told.samples] == [rows.left_out]
    assert metrics(boards.good_morning()).value("series_left_out") == 0


# --- the answer ---------------------------------------------------------------------------------------------------------


def test_the_answer_is_the_text_format_and_may_be_asked_for_again() -> None:
    app = app_for()
    answer = ask(app, "/metrics", headers={"Accept-Encoding": "identity"})
    zipped = ask(app, "/metrics", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.text == answer.text
    assert states_in(parsed(answer.text)) == states_of(boards.bad_morning())
    etag = answer.headers["etag"]
    assert ask(app, "/metrics", headers={"If-None-Match": etag}).status_code == 304
    assert ask(app, "/metrics", key=None).status_code == 401


def test_the_answer_of_a_stale_board_says_that_it_is_one() -> None:
    later = boards.NOW + timedelta(minutes=6)
    shown = parsed(ask(app_for(boards.good_morning, now=later), "/metrics").text)

    assert shown.value("board_stale") == 1
    assert shown.value("board_timestamp_seconds") == boards.NOW.timestamp()
    assert set(shown.states("service_state", "service").values()) == {"unknown"}


def test_equal_boards_give_equal_bytes() -> None:
    etags = {ask(app_for(), "/metrics").headers["etag"] for _ in range(2)}
    other = ask(app_for(lambda: replace(boards.bad_morning(), left_out=7)), "/metrics").headers["etag"]

    assert len(etags) == 1
    assert other not in etags


def test_the_tables_of_the_documentation_are_those_of_the_code() -> None:
    text = metrics_page.PAGE.read_text()

    assert metrics_page.page(text) == text, "run python -m tests.web.metrics_page"


def test_metrics_are_named_as_prometheus_wants_it() -> None:
    every = [metric for level in LEVELS for metric in every_metric(level)]

    assert all((metric.type is Type.COUNTER) == metric.name.endswith("_total") for metric in every)
    assert len({metric.name for metric in every}) == len(every)
    assert not {label for level in LEVELS for label in level.labels} & {"job", "instance", "state", "__name__"}
