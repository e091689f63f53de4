"""Runs the simulated upstreams in the container that stands for the rest of the rack, until it is stopped.

``python -m molecule.shared.rack.rack ADDRESS FOLDER`` first writes into FOLDER what the targets need: certificates, including
Vault's, and rack.json with the configuration and the entries for Vault. Then it does what the checks tell it (deployments.py).
"""

from __future__ import annotations

import json
import socketserver
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from molecule.shared.checks.certificate import make_certificate
from tests.simulators import HOMELAB, Rack

SECRETS = {"pbs": "secret", "pve": "secret", "databasement": "token", "backrest": "password"}


def main() -> None:
    """Serves until it is killed."""
    address, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    make_certificate(folder / "vault", ["vault.lan", address])
    # The real clock: TLS, Vault and the sidecar on the targets use it too.
    with Rack(HOMELAB, lambda: datetime.now(UTC), folder, port_base=8100, address=address) as rack:
        config = yaml.safe_load(rack.write_config(folder / "config.yaml").read_text("utf-8"))
        (folder / "rack.json.new").write_text(json.dumps(_described(rack, config)), "utf-8")
        (folder / "rack.json.new").rename(folder / "rack.json")
        _obey(rack, folder / "control")


def _obey(rack: Rack, path: Path) -> None:
    """One line in, one line out: ``rotate SOURCE`` answers with the new secret, ``close SOURCE`` and ``open SOURCE`` with ok."""

    class Told(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            verb, source = self.rfile.readline().decode().split()
            {"rotate": rack.rotate_token, "close": rack.close, "open": rack.open}[verb](source)
            self.wfile.write((rack.token(source) if verb == "rotate" else "ok").encode() + b"\n")

    with socketserver.UnixStreamServer(str(path), Told) as server:
        server.serve_forever()


def _described(rack: Rack, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with its secrets in Vault, and the entries for Vault."""
    entries: dict[str, dict[str, str]] = {}
    for name, key in SECRETS.items():
        source = config["sources"][name]
        source["url"] = source["url"].replace(source["url"].split("/")[2].split(":")[0], f"{name}.lan")
        entries[f"backup-glance/{name}"] = {key: rack.token(name)}
        source[key] = {"vault": f"backup-glance/{name}", "field": key}
        if "ca_file" in source:
            source["ca_file"] = f"/etc/backup-glance/ca/{name}.pem"
    entries["backup-glance/pbs"]["token_id"] = rack.token_id("pbs")
    config["sources"]["pbs"]["token_id"] = {"vault": "backup-glance/pbs", "field": "token_id"}
    return {"config": config, "entries": entries}


if __name__ == "__main__":
    main()
