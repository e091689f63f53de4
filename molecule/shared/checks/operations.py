"""What an owner does over the years, under load: no request may fail.

``operations.py RUN_FOLDER RACK_ADDRESS NAME ...`` runs on the controller against targets that are already deployed. Each NAME is
one of OPERATIONS.
"""

from __future__ import annotations

import copy
import hashlib
import json
import socket
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certificate import make_certificate
from deployments import VERSION, Bench, other_checkout, refused
from load import under_load

#: The Caddy that runs.
CADDY = 'readlink "/proc/$(systemctl show --property=MainPID --value backup-glance-caddy.service)/exe"'


def main() -> None:
    """Exits with a message at the first thing that is not as it should be."""
    bench = Bench(Path(sys.argv[1]), sys.argv[2])
    for name in sys.argv[3:]:
        began = time.monotonic()
        OPERATIONS[name](bench)
        print(f"{name}: done after {time.monotonic() - began:.0f} s", flush=True)


def upgrade(bench: Bench) -> None:
    """A newer release; what is no longer used is removed."""
    before, unused = _active(bench), "/etc/backup-glance/credentials/former /etc/backup-glance/ca/former.pem"
    bench.said(f"touch {unused}")
    output = _done(bench, "an upgrade", "playbooks/deploy.yml", backup_glance_source=str(_newer(bench)))
    assert f"4 of 4 sources read; {bench.page}/widget" in output, output[-2000:]
    assert _active(bench) != before
    assert bench.said(f"ls {unused}") == ""


def configure(bench: Bench) -> None:
    """Another configuration, and nothing else."""
    before = _active(bench)
    config = {**bench.described["config"], "week_start": "sunday"}
    variables = {"backup_glance_source": str(_newer(bench)), "backup_glance_config": config}
    _done(bench, "another configuration", "playbooks/deploy.yml", **variables)
    assert _active(bench) == before
    assert "week_start: sunday" in bench.said("cat /etc/backup-glance/config.yaml")


def replace_secret_id(bench: Bench) -> None:
    """The secret_id was destroyed: the next deployment replaces it."""
    accessor = bench.said("cat /etc/backup-glance/secret_id.json")
    destroyed = {"secret_id_accessor": json.loads(accessor)["secret_id_accessor"]}
    bench.as_admin("auth/approle/role/backup-glance/secret-id-accessor/destroy", destroyed)
    variables = {"backup_glance_source": str(_newer(bench))}
    _done(bench, "a secret_id that was replaced", "playbooks/issue-secret-id.yml", **variables)
    assert bench.said("cat /etc/backup-glance/secret_id.json") != accessor


def rotate_key(bench: Bench) -> None:
    """A new key between Caddy and the sidecar; the old one is not accepted any more."""
    before = bench.said("cat /etc/backup-glance/caddy/key")
    output = _done(bench, "a key that was replaced", "playbooks/rotate-key.yml")
    assert "the sidecar accepts 1 key" in output, output[-2000:]
    after = bench.said("cat /etc/backup-glance/caddy/key")
    assert after not in ("", before)
    assert bench.said("cat /etc/backup-glance/credentials/sidecar_keys") == after
    assert bench.said("stat -c '%a %U %G' /etc/backup-glance/caddy/key") == "440 root backup-glance-caddy"


def rotate_upstream_token(bench: Bench) -> None:
    """PBS refuses its old token, and the entry in Vault has the new one: it is read without a restart."""
    pid = bench.said("systemctl show --property=MainPID backup-glance.service")
    entry = bench.described["entries"]["backup-glance/pbs"]
    with under_load("a token of PBS that was replaced", f"{bench.page}/widget"):
        entry["secret"] = bench.on_rack("rotate", "pbs")
        bench.as_admin("secret/data/backup-glance/pbs", {"data": entry})
        since = datetime.now(UTC).isoformat()
        bench.wait_for("PBS read with its new token", lambda board: _read_since(board, "pbs", since), 400)
    assert bench.said("systemctl show --property=MainPID backup-glance.service") == pid
    (bench.run / "rack.json").write_text(json.dumps(bench.described), "utf-8")


