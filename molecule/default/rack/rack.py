"""Runs the simulated upstreams in the container that stands for the rest of the rack, until it is stopped.

``python -m molecule.default.rack.rack ADDRESS FOLDER`` first writes into FOLDER what the targets need: certificates, including
Vault's, and rack.json with the configuration and the entries for Vault.
"""

from __future__ import annotations

import ipaddress
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.simulators import HOMELAB, Rack

SECRETS = {"pbs": "secret", "pve": "secret", "databasement": "token", "backrest": "password"}


def main() -> None:
    """Serves until it is killed."""
    address, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    _vault_certificate(address, folder)
    # The real clock: TLS, Vault and the sidecar on the targets use it too.
    with Rack(HOMELAB, lambda: datetime.now(UTC), folder, port_base=8100, address=address) as rack:
        config = yaml.safe_load(rack.write_config(folder / "config.yaml").read_text("utf-8"))
        (folder / "rack.json.new").write_text(json.dumps(_described(rack, config)), "utf-8")
        (folder / "rack.json.new").rename(folder / "rack.json")
        threading.Event().wait()


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


def _vault_certificate(address: str, folder: Path) -> None:
    """A self-signed certificate for Vault, which is its own CA file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vault.lan")])
    now = datetime.now(UTC)
    names = [x509.DNSName("vault.lan"), x509.IPAddress(ipaddress.ip_address(address))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "vault-ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "vault.key").write_bytes(pem)


if __name__ == "__main__":
    main()
