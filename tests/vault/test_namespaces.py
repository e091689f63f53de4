"""An AppRole at another mount, entries at another mount, both in a namespace: login, read, renewal, enrolment, doctor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.config.secret_refs import Vault
from sidecar.credentials import Credentials
from sidecar.vault.client import Server
from sidecar.wiring import make_vault
from tests.vault.server import Bao
from tests.vault.test_client import refusal
from tests.vault.test_enrol import OLD, Done, command

OURS, SIBLING = "team/backup", "team/other"
MOUNT, KV, ROLE, PATH = "machines/approle", "kv/home", "glance", "backup-glance/pbs"


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace with an AppRole of the same name at the same mount as in every other one."""

    bao: Bao
    namespace: str

    def call(self, method: str, path: str, body: object = None, **more: Any) -> dict[str, Any]:
        return self.bao.call(method, path, body, namespace=self.namespace, **more)

    def role_id(self) -> str:
        return str(self.call("GET", f"auth/{MOUNT}/role/{ROLE}/role-id")["data"]["role_id"])

    def secret_id(self) -> str:
        return str(self.call("POST", f"auth/{MOUNT}/role/{ROLE}/secret-id")["data"]["secret_id"])

    def wrapping_token(self) -> str:
        return str(self.call("POST", f"auth/{MOUNT}/role/{ROLE}/secret-id", wrap="60s")["wrap_info"]["token"])


@pytest.fixture(scope="module")
def places(shared_bao: Bao) -> dict[str, Place]:
    bao = shared_bao
    bao.call("POST", "sys/namespaces/team")
    for name in ("backup", "other"):
        bao.call("POST", f"sys/namespaces/{name}", namespace="team")
    made = {namespace: Place(bao, namespace) for namespace in (OURS, SIBLING)}
    for place in made.values():
        place.call("POST", f"sys/auth/{MOUNT}", {"type": "approle"})
        place.call("POST", f"sys/mounts/{KV}", {"type": "kv", "options": {"version": "2"}})
        policy = f'path "{KV}/data/backup-glance/*" {{ capabilities = ["read"] }}'
        place.call("PUT", "sys/policies/acl/glance", {"policy": policy})
        place.call("POST", f"auth/{MOUNT}/role/{ROLE}", {"token_policies": "glance", "token_ttl": "20s"})
    return made


@pytest.fixture
def ours(bao: Bao, places: dict[str, Place]) -> Place:
    return places[OURS]


def written(place: Place, **fields: str) -> None:
    place.bao.write(PATH, mount=KV, namespace=place.namespace, **fields)


def test_it_logs_in_reads_and_renews_there(ours: Place) -> None:
    written(ours, secret="of-the-namespace")
    server = Server(ours.bao.address, ours.bao.ca_file, OURS)

    login = server.log_in(MOUNT, ours.role_id(), ours.secret_id())

    assert server.read(login.token, KV, PATH) == {"secret": "of-the-namespace"}
    assert server.renew(login.token) == login
    assert server.is_valid(login.token)
    assert f'path "{KV}/data/other"' in str(refusal(lambda: server.read(login.token, KV, "other")))


def test_an_entry_of_another_namespace_is_not_read(ours: Place) -> None:
    written(ours, secret="of-the-namespace")
    login = Server(ours.bao.address, ours.bao.ca_file, OURS).log_in(MOUNT, ours.role_id(), ours.secret_id())

    sibling = Server(ours.bao.address, ours.bao.ca_file, SIBLING)

    assert "does not allow the AppRole to read" in str(refusal(lambda: sibling.read(login.token, KV, PATH)))


def test_the_sidecars_session_and_doctors_questions_work_there(ours: Place, tmp_path: Path) -> None:
    written(ours, secret="of-the-namespace")
    (tmp_path / "role_id").write_text(ours.role_id())
    (tmp_path / "secret_id").write_text(ours.secret_id())
    section = Vault.model_validate(described(ours.bao))

    async def story() -> tuple[str, object, str | None]:
        session = make_vault(section, Credentials(tmp_path))
        value = await session.read(PATH, "secret", fresh=False)
        examined = await session.examine([PATH])
        wrong = await session.wrong_engine()
        await session.log_out()
        return value, examined and examined[1], wrong

    assert asyncio.run(story()) == ("of-the-namespace", {PATH: ("read",)}, None)


# --- enrolment ---


@pytest.fixture
def credential(ours: Place, tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "role_id").write_text(ours.role_id())
    (folder / "secret_id").write_text(OLD)
    source = {"kind": "databasement", "url": "https://127.0.0.1:1", "token": {"file": "/nonexistent"}}
    document = {"vault": described(ours.bao), "sources": {"db": source}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(document))
    return folder / "secret_id"


def described(bao: Bao) -> dict[str, Any]:
    return {
        "address": bao.address,
        "ca_file": str(bao.ca_file),
        "namespace": OURS,
        "kv_mount": KV,
        "approle": {"mount": MOUNT},
    }


def enrolled(credential: Path, token: str) -> Done:
    config = credential.parent.parent / "config.yaml"
    return command("enrol", f"--config={config}", f"--credential={credential}", f"--role={ROLE}", stdin=f"{token}\n")


def test_a_token_of_this_namespace_is_enrolled(ours: Place, credential: Path) -> None:
    done = enrolled(credential, ours.wrapping_token())

    assert done.returncode == 0, done.stderr
    server = Server(ours.bao.address, ours.bao.ca_file, OURS)
    assert server.log_in(MOUNT, ours.role_id(), credential.read_text().strip()).token


def test_a_token_of_the_same_path_in_another_namespace_is_not_enrolled(
    places: dict[str, Place], credential: Path
) -> None:
    """Vault gives the same creation path for it, and unwraps it here (OPS-10); the secret_id in it belongs to another role."""
    done = enrolled(credential, places[SIBLING].wrapping_token())

    assert done.returncode == 1
    assert "refuses role_id and secret_id" in done.stderr
    assert credential.read_text() == OLD


def test_a_token_of_another_mount_in_this_namespace_is_an_alarm(ours: Place, credential: Path) -> None:
    ours.call("POST", "sys/auth/approle", {"type": "approle"})
    ours.call("POST", f"auth/approle/role/{ROLE}", {"token_policies": "glance"})
    token = ours.call("POST", f"auth/approle/role/{ROLE}/secret-id", wrap="60s")["wrap_info"]["token"]

    done = enrolled(credential, token)

    assert done.returncode == 3
    assert f"created at 'auth/approle/role/{ROLE}/secret-id', not at auth/{MOUNT}/role/{ROLE}/secret-id" in done.stderr
    assert credential.read_text() == OLD
