"""A ledger that can't be used for a while: the service judges from memory, says so, and goes on writing by itself."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from sidecar.board_keeper import BoardKeeper
from sidecar.core.history.history import EMPTY
from sidecar.core.model import State
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.ledger.opened import Condition
from sidecar.ledger.patience import Patience
from tests.core.factories import BERLIN
from tests.core.sample_reports import group, pbs, pve, row, settings
from tests.ledger.test_processes import THIS_TREE
from tests.ledgers import NOW, VZDUMP, filled, keeper_and_ledger, rows, written

SOON = Patience(*(timedelta(milliseconds=number) for number in (5, 20, 20)))


def recovered(ledger: Ledger) -> None:
    """Waits until it can be written again, without anything being handed over."""
    deadline = time.monotonic() + 10
    while ledger.condition is Condition.UNUSABLE:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def started(directory: Path, patience: Patience = SOON) -> Iterator[tuple[BoardKeeper, Ledger]]:
    with closing(Ledger(directory, NOW, patience=patience)) as ledger:
        yield BoardKeeper(settings(), lambda: NOW, ledger), ledger


@contextmanager
def locked(path: Path, mode: str) -> Iterator[None]:
    """Another program holds the file, alone or beside its readers."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA locking_mode = {mode}")
        connection.execute("BEGIN IMMEDIATE")
        yield


def test_pauses_grow_from_a_second_to_five_minutes() -> None:
    pauses = [Patience().pause(failures) for failures in (1, 2, 3, 9, 10, 100_000)]

    assert pauses == [1, 2, 4, 256, 300, 300]


def test_a_file_that_is_removed_while_it_is_used_is_written_anew_from_memory(tmp_path: Path) -> None:
    with started(tmp_path) as (keeper, ledger):
        keeper.record(pbs("22 11:50", group("21 04:05", "22 04:05")))
        keeper.record(pve("22 11:50", VZDUMP))
        written(ledger)
        for path in tmp_path.iterdir():
            path.unlink()
        keeper.record(pve("22 11:58", VZDUMP))
        keeper.record(pbs("22 11:58", group("21 04:05", "22 04:05")))
        written(ledger)
        keeper.rejudge()
        history = keeper._history

        assert ledger.condition is Condition.NEW
        assert keeper.board.notes[-1].startswith("The ledger was removed or replaced while backup-glance was running")
    again = Ledger(tmp_path, NOW)
    again.close()
    assert (again.condition, again.remembered.history) == (Condition.OK, history)
    assert again.remembered.reports.keys() == {"pve", "pbs"}


@pytest.mark.parametrize("leftovers", [("-wal", "-shm"), ("-wal",), ()])
def test_what_a_removed_file_leaves_is_never_taken_for_a_part_of_the_next_one(
    tmp_path: Path, leftovers: tuple[str, ...]
) -> None:
    with started(tmp_path) as (keeper, ledger):
        keeper.record(pve("22 11:50", VZDUMP))
        written(ledger)
        for ending in {"", "-wal", "-shm"} - set(leftovers):
            (tmp_path / f"{FILE}{ending}").unlink()
        keeper.record(pve("22 11:58", VZDUMP))
        written(ledger)

        assert ledger.condition is Condition.NEW
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(tmp_path, "SELECT source FROM reports") == [("pve",)]


def test_what_a_file_holds_that_is_put_in_its_place_is_taken_up(tmp_path: Path) -> None:
    """Somebody restores a backup of the ledger while the service runs."""
    filled(tmp_path)
    (tmp_path / "backup").mkdir()
    (tmp_path / FILE).rename(tmp_path / "backup" / FILE)
    with started(tmp_path) as (keeper, ledger):
        keeper.record(pve("22 11:59", VZDUMP))
        written(ledger)
        assert "pbs" not in keeper._history.contacts
        (tmp_path / "backup" / FILE).rename(tmp_path / FILE)
        keeper.record(pve("22 12:00", VZDUMP))
        written(ledger)
        keeper.record(pve("22 12:00", VZDUMP))
        written(ledger)

        assert keeper._history.contacts["pbs"] == EMPTY.contacts.get("pbs", keeper._history.contacts["pbs"])
        history = keeper._history
    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.remembered.history == history
    assert again.remembered.reports.keys() == {"pve", "pbs"}


def test_a_directory_in_place_of_the_file_in_use_is_set_aside(tmp_path: Path) -> None:
    with started(tmp_path) as (keeper, ledger):
        keeper.record(pve("22 11:50", VZDUMP))
        written(ledger)
        (tmp_path / FILE).unlink()
        (tmp_path / FILE).mkdir()
        keeper.record(pve("22 11:58", VZDUMP))
        written(ledger)

        assert ledger.condition is Condition.BROKEN
    assert rows(tmp_path, "SELECT source FROM reports") == [("pve",)]
    assert [path.is_dir() for path in tmp_path.glob("*.broken-*") if path.suffix != "-wal"] == [True]


