"""Deploys with variables that can't work, and expects an error that says how to fix it, and an unchanged target.

``bad_input.py RUN_FOLDER RACK_ADDRESS`` runs on the controller against debian13, which is already deployed. At the end it
deploys more: after its secret_id was destroyed, without Vault, with a credential that a refused deployment has changed, and with
Vault again.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deployments import TARGET, WHAT_RUNS, Bench, deploy_wholly, other_checkout, refused

#: The name and password of a reader, where one is needed.
READER = "reader:open sesame"


def main() -> None:
    """Exits with a message at the first deployment that is not refused as expected."""
    bench = Bench(Path(sys.argv[1]), sys.argv[2])
    bench.on_target("printf '#!/bin/sh\\necho v2.6.2\\n' >/srv/old-caddy && chmod 755 /srv/old-caddy")
    before = bench.on_target(WHAT_RUNS).stdout
    assert before.count("ActiveState=active") == 3, before
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda case: refused(bench, *case), _cases(bench)))
    _sealed(bench)
    _misspelt(bench)
    _used_token(bench)
    old = _refusing_approle(bench)
    after = bench.on_target(WHAT_RUNS).stdout
    assert after == before, f"something was changed:\n{before}\n{after}"
    print("after all of these the target is unchanged")
    _admin_again(bench)
    _new_secret_id(bench, old)
    _owed_restart(bench, _upgrade_without_vault(bench))
    _with_vault_again(bench)


def _cases(bench: Bench) -> list[tuple[str, str, dict[str, Any], str]]:
    """What is refused before anything is changed: what, the playbook, its variables, the expected error."""
    deploy, site = "playbooks/deploy.yml", "site.yml"
    reader = [{"name": "reader", "password_hash": "$2a$14$abcdefghijklmnopqrstuv"}]
    old = {"backup_glance_caddy_source": "existing", "backup_glance_caddy_binary": "/srv/old-caddy"}
    away = bench.vault.replace("8200", "8299")
    return [
        ("a bad variable", deploy, {"backup_glance_access": "basic"}, "backup_glance_users needs a user"),
        ("a port that is not a number", deploy, {"backup_glance_port": "many"},
         '-e: backup_glance_port: "many" is not a whole number'),
        ("a CA file that is not there", deploy, {"backup_glance_ca_files": {"pve.pem": "ca/pve.pem"}},
         "molecule/shared/inventory/ca/pve.pem does not exist on the controller"),
        ("passwords without TLS", deploy, {"backup_glance_access": "basic", "backup_glance_users": reader},
         "passwords and sessions would be sent without encryption"),
        ("a name with a line break", deploy, {"backup_glance_names": ["backup.lan\n}\nevil.lan {"]},
         "is not a host name or an address"),
        ("a credential with a reserved name", deploy, {"backup_glance_credentials": {"sidecar_keys": "x" * 40}},
         "that the role does not use itself"),
        ("a credential outside of its directory", site, {"backup_glance_credentials": {"../evil": "x"}},
         "is not a name of a file"),
        ("an old Caddy", deploy, old, "is Caddy v2.6.2; backup-glance needs Caddy 2.11.4 or newer"),
        ("a Caddy with another checksum", deploy, {"backup_glance_caddy_sha256": "0" * 64},
         "not the one in backup_glance_caddy_sha"),
        ("an unreachable Vault", site, {"backup_glance_vault_address": away}, "cannot be reached from the controller"),
        ("a token that Vault refuses", site, {"backup_glance_vault_token": "s.nobody"}, "Vault refuses the token"),
        ("the AppRole of somebody else", site, {"backup_glance_vault_role": "nobody"},
         "is not allowed to read the role_id of nobody"),
    ]  # fmt: skip


def _sealed(bench: Bench) -> None:
    bench.as_admin("sys/seal", {})
    try:
        refused(bench, "a sealed Vault", "site.yml", {}, "is sealed. Unseal it")
    finally:
        bench.as_admin("sys/unseal", {"key": (bench.run / "unseal-key").read_text("utf-8").strip()})


def _misspelt(bench: Bench) -> None:
    config = {**bench.described["config"], "servces": []}
    refused(bench, "a misspelt key", "playbooks/deploy.yml", {"backup_glance_config": config}, "did you mean services?")


def _used_token(bench: Bench) -> None:
    done = bench.on_target("/opt/backup-glance/current/venv/bin/backup-glance enrol", "s.usedalready\n")
    assert done.returncode == 1, done
    assert "wrapping token" in done.stderr, done.stderr
    print(f"a used wrapping token: {done.stderr.strip()}")


def _refusing_approle(bench: Bench) -> str:
    """The secret_id was destroyed, and the AppRole allows no login from the target's address. Returns the old accessor."""
    old = _accessor(bench)
    bench.as_admin("auth/approle/role/backup-glance/secret-id-accessor/destroy", {"secret_id_accessor": old})
    bench.as_admin("auth/approle/role/backup-glance", {"secret_id_bound_cidrs": "10.77.0.99/32"})
    refused(bench, "an AppRole that refuses the target", "site.yml", {}, "The target could not enrol")
    return old


def _admin_again(bench: Bench) -> None:
    """The admin's playbook corrects what differs; a second run changes nothing."""
    token = (bench.run / "admin-token").read_text("utf-8").strip()
    for changes in ("changed=1 ", "changed=0 "):
        code, output = bench.deploy("playbooks/vault-approle.yml", backup_glance_vault_token=token)
        assert code == 0, output[-3000:]
        assert changes in output, output[-3000:]
    print("Vault's admin: corrects the AppRole, and a second run changes nothing")


