"""Whatever became of the ledger's file, the service starts: the file is set aside, people are told, and a new one begins.

``make soak`` flips bytes of every page.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import socket
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sidecar.board_keeper import BoardKeeper
from sidecar.core.history.verdict_log import FinalOccurrence, FinalState, ObservationGap, VerdictLog
from sidecar.ledger import migrations, place
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.ledger.opened import Condition
from tests.alert_memory import FULL
from tests.core.factories import at, run
from tests.core.remembering import pruning
from tests.core.sample_reports import group, pbs, pve
from tests.ledger.damage import PAGE, every_page
from tests.ledgers import NOW, VZDUMP, keeper_and_ledger, rows

Spoil = Callable[[Path], object]
T = TypeVar("T")
BROKEN = f"{FILE}.broken-20261122T110000Z"


def sampled(values: Sequence[T], every: int) -> list[Any]:
    """``make check`` takes a few of them, ``make test`` all."""
    return [
        value if number % every == 0 else pytest.param(value, marks=pytest.mark.fortnight)
        for number, value in enumerate(values)
    ]


def stopped_before(path: Path) -> None:
    """A ledger with something in every table, closed properly."""
    keeper, ledger = keeper_and_ledger(path.parent)
    keeper.record(pruning("22 11:57", run("22 05:00")))
    keeper.record(pbs("22 11:58", group("21 04:05", "22 04:05")))
    keeper.record(pve("22 11:58", VZDUMP))
    names = {"member": "guest:pve:101", "job": "pve/backup/critical", "destination": "pbs:main"}
    final = FinalOccurrence(due=at("21 04:00"), state=FinalState.KEPT, run_start=None, decided_at=NOW, **names)
    gap = ObservationGap(source="pbs", start=at("20 01:00"))
    ledger.record_verdicts(VerdictLog(finals=(final,), gaps=(gap,)))
    ledger.record_alerts(FULL)
    ledger.close()
    assert ledger.notes == ()


@pytest.fixture(scope="module")
def sound_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / FILE
    stopped_before(path)
    return path


@pytest.fixture
def path(sound_ledger: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(sound_ledger, tmp_path / FILE))


def started(path: Path) -> tuple[BoardKeeper, Ledger]:
    """The service starts with what is there, reads its sources, and stops."""
    keeper, ledger = keeper_and_ledger(path.parent)
    keeper.record(pbs("22 11:59", group("21 04:05", "22 04:05")))
    keeper.record(pve("22 11:59", VZDUMP))
    keeper.timeline()
    ledger.close()
    return keeper, ledger


def assert_begun_anew(path: Path) -> None:
    keeper, ledger = started(path)

    assert ledger.condition is Condition.BROKEN
    assert keeper.board.notes[-1:] == (
        f"The ledger was broken and is kept as {BROKEN}: what was remembered begins anew.",
    )
    assert [service.name for service in keeper.board.services] == ["vaultwarden"]
    assert rows(path.parent, "SELECT source FROM reports ORDER BY source") == [("pbs",), ("pve",)]
    again = Ledger(path.parent, NOW)
    again.close()
    assert (again.notes, again.condition) == ((), Condition.OK)


# --- what may stand in its place --------------------------------------------------------------------------------------


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "somebody's").write_text("file")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def listener(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def too_large(path: Path) -> None:
    os.truncate(path, place.MOST_BYTES + PAGE)


def gone_but_for_its_log(path: Path) -> None:
    path.with_name(f"{FILE}-wal").write_bytes(path.read_bytes())
    path.unlink()


def log_is_a_directory(path: Path) -> None:
    path.with_name(f"{FILE}-wal").mkdir()


def index_is_a_fifo(path: Path) -> None:
    os.mkfifo(path.with_name(f"{FILE}-shm"))


def somebody_elses(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


PLACES: list[Spoil] = [
    *(directory, fifo, listener, circle, device, empty, too_large, gone_but_for_its_log, log_is_a_directory),
    *(index_is_a_fifo, somebody_elses),
]


@pytest.mark.parametrize("spoil", sampled(PLACES, 4))
def test_what_is_no_ledger_is_set_aside_as_it_is(path: Path, spoil: Spoil) -> None:
    spoil(path)

    assert_begun_anew(path)
    assert any(os.path.lexists(f"{path.with_name(BROKEN)}{ending}") for ending in ("", "-wal"))


@pytest.mark.parametrize("length", sampled([0, 99, 512, PAGE - 1, PAGE, 2 * PAGE, 5 * PAGE + 7, -1, -PAGE], 4))
def test_a_file_that_was_cut_off_is_set_aside(path: Path, length: int) -> None:
    os.truncate(path, length % path.stat().st_size)

    assert_begun_anew(path)


# --- logs that belong to another file -----------------------------------------------------------------------------------


def left_open(directory: Path, fill: Callable[[sqlite3.Connection], object]) -> Path:
    """A database as a process leaves it that was killed: what was written last is in its write-ahead log alone."""
    directory.mkdir()
    with closing(sqlite3.connect(directory / FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        fill(connection)
        killed = directory / "killed"
        killed.mkdir()
        for ending in ("", "-wal", "-shm"):
            shutil.copyfile(directory / f"{FILE}{ending}", killed / f"{FILE}{ending}")
    return killed


def songs(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO songs VALUES (?)", ((f"number {number}" * 20,) for number in range(2000)))
    connection.execute("COMMIT")


def other_ledger(connection: sqlite3.Connection) -> None:
    migrations.bring_up_to_date(connection, Path("unused"))
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO members VALUES (?, ?, ?, NULL, NULL)",
        ((f"guest:pve:{number}", "name" * 30, "2026-01-01T00:00:00.000000+00:00") for number in range(2000)),
    )
    connection.execute("COMMIT")


@pytest.mark.parametrize("fill", [songs, other_ledger])
def test_a_log_of_another_database_is_set_aside_with_the_file(
    path: Path, tmp_path: Path, fill: Callable[[sqlite3.Connection], object]
) -> None:
    killed = left_open(tmp_path / "other", fill)
    shutil.copyfile(killed / f"{FILE}-wal", f"{path}-wal")
    shutil.copyfile(killed / f"{FILE}-shm", f"{path}-shm")
    keeper, ledger = started(path)

    # The log of a whole ledger that begins with its first page makes the file into that ledger.
    assert ledger.condition in ((Condition.BROKEN, Condition.OK) if fill is other_ledger else (Condition.BROKEN,))
    assert [service.name for service in keeper.board.services] == ["vaultwarden"]
    assert rows(path.parent, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("ending", sampled(["-wal", "-shm", "-journal"], 3))
def test_noise_beside_the_file_takes_nothing_from_it(path: Path, ending: str) -> None:
    path.with_name(f"{FILE}{ending}").write_bytes(random.Random(3).randbytes(40_000))
    keeper, ledger = started(path)

    assert (ledger.condition, ledger.notes) == (Condition.OK, ())
    assert keeper.shown.judged.inputs.history.contacts["pve"] == at("22 11:58")


# --- versions from nowhere ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    sampled(
        [
            "UPDATE schema_version SET version = 0",
            "UPDATE schema_version SET version = -3",
            "UPDATE schema_version SET version = 2.5",
            "UPDATE schema_version SET version = 'three'",
            "UPDATE schema_version SET version = x'ff'",
            "INSERT INTO schema_version VALUES (2)",
            "DELETE FROM schema_version",
            "DROP TABLE schema_version",
            "UPDATE schema_version SET version = 1",
            "ALTER TABLE runs RENAME TO running",
            "ALTER TABLE plans RENAME COLUMN destination TO place",
            "DROP INDEX finals_by_time",
        ],
        5,
    ),
)
def test_a_version_that_cannot_be_and_tables_of_another_shape_are_damage(path: Path, change: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)

    assert_begun_anew(path)


@pytest.mark.parametrize("version", sampled([99, len(migrations.MIGRATIONS) + 1, 2**62], 3))
def test_a_newer_version_without_a_copy_from_before_is_kept_and_a_new_ledger_begins(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = ?", (version,))
    content = path.read_bytes()
    keeper, ledger = started(path)

    newer = path.with_name(BROKEN.replace("broken", "newer"))
    assert ledger.condition is Condition.NEWER
    assert keeper.board.notes[-1] == (
        f"The ledger is of a newer version (it has version {version}, this backup-glance knows "
        f"{len(migrations.MIGRATIONS)}), and there is no copy from before: it is kept as {newer.name}, "
        "and what was remembered begins anew."
    )
    assert newer.read_bytes() == content


def test_where_the_copy_from_before_is_broken_the_one_before_it_is_taken(path: Path) -> None:
    shutil.copyfile(path, path.with_name(f"{FILE}.v1"))
    known = len(migrations.MIGRATIONS)
    shutil.copyfile(path, path.with_name(f"{FILE}.v{known}"))
    os.truncate(path.with_name(f"{FILE}.v{known}"), 5000)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = ?", (known + 1,))
    keeper, ledger = started(path)

    assert ledger.condition is Condition.RESTORED
    assert keeper.shown.judged.inputs.history.contacts["pve"] == at("22 11:58")
    assert sorted(each.name for each in path.parent.glob(f"{FILE}.*")) == [BROKEN, BROKEN.replace("broken", "newer")]


# --- values that nobody wrote -------------------------------------------------------------------------------------------

YEAR_1, YEAR_9999 = "'0001-01-01T00:00:00+00:00'", "'9999-12-31T23:59:59.999999+00:00'"
FAR = 2**63 - 1


@pytest.mark.parametrize(
    "change",
    sampled(
        [
            *(
                f"UPDATE contacts SET first = {value}"
                for value in (YEAR_1, YEAR_9999, "5", "x'00'", "'2026-11-22T04:00'")
            ),
            "UPDATE contacts SET source = CAST(x'ff' AS TEXT) WHERE source = 'pve'",
            *(f"UPDATE plans SET valid_from = {value}" for value in (YEAR_1, YEAR_9999, "'tomorrow'", "9e999")),
            *(
                f"UPDATE plans SET {column} = x'ff'"
                for column in ("member", "job", "schedule", "timezone", "destination")
            ),
            "UPDATE plans SET enabled = 'perhaps'",
            "UPDATE plans SET member = 'nobody'",
            f"INSERT INTO announced VALUES ('backrest/plan/p', {YEAR_9999})",
            "INSERT INTO announced VALUES (x'ff', '2026-11-22T04:00:00+00:00')",
            *(f"UPDATE members SET gone = {value}" for value in (YEAR_1, YEAR_9999, "1e300")),
            "UPDATE members SET name = x'ff'",
            "UPDATE members SET member = 'guest' WHERE member = 'guest:pve:101'",
            f"UPDATE runs SET start = start + {FAR // 2}",
            *(f'UPDATE runs SET "end" = {value}' for value in (FAR, -FAR, "'soon'", "9e999", "1.5")),
            *(f"UPDATE runs SET {column} = x'ff'" for column in ("outcome", "size", "text", "cancelled")),
            "UPDATE runs SET size = 1.5",
            "UPDATE runs SET cancelled = 2",
            "UPDATE runs SET outcome = 'splendid'",
            "UPDATE subjects SET id = id + 1000",
            "UPDATE subjects SET name = CAST(x'ff' AS TEXT) WHERE id = 1",
            *(f"UPDATE reports SET at = {value}" for value in (YEAR_1, YEAR_9999, "7")),
            "UPDATE reports SET version = x'ff'",
            *(f"UPDATE readings SET as_of = {value}" for value in (YEAR_1, YEAR_9999, "0.5")),
            *(f"UPDATE readings SET facts = {value}" for value in ("'[NaN]'", "'[Infinity]'", "'['", "x'ff'")),
            f"UPDATE readings SET facts = '{'[' * 100_000}'",
            "UPDATE readings SET scope = '[]' WHERE place = 0 AND source = 'pve'",
            "UPDATE readings SET scope = '[1]' WHERE place = 0 AND source = 'pve'",
            *(f"UPDATE verdict_changes SET {column} = 'x'" for column in ("state_from", "state_to", "at")),
            f"UPDATE verdict_changes SET at = {FAR}",
            "UPDATE verdict_changes SET reason = x'ff'",
            "UPDATE expectations SET id = id + 1000",
            "UPDATE expectations SET member = x'ff'",
            *(f"UPDATE finals SET {column} = {FAR}" for column in ("due", "run_start", "decided_at")),
            "UPDATE finals SET state = 'x'",
            *(f"INSERT INTO observation_gaps VALUES ('pbs', {value}, NULL)" for value in (YEAR_1, YEAR_9999, "x'ff'")),
            "INSERT INTO observation_gaps VALUES (x'ff', '2026-11-20T00:00:00+00:00', NULL)",
            "INSERT INTO observation_gaps VALUES ('pbs', '2026-11-20T00:00:00+00:00', x'ff')",
            "UPDATE service_days SET day = '2026-02-31'",
            *(f"UPDATE service_days SET {column} = 'many'" for column in ("count", "size", "verified", "copies")),
            "UPDATE service_days SET service = x'ff'",
        ],
        12,
    ),
)
def test_values_that_no_version_wrote_are_damage(path: Path, change: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(change).rowcount > 0

    assert_begun_anew(path)


def test_what_can_be_read_and_not_be_judged_is_set_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The last line of defence: sizes that no server tells, and that no division takes."""
    huge = 10**400
    with closing(sqlite3.connect(path)) as connection, connection:
        (facts,) = connection.execute("SELECT facts FROM readings WHERE scope = '[\"datastores\"]'").fetchone()
        changed = facts.replace('"used":600', f'"used":{1 - huge}').replace('"avail":400', f'"avail":{huge}')
        connection.execute("UPDATE readings SET facts = ? WHERE scope = '[\"datastores\"]'", (changed,))

    assert_begun_anew(path)
    assert "what the ledger holds can't be judged" in caplog.text


