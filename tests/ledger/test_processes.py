"""The ledger in real processes: a kill, a full disk, the command; and that no secret reaches it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from sidecar import cli
from sidecar.board_keeper import BoardKeeper
from sidecar.config import load
from sidecar.core.history.record import record
from sidecar.credentials import Credentials
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.wiring import make_sources
from tests.commands.test_cli import KEY, running
from tests.core.factories import at
from tests.ledgers import NOW, rows
from tests.simulators import Rack, demo_homelab

#: Child processes run the code that is tested here, wherever another version may be installed.
THIS_TREE = {
    "PATH": os.defpath,
    "PYTHONPATH": os.pathsep.join([str(Path(cli.__file__).parent.parent), str(Path(__file__).parents[2])]),
}

WRITER = """
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import BackupJob, Guest, UpkeepJob
from tests.core.factories import at
from tests.core.sample_reports import group, pbs, pve
from tests.ledgers import keeper_and_ledger

keeper, ledger = keeper_and_ledger(Path(sys.argv[1]))
for number in range(100_000):
    ids = tuple(range(101, 141))
    schedule = f"{number % 24:02}:{number // 24 % 60:02}"
    job = BackupJob(id="critical", schedule=schedule, enabled=True, storage="pbs-main", node=None, guests=ids)
    guests = tuple(Guest(vmid=vmid, type="lxc", name=f"name{number}", node="pve1") for vmid in ids)
    moment = at("22 12:00") + timedelta(seconds=number)
    report = pve("22 12:00", guests=guests, jobs=(job,))
    keeper.record(replace(report, at=moment, readings=tuple(replace(reading, as_of=moment) for reading in report.readings)))
    run = Run(start=moment, end=moment, outcome=Outcome.OK, size=number)
    jobs = tuple(UpkeepJob(kind="prune", id=f"job{vmid}", datastore="main", runs=(run,)) for vmid in ids)
    report = pbs("22 12:00", *(group("22 04:05", vmid=str(vmid)) for vmid in ids), extra={("upkeep", "prune"): jobs})
    keeper.record(replace(report, at=moment, readings=tuple(replace(reading, as_of=moment) for reading in report.readings)))
    if number == 3:
        print("writing", flush=True)
    while not ledger.idle:
        pass
"""


@pytest.mark.fortnight
def test_a_kill_in_the_middle_of_writing_leaves_a_whole_ledger(tmp_path: Path) -> None:
    """Every report is one transaction: all forty guests of one reading with their runs, or none of it."""
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
        assert len({seen.name for member, seen in history.seen.items() if ":pve:" in member}) == 1
        assert len({rows_[-1].schedule for member, rows_ in history.plans.items() if ":pve:" in member}) == 1
        assert history == record(history, ledger.remembered.reports["pve"])
        (newest,) = {max(runs, key=lambda run: run.start) for runs in history.runs.values()}
        assert len(history.runs) == 40
        assert newest.start >= ledger.remembered.reports["pbs"].at
        assert newest.size is not None
        assert {len(runs) for runs in ledger.runs(at("1 00:00"), at("30 00:00")).values()} == {1, newest.size + 1}
        assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]


FULL = """
import resource, sys
from datetime import timedelta
from pathlib import Path
from sidecar.core.history.verdict_log import FinalOccurrence, FinalState, VerdictLog
from tests.core.factories import at
from tests.core.sample_reports import group, pbs, pve
from tests.ledgers import keeper_and_ledger, written

keeper, ledger = keeper_and_ledger(Path(sys.argv[1]))
keeper.record(pve("22 11:50"))
written(ledger)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
many = [group("22 04:05", vmid=str(number)) for number in range(200, 5000)]
keeper.record(pbs("22 11:55", group("22 04:05"), *many))
written(ledger)
keeper.rejudge()
print(keeper.board.notes[-1])
print([str(service.verdict.state) for service in keeper.board.services], keeper.board.as_of)
for first in range(2):
    dues = [at("1 00:00") + timedelta(minutes=number) for number in range(first, 10_000, 2)]
    names = {"member": "guest:pve:101", "job": "pve/backup/critical", "destination": "pbs:main"}
    finals = [FinalOccurrence(due=due, state=FinalState.KEPT, run_start=due, decided_at=due, **names) for due in dues]
    ledger.record_verdicts(VerdictLog(finals=tuple(finals)))
    written(ledger)
