"""What an owner does over the years, under load: no request may fail.

``operations.py RUN_FOLDER RACK_ADDRESS NAME ...`` runs on the controller against targets that are already deployed. Each NAME is
one of OPERATIONS.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deployments import Bench, other_checkout, refused
from load import under_load


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


def roll_back(bench: Bench) -> None:
    """The release that was active before runs again; a second time there is nothing to go back to."""
    active, previous = _active(bench), bench.said("readlink /opt/backup-glance/previous")
    output = " ".join(_done(bench, "a rollback", "playbooks/rollback.yml").split())
    assert _active(bench) == previous != active
    assert f"Rolled back from {Path(active).name} (0.1.0, installed 20" in output, output[-2000:]


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
    assert f"to {previous} (0.1.0, installed" in said, output[-2000:]
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
        rotate_key,
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


def _done(bench: Bench, what: str, playbook: str, **variables: Any) -> str:
    """Runs a playbook under load, and expects that it succeeds and no request fails. Returns what it printed."""
    with under_load(what, f"{bench.page}/widget"):
        code, output = bench.deploy(playbook, **variables)
        assert code == 0, f"{what}: {output[-4000:]}"
    return output


def _active(bench: Bench) -> str:
    return bench.said("readlink /opt/backup-glance/current")


if __name__ == "__main__":
    main()
