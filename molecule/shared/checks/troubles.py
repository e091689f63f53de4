"""What goes wrong over the years: it comes back by itself, and shows nothing as good meanwhile that it can't know.

``troubles.py RUN_FOLDER RACK_ADDRESS NAME ...`` runs on the controller against debian13, which is already deployed. Each NAME
is one of TROUBLES.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployments import Bench
from load import under_load

SERVICE = "backup-glance.service"
#: Seconds; what is waited for comes within a few on a quiet machine, and within five minutes where the ledger is tried again.
PATIENCE = 400
FILLER = "/var/lib/backup-glance/filler"
DROP_IN = Path("/etc/systemd/system/backup-glance.service.d/clock.conf")
#: libfaketime reads the file again each second. Only the clock on the wall is another one.
CLOCK = """[Service]
Environment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1
Environment=FAKETIME_TIMESTAMP_FILE=/etc/clock-of-the-test FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1
"""


def main() -> None:
    """Exits with a message at the first thing that is not as it should be."""
    bench = Bench(Path(sys.argv[1]), sys.argv[2])
    for name in sys.argv[3:]:
        bench.wait_for(f"all is well before {name}", _is_well, PATIENCE)
        began = time.monotonic()
        TROUBLES[name](bench)
        print(f"{name}: done after {time.monotonic() - began:.0f} s", flush=True)


def kill(bench: Bench) -> None:
    """Killed with -9 twice: requests wait for its restart, and none fails. Caddy comes back too."""
    with under_load("kill -9", f"{bench.page}/widget"):
        for _ in range(2):
            before = _pid(bench, SERVICE)
            _must(bench, f"systemctl kill --signal=KILL {SERVICE}")
            _wait_for_another_pid(bench, SERVICE, before)
            bench.wait_for("it answers after kill -9", _is_well, PATIENCE)
    before = _pid(bench, "backup-glance-caddy.service")
    _must(bench, "systemctl kill --signal=KILL backup-glance-caddy.service")
    _wait_for_another_pid(bench, "backup-glance-caddy.service", before)
    bench.wait_for("Caddy answers after kill -9", _is_well, PATIENCE)


def reboot(bench: Bench) -> None:
    """The container restarts: everything starts by itself, with the same release."""
    before = bench.said("readlink /opt/backup-glance/current; cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1")
    _must(bench, "systemctl reboot")
    time.sleep(5)
    bench.wait_for("a restart of the container", _is_well, PATIENCE)
    after = bench.said("readlink /opt/backup-glance/current; cat /proc/sys/kernel/random/boot_id; stat -c %Y /proc/1")
    assert after != before, "it did not restart"
    assert after.splitlines()[0] == before.splitlines()[0], (before, after)


def sleeping_pbs(bench: Bench) -> None:
    """PBS stops answering: its row says so, verdicts keep their age, no request fails; then it is read again."""
    with under_load("PBS asleep", f"{bench.page}/widget"):
        bench.on_rack("close", "pbs")
        try:
            board = bench.wait_for(
                "PBS is said to be away", lambda board: _source(board, "pbs")["state"] != "ok", PATIENCE
            )
            assert "pbs" in board["overall"]["headline"].lower() or board["overall"]["state"] != "ok", board["overall"]
        finally:
            bench.on_rack("open", "pbs")
        bench.wait_for("PBS is read again", _is_well, PATIENCE)


def sealed_vault(bench: Bench) -> None:
    """Vault is sealed while the service restarts: the page is up and names it; then all is read without another restart."""
    bench.as_admin("sys/seal", {})
    try:
        with under_load("a restart while Vault is sealed", f"{bench.page}/widget"):
            _must(bench, f"systemctl restart {SERVICE}")
            board = bench.wait_for(
                "Vault is said to be sealed",
                lambda board: all(row["state"] != "ok" for row in board["sources"]),
                PATIENCE,
            )
            reasons = " ".join(str(row["reason"]) for row in board["sources"])
            assert "sealed" in reasons, reasons
            assert board["overall"]["state"] != "ok", board["overall"]
    finally:
        bench.as_admin("sys/unseal", {"key": (bench.run / "unseal-key").read_text("utf-8").strip()})
    bench.wait_for("all is read after Vault was unsealed", _is_well, PATIENCE)


def full_disk(bench: Bench) -> None:
    """The ledger's disk is full: judging goes on, a note says so; with room again the ledger is written again."""
    _must(
        bench,
        f"""systemctl stop backup-glance.socket {SERVICE}
rm -rf /srv/ledger && cp -a /var/lib/backup-glance /srv/ledger
mount -t tmpfs -o size=$(( $(du -sk /srv/ledger | cut -f1) + 512 ))k,mode=0700 tmpfs /var/lib/backup-glance
chown backup-glance: /var/lib/backup-glance
cp -a /srv/ledger/. /var/lib/backup-glance/
systemctl start backup-glance.socket {SERVICE} backup-glance-caddy.service""",
    )
    try:
        bench.wait_for("it runs on a small disk", _is_well, PATIENCE)
        with under_load("a full disk", f"{bench.page}/widget"):
            # Again and again: what the service frees when it stops is taken too.
            _must(bench, f"systemd-run --unit=filler sh -c 'while :; do cat /dev/zero >>{FILLER}; sleep 0.1; done'")
            time.sleep(1)
            _must(bench, f"systemctl restart {SERVICE}")
            full = "it judges from memory, and a note says that room is needed"
            bench.wait_for(full, lambda board: _is_well(board) and bool(_notes(board, "make room")), PATIENCE)
            _must(bench, f"systemctl stop filler && rm {FILLER}")
            again = "the ledger is written again"
            bench.wait_for(again, lambda board: _is_well(board) and not _notes(board, "make room"), PATIENCE)
    finally:
        bench.on_target(
            f"""systemctl stop filler backup-glance.socket {SERVICE}
umount /var/lib/backup-glance
systemctl start backup-glance.socket {SERVICE} backup-glance-caddy.service"""
        )
    bench.wait_for("it runs on its own disk again", _is_well, PATIENCE)


