"""Alerts in the ledger: what somebody was told is read back as it was, so that nobody is told twice or not at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from sidecar.core.alerts.incident import AlertMemory, Incident, ReceiverMemory
from sidecar.ledger import migrations
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.ledger.opened import Condition
from sidecar.ledger.patience import Patience
from tests.alert_memory import FULL, MORNING, PROBLEM
from tests.core.alerts.listener import Listener
from tests.ledgers import NOW, filled, rows, written


def kept(directory: Path, *memories: AlertMemory) -> None:
    with closing(Ledger(directory, NOW)) as ledger:
        for memory in memories:
            assert ledger.record_alerts(memory).wait(10)


def remembered(directory: Path) -> AlertMemory:
    with closing(Ledger(directory, NOW)) as ledger:
        assert ledger.condition is Condition.OK
        return ledger.remembered.alerts


@pytest.mark.parametrize("memory", [FULL, AlertMemory()], ids=["everything", "nothing"])
def test_what_was_written_comes_back_as_it_was(tmp_path: Path, memory: AlertMemory) -> None:
    kept(tmp_path, memory)

    assert remembered(tmp_path) == memory


def test_the_newest_replaces_what_was_there(tmp_path: Path) -> None:
    kept(tmp_path, FULL, replace(FULL, outbox=FULL.outbox[:1]))

    assert remembered(tmp_path) == replace(FULL, outbox=FULL.outbox[:1])


def test_the_event_comes_after_the_message_stands_in_the_file(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path, NOW)) as ledger:
        assert ledger.record_alerts(FULL).wait(10)

        assert rows(tmp_path, "SELECT title FROM alert_outbox") == [(PROBLEM.title,)] * 2


def test_a_ledger_from_before_alerts_has_none_and_keeps_what_it_has(tmp_path: Path) -> None:
    filled(tmp_path)
    older(tmp_path / FILE)
    with closing(Ledger(tmp_path, NOW)) as ledger:
        assert ledger.condition is Condition.MIGRATED
        assert ledger.remembered.alerts == AlertMemory()
        assert ledger.remembered.reports.keys() == {"pbs", "pve"}
        assert ledger.record_alerts(FULL).wait(10)

    assert remembered(tmp_path) == FULL
    assert (tmp_path / f"{FILE}.v3").exists()


def older(path: Path) -> None:
    """As version 3 left it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'alert_%'").fetchall():
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE schema_version SET version = 3")


def test_what_can_not_be_written_is_written_as_soon_as_it_can(tmp_path: Path) -> None:
    directory = tmp_path / "not yet"
    ledger = Ledger(directory, NOW, patience=Patience())
    assert ledger.record_alerts(replace(FULL, outbox=())).wait(10)
    assert ledger.condition is Condition.UNUSABLE
    directory.mkdir()
    assert ledger.record_alerts(FULL).wait(10)
    ledger.close()

    assert remembered(directory) == FULL


def test_a_file_that_is_set_aside_loses_nothing_that_is_known(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path, NOW)) as ledger:
        ledger.record_alerts(FULL)
        ledger.refuse("for a test").wait(10)
        written(ledger)

    assert remembered(tmp_path) == FULL


def test_what_a_file_held_that_can_be_opened_only_now_is_not_overwritten(tmp_path: Path) -> None:
    real, away = tmp_path / "state", tmp_path / "away"
    real.mkdir()
    kept(real, FULL)
    real.rename(away)
    ledger = Ledger(real, NOW)
    ledger.record_alerts(AlertMemory(receivers=MappingProxyType({"phone": ReceiverMemory()}))).wait(10)
    away.rename(real)
    ledger.record_alerts(AlertMemory()).wait(10)

    assert ledger.found_alerts() == FULL
    assert ledger.found_alerts() is None
    ledger.close()
    assert remembered(real) == FULL


