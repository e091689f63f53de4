"""`backup-glance doctor` and Vault: the login, what its token is worth and may do, and when the secret_id expires."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.cli import parser
from sidecar.commands import doctor
from tests.simulators import Rack, demo_homelab
from tests.vault.server import Bao
from tests.vault.test_serving import NOW, Home


class Asked:
    """A home whose doctor can be asked; nothing secret may be in its answers."""

    def __init__(self, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys

    def record(self, ends: datetime | None) -> None:
        text = json.dumps({"secret_id_accessor": "a", "expires_at": ends and ends.isoformat()})
        (self.home.credentials.parent / "secret_id.json").write_text(text)

    def __call__(self, **vault: Any) -> dict[str, list[dict[str, Any]]]:
        document = yaml.safe_load(self.home.config.read_text())
        document["vault"] |= vault
        self.home.config.write_text(yaml.safe_dump(document))
        arguments = ["doctor", "--json", "--config", str(self.home.config), "--credentials", str(self.home.credentials)]
        doctor.run(parser().parse_args(arguments), lambda: NOW)
        out, err = self._capsys.readouterr()
        for secret in (self.home.role.role_id, self.home.role.secret_id, self.home.rack.token("pbs"), "hvs.", "s.roo"):
            assert secret not in out + err
        found: dict[str, list[dict[str, Any]]] = {}
        for finding in json.loads(out)["findings"]:
            found.setdefault(finding["about"], []).append(finding)
        return found


@pytest.fixture
def ask(bao: Bao, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Asked]:
    with Rack(demo_homelab(), lambda: NOW, tmp_path / "rack") as rack:
        yield Asked(Home(bao, rack, tmp_path), capsys)


def said(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(finding["severity"], finding["text"]) for finding in findings]


def test_a_login_that_works_is_given_back_and_its_worth_is_told(ask: Asked) -> None:
    ask.record(None)
    before = ask.home.bao.logins(ask.home.role)
    found = ask()

    assert ask.home.bao.logins(ask.home.role) == before
    (login_severity, login), ending = said(found["vault"])
    assert login_severity == "ok"
    assert login.startswith(f"login at {ask.home.bao.address} works; its token lives ")
    assert "policies: backup-glance, default" in login
    assert ending == ("ok", "the secret_id does not expire")
    assert {finding["severity"] for finding in found["source pbs"] + found["secrets"]} == {"ok"}


@pytest.mark.parametrize(
    ("left", "severity", "says"),
    [
        (timedelta(days=100), "ok", "expires in 100 days"),
        (timedelta(days=12), "warning", "expires in 12 days"),
        (-timedelta(days=1), "problem", "expired on "),
    ],
)
def test_the_end_of_the_secret_id_is_told_as_it_was_recorded(
    ask: Asked, left: timedelta, severity: str, says: str
) -> None:
    ask.record(NOW.astimezone(UTC) + left)
    finding = ask()["vault"][-1]

    assert (finding["severity"], says in finding["text"]) == (severity, True)
    assert severity == "ok" or "playbooks/issue-secret-id.yml" in finding["action"]


def test_without_a_record_nobody_knows_the_end(ask: Asked) -> None:
    finding = ask()["vault"][-1]

    assert (finding["severity"], finding["text"]) == ("cannot tell", "nobody recorded when the secret_id expires")
    assert "backup-glance enrol" in finding["action"]


def test_a_sealed_vault(ask: Asked) -> None:
    ask.home.bao.seal()
    found = ask()

    login = found["vault"][0]
    assert (login["severity"], "is sealed or not initialised (HTTP 503): unseal it" in login["text"]) == (
        "problem",
        True,
    )
    assert all("is sealed" in finding["text"] for finding in found["secrets"])
    (source,) = [finding for finding in found["source pbs"] if finding["severity"] == "problem"]
    assert source["text"].startswith("credential: ")


def test_a_vault_that_is_away(ask: Asked) -> None:
    login = ask(address="https://127.0.0.1:1")["vault"][0]

    assert (login["severity"], "connection refused" in login["text"]) == ("problem", True)
    assert "vault.address" in login["text"]


def test_a_secret_id_that_is_refused_warns_of_the_lock(ask: Asked) -> None:
    ask.home.bao.destroy(ask.home.role.name, ask.home.role.secret_id_accessor)
    login = ask()["vault"][0]

    assert "refuses role_id and secret_id" in login["text"]
    assert "locks the role after five wrong logins" in login["action"]


def test_a_token_that_may_not_ask_about_itself(ask: Asked) -> None:
    ask.home.bao.call("POST", f"auth/approle/role/{ask.home.role.name}", {"token_no_default_policy": True})
    found = ask()

    assert said(found["vault"])[0] == (
        "cannot tell",
        f"login at {ask.home.bao.address} works; its token may not ask what it may do",
    )
    assert {finding["severity"] for finding in found["source pbs"]} == {"ok"}


def test_a_policy_that_allows_too_little_and_one_that_allows_too_much(ask: Asked) -> None:
    bao, entry = ask.home.bao, "secret/data/backup-glance/rack-pbs"
    for name, capabilities in (("nothing", '"deny"'), ("much", '"read", "update", "delete"')):
        bao.call("PUT", f"sys/policies/acl/{name}", {"policy": f'path "{entry}" {{ capabilities = [{capabilities}] }}'})
    role = f"auth/approle/role/{ask.home.role.name}"

    bao.call("POST", role, {"token_policies": "nothing"})
    (denied,) = [finding for finding in ask()["vault"] if finding["severity"] == "problem"]
    bao.call("POST", role, {"token_policies": "much"})
    (much,) = [finding for finding in ask()["vault"] if finding["severity"] == "warning"]

    assert denied["text"] == "its policy does not allow to read secret/backup-glance/rack-pbs"
    assert denied["action"] == f'Add to it: path "{entry}" {{ capabilities = ["read"] }}'
    assert much["text"] == "its policy allows more than to read secret/backup-glance/rack-pbs: delete, update"
    assert much["action"] == f'Leave only: path "{entry}" {{ capabilities = ["read"] }}'


def test_a_mount_of_version_1_is_named_instead_of_its_policy(ask: Asked) -> None:
    bao = ask.home.bao
    bao.call("POST", "sys/mounts/ancient", {"type": "kv", "options": {"version": "1"}})
    bao.call(
        "PUT", "sys/policies/acl/ancient", {"policy": 'path "ancient/backup-glance/*" { capabilities = ["read"] }'}
    )
    bao.call("POST", f"auth/approle/role/{ask.home.role.name}", {"token_policies": "ancient"})

    found = ask(kv_mount="ancient")

    (problem,) = [finding for finding in found["vault"] if finding["severity"] == "problem"]
    assert "has KV version 1 at ancient, and backup-glance reads version 2 only" in problem["text"]
    assert all("has KV version 1 at ancient" in finding["text"] for finding in found["secrets"])
