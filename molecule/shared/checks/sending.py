"""Runs on a target: the process that sends alerts, in the sandbox of the installed unit, to an address where nobody listens.

It must load Apprise within its limits and say that the connection was refused: so no filter of system calls stands in its way.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

UNIT = Path("/etc/systemd/system/backup-glance.service")
TRIAL = Path("/run/systemd/system/backup-glance-sending.service")
PYTHON = "/opt/backup-glance/current/venv/bin/python"
JOB = {
    "url": "json://127.0.0.1:9/",
    "title": "A test",
    "body": "A test.",
    "kind": "test",
    "incidents": ["1"],
    "at": "2026-11-23T06:30:00+00:00",
}
ASKED, ANSWERED = Path("/run/backup-glance-sending.job"), Path("/run/backup-glance-sending.answer")

#: Settings of the service itself; the rest of the unit is its sandbox.
OWN = (
    "Type",
    "ExecStart",
    "Restart",
    "RestartSec",
    "RestartPreventExitStatus",
    "StateDirectory",
    "StateDirectoryMode",
    "WantedBy",
)


def main() -> None:
    """Exits with a message when the process could not do its work."""
    sandbox = [line for line in UNIT.read_text("utf-8").splitlines() if re.match(r"[A-Za-z]+=", line)]
    kept = [
        line for line in sandbox if line.partition("=")[0] not in (*OWN, "Description", "Requires", "Wants", "After")
    ]
    kept = [line for line in kept if not line.startswith(("StartLimit", "LoadCredential"))]
    assert any(line.startswith("SystemCallFilter=") for line in kept), kept
    run = [
        f"ExecStart={PYTHON} -sP -m sidecar.notify.child",
        f"StandardInput=file:{ASKED}",
        f"StandardOutput=truncate:{ANSWERED}",
    ]
    ASKED.write_text(json.dumps(JOB), "utf-8")
    TRIAL.write_text("\n".join(["[Service]", "Type=oneshot", *run, *kept, ""]), "utf-8")
    try:
        subprocess.run(["/usr/bin/systemctl", "daemon-reload"], check=True)
        done = subprocess.run(["/usr/bin/systemctl", "start", TRIAL.name], capture_output=True, text=True)
        answer = ANSWERED.read_text("utf-8") if ANSWERED.exists() else done.stderr
    finally:
        for path in (TRIAL, ASKED, ANSWERED):
            path.unlink(missing_ok=True)
        subprocess.run(["/usr/bin/systemctl", "daemon-reload"], check=True)
    if done.returncode or json.loads(answer).get("failure") != "refused":
        sys.exit(f"in the sandbox no alert can be sent: {answer}")
    print("an alert can be sent from the sandbox")


if __name__ == "__main__":
    main()
