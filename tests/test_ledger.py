"""The ledger: what survives a restart, a kill, a full disk and a broken file; and that none of it stops the serving."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar import cli, config_file, ledger_json, ledger_schema
from sidecar.core.history import EMPTY
from sidecar.core.model import Outcome, Run, SourceKind, State
from sidecar.core.remember import remember
from sidecar.core.report import (
    Archive,
    BackupGroup,
    Dump,
    DumpCopy,
    Fact,
    Guest,
    Plan,
    Problem,
    Report,
    Snapshot,
    Verification,
    Zone,
)
from sidecar.credentials import Credentials
from sidecar.ledger import FILE, Ledger
from sidecar.ledger_json import UnreadableRecordError
from sidecar.runtime import Desk
from sidecar.wiring import make_sources
from tests.core.making import at
from tests.core.reports import (
    BACKREST,
    CRITICAL,
    PBS,
    PVE,
    away,
    group,
    judged,
    pbs,
    pve,
    readings,
    row,
    settings,
    vzdump,
)
from tests.test_cli import KEY, running
from tests.upstreams import Rack, demo_homelab

NOW = at("22 12:00")
GUESTS = (Guest(101, "lxc", "vaultwarden", "pve1"),)
NIGHT = vzdump("22 04:00", "22 04:10")


def desk(directory: Path, now: str = "22 12:00") -> tuple[Desk, Ledger]:
    ledger = Ledger(directory, at(now))
    return Desk(settings(), lambda: at(now), ledger), ledger


def filled(directory: Path) -> None:
    """A ledger as a sidecar leaves it that has read everything once."""
    made, ledger = desk(directory)
    for report in (pbs("22 11:58", group("21 04:05", "22 04:05")), pve("22 11:58", NIGHT)):
        made.record(report)
    ledger.close()


def rows(directory: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(directory / FILE)) as connection:
        return connection.execute(query).fetchall()


# --- a restart ------------------------------------------------------------------------------------------------------------


def test_a_restarted_sidecar_shows_the_last_board_with_its_age_before_the_first_poll(tmp_path: Path) -> None:
    filled(tmp_path)
    made, ledger = desk(tmp_path, "22 12:05")
    ledger.close()

    found = row(made.board, "vaultwarden")
    assert (found.verdict.state, found.last_backup, found.count) == (State.OK, at("22 04:05"), 2)
    assert made.board.as_of == at("22 11:58")
    assert not made.ready()


def test_a_board_from_before_a_long_stop_is_unknown_and_says_since_when(tmp_path: Path) -> None:
    filled(tmp_path)
    made, ledger = desk(tmp_path, "23 07:30")
    ledger.close()

    found = row(made.board, "vaultwarden")
    assert found.verdict.state is State.UNKNOWN
    assert "since Sun 22 Nov 11:58" in (found.verdict.reason or "")
    assert found.last_backup == at("22 04:05")


def test_what_is_remembered_is_the_same_after_a_restart(tmp_path: Path) -> None:
    filled(tmp_path)
    made, ledger = desk(tmp_path)
    made.record(pve("22 12:03", NIGHT, guests=(*GUESTS, Guest(201, "qemu", "jellyfin", "pve1"))))
    made.record(pve("22 12:08", NIGHT))
    made.record(
        Report("backrest", SourceKind.BACKREST, NOW, readings=readings(NOW, {("plans",): (Plan("p", NOW, ()),)}))
    )
    history = made._history
    ledger.close()

    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.remembered.history == history
    assert history.seen["guest:pve:201"].gone == at("22 12:08")
    assert again.remembered.reports["pve"] == made._reports["pve"]


def test_a_guest_added_while_the_sidecar_was_down_counts_from_when_it_is_seen(tmp_path: Path) -> None:
    filled(tmp_path)
    made, ledger = desk(tmp_path, "23 07:30")
    job = replace(CRITICAL, guests=(101, 201))
    made.record(pbs("23 07:28", group("21 04:05", "23 04:05")))
    made.record(pve("23 07:28", guests=(*GUESTS, Guest(201, "lxc", "jellyfin", "pve1")), jobs=(job,)))
    ledger.close()

    assert row(made.board, "jellyfin").verdict.state is State.NEW


def test_readings_of_a_source_that_is_configured_no_more_or_differently_are_not_used(tmp_path: Path) -> None:
    filled(tmp_path)
    ledger = Ledger(tmp_path, NOW)
    made = Desk(settings(replace(PVE, kind=SourceKind.PBS), BACKREST), lambda: NOW, ledger)
    ledger.close()

    assert [one.as_of for one in made.board.sources] == [None, None]


def test_facts_are_written_only_where_they_changed(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE readings SET facts = facts || ' '")
    made, ledger = desk(tmp_path)
    made.record(pbs("22 12:03", group("21 04:05", "22 04:05", "22 12:01")))
    ledger.close()

    changed = [
        scope
        for scope, facts in rows(tmp_path, "SELECT scope, facts FROM readings WHERE source = 'pbs'")
        if not str(facts).endswith(" ")
    ]
    assert changed == ['["snapshots","main",""]']
    assert rows(tmp_path, "SELECT DISTINCT as_of FROM readings WHERE source = 'pbs'") == [
        ("2026-11-22T11:03:00.000000+00:00",)
    ]


def test_a_scope_that_is_gone_leaves_the_ledger(tmp_path: Path) -> None:
    filled(tmp_path)
    made, ledger = desk(tmp_path)
    report = pbs("22 12:03")
    made.record(replace(report, readings=report.readings[:2]))
    ledger.close()

    assert rows(tmp_path, "SELECT count(*) FROM readings WHERE source = 'pbs'") == [(2,)]


def test_a_source_that_is_away_keeps_its_readings_and_its_problem(tmp_path: Path) -> None:
    filled(tmp_path)
    made, ledger = desk(tmp_path)
    made.record(away("pbs", SourceKind.PBS, "22 12:03"))
    ledger.close()
    again = Ledger(tmp_path, NOW)
    again.close()

    report = again.remembered.reports["pbs"]
    assert report.problem == Problem("connection refused", "look at it")
    assert {one.as_of for one in report.readings} == {at("22 11:58")}


# --- runs and how long they are kept ----------------------------------------------------------------------------------------


def test_runs_are_kept_and_found_by_time(tmp_path: Path) -> None:
    filled(tmp_path)
    made, ledger = desk(tmp_path)
    made.record(pbs("22 12:03", group("22 04:05", "22 12:01")))
    ledger.close()

    assert [run.start for run in ledger.runs(at("1 00:00"), at("30 00:00"))["guest:pve:101"]] == [
        at("21 04:05"),
        at("22 04:05"),
        at("22 12:01"),
    ]
    assert ledger.runs(at("22 04:05"), at("22 12:01")) == {
        "guest:pve:101": (Run(at("22 04:05"), None, Outcome.OK, 1000),)
    }


def test_a_run_is_kept_as_it_ended(tmp_path: Path) -> None:
    made, ledger = desk(tmp_path)
    for read, snapshot in (("22 11:58", "!22 11:50"), ("22 12:03", "22 11:50")):
        made.record(pve(read))
        made.record(pbs(read, group(snapshot)))
    ledger.close()

    assert rows(tmp_path, "SELECT outcome, size FROM runs") == [("ok", 1000)]


def test_what_is_over_is_forgotten_after_400_days_and_what_holds_is_not(tmp_path: Path) -> None:
    filled(tmp_path)
    later = NOW + timedelta(days=401)
    ledger = Ledger(tmp_path, later)
    made = Desk(settings(), lambda: later, ledger)
    made.record(replace(pbs("22 12:03"), at=later))
    ledger.close()

    assert rows(tmp_path, "SELECT count(*) FROM runs") == [(0,)]
    assert rows(tmp_path, "SELECT count(*) FROM plans") == [(1,)]


# --- hostile and huge ----------------------------------------------------------------------------------------------------


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
    st.builds(Plan, WORDS, st.none() | MOMENTS, st.lists(RUNS, max_size=3).map(tuple)),
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
    assert ledger_json.facts_from_text(ledger_json.facts_to_text(facts)) == facts


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
        ledger_json.facts_from_text(text)


def test_readings_that_this_version_cannot_read_are_read_again_and_the_rest_is_kept(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("""UPDATE readings SET facts = '[{"fact":"Lamp"}]' WHERE source = 'pbs'""")
    ledger = Ledger(tmp_path, NOW)
    ledger.close()

    assert ledger.remembered.reports.keys() == {"pve"}
    assert ledger.remembered.history.contacts.keys() == {"pve", "pbs"}
    assert ledger.notes == ()


# --- trouble with the file ----------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("spoil", [garbage, torn, cut, somebody_elses])
def test_a_broken_file_is_set_aside_and_said_and_a_new_one_begins(tmp_path: Path, spoil: object) -> None:
    filled(tmp_path)
    spoil(tmp_path / FILE)  # type: ignore[operator]
    made, ledger = desk(tmp_path)
    made.record(pve("22 11:58"))
    ledger.close()

    assert [path.name for path in tmp_path.glob("*.broken-*")] == [f"{FILE}.broken-20261122T110000Z"]
    assert made.board.notes == (
        f"The ledger was broken and is kept as {FILE}.broken-20261122T110000Z: what was remembered begins anew.",
    )
    assert rows(tmp_path, "SELECT source FROM reports") == [("pve",)]


def test_a_file_that_breaks_while_it_is_in_use_is_set_aside_and_everything_is_written_again(tmp_path: Path) -> None:
    made, ledger = desk(tmp_path)
    made.record(pbs("22 11:58", *(group("22 04:05", vmid=str(number)) for number in range(200, 600))))
    made.record(pve("22 11:58"))
    written(ledger)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        connection.execute("DELETE FROM contacts")  # Whoever has the file open has to read its pages again.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    torn(tmp_path / FILE)
    for minute in range(3):
        made.record(
            pbs(
                f"22 12:0{minute}",
                *(group("22 04:05", f"22 12:0{minute}", vmid=str(number)) for number in range(200, 600)),
            )
        )
        made.record(pve(f"22 12:0{minute}"))
    ledger.close()

    assert list(tmp_path.glob("*.broken-*"))
    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.remembered.history.plans.keys() == {"guest:pve:101"}
    assert again.remembered.reports.keys() == {"pve", "pbs"}


def written(ledger: Ledger) -> None:
    """Waits until everything that was handed over stands in the file."""
    deadline = time.monotonic() + 10
    while not ledger.idle:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_directory_that_is_not_there_is_said_and_the_serving_goes_on(tmp_path: Path) -> None:
    made, ledger = desk(tmp_path / "nowhere")
    made.record(pve("22 11:58"))
    ledger.close()

    assert len(made.board.services) == 1
    assert "The ledger can't be opened: unable to open database file; make" in made.board.notes[-1]


def test_a_ledger_of_a_newer_version_is_left_alone_and_said(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99")
    made, ledger = desk(tmp_path)
    made.record(pve("22 12:03"))
    ledger.close()

    assert "it has version 99, this backup-glance knows 1" in made.board.notes[-1]
    assert rows(tmp_path, "SELECT version FROM schema_version") == [(99,)]


def test_an_older_ledger_is_copied_and_led_on_and_keeps_what_it_knew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    step = "ALTER TABLE members ADD COLUMN colour TEXT; CREATE TABLE lamps (name TEXT)"
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        copy = ledger_schema.bring_up_to_date(connection, tmp_path / FILE, (*ledger_schema.MIGRATIONS, step))

        assert copy == tmp_path / f"{FILE}.v1"
        assert ledger_schema.version(connection) == 2
        assert connection.execute("SELECT name, colour FROM members").fetchall()
    assert rows(tmp_path, "SELECT count(*) FROM lamps") == [(0,)]

    shutil.move(copy, tmp_path / FILE)
    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.notes == ()
    assert again.remembered.reports.keys() == {"pve", "pbs"}


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    steps = (*ledger_schema.MIGRATIONS, "CREATE TABLE lamps (name TEXT); CREATE TABLE runs (again TEXT)")
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            ledger_schema.bring_up_to_date(connection, tmp_path / FILE, steps)

        assert ledger_schema.version(connection) == 1
    assert rows(tmp_path, "SELECT name FROM sqlite_master WHERE name = 'lamps'") == []


# --- real processes -------------------------------------------------------------------------------------------------------------

#: Child processes run the code that is tested here, wherever another version may be installed.
THIS_TREE = {
    "PATH": os.defpath,
    "PYTHONPATH": os.pathsep.join([str(Path(cli.__file__).parent.parent), str(Path(__file__).parent.parent)]),
}

WRITER = """
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from sidecar.core.report import BackupJob, Guest
from tests.core.making import at
from tests.core.reports import group, pbs, pve
from tests.test_ledger import desk