def _accessor(bench: Bench) -> str:
    return str(json.loads(bench.on_target("cat /etc/backup-glance/secret_id.json").stdout)["secret_id_accessor"])


def _new_secret_id(bench: Bench, old: str) -> None:
    """Issued because the old one was destroyed; Ansible's output holds no secret even with -vvv --diff."""
    output = deploy_wholly(bench, "variables that can work, after those that were refused", "-vvv", "--diff")
    assert _accessor(bench) != old
    secrets = bench.on_target("cd /etc/backup-glance/credentials && cat secret_id sidecar_keys").stdout.split()
    secrets += [(bench.run / name).read_text("utf-8").strip() for name in ("admin-token", "deploy-token")]
    secrets += [
        value for entry in bench.described["entries"].values() for key, value in entry.items() if key != "token_id"
    ]
    assert len(secrets) == 8, len(secrets)
    assert not any(secret in output for secret in secrets), "a secret in the output of -vvv --diff"
    print("a destroyed secret_id: replaced by the next deployment; its output at -vvv --diff holds no secret")


def _upgrade_without_vault(bench: Bench) -> dict[str, Any]:
    """A new release, with tokens as credentials instead of in Vault, and with passwords, behind a proxy with TLS.

    Returns its variables.
    """
    config, credentials = json.loads(json.dumps(bench.described["config"])), {}
    for name, source in config["sources"].items():
        for key, value in source.items():
            if isinstance(value, dict) and "vault" in value:
                credentials[f"{name}_{key}"] = bench.described["entries"][value["vault"]][value["field"]]
                source[key] = {"credential": f"{name}_{key}"}
    hashed = subprocess.run(
        [bench.run / "caddy", "hash-password", "--plaintext", READER.partition(":")[2]],
        capture_output=True,
        text=True,
        check=True,
    )
    before = bench.on_target("readlink /opt/backup-glance/current").stdout
    variables = {
        "backup_glance_vault_address": "",
        "backup_glance_config": config,
        "backup_glance_credentials": credentials,
        "backup_glance_access": "basic",
        "backup_glance_trusted_proxies": ["10.77.0.1"],
        "backup_glance_users": [{"name": "reader", "password_hash": hashed.stdout.strip()}],
        "backup_glance_source": str(other_checkout(bench.run / "without-vault", "Another change.\n")),
        "backup_glance_keep_releases": 2,
    }
    code, output = bench.deploy("site.yml", **variables)
    assert code == 0, output[-3000:]
    assert bench.on_target("readlink /opt/backup-glance/current").stdout != before
    assert len(bench.on_target("ls /opt/backup-glance/releases").stdout.split()) == 2
    files = bench.on_target(
        "cd /etc/backup-glance && ls credentials ca . | grep -E 'role_id|secret_id|vault.pem'"
    ).stdout
    assert files == "", f"left behind after Vault was left: {files}"
    assert not [name for name, value in credentials.items() if value in output and name != "pbs_token_id"], (
        "a credential in the output"
    )
    url = f"http://{TARGET}:8080/api/v1/status"
    assert _status(url) == 401
    assert _status(url, "reader:abracadabra") == 401
    assert _status(url, READER) == 200
    print(
        "a new release without Vault, with passwords: deployed; 401 without one, 401 with a wrong one, 200 with the right one"
    )
    return variables


def _owed_restart(bench: Bench, variables: dict[str, Any]) -> None:
    """A refused deployment has written a changed credential: the next one, that changes nothing else, restarts for it."""
    entry = bench.described["entries"]["backup-glance/pbs"]
    entry["secret"] = bench.on_rack("rotate", "pbs")
    credentials = variables["backup_glance_credentials"] | {"pbs_secret": entry["secret"]}
    changed = variables | {"backup_glance_credentials": credentials}
    misspelt = changed | {"backup_glance_config": {**variables["backup_glance_config"], "servces": []}}
    what = "a misspelt key beside a changed credential"
    refused(bench, what, "playbooks/deploy.yml", misspelt, "did you mean services?")
    before = bench.said("systemctl show --property=MainPID backup-glance.service")
    code, output = bench.deploy("playbooks/deploy.yml", **changed)
    assert code == 0, output[-3000:]
    assert "4 of 4 sources read" in output, output[-3000:]
    assert bench.said("systemctl show --property=MainPID backup-glance.service") != before
    print("after a refused deployment: the next one restarts the service for the credential that was changed")


def _with_vault_again(bench: Bench) -> None:
    """What was refused last was a misspelt key: back to Vault and to readers without a password."""
    misspelt = {"backup_glance_config": {**bench.described["config"], "servces": []}}
    refused(bench, "a misspelt key, with Vault again", "site.yml", misspelt, "did you mean services?")
    bench.as_admin("secret/data/backup-glance/pbs", {"data": bench.described["entries"]["backup-glance/pbs"]})
    (bench.run / "rack.json").write_text(json.dumps(bench.described), "utf-8")
    deploy_wholly(bench, "with Vault again, after a refused deployment", login=_basic(READER))


def _basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}"


def _status(url: str, login: str = "") -> int:
    headers = {"Authorization": _basic(login)} if login else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


if __name__ == "__main__":
    main()
