"""How each source stands, in fields: the page reads those, and never the sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.board.source_rows import MOST_NAMED
from sidecar.core.model import SourceKind, SourceRow, SourceTrouble, State
from sidecar.core.reports.report import Problem, Reading, Report, keep_what_failed
from tests.core.sample_reports import PBS, away, group, judged, pbs, settings


def row(now: str, *reports: Report) -> SourceRow:
    return judged(now, *reports, given=settings(PBS)).sources[0]


def test_one_that_was_read_has_no_trouble() -> None:
    shown = row("22 12:00", pbs("22 11:58", group("22 04:05")))

    assert (shown.verdict.state, shown.trouble, shown.after_name) == (State.OK, None, None)


def test_one_that_was_not_read_yet_says_so_after_its_name() -> None:
    shown = row("22 12:00")

    assert (shown.verdict.state, shown.verdict.reason) == (State.UNKNOWN, "It was not read yet.")
    assert (shown.trouble, shown.after_name) == (SourceTrouble.NOT_READ_YET, "was not read yet.")


def test_one_that_is_away_keeps_the_upstreams_words_as_they_are() -> None:
    """They may begin with anything: how a text begins decides nothing."""
    gone = keep_what_failed(away("pbs", SourceKind.PBS, "22 12:05", "Was: It can't"), pbs("22 11:58"))
    shown = row("22 12:06", gone)

    assert shown.verdict.reason == "Can't be read since today 11:58: Was: It can't."
    assert (shown.trouble, shown.after_name) == (
        SourceTrouble.UNREADABLE,
        "can't be read since today 11:58: Was: It can't.",
    )


def test_one_that_was_read_in_part_has_a_sentence_of_its_own() -> None:
    server = pbs("22 11:58", group("22 04:05"))
    first, *others = server.readings
    shown = row("22 12:00", replace(server, readings=(replace(first, problem=Problem("HTTP 400")), *others)))

    assert (shown.trouble, shown.after_name) == (SourceTrouble.PARTLY_READ, None)
    assert shown.verdict.reason
    assert "HTTP 400" in shown.verdict.reason


@pytest.mark.parametrize(("closed", "named", "counted"), [(2, 0, 0), (5, 3, 0), (80, MOST_NAMED, 28)])
def test_what_the_reason_only_counts_is_named_among_the_limits(closed: int, named: int, counted: int) -> None:
    problem = Problem("the token may not see it")
    spaces = tuple(Reading(("snapshots", "main", f"ns{number}"), None, (), problem) for number in range(closed))
    server = pbs("22 11:58")
    shown = row("22 12:00", replace(server, readings=(*server.readings, *spaces)))

    told = [f"snapshots main/ns{number}: the token may not see it" for number in range(2, 2 + named)]
    assert list(shown.limits) == [*told, *([f"{counted} more of its lists could not be read"] if counted else [])]


def test_one_whose_answers_are_all_old_says_that_nothing_newer_was_read() -> None:
    shown = row("22 13:00", pbs("22 11:58", group("22 04:05")))

    assert (shown.verdict.state, shown.trouble) == (State.UNKNOWN, SourceTrouble.UNREADABLE)
    assert shown.verdict.reason == "Can't be read since today 11:58: nothing newer was read."


def test_rule_6_one_that_was_read_by_a_clock_which_was_set_back_says_so() -> None:
    shown = row("22 13:00", pbs("23 11:58", group("22 04:05")))

    assert shown.verdict.state is State.UNKNOWN
    assert "lies in the future, for the clock of this machine was set back" in str(shown.verdict.reason)


def test_one_of_which_no_scope_could_be_read_names_the_cause() -> None:
    server = pbs("22 11:58")
    failed = tuple(replace(reading, as_of=None, facts=(), problem=Problem("HTTP 500")) for reading in server.readings)

    assert row("22 12:00", replace(server, readings=failed)).verdict.reason == "Can't be read: HTTP 500."
