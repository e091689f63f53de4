"""Removes backup-glance as an owner does, and looks for what is left.

``removal.py RUN_FOLDER RACK_ADDRESS [all]`` runs on the controller against debian12, which is already deployed. With ``all``
it is removed a second time, and then with its ledger.
"""

from __future__ import annotations

import json
import sys
import urllib.error
from pathlib import Path

from deployments import Bench

#: Everything on the target that has to do with it, but the log.
WHAT_IS_LEFT = r"""
find / -xdev \( -path /proc -o -path /sys -o -path /srv -o -path /var/log \) -prune -o -name '*backup-glance*' -print
systemctl list-units --all --no-legend 'backup-glance*'
getent passwd backup-glance backup-glance-caddy
getent group backup-glance backup-glance-caddy
true
"""


def main() -> None:
    """Exits with a message at the first thing that is not as it should be."""
    bench = Bench(Path(sys.argv[1]), sys.argv[2], "debian12")
    accessor = json.loads(bench.on_target("cat /etc/backup-glance/secret_id.json").stdout)["secret_id_accessor"]
    everything = sys.argv[3:] == ["all"]
    for _ in range(2 if everything else 1):
        code, output = bench.deploy("playbooks/remove.yml")
        assert code == 0, output[-3000:]
        assert "The ledger is kept in /var/lib/backup-glance" in output, output[-3000:]
        assert "could not be destroyed" not in output, output[-3000:]
        left = what_is_left(bench)
        assert left == "/var/lib/backup-glance", left
    if everything:
        code, output = bench.deploy("playbooks/remove.yml", backup_glance_remove_ledger=True)
        assert code == 0, output[-3000:]
        assert what_is_left(bench) == ""
    known = vault_knows(bench, accessor, approle="auth/approle/role/backup-glance")
    assert not known, "Vault still knows the secret_id"
    left = "the log" if everything else "the log and the ledger"
    print(f"removed: nothing is left but {left}, and Vault does not know the secret_id any more")


def vault_knows(bench: Bench, accessor: str, *, approle: str, namespace: str = "") -> bool:
    """Whether a secret_id can still be looked up."""
    lookup = f"{approle}/secret-id-accessor/lookup"
    try:
        bench.as_admin(lookup, {"secret_id_accessor": accessor}, namespace=namespace)
    except urllib.error.HTTPError as error:
        return error.code != 404
    return True


def what_is_left(bench: Bench) -> str:
    """Paths, units, users and groups."""
    return bench.on_target(WHAT_IS_LEFT).stdout.strip()


if __name__ == "__main__":
    main()
