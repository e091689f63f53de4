"""A certificate from another ACME server than the public ones: Debian's pebble on loopback, and a real Caddy."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.caddy import BINARY, sidecar
from tests.caddyfile import render_caddyfile
from tests.processes import free_port, running
from tests.simulators.certificates import make_certificates
from tests.test_caddy_login import Sidecar

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.fortnight


@dataclass(frozen=True, slots=True)
class Authority:
    """An ACME server: its directory, the CA of its own address, and the one that signs what it issues."""

    directory: str
    ca: Path
    issuer: ssl.SSLContext


@contextmanager
def authority(folder: Path, http: int, https: int) -> Iterator[Authority]:
    """It looks for the proof of a name at these ports, instead of 80 and 443."""
    made = subprocess.run([ROOT / "scripts/need-pebble"], stdout=subprocess.PIPE, text=True, check=True)
    pair = make_certificates(folder)["databasement"]
    assert pair.ca is not None
    port = free_port(neighbours=1)
    options = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{port + 1}",
        "certificate": str(pair.certificate),
        "privateKey": str(pair.key),
        "httpPort": http,
        "tlsPort": https,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": options}))
    command: list[str | Path] = [Path(made.stdout.strip()) / "pebble", "-config", folder / "pebble.json"]
    calm = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    with running("pebble", command, port=port, folder=folder, environment=calm):
        trusted = ssl.create_default_context(cafile=pair.ca)
        root = httpx.get(f"https://localhost:{port + 1}/roots/0", verify=trusted, trust_env=False).text
        yield Authority(f"https://localhost:{port}/dir", pair.ca, ssl.create_default_context(cadata=root))


@dataclass(frozen=True, slots=True)
class Ports:
    """Where Caddy listens: for ACME's proof over HTTP, and as the site."""

    http: int
    https: int


@contextmanager
def site(folder: Path, ports: Ports, tls: dict[str, str]) -> Iterator[None]:
    """The product's Caddyfile with these ports instead of 80 and 443, closed to this network."""
    (folder / "key").write_text("right\n")
    text = render_caddyfile(
        site=f"https://localhost:{ports.https}, https://127.0.0.1:{ports.https}",
        key_file=folder / "key",
        upstream=folder / "up.sock",
        hosts=["localhost", "127.0.0.1"],
        allow=["192.0.2.0/24"],
        tls={"mode": "acme", **tls},
    )
    own = f"\tadmin off\n\thttp_port {ports.http}\n\thttps_port {ports.https}\n"
    (folder / "Caddyfile").write_text(text.replace("\tadmin off\n", own, 1))
    command: list[str | Path] = [BINARY, "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"]
    with (
        running("caddy", command, port=ports.https, folder=folder),
        sidecar(Sidecar(), folder / "up.sock"),
    ):
        yield


def log_until(path: Path, *texts: str) -> str:
    """The log, as soon as it has all these texts. Caddy tries again a minute after an order that failed."""
    for _ in range(1_500):
        log = path.read_text()
        if all(text in log for text in texts):
            return log
        time.sleep(0.1)
    pytest.fail(f"the log of Caddy lacks one of {texts}:\n{path.read_text()}")


@pytest.mark.parametrize("challenge", ["tls-alpn-01", "http-01"])
def test_a_certificate_of_an_authority_of_ones_own_for_names_that_public_ones_refuse(
    tmp_path: Path, challenge: str
) -> None:
    """The proof of a name is fetched by the authority, which need not be in a network that may see the page."""
    first = free_port(neighbours=2)
    ports = Ports(http=first, https=first + 1)
    nowhere = first + 2
    with ExitStack() as stack:
        proofs = (ports.http, nowhere) if challenge == "http-01" else (nowhere, ports.https)
        acme = stack.enter_context(authority(tmp_path, *proofs))
        stack.enter_context(site(tmp_path, ports, {"directory": acme.directory, "ca": str(acme.ca)}))
        obtained = [f'"certificate obtained successfully","identifier":"{name}"' for name in ("localhost", "127.0.0.1")]
        log = log_until(tmp_path / "caddy.log", *obtained)
        for name in ("localhost", "127.0.0.1"):
            answer = httpx.get(f"https://{name}:{ports.https}/widget", verify=acme.issuer, trust_env=False)
            assert answer.status_code == 403

    assert f'"challenge":"{challenge}"' in log
    assert '"issuer":"local"' not in log


def test_an_acme_server_whose_ca_is_not_known_gets_no_order_and_no_other_takes_its_place(tmp_path: Path) -> None:
    first = free_port(neighbours=1)
    ports = Ports(http=first, https=first + 1)
    with ExitStack() as stack:
        acme = stack.enter_context(authority(tmp_path, ports.http, ports.https))
        stack.enter_context(site(tmp_path, ports, {"directory": acme.directory}))
        log = log_until(tmp_path / "caddy.log", "certificate signed by unknown authority")
        with socket.create_connection(("127.0.0.1", ports.https), 10) as plain, pytest.raises(ssl.SSLError):
            ssl._create_unverified_context().wrap_socket(plain, server_hostname="localhost")

    assert "POST /order-plz" not in (tmp_path / "pebble.log").read_text()
    assert "certificate obtained" not in log
