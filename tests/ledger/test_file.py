"""Trouble with the ledger's file never stops the serving: broken, missing, of another version."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.ledger import migrations
from sidecar.ledger.ledger import FILE, Ledger
from tests.core.sample_reports import group, pbs, pve
from tests.ledgers import NOW, filled, keeper_and_ledger, rows, written

NEWEST = len(migrations.MIGRATIONS)


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, but it is longer than a header of one hundred bytes. " * 10)


def torn(path: Path) -> None:
    """All pages but the first were overwritten by something else."""
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def somebody_elses(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER)")
        connection.execute("INSERT INTO schema_version VALUES (1)")


def edited_by_hand(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO subjects VALUES (99, 'job:pbs/prune/daily')")
        connection.execute("INSERT INTO runs (subject, start, outcome) VALUES (99, 1, 'splendid')")


@pytest.mark.parametrize("spoil", [garbage, torn, cut, somebody_elses, edited_by_hand])
def test_a_broken_file_is_renamed_and_reported_and_a_new_file_begins(tmp_path: Path, spoil: object) -> None:
    filled(tmp_path)
    spoil(tmp_path / FILE)  # type: ignore[operator]
    keeper, ledger = keeper_and_ledger(tmp_path)
    keeper.record(pve("22 11:58"))
    ledger.close()

    assert [path.name for path in tmp_path.glob("*.broken-*")] == [f"{FILE}.broken-20261122T110000Z"]
    assert keeper.board.notes == (
        f"The ledger was broken and is kept as {FILE}.broken-20261122T110000Z: what was remembered begins anew.",
    )
    assert rows(tmp_path, "SELECT source FROM reports") == [("pve",)]


def test_a_copy_of_both_files_while_it_is_in_use_restores_everything(tmp_path: Path) -> None:
    """As docs/operations.md describes it: what a snapshot of the container holds."""
    (tmp_path / "live").mkdir()
    keeper, ledger = keeper_and_ledger(tmp_path / "live")
    for report in (pbs("22 11:58", group("21 04:05", "22 04:05")), pve("22 11:58")):
        keeper.record(report)
    written(ledger)
    shutil.copytree(tmp_path / "live", tmp_path / "restored", ignore=shutil.ignore_patterns("*-shm"))
    assert (tmp_path / "restored" / f"{FILE}-wal").stat().st_size > 0
    ledger.close()

    restored, other = keeper_and_ledger(tmp_path / "restored")
    other.close()

    assert restored.board.services == keeper.board.services
    assert restored.board.notes == ()
    assert not list((tmp_path / "restored").glob("*.broken-*"))


def test_a_file_that_breaks_while_it_is_in_use_is_set_aside_and_everything_is_written_again(tmp_path: Path) -> None:
    keeper, ledger = keeper_and_ledger(tmp_path)
    keeper.record(pbs("22 11:58", *(group("22 04:05", vmid=str(number)) for number in range(200, 600))))
    keeper.record(pve("22 11:58"))
    written(ledger)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        connection.execute("DELETE FROM contacts")  # Whoever has the file open has to read its pages again.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    torn(tmp_path / FILE)
    for minute in range(3):
        keeper.record(
            pbs(
                f"22 12:0{minute}",
                *(group("22 04:05", f"22 12:0{minute}", vmid=str(number)) for number in range(200, 600)),
            )
        )
        keeper.record(pve(f"22 12:0{minute}"))
    ledger.close()

    assert list(tmp_path.glob("*.broken-*"))
    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.remembered.history.plans.keys() == {"guest:pve:101"}
    assert again.remembered.reports.keys() == {"pve", "pbs"}


def test_a_missing_directory_is_reported_and_the_serving_goes_on(tmp_path: Path) -> None:
    keeper, ledger = keeper_and_ledger(tmp_path / "nowhere")
    keeper.record(pve("22 11:58"))
    ledger.close()

    assert len(keeper.board.services) == 1
    assert "The ledger can't be opened: unable to open database file; make" in keeper.board.notes[-1]


def test_a_ledger_of_a_newer_version_without_a_copy_is_kept_and_reported(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99")
    keeper, ledger = keeper_and_ledger(tmp_path)
    keeper.record(pve("22 12:03"))
    ledger.close()

    assert f"it has version 99, this backup-glance knows {NEWEST}" in keeper.board.notes[-1]
    assert "no copy from before" in keeper.board.notes[-1]
    (kept,) = tmp_path.glob(f"{FILE}.newer-*")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(99,)]
    assert rows(tmp_path, "SELECT version FROM schema_version") == [(NEWEST,)]


def test_an_older_ledger_is_copied_and_led_on_and_keeps_what_it_knew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    step = "ALTER TABLE members ADD COLUMN colour TEXT; CREATE TABLE lamps (name TEXT)"
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        copy = migrations.bring_up_to_date(connection, tmp_path / FILE, (*migrations.MIGRATIONS, step))

        assert copy == tmp_path / f"{FILE}.v{NEWEST}"
        assert migrations.version(connection) == NEWEST + 1
        assert connection.execute("SELECT name, colour FROM members").fetchall()
    assert rows(tmp_path, "SELECT count(*) FROM lamps") == [(0,)]


def test_going_back_to_an_older_version_takes_up_the_copy_from_before_and_says_so(tmp_path: Path) -> None:
    filled(tmp_path)
    newer = (*migrations.MIGRATIONS, "DROP TABLE runs")
    for _ in range(2):  # forward, back, and the same again
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
            migrations.bring_up_to_date(connection, tmp_path / FILE, newer)
        keeper, again = keeper_and_ledger(tmp_path)
        known = keeper.shown.judged.inputs.reports.keys()
        keeper.record(pve("22 12:03"))
        again.close()

        kept = max(tmp_path.glob(f"{FILE}.newer-*"))
        assert keeper.board.notes[-1] == (
            "backup-glance went back to an older version: what is remembered is from before the newer one, "
            f"whose ledger is kept as {kept.name}."
        )
        assert known == {"pve", "pbs"}
        assert rows(tmp_path, "SELECT version FROM schema_version") == [(NEWEST,)]
    once_more = Ledger(tmp_path, NOW)
    once_more.close()
    assert once_more.notes == ()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    steps = (*migrations.MIGRATIONS, "CREATE TABLE lamps (name TEXT); CREATE TABLE runs (again TEXT)")
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            migrations.bring_up_to_date(connection, tmp_path / FILE, steps)

        assert migrations.version(connection) == NEWEST
    assert rows(tmp_path, "SELECT name FROM sqlite_master WHERE name = 'lamps'") == []
