"""Reports as text: they come back as they were, and hostile or foreign text does no harm."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import (
    Archive,
    BackrestPlan,
    BackupGroup,
    Dump,
    DumpCopy,
    Fact,
    Guest,
    Snapshot,
    Verification,
    Zone,
)
from sidecar.ledger import facts_json
from sidecar.ledger.values import UnreadableRecordError
from sidecar.ledger.ledger import FILE, Ledger
from tests.core.factories import at
from tests.core.sample_reports import pbs, pve
from tests.ledgers import NOW, desk, filled, rows


def test_text_and_numbers_that_no_database_takes_do_not_stop_the_rest(tmp_path: Path) -> None:
    made, ledger = desk(tmp_path)
    huge = BackupGroup("main", "", "ct", "101", (Snapshot(at("22 04:05"), 2**70),))
    made.record(pve("22 11:58", guests=(Guest(101, "lxc", "caf\ud800\x00'); DROP TABLE runs;--", "pve1"),)))
    made.record(pbs("22 11:58", huge))
    ledger.close()

    assert ledger.notes == ()
    assert rows(tmp_path, "SELECT size FROM runs") == [(None,)]
    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.remembered.reports.keys() == {"pve", "pbs"}


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda one: one.replace(tzinfo=NOW.tzinfo))
WORDS = st.text(max_size=20)
RUNS = st.builds(
    Run, MOMENTS, st.none() | MOMENTS, st.sampled_from(Outcome), st.none() | st.integers(0), st.none() | WORDS
)
SNAPSHOTS = st.builds(
    Snapshot,
    MOMENTS,
    st.none() | st.integers(0),
    st.none() | st.builds(Verification, st.booleans(), st.none() | MOMENTS, st.booleans()),
    st.none() | WORDS,
)
FACTS = st.one_of(
    st.builds(Zone, st.none() | WORDS, WORDS),
    st.builds(BackupGroup, WORDS, WORDS, WORDS, WORDS, st.lists(SNAPSHOTS, max_size=3).map(tuple)),
    st.builds(Guest, st.integers(0), WORDS, st.none() | WORDS, WORDS, tags=st.lists(WORDS, max_size=2).map(tuple)),
    st.builds(BackrestPlan, WORDS, st.none() | MOMENTS, st.lists(RUNS, max_size=3).map(tuple)),
    st.builds(
        Dump,
        WORDS,
        WORDS,
        WORDS,
        RUNS,
        copies=st.lists(st.builds(DumpCopy, WORDS, st.none() | st.booleans()), max_size=2).map(tuple),
    ),
    st.builds(Archive, WORDS, st.integers(0), MOMENTS, st.none() | st.integers(0)),
)


@given(st.lists(FACTS, max_size=4).map(tuple))
def test_facts_come_back_as_they_were(facts: tuple[Fact, ...]) -> None:
    assert facts_json.facts_from_text(facts_json.facts_to_text(facts)) == facts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "{}",
        "[1]",
        '[{"fact":"Lamp"}]',
        '[{"fact":"Zone"}]',
        '[{"fact":"Zone","node":null,"timezone":5}]',
        '[{"fact":"Zone","node":null,"timezone":"UTC","moon":"full"}]',
        '[{"fact":"Archive","storage":"a","vmid":true,"time":"2026-11-22T04:00:00+00:00","size":1}]',
        '[{"fact":"Archive","storage":"a","vmid":1,"time":"2026-11-22T04:00:00","size":1}]',
        '[{"fact":"Archive","storage":"a","vmid":1,"time":"yesterday","size":1}]',
        "[" * 100_000,
    ],
)
def test_text_that_is_not_ours_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(UnreadableRecordError):
        facts_json.facts_from_text(text)


def test_readings_that_this_version_cannot_read_are_read_again_and_the_rest_is_kept(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("""UPDATE readings SET facts = '[{"fact":"Lamp"}]' WHERE source = 'pbs'""")
    ledger = Ledger(tmp_path, NOW)
    ledger.close()

    assert ledger.remembered.reports.keys() == {"pve"}
    assert ledger.remembered.history.contacts.keys() == {"pve", "pbs"}
    assert ledger.notes == ()