def test_a_directory_that_comes_back_is_used_again_without_a_restart_and_without_a_report(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with started(state) as (keeper, ledger):
        keeper.record(pbs("22 11:58", group("21 04:05", "22 04:05")))
        keeper.record(pve("22 11:58", VZDUMP))
        written(ledger)
        keeper.rejudge()
        assert row(keeper.board, "vaultwarden").verdict.state is State.OK
        assert "Until then nothing survives a restart." in keeper.board.notes[-1]
        state.mkdir()
        recovered(ledger)
        keeper.rejudge()
        assert keeper.board.notes == ()
        history = keeper._history
    again = Ledger(state, NOW)
    again.close()
    assert again.remembered.history == history
    assert again.remembered.reports.keys() == {"pve", "pbs"}


def test_a_ledger_that_another_program_holds_is_no_broken_one(tmp_path: Path) -> None:
    """At the start it can be read by a copy at least; later what was seen meanwhile is written."""
    filled(tmp_path)
    with started(tmp_path) as (keeper, ledger):
        with locked(tmp_path / FILE, "NORMAL"):
            keeper.record(pve("22 12:00", VZDUMP))
            written(ledger)
            assert "is locked" in ledger.notes[-1]
        recovered(ledger)
    with locked(tmp_path / FILE, "EXCLUSIVE"), started(tmp_path) as (keeper, ledger):
        assert ledger.condition is Condition.UNUSABLE
        assert row(keeper.board, "vaultwarden").verdict.state is State.OK
    again = Ledger(tmp_path, NOW)
    again.close()
    assert (again.condition, again.remembered.history) == (Condition.OK, keeper._history)
    assert not list(tmp_path.glob("*.broken-*"))


def test_what_could_not_be_read_at_the_start_is_added_to_what_was_seen_since(tmp_path: Path) -> None:
    """A link to a disk that is mounted later than the service starts."""
    disk, state = tmp_path / "disk", tmp_path / "state"
    disk.mkdir()
    filled(disk)
    state.symlink_to(tmp_path / "mounted")
    with started(state) as (keeper, ledger):
        keeper.record(pve("22 12:00", VZDUMP))
        written(ledger)
        assert "pbs" not in keeper._history.contacts
        disk.rename(tmp_path / "mounted")
        recovered(ledger)
        keeper.rejudge()
        history = keeper._history
        assert row(keeper.board, "vaultwarden").verdict.state is State.OK
        assert {"pve", "pbs"} == history.contacts.keys()
        keeper.record(pve("22 12:00", VZDUMP))
        written(ledger)
        assert ledger.notes == ()
    again = Ledger(state, NOW)
    again.close()
    assert again.remembered.history == history
    assert again.remembered.reports.keys() == {"pve", "pbs"}
    assert again.remembered.reports["pve"].at == NOW


READ_ONLY = """
import os, sys
from pathlib import Path
from tests.core.factories import BERLIN
from tests.core.sample_reports import pbs, pve, row
from tests.ledgers import VZDUMP, filled, keeper_and_ledger, written

state = Path(sys.argv[1])
filled(state)
if os.geteuid() == 0:
    os.chown(state, 65534, 65534)
    for path in state.iterdir():
        os.chown(path, 65534, 65534)
    os.seteuid(65534)
state.chmod(0o500)
(state / "ledger.sqlite").chmod(0o400)
keeper, ledger = keeper_and_ledger(state)
keeper.record(pve("22 12:00", VZDUMP))
written(ledger)
keeper.rejudge()
print(ledger.condition, row(keeper.board, "vaultwarden").verdict.state, sorted(keeper._history.contacts))
print(keeper.board.notes[-1])
state.chmod(0o700)
(state / "ledger.sqlite").chmod(0o600)
keeper.record(pve("22 12:00", VZDUMP))
written(ledger)
keeper.rejudge()
print(ledger.condition, keeper.board.notes)
(state / "ledger.sqlite").chmod(0o400)
state.chmod(0o500)
ledger.close()
"""


@pytest.mark.fortnight
def test_a_read_only_ledger_is_read_and_is_written_as_soon_as_it_can_be() -> None:
    """Rights mean nothing to root, so the process gives itself another user."""
    state = Path(tempfile.mkdtemp(prefix="backup-glance-test-"))
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(state)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=THIS_TREE,
        )
        lines = done.stdout.splitlines()

        assert done.returncode == 0, done.stderr
        assert lines[0] == "unusable ok ['pbs', 'pve']"
        assert "can't be" in lines[1]
        assert lines[2] == "ok ()"
    finally:
        state.chmod(0o700)
        shutil.rmtree(state)


def test_that_it_cannot_be_read_is_logged_once_however_often_somebody_looks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path)
    caplog.set_level(logging.INFO, "sidecar.ledger")

    def look(ledger: Ledger, times: int = 3) -> list[str]:
        caplog.clear()
        for _ in range(times):
            ledger.counted_days([(NOW.date(), NOW.date())], NOW.date(), BERLIN)
            ledger.runs(NOW - timedelta(days=1), NOW)
        return [record.getMessage().removeprefix(f"ledger: {ledger.path}: ") for record in caplog.records]

    with started(tmp_path) as (_, ledger):
        assert look(ledger) == []
        (tmp_path / FILE).rename(tmp_path / "away")
        away = look(ledger)
        assert [text.partition(" can't be read: ")[0] for text in away] == ["the history", "runs"]
        assert look(ledger) == [], "nothing has changed"

        (tmp_path / "away").rename(tmp_path / FILE)
        assert look(ledger) == ["the history can be read again", "runs can be read again"]
        assert look(ledger) == []


def test_what_no_file_takes_does_not_keep_the_rest_out(tmp_path: Path) -> None:
    """A mistake of ours in one entry is told, and costs that entry alone."""
    keeper, ledger = keeper_and_ledger(tmp_path)
    report = pve("22 11:58", VZDUMP)
    ledger.record(report, keeper._history, object())  # type: ignore[arg-type]
    written(ledger)
    assert "internal error" in ledger.notes[-1]
    keeper.record(report)
    ledger.close()

    assert ledger.notes == ()
    assert rows(tmp_path, "SELECT source FROM reports") == [("pve",)]