def renew_certificate(bench: Bench) -> None:
    """Both files are replaced, and Caddy reads them again: no request fails."""
    target = Bench(bench.run, bench.rack, "debian12")
    before = ssl.get_server_certificate(("10.77.0.12", 443))
    make_certificate(bench.run / "own", ["backup.lan", "10.77.0.12"])
    with under_load("a certificate that was renewed", f"{target.page}/widget", retries=True):
        for name, place in (("certificate", "/etc/ssl/backup.pem"), ("key", "/etc/ssl/private/backup.key")):
            target.on_target(f"cat >{place}", (bench.run / "own" / f"{name}.pem").read_text("utf-8"))
        assert target.on_target("systemctl reload backup-glance-caddy").returncode == 0
        _wait_for_certificate("the new certificate is shown", lambda shown: shown != before)
        time.sleep(3)


def acme(bench: Bench) -> None:
    """An ACME server of one's own: one that is away fails the deployment at its end, which says why; then one that is there.

    At last the files again.
    """
    target = Bench(bench.run, bench.rack, "debian12")
    before = ssl.get_server_certificate(("10.77.0.12", 443))
    ca = bench.run / "vault-ca.pem"
    variables = {"backup_glance_tls": "acme", "backup_glance_acme_ca": str(ca)}
    away, there = (f"https://{bench.rack}:{port}/dir" for port in (14999, 14000))
    words = ("backup.lan: Caddy has no certificate for it", "connection refused", "The release runs and stays.")
    refused(target, "an ACME server that is away", "playbooks/deploy.yml",
            variables | {"backup_glance_acme_directory": away}, *words)  # fmt: skip
    code, output = target.deploy("playbooks/deploy.yml", backup_glance_acme_directory=there, **variables)
    assert code == 0, output[-4000:]
    assert "4 of 4 sources read; https://backup.lan/widget" in output, output[-2000:]
    root = _read(f"https://{bench.rack}:15000/roots/0", ca)
    for name in ("backup.lan", "10.77.0.12"):
        print(f"the certificate of {name} is issued by {_issuer(name, root)}", flush=True)
    with under_load("the former certificate again", f"{target.page}/widget", retries=True):
        code, output = target.deploy("playbooks/deploy.yml")
        assert code == 0, output[-4000:]
        _wait_for_certificate("the former certificate is shown", lambda shown: shown == before)
    assert target.said("ls /etc/backup-glance/ca/acme.pem") == ""


def upgrade_caddy(bench: Bench) -> None:
    """Another Caddy, and back: for the moment in which it restarts, a reader's second attempt is answered."""
    before, newer = bench.said(CADDY), bench.run / "caddy-newer"
    newer.write_bytes((bench.run / "caddy").read_bytes() + b"newer")
    newer.chmod(0o755)
    same = {"backup_glance_source": str(_newer(bench))}
    other = {
        "backup_glance_caddy_binary": str(newer),
        "backup_glance_caddy_sha256": hashlib.sha256(newer.read_bytes()).hexdigest(),
    }
    _done(bench, "another Caddy", "playbooks/deploy.yml", retries=True, **same, **other)
    assert bench.said(CADDY) != before
    _done(bench, "the former Caddy", "playbooks/deploy.yml", retries=True, **same)
    assert bench.said(CADDY) == before


def roll_back(bench: Bench) -> None:
    """The release that was active before runs again; a second time there is nothing to go back to."""
    active, previous = _active(bench), bench.said("readlink /opt/backup-glance/previous")
    output = " ".join(_done(bench, "a rollback", "playbooks/rollback.yml").split())
    assert _active(bench) == previous != active
    assert f"Rolled back from {Path(active).name} ({VERSION}, installed 20" in output, output[-2000:]


def roll_back_again(bench: Bench) -> None:
    """There is nothing to go back to now, and the rollback stays."""
    active = _active(bench)
    refused(bench, "a second rollback", "playbooks/rollback.yml", {}, "is active already")
    assert _active(bench) == active