print(len(ledger.finals(at("1 00:00"), at("30 00:00"))), ledger.notes[-1])
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
keeper.record(pve("22 11:58"))
keeper.record(pbs("22 11:58", group("22 04:05"), *many))
written(ledger)
keeper.rejudge()
print([note for note in keeper.board.notes if "ledger" in note])
ledger.close()
"""


@pytest.mark.fortnight
def test_a_full_disk_is_shown_on_the_page_and_the_serving_goes_on_until_there_is_room_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=THIS_TREE,
    )
    lines = done.stdout.splitlines()

    assert done.returncode == 0, done.stderr
    assert lines[0].startswith("The ledger can't be written: ")
    assert "make room in" in lines[0]
    assert lines[1].startswith("['ok']")
    assert lines[2].startswith("0 The ledger can't be written: ")
    assert lines[3] == "[]"
    again = Ledger(tmp_path, NOW)
    again.close()
    assert {name: report.at for name, report in again.remembered.reports.items()} == dict.fromkeys(
        ("pve", "pbs"), at("22 11:58")
    )
    assert len(again.finals(at("1 00:00"), at("30 00:00"))) == 10_000


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / "sidecar_keys").write_text(f"{KEY}\n")
    return directory


@pytest.mark.fortnight
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
    with running(path, credentials, tmp_path, "--state", str(state)) as process:
        after = process.board()

    def backups(board: dict[str, object]) -> list[tuple[object, object]]:
        return sorted((service["name"], service["last_backup"]) for service in board["services"])  # type: ignore[attr-defined]

    def ages(board: dict[str, object]) -> list[tuple[object, object]]:
        return sorted((source["name"], source["as_of"]) for source in board["sources"])  # type: ignore[attr-defined]

    assert backups(after) == backups(before)
    assert ages(after) == ages(before)


def test_the_command_closes_its_ledger_when_it_is_stopped(tmp_path: Path, credentials: Path) -> None:
    """A write-ahead log that stays is missing in a copy of the file alone."""
    state = tmp_path / "state"
    state.mkdir()
    config = tmp_path / "config.yaml"
    config.write_text(
        'sources:\n  pbs: {kind: pbs, url: "https://127.0.0.1:1", token_id: "a@pbs!b", secret: {file: /nonexistent}}\n'
    )
    with running(config, credentials, tmp_path, "--state", str(state)) as process:
        process.wait_until_ready()
        while not rows(state, "SELECT 1 FROM reports"):
            time.sleep(0.02)
        process.process.send_signal(signal.SIGTERM)
        _, log = process.process.communicate(timeout=10)

    assert [path.name for path in state.iterdir()] == [FILE]
    assert rows(state, "SELECT source FROM reports") == [("pbs",)]
    assert process.process.returncode == -signal.SIGTERM
    assert "ledger" not in log


@pytest.mark.fortnight
def test_no_secret_reaches_the_ledger(tmp_path: Path) -> None:
    """Reports hold none, whatever a refused or a granted credential made of them."""
    moment = datetime.fromisoformat("2026-11-23T07:30:00+01:00")
    names = ("pbs", "pve", "databasement", "backrest")
    with Rack(demo_homelab(), lambda: moment, tmp_path / "rack") as rack:
        config = load.load(rack.write_config(tmp_path / "config.yaml"))
        ledger = Ledger(tmp_path, moment)
        made = BoardKeeper(config.to_settings(), lambda: moment, ledger)

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
        _, log = process.process.communicate(timeout=10)

    assert "no state directory: nothing survives a restart" in log
    assert not list(tmp_path.glob("**/*.sqlite"))
