"""Runs on a target: checks the sandbox of both units, their users, and the owners and modes of files."""

from __future__ import annotations

import grp
import pwd
import re
import subprocess
from pathlib import Path

UNITS = {"backup-glance.service": "backup-glance", "backup-glance-caddy.service": "backup-glance-caddy"}
WORST = 1.5
#: path: (mode, owner, group)
OWNED = {
    "/etc/backup-glance/config.yaml": ("640", "root", "backup-glance"),
    "/etc/backup-glance/credentials": ("700", "root", "root"),
    "/etc/backup-glance/credentials/sidecar_keys": ("400", "root", "root"),
    "/etc/backup-glance/caddy": ("750", "root", "backup-glance-caddy"),
    "/etc/backup-glance/caddy/key": ("440", "root", "backup-glance-caddy"),
    "/etc/backup-glance/caddy/Caddyfile": ("640", "root", "backup-glance-caddy"),
    "/run/backup-glance/http.sock": ("660", "root", "backup-glance-caddy"),
    "/var/lib/backup-glance": ("700", "backup-glance", "backup-glance"),
    "/var/lib/backup-glance-caddy": ("700", "backup-glance-caddy", "backup-glance-caddy"),
    "/opt/backup-glance/current": ("777", "root", "root"),
}
WITH_VAULT = {
    "/etc/backup-glance/credentials/role_id": ("400", "root", "root"),
    "/etc/backup-glance/credentials/secret_id": ("400", "root", "root"),
    "/etc/backup-glance/secret_id.json": ("600", "root", "root"),
}


def main() -> None:
    """Fails with a message at the first difference."""
    scores = {unit: _score(unit) for unit in UNITS}
    assert all(score <= WORST for score in scores.values()), scores
    for unit, user in UNITS.items():
        assert not _run("systemd-analyze", "verify", unit), f"{unit}: {_run('systemd-analyze', 'verify', unit)}"
        pid = _run("systemctl", "show", "--property=MainPID", "--value", unit)
        ids = re.search(r"^Uid:\s+(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        assert ids and set(ids[1].split()) == {str(pwd.getpwnam(user).pw_uid)}, (unit, ids)
    for path, wanted in (OWNED | (WITH_VAULT if Path("/etc/backup-glance/secret_id.json").exists() else {})).items():
        status = Path(path).lstat()
        has = (f"{status.st_mode & 0o7777:o}", pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name)
        assert has == wanted, (path, has, wanted)
    loose = [
        str(path)
        for path in Path("/opt/backup-glance").rglob("*")
        if not path.is_symlink() and path.stat().st_mode & 0o022
    ]
    assert not loose, loose
    print(scores)


def _score(unit: str) -> float:
    line = _run("systemd-analyze", "security", "--no-pager", unit).splitlines()[-1]
    match = re.search(r"exposure level for \S+: ([0-9.]+)", line)
    assert match, line
    return float(match[1])


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


if __name__ == "__main__":
    main()
