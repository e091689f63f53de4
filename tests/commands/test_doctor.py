"""`backup-glance doctor` against the simulated upstreams: what is wrong is named with its cure, and no secret is told."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.cli import parser
from sidecar.commands import doctor
from sidecar.core.model import Board
from sidecar.doctor import told
from sidecar.doctor.findings import Finding, Severity, exit_code
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.terminal.style import Style
from tests.product import MORNING, Product
from tests.simulators.acl import (
    DATASTORE_AUDIT,
    PBS_AUDIT,
    PBS_FULL,
    PVE_AUDITOR,
    PVE_FULL,
    REMOTE_AUDIT,
    Acl,
    Grant,
    grants,
)
from tests.simulators.upstream_site import SOURCES

KEY = "k" * 43


@dataclass
class Told:
    """What the command printed: as text for a wide terminal, and as JSON."""

    code: int
    text: str
    document: dict[str, Any]

    def of(self, about: str, severity: str | None = None) -> list[dict[str, Any]]:
        return [
            finding
            for finding in self.document["findings"]
            if finding["about"] == about and severity in (None, finding["severity"])
        ]

    def only(self, about: str, severity: str) -> dict[str, Any]:
        (finding,) = self.of(about, severity)
        return finding


Doctor = Callable[..., Told]


@pytest.fixture
def ask(product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Doctor]:
    """Runs the command; at the end no secret of the rack was in anything that was printed."""
    printed: list[str] = []

    def run(*arguments: str | Path, **changes: Any) -> Told:
        """``changes``: keys of sources, or whole sections, that shall be otherwise."""
        product.rack.write_config(product.config)
        document = yaml.safe_load(product.config.read_text())
        for name, change in changes.items():
            if name in document["sources"]:
                document["sources"][name] |= change
            else:
                document[name] = change
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump(document))
        options = parser().parse_args(["doctor", "--json", "--config", str(config), *map(str, arguments)])
        code = doctor.run(options, lambda: product.now)
        out, err = capsys.readouterr()
        document = json.loads(out)
        findings = [Finding(**each | {"severity": Severity(each["severity"])}) for each in document["findings"]]
        text = "\n".join(told.lines(findings, Style()))
        printed.extend((out, err, text))
        assert code == exit_code(findings)
        return Told(code, text, document)

    yield run
    secrets = [product.rack.token(source) for source in SOURCES]
    for secret in (*secrets, KEY):
        for form in (secret, secret[:12], secret[-12:], base64.b64encode(secret.encode()).decode()[:-4]):
            assert not any(form in text for text in printed)
    assert printed


def test_where_all_is_well_nothing_is_to_do(ask: Doctor, product: Product) -> None:
    product.rack.requests.clear()
    said = ask()

    assert (said.code, said.text.splitlines()[0]) == (
        0,
        f"ok: all {len(said.document['findings'])} findings are in order",
    )
    assert {finding["severity"] for finding in said.document["findings"]} == {"ok"}
    assert {finding["about"] for finding in said.document["findings"]} == {
        "configuration",
        "secrets",
        *(f"source {source}" for source in SOURCES),
    }
    assert {request.method for request in product.rack.requests if request.source != "backrest"} == {"GET"}


#: Wrong grants of PBS and PVE, with the path that something is missing on.
PBS_GRANTS = {
    "nothing": Acl(),
    "not propagated": Acl({"/datastore": Grant(DATASTORE_AUDIT, propagate=False)}),
    "one namespace": grants(**{"datastore/main/archive": DATASTORE_AUDIT}),
    "only datastores": grants(datastore=DATASTORE_AUDIT),
    "no remotes": grants(datastore=DATASTORE_AUDIT, system=PBS_AUDIT),
    "no tasks": grants(datastore=DATASTORE_AUDIT, remote=REMOTE_AUDIT),
    "a namespace closed": Acl({**PBS_FULL.entries, "/datastore/main/archive": Grant(frozenset({"Datastore.Backup"}))}),
}
PVE_GRANTS = {
    "nothing": Acl(),
    "only guests": Acl({"/vms": Grant(frozenset({"VM.Audit"}))}),
    "one guest": Acl({"/vms/101": Grant(frozenset({"VM.Audit"}))}),
    "no guests": Acl({"/": Grant(PVE_AUDITOR - {"VM.Audit"})}),
    "no storages": Acl({"/": Grant(PVE_AUDITOR - {"Datastore.Audit"})}),
    "not propagated": Acl({"/": Grant(PVE_AUDITOR, propagate=False)}),
    "a guest closed": Acl({**PVE_FULL.entries, "/vms/101": Grant(frozenset({"VM.Backup"}))}),
}


def cures(board: Board, source: str) -> set[str]:
    """What the source itself says about rights, wherever it stands on the board."""
    row = next(row for row in board.sources if row.name == source)
    said = [row.verdict.action or "", *row.limits]
    return {text.rstrip(".") for text in said if "acl update" in text or "acl modify" in text}


@pytest.mark.fortnight
@pytest.mark.parametrize(
    ("source", "acl"),
    [*(("pbs", acl) for acl in PBS_GRANTS.values()), *(("pve", acl) for acl in PVE_GRANTS.values())],
    ids=[*(f"pbs: {name}" for name in PBS_GRANTS), *(f"pve: {name}" for name in PVE_GRANTS)],
)
def test_a_grant_that_is_missing_is_named_with_the_command_that_the_source_names(
    ask: Doctor, product: Product, source: str, acl: Acl
) -> None:
    product.rack.set_permissions(source, acl)
    said = ask()
    wanted = cures(product.board(), source)

    assert said.code in (1, 2)
    assert wanted
    for cure in wanted:
        assert cure[:1].upper() + cure[1:] in said.text or cure in said.text
    texts = json.dumps(said.of(f"source {source}"))
    assert f"'monitor@{source}!glance'" in texts
    assert f"'monitor@{source}'" in texts
    assert not [each for each in said.of(f"source {source}", "ok") if "every right" in each["text"]]


def test_what_a_missing_grant_costs_are_the_services_that_are_unknown_for_it(ask: Doctor, product: Product) -> None:
    product.rack.set_permissions("pbs", Acl())
    said = ask()
    board = product.board()

    problem = said.only("source pbs", "problem")
    unknown = {row.name for row in board.services if row.verdict.state == "unknown"}
    assert unknown
    assert unknown <= set(problem["costs"])
    assert problem["text"].startswith("rights: the token may not see any datastore")


@pytest.mark.fortnight
def test_more_than_it_needs_is_named_with_the_way_to_take_it_away(ask: Doctor, product: Product) -> None:
    product.rack.set_permissions(
        "pbs", Acl({**PBS_FULL.entries, "/datastore": Grant(DATASTORE_AUDIT | {"Datastore.Prune"})})
    )
    product.rack.set_permissions("pve", Acl({"/": Grant(PVE_AUDITOR | {"VM.Backup", "VM.PowerMgmt"})}))
    said = ask()

    assert said.code == 1
    pbs, pve = said.only("source pbs", "warning"), said.only("source pve", "warning")
    assert pbs["text"].endswith("on /datastore: Datastore.Prune")
    assert "acl update /datastore ROLE --delete --auth-id 'monitor@pbs!glance'" in pbs["action"]
    assert pve["text"].endswith("on /: VM.Backup and VM.PowerMgmt")
    assert "pveum acl delete / --roles ROLE --tokens 'monitor@pve!glance'" in pve["action"]


# --- the way to a source ----------------------------------------------------------------------------------------------


def test_another_certificate_than_the_pinned_one(ask: Doctor, product: Product) -> None:
    product.rack.swap_certificate("pbs")
    try:
        said = ask()
    finally:
        product.rack.swap_certificate_back("pbs")
    problem = said.only("source pbs", "problem")

    assert problem["text"].startswith("certificate: its certificate has fingerprint ")
    assert product.rack.pbs_fingerprint in problem["text"]
    assert "update fingerprint" in problem["action"]
    assert "nextcloud" in problem["costs"]
    assert said.code == 2


@pytest.mark.fortnight
def test_a_certificate_of_an_unknown_ca(ask: Doctor, product: Product) -> None:
    product.rack.swap_certificate("pve")
    try:
        said = ask()
    finally:
        product.rack.swap_certificate_back("pve")
    problem = said.only("source pve", "problem")

    assert "is not trusted" in problem["text"]
    assert "fingerprint or ca_file" in problem["action"]


@pytest.mark.fortnight
def test_a_certificate_that_has_ended(ask: Doctor, product: Product) -> None:
    with product.rack.certificate_that_ends("pbs", -timedelta(days=1)) as fingerprint:
        ended = ask(pbs={"fingerprint": fingerprint}).only("source pbs", "problem")

    assert "has expired" in ended["text"]
    assert ended["action"].startswith("Renew its certificate")


@pytest.mark.fortnight
def test_a_port_on_which_nothing_listens_and_a_host_without_a_name(ask: Doctor, product: Product) -> None:
    product.rack.close("backrest")
    try:
        said = ask(databasement={"url": f"https://{'d' * 70}.lan"})
    finally:
        product.rack.open("backrest")
    backrest, databasement = said.only("source backrest", "problem"), said.only("source databasement", "problem")

    assert backrest["text"] == "connection: connection refused"
    assert f"sources.backrest.url ({product.rack.url('backrest')})" in backrest["action"]
    assert {"vault", "app-configs"} <= set(backrest["costs"])
    assert databasement["text"] == "name: that is not the name of a host"
    assert "the DNS server" in databasement["action"]


@pytest.mark.fortnight
@pytest.mark.parametrize("source", ["pbs", "pve", "databasement", "backrest"])
def test_a_token_that_is_refused(ask: Doctor, product: Product, source: str) -> None:
    product.rack.refuse_token(source)
    problem = ask().only(f"source {source}", "problem")

    assert problem["text"].startswith("login: ")
    assert problem["action"]
    assert problem["costs"]


@pytest.mark.fortnight
@pytest.mark.parametrize(
    ("how", "says", "cure"),
    [
        (404, "answer: HTTP 404", "this is where its API is"),
        ("login-page", "answer: a web page came instead", "Check its url"),
        ("redirect", "answer: ", "Check its url"),
        (500, "answer: HTTP 500", "read its log there"),
        ("garbage", "answer: its answer is not valid JSON", "nothing in its place"),
    ],
)
def test_something_else_in_place_of_its_api(ask: Doctor, product: Product, how: Any, says: str, cure: str) -> None:
    product.rack.break_answer("pve", "/", how)
    problem = ask().only("source pve", "problem")

    assert problem["text"].startswith(says)
    assert cure in problem["action"]


@pytest.mark.fortnight
def test_a_clock_that_is_off_by_ten_minutes(ask: Doctor, product: Product) -> None:
    product.rack.set_clock("pbs", timedelta(minutes=10))
    try:
        warning = ask().only("source pbs", "warning")
    finally:
        product.rack.set_clock("pbs", timedelta())

    assert warning["text"] == "the clock of pbs is 10 minutes ahead"
    assert "timedatectl" in warning["action"]


@pytest.mark.fortnight
def test_the_wrong_zone_of_databasement(ask: Doctor) -> None:
    said = ask(databasement={"timezone": "UTC"})
    problem = said.only("source databasement", "problem")

    assert problem["text"] == (
        "its dumps come at 02:00 Europe/Berlin, as scheduled there; sources.databasement.timezone says UTC"
    )
    assert "Write timezone: Europe/Berlin there" in problem["action"]


# --- the configuration, and secrets -----------------------------------------------------------------------------------


@pytest.mark.fortnight
def test_references_that_mean_nothing_or_too_much(ask: Doctor) -> None:
    said = ask(
        services=[
            {"name": "ghost", "guests": [4711]},
            {"name": "both", "databases": ["m*/vaultwarden", "vaultwarden"]},
        ],
        pve={"storages": {"no-such-storage": "pbs"}},
        jobs={"pve/backup/no-such-job": {"title": "x"}},
    )
    texts = [finding["text"] for finding in said.of("configuration", "warning")]

    assert "ghost: guests names 4711, which pve does not know." in texts
    assert "jobs.pve/backup/no-such-job: pve has no such job, so it does nothing" in texts
    job = next(each for each in said.of("configuration", "warning") if "no-such-job" in each["text"])
    assert "pve/backup/backup-critical" in job["action"]
    storage = said.only("source pve", "warning")
    assert storage["text"] == "sources.pve.storages names no-such-storage, which Proxmox VE does not show"
    assert "pbs-main" in storage["action"]


def test_a_configuration_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("tmezone: UTC\n")
    code = doctor.run(parser().parse_args(["doctor", "--config", str(path)]), lambda: MORNING)

    assert code == 2
    assert "tmezone: is an unknown key; did you mean timezone?" in capsys.readouterr().out


@pytest.mark.fortnight
@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("kurz7xy", "has fewer than 8 characters, so it is withheld from what upstreams say only as a whole word"),
        ("zwoelf-lang", "has fewer than 16 characters, so it is weak"),
        ("snapshot", "is a word that the upstreams use themselves"),
    ],
)
def test_secrets_that_are_too_short(ask: Doctor, tmp_path: Path, secret: str, says: str) -> None:
    (tmp_path / "weak").write_text(f"{secret}\n")
    said = ask(backrest={"password": {"file": str(tmp_path / "weak")}})
    warning = said.only("secrets", "warning")

    assert warning["text"].startswith(f"sources.backrest.password {says}")
    assert secret == "snapshot" or secret not in said.text + json.dumps(said.document)


@pytest.mark.fortnight
def test_what_the_sidecar_would_not_use_is_a_problem(ask: Doctor, tmp_path: Path) -> None:
    """A token of a program that is too short, and an address of a receiver with an option that is not allowed."""
    (tmp_path / "token").write_text("only-twenty-characte\n")
    (tmp_path / "url").write_text("ntfys://ntfy.lan/backups?verify=no\n")
    said = ask(
        tokens=[{"name": "n8n", "token": {"file": str(tmp_path / "token")}, "for": ["api"]}],
        alerts={"receivers": [{"name": "phone", "url": {"file": str(tmp_path / "url")}}]},
    )

    address, token = (finding["text"] for finding in said.of("secrets", "problem"))
    assert token.startswith(
        "The token of program n8n (tokens.0.token) is not accepted: it is shorter than 32 characters."
    )
    assert address.startswith("alerts.receivers.0.url: the option verify is not allowed in its address")


@pytest.mark.fortnight
def test_a_secret_that_cannot_be_read_is_named_by_its_place(ask: Doctor) -> None:
    said = ask(pbs={"secret": {"file": "/nonexistent/secret"}})
    secret, source = said.only("secrets", "problem"), said.only("source pbs", "problem")

    assert secret["text"] == "sources.pbs.secret: file /nonexistent/secret: No such file or directory"
    assert source["text"].startswith("credential: its credential can't be read")


# --- this machine -----------------------------------------------------------------------------------------------------


def keys_in(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "sidecar_keys").write_text(f"{KEY}\n")
    return directory


@pytest.mark.fortnight
@pytest.mark.parametrize(
    ("content", "severity", "says"),
    [
        (f"{KEY}\n", "ok", "holds a key that the sidecar accepts"),
        ("o" * 43, "problem", "holds a key that the sidecar does not accept"),
        ("\n", "problem", "is empty, so Caddy answers 503"),
        (None, "problem", "is missing, so Caddy answers 503"),
    ],
)
def test_the_key_that_caddy_reads(ask: Doctor, tmp_path: Path, content: str | None, severity: str, says: str) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_text(content)
    said = ask("--credentials", keys_in(tmp_path / "credentials"), "--caddy-key", key)

    (finding,) = said.of("caddy")
    assert (finding["severity"], finding["text"]) == (severity, f"{key} {says}") or says in finding["text"]
    assert finding["severity"] == severity
    assert said.of("keys", "ok")


@pytest.mark.fortnight
def test_a_key_of_caddy_that_may_not_be_read_is_no_statement(ask: Doctor, tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    said = ask("--credentials", keys_in(tmp_path / "credentials"), "--caddy-key", tmp_path / "key")

    assert said.code == 3
    assert said.only("caddy", "cannot tell")["action"] == "Run doctor as root"


@pytest.mark.fortnight
def test_the_ledger_is_looked_at_and_not_touched(ask: Doctor, product: Product, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    assert ask("--state", state).only("ledger", "warning")["text"].endswith("it begins with the first start")
    Ledger(state, product.now).close()
    os.utime(state / FILE, (product.now.timestamp() - 7200,) * 2)
    before = {path: (path.read_bytes(), path.stat().st_mtime) for path in state.iterdir()}

    good = ask("--state", state).only("ledger", "ok")
    assert {path: (path.read_bytes(), path.stat().st_mtime) for path in state.iterdir()} == before
    assert good["text"].startswith(f"{state / FILE} can be used: ")
    assert good["text"].endswith("last written 2h ago")

    (state / FILE).write_bytes(b"no ledger" * 1000)
    assert "is broken" in ask("--state", state).only("ledger", "problem")["text"]