def clock_jump(bench: Bench) -> None:
    """The clock of the service jumps three days ahead and back: it is named, and nothing is shown as good meanwhile."""
    with _clock_of_its_own(bench), under_load("a clock that jumps", f"{bench.page}/widget"):
        _set_clock(bench, "+3d")
        board = bench.wait_for("the clock is named", lambda board: "clock" in str(board["sources"]), PATIENCE)
        assert board["overall"]["state"] != "ok", board["overall"]
        _set_clock(bench, "+0")
        back = "something was read after the clock jumped back"
        bench.wait_for(back, lambda board: any(row["state"] == "ok" for row in board["sources"]), PATIENCE)


def old_evidence(bench: Bench) -> None:
    """PBS sleeps for a day, which a jump of the clock stands for: what only PBS proves is not shown as good."""
    assert _good_guests(bench.board())
    with _clock_of_its_own(bench), under_load("a day without PBS", f"{bench.page}/widget"):
        bench.on_rack("close", "pbs")
        try:
            bench.wait_for("PBS is said to be away", lambda board: _source(board, "pbs")["state"] != "ok", PATIENCE)
            _set_clock(bench, "+1d")
            bench.wait_for(
                "no guest is shown as good", lambda board: _is_judged(board) and not _good_guests(board), PATIENCE
            )
        finally:
            bench.on_rack("open", "pbs")


@contextmanager
def _clock_of_its_own(bench: Bench) -> Iterator[None]:
    """The service, and nothing else, has a clock that can be set.

    libfaketime slows it so much that some upstreams close their connections: all is well again only with the true clock.
    """
    _set_clock(bench, "+0")
    _must(bench, f"mkdir -p {DROP_IN.parent} && cat >{DROP_IN}", CLOCK)
    restart = f"systemctl daemon-reload && systemctl restart {SERVICE}"
    try:
        _must(bench, restart)
        bench.wait_for("it runs with a clock of its own", _is_well, PATIENCE)
        yield
    finally:
        bench.on_target(f"rm -rf {DROP_IN.parent} /etc/clock-of-the-test; {restart}")
    bench.wait_for("all is well with the true clock", _is_well, PATIENCE)


TROUBLES: dict[str, Callable[[Bench], None]] = {
    function.__name__: function
    for function in (kill, reboot, sleeping_pbs, sealed_vault, full_disk, clock_jump, old_evidence)
}


def _is_well(board: dict[str, Any]) -> bool:
    """Whether every source was read and everything is shown as good."""
    return board["overall"]["state"] == "ok" and all(row["state"] == "ok" for row in board["sources"])


def _is_judged(board: dict[str, Any]) -> bool:
    """Whether it is more than what is left of an old board."""
    return "stopped judging" not in board["overall"]["headline"]


def _source(board: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in board["sources"] if row["name"] == name)


def _parts(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for service in board["services"] for part in service["parts"]]


def _good_guests(board: dict[str, Any]) -> list[str]:
    return [part["ref"] for part in _parts(board) if part["kind"] == "guest" and part["state"] == "ok"]


def _notes(board: dict[str, Any], word: str) -> list[str]:
    return [note for note in board["notes"] if word in note]


def _pid(bench: Bench, unit: str) -> str:
    return bench.said(f"systemctl show --property=MainPID --value {unit}")


def _wait_for_another_pid(bench: Bench, unit: str, before: str) -> None:
    began = time.monotonic()
    while _pid(bench, unit) in ("", "0", before):
        assert time.monotonic() - began < 60, f"{unit} did not start again"
        time.sleep(0.3)


def _set_clock(bench: Bench, offset: str) -> None:
    _must(bench, f"echo {offset} >/etc/clock-of-the-test")


def _must(bench: Bench, script: str, stdin: str = "") -> None:
    done = bench.on_target(f"set -e\n{script}", stdin)
    # A reboot ends the connection.
    assert done.returncode == 0 or "reboot" in script, (script, done.stdout, done.stderr)


if __name__ == "__main__":
    main()
