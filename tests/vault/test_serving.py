"""The sidecar with its upstreams' tokens in Vault: at its start, when tokens are rotated, and while Vault is away."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.config import load
from sidecar.config.tokens import Token
from sidecar.core.reports.report import Report
from sidecar.credentials import Credentials
from sidecar.tokens.reading import Tokens
from sidecar.wiring import make_sources, make_vault
from tests.commands.test_cli import Sidecar, command
from tests.commands.test_cli import running as serving
from tests.simulators import Rack, demo_homelab
from tests.vault.server import Bao

NOW = datetime.fromisoformat("2026-11-23T07:30:00+01:00")
ENTRY = "backup-glance/rack-pbs"


class Home:
    """A rack whose PBS token is in Vault, and a sidecar's configuration and credentials for it."""

    def __init__(self, bao: Bao, rack: Rack, directory: Path) -> None:
        self.bao = bao
        self.rack = rack
        self.role = bao.role()
        self.credentials = directory / "credentials"
        self.credentials.mkdir()
        for name, value in (
            ("role_id", self.role.role_id),
            ("secret_id", self.role.secret_id),
            ("sidecar_keys", "k" * 43),
        ):
            (self.credentials / name).write_text(f"{value}\n")
        self.config = rack.write_config(directory / "config.yaml", services=False)
        document = yaml.safe_load(self.config.read_text())
        pbs = document["sources"]["pbs"] | {"poll_interval": "1s"}
        pbs |= {field: {"vault": ENTRY, "field": field} for field in ("token_id", "secret")}
        document |= {
            "sources": {"pbs": pbs},
            "vault": {"address": bao.address, "ca_file": str(bao.ca_file)},
            "jobs": {},
            "offsite": [],
        }
        self.config.write_text(yaml.safe_dump(document))
        self.store()

    def store(self) -> None:
        """Puts the token that PBS accepts now into Vault."""
        self.bao.write(ENTRY, token_id=self.rack.token_id("pbs"), secret=self.rack.token("pbs"))


@pytest.fixture
def home(bao: Bao, tmp_path: Path) -> Iterator[Home]:
    with Rack(demo_homelab(), lambda: NOW, tmp_path / "rack") as rack:
        yield Home(bao, rack, tmp_path)


