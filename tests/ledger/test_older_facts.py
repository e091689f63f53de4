"""An upkeep job whose row has its last run in separate fields, as rows had before, becomes a job with that run among its runs."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.ledger import older_facts
from sidecar.ledger.values import UnreadableRecordError

START, END = "2026-11-22T04:00:00+00:00", "2026-11-22T04:07:00+00:00"
EARLIER = {"start": "2026-11-21T04:00:00+00:00", "end": None, "outcome": "failed", "text": "no space left"}
NOT_KNOWN = "the upstream does not know how it ended"


def job(**changes: Any) -> dict[str, Any]:
    """A job whose last run went well, as it was written: without ``comment`` and ``runs``, which have default values."""
    return {
        "kind": "prune",
        "id": "daily",
        "datastore": "main",
        "namespace": "",
        "schedule": "05:00",
        "disabled": False,
        "keeps": True,
        "next_run": None,
        "running": False,
        "last_start": START,
        "last_end": END,
        "last_state": "OK",
        **changes,
    }


@pytest.mark.parametrize(
    ("running", "state", "outcome", "text"),
    [
        (True, None, "running", None),
        (False, "OK", "ok", None),
        (False, "WARNINGS: 3", "warning", "WARNINGS: 3"),
        (False, "unknown", "warning", NOT_KNOWN),
        (False, None, "warning", NOT_KNOWN),
        (False, "no space left", "failed", "no space left"),
    ],
)
def test_the_last_run_becomes_the_newest_of_its_runs(
    running: bool, state: str | None, outcome: str, text: str | None
) -> None:
    row = older_facts.upkeep_job(job(running=running, last_state=state, runs=[EARLIER]))

    assert row["runs"] == [{"start": START, "end": END, "outcome": outcome, "text": text}, EARLIER]


def test_nothing_else_of_the_job_changes() -> None:
    row = older_facts.upkeep_job(job(comment="at night"))

    assert {name: value for name, value in row.items() if name != "runs"} == {
        "kind": "prune",
        "id": "daily",
        "datastore": "main",
        "namespace": "",
        "schedule": "05:00",
        "disabled": False,
        "keeps": True,
        "next_run": None,
        "comment": "at night",
    }


def test_the_end_stands_for_a_start_that_is_not_known() -> None:
    row = older_facts.upkeep_job(job(last_start=None))

    assert row["runs"] == [{"start": END, "end": END, "outcome": "ok", "text": None}]


def test_a_job_that_never_ran_has_only_the_reported_runs() -> None:
    never = {"last_start": None, "last_end": None, "last_state": None}

    assert older_facts.upkeep_job(job(**never))["runs"] == []
    assert older_facts.upkeep_job(job(**never, runs=[EARLIER]))["runs"] == [EARLIER]


def test_a_run_that_was_reported_twice_is_there_once_as_the_job_reported_it_last() -> None:
    same = {"start": "2026-11-22T05:00:00+01:00", "end": None, "outcome": "running"}
    row = older_facts.upkeep_job(job(runs=[same, EARLIER]))

    assert row["runs"] == [{"start": START, "end": END, "outcome": "ok", "text": None}, EARLIER]


def test_runs_stand_newest_first() -> None:
    later = {"start": "2026-11-23T04:00:00+00:00", "end": None, "outcome": "ok"}
    row = older_facts.upkeep_job(job(runs=[EARLIER, later]))

    assert [run["start"] for run in row["runs"]] == [later["start"], START, EARLIER["start"]]


@pytest.mark.parametrize(
    "changes",
    [
        {"running": "yes"},
        {"last_state": 5},
        {"last_start": "yesterday"},
        {"last_start": "2026-11-22T04:00:00"},
        {"last_start": 5},
        {"runs": "none"},
        {"runs": [5]},
        {"runs": [{"end": None}]},
    ],
)
def test_a_row_that_no_version_wrote_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecordError):
        older_facts.upkeep_job(job(**changes))


def test_a_row_with_only_some_of_the_fields_is_refused() -> None:
    row = job()
    del row["last_end"]

    assert older_facts.is_upkeep_job(row)
    with pytest.raises(UnreadableRecordError, match="lacks last_end"):
        older_facts.upkeep_job(row)


def test_a_row_of_today_is_distinguished_from_an_older_row() -> None:
    assert older_facts.is_upkeep_job(job())
    assert not older_facts.is_upkeep_job(older_facts.upkeep_job(job()))
