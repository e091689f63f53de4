"""What comes after the first deployment, where every variable has another value than its default.

``later.py RUN_FOLDER RACK_ADDRESS`` runs on the controller against debian13: an upgrade, a rollback to a release by its name, and
a removal with the ledger.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "shared" / "checks"))

from deployments import VERSION, Bench, other_checkout, refused
from removal import vault_knows, what_is_left


def main() -> None:
    """Exits with a message at the first thing that is not as it should be."""
    bench = Bench(Path(sys.argv[1]), sys.argv[2])
    first = Path(bench.said("readlink /opt/backup-glance/current")).name
    newer = other_checkout(bench.run / "newer", "A newer release.\n")
    _deployed(bench, "playbooks/deploy.yml", backup_glance_source=str(newer))
    assert Path(bench.said("readlink /opt/backup-glance/current")).name != first
    refused(bench, "a release that is not there", "playbooks/rollback.yml",
            {"backup_glance_rollback_to": "0" * 12}, "There is no release 000000000000")  # fmt: skip
    output = _deployed(
        bench,
        "playbooks/rollback.yml",
        backup_glance_rollback_to=first,
    )
    assert f"to {first} ({VERSION}" in output, output[-2000:]
    assert Path(bench.said("readlink /opt/backup-glance/current")).name == first
    _removed(bench)


def _removed(bench: Bench) -> None:
    """Nothing is left on the target, and Vault does not know the secret_id any more."""
    accessor = json.loads(bench.said("cat /etc/backup-glance/secret_id.json"))["secret_id_accessor"]
    output = _deployed(
        bench,
        "playbooks/remove.yml",
        backup_glance_remove_ledger=True,
    )
    assert "the AppRole night-watch, its two policies, the entries below kv/home/night-watch" in output, output[-2000:]
    assert "could not be destroyed" not in output, output[-2000:]
    assert what_is_left(bench) == ""
    known = vault_knows(bench, accessor, approle="auth/machines/role/night-watch", namespace="team/backup")
    assert not known, "Vault still knows the secret_id"


def _deployed(bench: Bench, playbook: str, **variables: object) -> str:
    code, output = bench.deploy(playbook, **variables)
    said = " ".join(output.split())
    assert code == 0, output[-4000:]
    print(f"{playbook}: done")
    return said


if __name__ == "__main__":
    main()