def test_a_rotated_token_costs_one_fresh_read_of_its_entry(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> list[Report]:
        config = load.load(home.config)
        credentials = Credentials(home.credentials)
        assert config.vault is not None
        vault = make_vault(config.vault, credentials)
        async with make_sources(config, credentials.with_vault(vault)) as (pbs,):
            before = await pbs.read(lambda: NOW)
            home.rack.rotate_token("pbs")
            home.store()
            return [before, await pbs.read(lambda: NOW), await pbs.read(lambda: NOW)]

    with caplog.at_level(logging.DEBUG):
        reports = asyncio.run(story())

    for report in reports:
        assert report.problem is None
        assert report.readings
        assert not [reading for reading in report.readings if reading.problem]
    assert sum(f"GET /v1/secret/data/{ENTRY}" in line for line in caplog.messages) == 2
    assert home.rack.token("pbs") not in caplog.text
    assert home.role.secret_id not in caplog.text


def test_a_token_that_was_rotated_but_not_stored_is_reported_as_refused(home: Home) -> None:
    async def story() -> Report:
        config = load.load(home.config)
        credentials = Credentials(home.credentials)
        assert config.vault is not None
        vault = make_vault(config.vault, credentials)
        async with make_sources(config, credentials.with_vault(vault)) as (pbs,):
            await pbs.read(lambda: NOW)
            home.rack.rotate_token("pbs")
            return await pbs.read(lambda: NOW)

    report = asyncio.run(story())
    assert report.problem is not None
    assert "401" in report.problem.cause


def test_the_page_is_up_while_vault_is_sealed_and_says_so_until_it_is_unsealed(home: Home, tmp_path: Path) -> None:
    home.bao.seal()

    with serving(home.config, home.credentials, tmp_path) as sidecar:
        sidecar.wait_until_ready()
        assert sidecar.get("/widget")[0] == 200
        source = _pbs(sidecar)
        assert source["state"] == "unknown"
        assert f"Vault {home.bao.address} is sealed or not initialised (HTTP 503): unseal it" in source["reason"]

        home.bao.unseal()
        read = _wait_for_a_reading(sidecar, source["as_of"])

        home.bao.seal()
        _wait_for_a_reading(sidecar, read["as_of"])

        sidecar.process.terminate()
        _, log = sidecar.process.communicate(timeout=10)

    assert log.count("is sealed") >= 1
    assert "INFO sidecar.vault.session: Vault answers again" in log
    assert "Traceback" not in log
    for secret in (home.rack.token("pbs"), home.role.secret_id, home.role.role_id):
        assert secret not in log


def test_a_refused_secret_id_is_reported_on_the_page(home: Home, tmp_path: Path) -> None:
    (home.credentials / "secret_id").write_text("wrong-secret-id-of-this-test")

    with serving(home.config, home.credentials, tmp_path) as sidecar:
        sidecar.wait_until_ready()
        reason = _pbs(sidecar)["reason"]

    assert "the secret_id is expired, wrong, used up or destroyed" in reason
    assert "wrong-secret-id" not in reason


def test_a_program_s_token_in_vault_is_accepted_once_vault_is_there_and_may_be_replaced_while_it_runs(
    home: Home,
) -> None:
    first, second = "first-token-of-a-program-0123456789", "second-token-of-a-program-012345678"
    entry = Token.model_validate({"name": "n8n", "token": {"vault": "backup-glance/n8n", "field": "t"}, "for": ["api"]})
    home.bao.write("backup-glance/n8n", t=first)
    home.bao.seal()

    async def story() -> None:
        vault_section = load.load(home.config).vault
        assert vault_section is not None
        credentials = Credentials(home.credentials)
        vault = make_vault(vault_section, credentials)
        tokens = Tokens([entry], credentials.with_vault(vault), [])
        assert not await tokens.read()
        assert tokens.accepted.still_unread
        home.bao.unseal()
        await _until_read(tokens)
        assert tokens.accepted.program(first.encode()) is not None
        home.bao.seal()
        assert await tokens.read(), "while Vault is away, what was read before holds"
        assert tokens.accepted.program(first.encode()) is not None
        home.bao.unseal()
        home.bao.write("backup-glance/n8n", t=second)
        await _until(lambda: tokens.accepted.program(second.encode()) is not None, tokens)
        assert tokens.accepted.program(first.encode()) is None
        assert {first, second} <= set(credentials.known._forms)

    asyncio.run(story())


async def _until_read(tokens: Tokens) -> None:
    await _until(lambda: not tokens.accepted.still_unread, tokens)


async def _until(true: Callable[[], bool], tokens: Tokens) -> None:
    """Vault is not asked again at once after it was away."""
    for _ in range(200):
        await tokens.read()
        if true():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(tokens.notes)


def _pbs(sidecar: Sidecar) -> dict[str, Any]:
    (source,) = json.loads(sidecar.get("/api/v1/status")[1])["sources"]
    return dict(source)


def _wait_for_a_reading(sidecar: Sidecar, after: str | None) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while True:
        source = _pbs(sidecar)
        if source["state"] in ("ok", "warning") and (after is None or source["as_of"] > after):
            return source
        assert time.monotonic() < deadline, source
        time.sleep(0.1)


# --- serve --check ---


def check(config: Path, credentials: Path) -> subprocess.CompletedProcess[str]:
    return command("serve", "--config", str(config), "--credentials", str(credentials), "--check")


def test_a_configuration_can_be_checked_without_serving(home: Home) -> None:
    """Vault may be away: only what can be known on this machine is checked."""
    home.bao.seal()

    done = check(home.config, home.credentials)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{home.config}: can be used\n", "")


def test_a_check_reports_everything_that_is_wrong_at_once(home: Home) -> None:
    home.config.write_text(home.config.read_text().replace("kind: pbs", "kind: pps"))
    (home.credentials / "sidecar_keys").write_text("short\n")

    done = check(home.config, home.credentials)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{home.config}:" in done.stderr
    assert "has an unknown kind" in done.stderr
    assert "at least 32 characters" in done.stderr


def test_a_test_of_the_receivers_leaves_no_login_behind(home: Home) -> None:
    home.bao.write("backup-glance/phone", url="json://127.0.0.1:9/")
    document = yaml.safe_load(home.config.read_text())
    receiver = {"name": "phone", "url": {"vault": "backup-glance/phone", "field": "url"}}
    home.config.write_text(yaml.safe_dump(document | {"alerts": {"receivers": [receiver]}}))
    before = tokens(home.bao)

    done = command("notify", "--test", "--config", str(home.config), "--credentials", str(home.credentials))

    assert done.returncode == 1
    assert "refused the connection" in done.stderr
    # Those of other tests end meanwhile.
    assert tokens(home.bao) <= before


def tokens(bao: Bao) -> set[str]:
    """All that are valid now, by their accessors."""
    return set(bao.call("LIST", "auth/token/accessors")["data"]["keys"])
