"""Deploys releases that can't work, and expects an error that says why, and the previous release running.

``bad_release.py RUN_FOLDER RACK_ADDRESS`` runs on the controller against debian13, which is already deployed. At the end it
deploys a release that works.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from deployments import ROOT, TARGET, WHAT_RUNS, Bench, deploy_wholly, other_checkout, refused

BUILD = ROOT / "roles" / "backup_glance" / "files" / "build_release.py"

#: What only this ledger holds: the first contacts.
CONTACTS = """
runuser --user=backup-glance -- python3 - <<'END'
import sqlite3
ledger = sqlite3.connect("file:/var/lib/backup-glance/ledger.sqlite?mode=ro", uri=True)
print(ledger.execute("SELECT version FROM schema_version").fetchall())
print("contacts", ledger.execute("SELECT * FROM contacts ORDER BY 1").fetchall())
END
"""

#: A credential that a refused deployment leaves behind.
SPARE = "/etc/backup-glance/credentials/spare"

#: A change to this checkout: file of the package, old text, new text.
Change = tuple[str, str, str]


def _migration(statement: str) -> Change:
    """A change to the sources: one more version of the ledger."""
    line = "class NewerLedgerError"
    return "ledger/migrations.py", line, f'MIGRATIONS = (*MIGRATIONS, "{statement}")\n\n\n{line}'


CRASHES: Change = (
    "runtime.py",
    "async def serve(",
    'async def serve(*_, **__):\n    raise SystemExit("broken on purpose")\n\n\nasync def _unused(',
)
CANT_MIGRATE = _migration("INSERT INTO contacts SELECT * FROM contacts")
MIGRATES = _migration("CREATE TABLE lamps (name TEXT)")
ENDS_AS_THE_SERVICE: Change = (
    "runtime.py",
    "    renewal = Renewal(",
    """    import os

    if "candidate" not in os.environ["STATE_DIRECTORY"]:
        raise SystemExit("broken as the service")
    renewal = Renewal(""",
)

#: A test looks that they can be made (tests/test_role.py): here that would show only after minutes.
CHANGES = (CRASHES, CANT_MIGRATE, MIGRATES, ENDS_AS_THE_SERVICE)


def main() -> None:
    """Exits with a message at the first deployment that does not end as expected."""
    bench = Bench(Path(sys.argv[1]), sys.argv[2])
    before = bench.on_target(WHAT_RUNS).stdout
    assert before.count("ActiveState=active") == 3, before
    _tampered(bench)
    _crashing(bench)
    _failing_migration(bench)
    after = bench.on_target(WHAT_RUNS).stdout
    assert after == before, f"something was changed:\n{before}\n{after}"
    print("after all of these the target is unchanged")
    _failing_as_the_service(bench)
    _working_again(bench)


def _tampered(bench: Bench) -> None:
    """A new release; one byte of one of its wheels is changed in the controller's cache."""
    with tempfile.TemporaryDirectory() as scratch:
        source, cache = other_checkout(Path(scratch) / "source", "A change.\n"), Path(scratch) / "cache"
        command = [
            sys.executable,
            str(BUILD),
            f"--source={source}",
            f"--cache={cache}",
            "--python=3.13",
            "--machine=x86_64",
        ]
        built = subprocess.run(command, capture_output=True, text=True, check=True)
        _tamper(Path(json.loads(built.stdout)["archive"]))
        variables = {"backup_glance_source": str(source), "backup_glance_cache": str(cache)}
        refused(
            bench,
            "a tampered wheel",
            "playbooks/deploy.yml",
            variables,
            "A package does not match its hash in the lock",
        )


def _tamper(archive: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        # Not extractall(): Python 3.11.2, which Debian 12 has, knows no filter, and later ones want one.
        subprocess.run(["tar", "--extract", "--file", archive, "--directory", scratch], check=True)
        wheel = next(Path(scratch).glob("starlette-*.whl"))
        content = bytearray(wheel.read_bytes())
        content[len(content) // 2] ^= 1
        wheel.write_bytes(content)
        with tarfile.open(archive, "w") as tar:
            tar.add(scratch, arcname=".")


def _crashing(bench: Bench) -> None:
    """A release that installs and whose check passes, but that does not run: only the trial shows it."""
    _refused_release(bench, "a release that crashes", [CRASHES], "broken on purpose")


def _failing_migration(bench: Bench) -> None:
    """A release that can't migrate a ledger with content: only a trial with a copy of it shows it."""
    _refused_release(
        bench, "a release that can't migrate the ledger", [CANT_MIGRATE], "its serve --check says that it can't be used"
    )


def _failing_as_the_service(bench: Bench) -> None:
    """A release that passes its trial, migrates the ledger after the switch and then exits: the previous one is restored."""
    before, contacts = _without_pids(bench), bench.on_target(CONTACTS).stdout
    _refused_release(
        bench, "a release that fails after the switch", [MIGRATES, ENDS_AS_THE_SERVICE],
        "The previous state was restored", "broken as the service",
        backup_glance_config={**bench.described["config"], "week_start": "sunday"}, backup_glance_access_log=False,
        backup_glance_credentials={Path(SPARE).name: "not needed"},
    )  # fmt: skip
    after = "\n".join(line for line in _without_pids(bench).splitlines() if not line.endswith(SPARE))
    assert after == before, f"the previous state was not restored:\n{before}\n{after}"
    assert "contacts" in contacts, contacts
    assert bench.on_target(CONTACTS).stdout == contacts
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{TARGET}:8080/api/v1/status", timeout=20) as answer:
        notes = json.load(answer)["notes"]
    assert any(note.startswith("backup-glance went back to an older version") for note in notes), notes
    print("release, units, configuration and ledger were restored, and the page says so")


def _working_again(bench: Bench) -> None:
    """The next release works: it is deployed as if none had been refused, and what they had left is gone."""
    before = bench.said("readlink /opt/backup-glance/current")
    assert bench.said(f"ls {SPARE}") == SPARE
    with tempfile.TemporaryDirectory() as scratch:
        source = other_checkout(Path(scratch), "It works again.\n")
        deploy_wholly(bench, "a release after those that were refused", backup_glance_source=str(source))
    assert bench.said("readlink /opt/backup-glance/current") != before
    assert bench.said(f"ls {SPARE}") == ""


def _refused_release(bench: Bench, what: str, changes: list[Change], *words: str, **variables: Any) -> None:
    """Deploys this checkout with changes."""
    with tempfile.TemporaryDirectory() as scratch:
        source = other_checkout(Path(scratch), "")
        for name, text, other in changes:
            path = source / "src" / "sidecar" / name
            assert text in path.read_text("utf-8"), (name, text)
            path.write_text(path.read_text("utf-8").replace(text, other, 1), "utf-8")
        variables["backup_glance_source"] = str(source)
        refused(bench, what, "playbooks/deploy.yml", variables, *words)


def _without_pids(bench: Bench) -> str:
    lines = bench.on_target(WHAT_RUNS).stdout.splitlines()
    return "\n".join(line for line in lines if not line.startswith("MainPID"))


if __name__ == "__main__":
    main()