made, ledger = desk(Path(sys.argv[1]))
for number in range(100_000):
    ids = tuple(range(101, 141))
    job = BackupJob("critical", f"{number % 24:02}:{number // 24 % 60:02}", True, "pbs-main", None, ids)
    guests = tuple(Guest(vmid, "lxc", f"name{number}", "pve1") for vmid in ids)
    moment = at("22 12:00") + timedelta(seconds=number)
    report = pve("22 12:00", guests=guests, jobs=(job,))
    made.record(replace(report, at=moment, readings=tuple(replace(one, as_of=moment) for one in report.readings)))
    if number == 3:
        print("writing", flush=True)
    while not ledger.idle:
        pass
"""


def test_a_kill_in_the_middle_of_writing_leaves_a_whole_ledger(tmp_path: Path) -> None:
    """Every report is one transaction: all forty guests of one reading, or none of it."""
    chance = random.Random(7)
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=THIS_TREE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        time.sleep(chance.uniform(0.02, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()

        ledger = Ledger(tmp_path, NOW)
        ledger.close()
        history = ledger.remembered.history
        assert ledger.notes == ()
        assert len({one.name for one in history.seen.values()}) == 1
        assert len({rows_[-1].schedule for rows_ in history.plans.values()}) == 1
        assert history == remember(history, ledger.remembered.reports["pve"])


FULL = """
import resource, sys
from pathlib import Path
from tests.core.reports import group, pbs, pve
from tests.test_ledger import desk, written

