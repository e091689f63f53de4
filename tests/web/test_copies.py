"""Where backups lie, how many copies there are and how large they were: the page, the API and the metrics say the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.core.board.board import board_of
from sidecar.core.judgement.judged import judged
from sidecar.core.model import Outcome, PartKind, PartRow, Required, ServiceRow, State
from sidecar.core.settings import PartSetting, ServiceSetting
from sidecar.web import views
from sidecar.web.copy_lines import copy_count, copy_lines
from sidecar.web.page import page
from sidecar.web.size_lines import HEIGHT, WIDTH, size_line
from sidecar.web.stale_board import stale_board
from sidecar.web.words import TimeFormat
from tests.core.factories import BERLIN
from tests.core.racks import Rack, racks
from tests.web import boards
from tests.web.asking import app_for, ask
from tests.web.boards import at, guest, nightly, posture, service, stored
from tests.web.metrics import metrics

TIMES = TimeFormat(boards.NOW, BERLIN)
MAIN, FAR = stored("pbs/main"), stored("pbs2/store", offsite=True)


def row(*parts: PartRow, **changes: object) -> ServiceRow:
    made = service("vault", *(parts or (guest(101),)))
    return replace(made, posture=posture(MAIN, FAR, **changes))


def test_an_opened_row_says_how_many_copies_there_are_and_where() -> None:
    made = row(required=Required(2, offsite=True), state=State.OK)

    count = copy_count(made, None)

    assert count is not None
    assert (count.state, count.text) == (State.OK, "2 copies, 1 off-site; required: 2, one off-site")
    assert [(line.state, str(line.text), line.about) for line in copy_lines(made, TIMES)] == [
        (State.OK, "pbs/main today 04:00", None),
        (State.OK, "pbs2/store today 04:00", "off-site"),
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "2 copies, 1 off-site"),
        ({"copies": 1, "offsite": 0}, "1 copy"),
        ({"copies": 0, "offsite": 0}, "no copy"),
        ({"complete": False}, "at least 2 copies, 1 off-site"),
        (
            {"copies": 1, "offsite": 0, "required": Required(1, offsite=True)},
            "1 copy, none off-site; required: 1, one off-site",
        ),
        ({"required": Required(3)}, "2 copies, 1 off-site; required: 3"),
    ],
)
def test_the_number_is_told_in_words(changes: dict[str, object], text: str) -> None:
    count = copy_count(row(**changes), None)

    assert count is not None
    assert count.text == text


def test_of_several_parts_the_smallest_number_is_told_and_whose_copy_lies_where() -> None:
    both = row(guest(101), boards.dump("pg/crm"), copies=1)
    both = replace(both, posture=replace(both.posture, places=(replace(MAIN, parts=("pve:101",)),)))

    count = copy_count(both, None)

    assert count is not None
    assert count.text == "1 copy of each part, 1 off-site"
    assert [line.about for line in copy_lines(both, TIMES)] == ["101"]


@pytest.mark.parametrize(
    ("changes", "state", "text", "about"),
    [
        ({"last_backup": None}, State.NEW, "pbs/main –", None),
        ({"known": False}, State.UNKNOWN, "pbs/main today 04:00", None),
        ({"verified_at": at(22, "06:00"), "encrypted": True, "protected": 2}, State.OK, "pbs/main today 04:00",
         "verified Sun 22 Nov 06:00, encrypted, 2 protected"),
    ],
)  # fmt: skip
def test_a_place_says_what_is_known_of_it(
    changes: dict[str, object], state: State, text: str, about: str | None
) -> None:
    made = replace(row(), posture=posture(replace(MAIN, **changes)))  # type: ignore[arg-type]

    (line,) = copy_lines(made, TIMES)

    assert (line.state, str(line.text), line.about) == (state, text, about)


def test_a_reason_that_stands_below_the_row_is_not_repeated() -> None:
    made = row(required=Required(3), state=State.WARNING, reason="It has 2 of 3 required copies.")

    assert [count.reason for shown in (None, made.posture.reason) if (count := copy_count(made, shown))] == [
        "It has 2 of 3 required copies.",
        None,
    ]


def test_on_a_stale_page_no_place_is_known() -> None:
    board = replace(boards.good_morning(), services=(row(required=Required(2), state=State.OK),))

    (stale,) = stale_board(board, boards.NOW).services

    assert (stale.posture.state, stale.posture.complete) == (State.UNKNOWN, False)
    assert {line.state for line in copy_lines(stale, TIMES)} == {State.UNKNOWN}


def test_page_and_extension_show_it() -> None:
    for path in ("/widget", "/extension"):
        text = ask(app_for(boards.good_morning), path).text
        assert "2 copies of each part" not in text
        assert "2 copies, 1 off-site; required: 2, one off-site" in text
        assert "size over 10 runs" in text


# --- sizes ----------------------------------------------------------------------------------------------------------------


def sized(*sizes: int | None) -> PartRow:
    """Newest first; None: a run that failed."""
    runs = tuple(
        replace(run, size=size, outcome=Outcome.OK if size is not None else Outcome.FAILED)
        for run, size in zip(nightly("04:09"), sizes, strict=False)
    )
    return guest(101, runs=runs)


GIB = 2**30


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ((GIB, GIB, GIB), "size over 3 runs: 1.0 GiB"),
        ((int(1.4 * GIB), None, int(1.2 * GIB), GIB), "size over 3 runs: 1.0 to 1.4 GiB"),
        ((300 * 2**20, GIB, GIB), "size over 3 runs: 300 MiB to 1.0 GiB"),
        ((0, 0, GIB), "size over 3 runs: 0 B to 1.0 GiB"),
    ],
)
def test_sizes_are_told_in_words_beside_their_line(sizes: tuple[int | None, ...], text: str) -> None:
    line = size_line(sized(*sizes), "guest")

    assert line is not None
    assert line.text == text


@pytest.mark.parametrize("sizes", [(), (GIB, GIB), (GIB, None, GIB), (0, 0, 0)])
def test_too_few_sizes_make_no_line(sizes: tuple[int | None, ...]) -> None:
    assert size_line(sized(*sizes), "guest") is None


def test_a_line_goes_from_the_oldest_to_the_newest_and_falls_as_much_as_the_size() -> None:
    line = size_line(sized(GIB // 2, GIB, GIB), "guest")

    assert line is not None
    assert line.points == "1.0,7.0 60.0,7.0 119.0,13.0"


@given(st.lists(st.integers(0, 2**62), min_size=3, max_size=40).filter(any))
def test_a_line_stays_in_its_picture(sizes: list[int]) -> None:
    run = nightly("04:09")[0]
    line = size_line(guest(101, runs=tuple(replace(run, size=size) for size in sizes)), "guest")

    assert line is not None
    points = [tuple(map(float, point.split(","))) for point in line.points.split()]
    assert len(points) == min(len(sizes), 30)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


# --- whatever a house looks like ------------------------------------------------------------------------------------------


@settings(suppress_health_check=list(HealthCheck), max_examples=20)
@given(racks(), st.integers(1, 3), st.booleans())
def test_rule_15_board_api_and_metrics_say_the_same(rack: Rack, copies: int, offsite: bool) -> None:
    reports, history = rack.live()
    required = Required(copies, offsite=offsite)
    parts = (PartSetting(PartKind.GUEST, "101"), PartSetting(PartKind.DATABASE, "pg/crm"))
    services = (ServiceSetting(name="web", parts=parts, require=required), *rack.settings.services)
    house = replace(rack.settings, services=services, offsite=("backrest/b2", "databasement/s3", "pbs"))
    board = board_of(judged(reports, history, house, rack.now))
    told, shown = views.status(board), metrics(board)

    for service_row, json in zip(board.services, told["services"], strict=True):
        own, name = service_row.posture, service_row.name
        assert (json["posture"]["copies"], json["posture"]["offsite"]) == (own.copies, own.offsite)
        assert shown.value("service_copies", service=name) == own.copies
        assert shown.value("service_offsite_copies", service=name) == own.offsite
        met = {State.OK: 1, State.WARNING: 0}.get(own.state) if own.state else None
        assert shown.value("service_require_met", service=name) == met
        assert own.copies <= sum(place["known"] and bool(place["last_backup"]) for place in json["posture"]["places"])
        if own.required is not None:
            enough = own.copies >= copies and (own.offsite > 0 or not offsite)
            assert enough == (own.state is State.OK)
            if not enough and service_row.verdict.state.rank > State.WARNING.rank:
                assert service_row.verdict.state in (State.NEW, State.DISABLED)
        page_row = next(each for each in page(board).rows if each.name == name)
        assert (page_row.details.copy_count is None) == (not own.places)