def test_names_that_are_too_long_are_not_kept(tmp_path: Path) -> None:
    incidents = {f"service:{'x' * 2_000}": Incident(began=MORNING), "service:web": Incident(began=MORNING)}
    members = {key: replace(FULL.receivers["phone"].members["service:vault"], origin=key) for key in incidents}
    phone = ReceiverMemory(incidents=MappingProxyType(incidents), members=MappingProxyType(members))
    kept(tmp_path, AlertMemory(receivers=MappingProxyType({"phone": phone})))

    assert [*remembered(tmp_path).receivers["phone"].incidents] == ["service:web"]
    assert [*remembered(tmp_path).receivers["phone"].members] == ["service:web"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE alert_receivers SET sent = 'soon'",
        "UPDATE alert_receivers SET not_held = x'ff'",
        "UPDATE alert_receivers SET flood = '0001-01-01T00:00:00+00:00'",
        "DELETE FROM alert_receivers",
        "UPDATE alert_incidents SET state = 'splendid'",
        "UPDATE alert_incidents SET began = 7",
        "UPDATE alert_incidents SET opened = 'x'",
        "UPDATE alert_incidents SET followers = 1.5",
        "UPDATE alert_members SET state = 'splendid'",
        "UPDATE alert_members SET named = 2",
        "UPDATE alert_members SET well = 'noon'",
        "UPDATE alert_members SET receiver = 'nobody'",
        "UPDATE alert_held SET problem = 2",
        "UPDATE alert_held SET at = 'noon'",
        "UPDATE alert_outbox SET kind = 'praise'",
        "UPDATE alert_outbox SET title = x'ff'",
        "UPDATE alert_outbox SET noted_at = '2026-11-22'",
        "UPDATE alert_outbox SET attempts = 'many'",
    ],
)
def test_values_that_no_version_wrote_set_the_file_aside(tmp_path: Path, change: str) -> None:
    kept(tmp_path, FULL)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        assert connection.execute(change).rowcount > 0
    with closing(Ledger(tmp_path, NOW)) as ledger:
        assert ledger.condition is Condition.BROKEN
        assert ledger.remembered.alerts == AlertMemory()


def test_the_newest_version_is_that_of_alerts() -> None:
    assert "alert_outbox" in migrations.MIGRATIONS[3]
    assert "alert_members" in migrations.MIGRATIONS[4]


def test_what_an_older_version_told_is_kept_and_belongs_to_nothing_else(tmp_path: Path) -> None:
    kept(tmp_path, FULL)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("DROP TABLE alert_members")
        connection.execute("UPDATE schema_version SET version = 4")
    with closing(Ledger(tmp_path, NOW)) as ledger:
        assert ledger.condition is Condition.MIGRATED
        (phone, mail) = ledger.remembered.alerts.receivers.values()

    assert phone == replace(FULL.receivers["phone"], members=MappingProxyType({}))
    assert mail == ReceiverMemory()


def test_what_belongs_together_still_does_after_a_restart(tmp_path: Path) -> None:
    """Restarted before each board: what waits behind the same still joins in silence, and one message ends all of it."""
    well = {f"service {name}": "ok" for name in ("vault", "files", "photos")}
    hangs = {**well, "service vault": "missed holds:q", "service files": "missed behind:q"}
    later = {**hangs, "service photos": "missed behind:q"}
    phone = Listener(first=well)
    for states in (*[hangs] * 4, *[later] * 4, *[{**later, "service files": "ok"}] * 4, *[well] * 4):
        assert phone.memory is not None
        kept(tmp_path, AlertMemory(receivers=MappingProxyType({"phone": phone.memory})))
        phone.memory = remembered(tmp_path).receivers["phone"]
        phone.hear(states)

    assert [f"{message.kind}: {message.title}" for message in phone.messages] == [
        "problem: vault: missed, and with it files",
        "recovery: 3 are well again: vault, files and photos",
    ]
    assert len({message.incident for message in phone.messages}) == 1