made, ledger = desk(Path(sys.argv[1]))
made.record(pve("22 11:50"))
written(ledger)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
many = [group("22 04:05", vmid=str(number)) for number in range(200, 5000)]
made.record(pbs("22 11:55", group("22 04:05"), *many))
written(ledger)
made.rejudge()
print(made.board.notes[-1])
print([str(one.verdict.state) for one in made.board.services], made.board.as_of)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
made.record(pve("22 11:58"))
made.record(pbs("22 11:58", group("22 04:05"), *many))
written(ledger)
made.rejudge()
print([note for note in made.board.notes if "ledger" in note])
ledger.close()
"""


def test_a_full_disk_is_said_on_the_page_and_the_serving_goes_on_until_there_is_room_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=THIS_TREE,
    )
    said = done.stdout.splitlines()

    assert done.returncode == 0, done.stderr
    assert said[0].startswith("The ledger can't be written: ")
    assert "make room in" in said[0]
    assert said[1].startswith("['ok']")
    assert said[2] == "[]"
    again = Ledger(tmp_path, NOW)
    again.close()
    assert {name: one.at for name, one in again.remembered.reports.items()} == dict.fromkeys(
        ("pve", "pbs"), at("22 11:58")
    )


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / "sidecar_keys").write_text(f"{KEY}\n")
    return directory


def test_the_command_keeps_its_ledger_over_a_kill(tmp_path: Path, credentials: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with Rack(demo_homelab(), lambda: datetime.fromisoformat("2026-11-23T07:30:00+01:00"), tmp_path / "rack") as rack:
        path = rack.write_config(tmp_path / "config.yaml")
        with running(path, credentials, tmp_path, "--state", str(state)) as process:
            process.wait_until_ready()
            before = process.board()
            deadline = time.monotonic() + 10
            while len(rows(state, "SELECT 1 FROM reports")) < 4 and time.monotonic() < deadline:
                time.sleep(0.05)
        (tmp_path / "sidecar.sock").unlink()
    with running(path, credentials, tmp_path, "--state", str(state)) as process:
        after = process.board()

    def told(board: dict[str, object]) -> list[tuple[object, object]]:
        return sorted((one["name"], one["last_backup"]) for one in board["services"])  # type: ignore[attr-defined]

    def ages(board: dict[str, object]) -> list[tuple[object, object]]:
        return sorted((one["name"], one["as_of"]) for one in board["sources"])  # type: ignore[attr-defined]

    assert told(after) == told(before)
    assert ages(after) == ages(before)


def test_no_secret_reaches_the_ledger(tmp_path: Path) -> None:
    """Reports hold none, whatever a refused or a granted credential made of them."""
    moment = datetime.fromisoformat("2026-11-23T07:30:00+01:00")
    names = ("pbs", "pve", "databasement", "backrest")
    with Rack(demo_homelab(), lambda: moment, tmp_path / "rack") as rack:
        config = config_file.load(rack.write_config(tmp_path / "config.yaml"))
        ledger = Ledger(tmp_path, moment)
        made = Desk(config.to_settings(), lambda: moment, ledger)

        async def read() -> None:
            async with make_sources(config, Credentials(None)) as sources:
                for source in sources:
                    made.record(await source.read(lambda: moment))

        asyncio.run(read())
        for name in names:
            rack.refuse_token(name)
        asyncio.run(read())
        ledger.close()
        secrets = [rack.token(name) for name in names]

    content = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
    assert b"vaultwarden" in content
    assert not [secret for secret in secrets if secret.encode() in content]


def test_without_a_state_directory_nothing_is_written_and_the_log_says_so(tmp_path: Path, credentials: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        'sources:\n  pbs: {kind: pbs, url: "https://127.0.0.1:1", token_id: "a@pbs!b", secret: {file: /nonexistent}}\n'
    )
    with running(config, credentials, tmp_path) as process:
        process.wait_until_ready()
        process.process.terminate()
        _, said = process.process.communicate(timeout=10)

    assert "no state directory: nothing survives a restart" in said
    assert not list(tmp_path.glob("**/*.sqlite"))


def test_nothing_remembered_and_nothing_read_is_an_empty_board() -> None:
    assert judged("22 12:00", given=settings(PBS)).services == ()
    assert EMPTY.seen == {}