# --- flipped bytes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", sampled([1, 6], 2))
def test_a_flipped_byte_never_stops_the_service(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, each: int
) -> None:
    """So many places of every page; each file is either sound enough to be used, or set aside."""
    caplog.set_level(logging.CRITICAL)
    content = path.read_bytes()
    conditions = set()
    for number, (offset, bits) in enumerate(every_page(path, random.Random(12), each)):
        changed = bytearray(content)
        changed[offset] ^= bits
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / FILE).write_bytes(changed)
        keeper, ledger = started(folder / FILE)
        conditions.add(ledger.condition)
        assert ledger.condition in (Condition.OK, Condition.BROKEN)
        assert (ledger.condition is Condition.BROKEN) == bool(list(folder.glob("*.broken-*")))
        assert len(keeper.board.services) == 1
        shutil.rmtree(folder)

    assert conditions == {Condition.OK, Condition.BROKEN}


# --- set aside ----------------------------------------------------------------------------------------------------------


def test_files_that_were_set_aside_have_names_by_time_and_are_not_many(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / FILE).write_bytes(f"noise {number}".encode() * 50)
        (tmp_path / f"{FILE}-wal").write_bytes(b"noise")
        Ledger(tmp_path, NOW + timedelta(minutes=number // 2)).close()

    assert sorted(each.name for each in tmp_path.glob("*.broken-*") if not each.name.endswith("-wal")) == [
        f"{FILE}.broken-20261122T110100Z-2",
        f"{FILE}.broken-20261122T110200Z",
        f"{FILE}.broken-20261122T110200Z-2",
    ]
    assert (tmp_path / f"{FILE}.broken-20261122T110200Z-2").read_bytes().startswith(b"noise 5")


def test_a_broken_ledger_takes_no_newer_one_with_it(tmp_path: Path) -> None:
    newer = tmp_path / f"{FILE}.newer-20261101T000000Z"
    newer.write_bytes(b"kept")
    for number in range(5):
        (tmp_path / FILE).write_bytes(b"noise" * 50)
        Ledger(tmp_path, NOW + timedelta(minutes=number)).close()

    assert newer.read_bytes() == b"kept"