def go_forward(bench: Bench) -> None:
    """The next deployment goes forward again, and says from what to what."""
    previous, config = Path(_active(bench)).name, {**bench.described["config"], "week_start": "sunday"}
    variables = {"backup_glance_source": str(_newer(bench)), "backup_glance_config": config}
    output = _done(bench, "the next deployment, with a changed configuration", "playbooks/deploy.yml", **variables)
    said = " ".join(output.split())
    assert "This goes forward again: on 20" in said, output[-2000:]
    assert f"to {previous} ({VERSION}, installed" in said, output[-2000:]
    assert bench.said("ls /opt/backup-glance") == "caddy\ncurrent\nprevious\nreleases"
    assert "week_start: sunday" in bench.said("cat /etc/backup-glance/config.yaml")


def require_sources(bench: Bench) -> None:
    """A wrong fingerprint: the deployment fails at its end and names the source."""
    config = copy.deepcopy(bench.described["config"])
    config["sources"]["pbs"]["fingerprint"] = ":".join(["00"] * 32)
    variables = {"backup_glance_config": config, "backup_glance_require_sources": True}
    words = ("3 of 4 sources read", "Not read, or not all of it: pbs: Can't be read")
    refused(bench, "a wrong fingerprint", "playbooks/deploy.yml", variables, *words)


OPERATIONS: dict[str, Callable[[Bench], None]] = {
    function.__name__: function
    for function in (
        upgrade,
        configure,
        replace_secret_id,
        rotate_upstream_token,
        rotate_key,
        renew_certificate,
        acme,
        upgrade_caddy,
        roll_back,
        roll_back_again,
        go_forward,
        require_sources,
    )
}


def _newer(bench: Bench) -> Path:
    """Another release than the one that was deployed first, always the same."""
    folder = bench.run / "newer"
    if not folder.exists():
        other_checkout(folder, "A newer release.\n")
    return folder


def _done(bench: Bench, what: str, playbook: str, *, retries: bool = False, **variables: Any) -> str:
    """Runs a playbook under load, and expects that it succeeds and no request fails. Returns what it printed."""
    with under_load(what, f"{bench.page}/widget", retries=retries):
        code, output = bench.deploy(playbook, **variables)
        assert code == 0, f"{what}: {output[-4000:]}"
    return output


def _wait_for_certificate(what: str, holds: Callable[[str], bool]) -> None:
    """Until debian12 shows the right one: Caddy drops a former one only when its last request was answered."""
    began = time.monotonic()
    while not holds(ssl.get_server_certificate(("10.77.0.12", 443))):
        assert time.monotonic() - began < 120, f"{what}: not within 120 s"
        time.sleep(0.2)
    print(f"{what}: after {time.monotonic() - began:.1f} s", flush=True)


def _read(url: str, ca: Path) -> str:
    trust = ssl.create_default_context(cafile=ca)
    with urllib.request.urlopen(url, context=trust, timeout=20) as answer:
        content: bytes = answer.read()
    return content.decode()


def _issuer(name: str, root: str) -> str:
    """Who issued the certificate that debian12 shows for the name; ``root`` must have signed it."""
    trust = ssl.create_default_context(cadata=root)
    with (
        socket.create_connection(("10.77.0.12", 443), 20) as plain,
        trust.wrap_socket(plain, server_hostname=name) as stream,
    ):
        shown = stream.getpeercert()
    assert shown is not None
    return str(dict(pair for pairs in shown["issuer"] for pair in pairs))


def _read_since(board: dict[str, Any], source: str, since: str) -> bool:
    """Whether all of a source was read after that moment."""
    row = next(row for row in board["sources"] if row["name"] == source)
    as_of = datetime.fromisoformat(row["as_of"]) if row["as_of"] else datetime.min.replace(tzinfo=UTC)
    return row["state"] == "ok" and as_of > datetime.fromisoformat(since)


def _active(bench: Bench) -> str:
    return bench.said("readlink /opt/backup-glance/current")


if __name__ == "__main__":
    main()
