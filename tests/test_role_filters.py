"""The role's filters: what is wrong with a variable, and where in the inventory it is written; a host as URLs have it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.role_file import ROLE, loaded

SPECS: dict[str, Any] = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text("utf-8"))["argument_specs"]["main"]
CANDIDATE = "/etc/backup-glance/candidate/config.yaml"


@pytest.fixture(scope="module")
def filters() -> ModuleType:
    """The role's file, which Ansible loads by its path."""
    return loaded("filter_plugins/backup_glance.py")


class Inventory:
    """Values as Ansible reads them: each knows the file and the line where it was written."""

    def __init__(self, filters: ModuleType, path: Path) -> None:
        self._filters, self._path = filters, path

    def at(self, line: int, value: Any) -> Any:
        return self._filters.Origin(path=str(self._path), line_num=line).tag(value)

    def given(self, value: Any) -> Any:
        return self._filters.Origin(description="<CLI option '-e'>").tag(value)


@pytest.fixture
def inventory(filters: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.chdir(tmp_path)
    return Inventory(filters, tmp_path / "home" / "hosts.yml")


def test_a_value_is_found_by_file_and_line(filters: ModuleType, inventory: Inventory, tmp_path: Path) -> None:
    elsewhere = Inventory(filters, Path("/etc/inventory/hosts.yml"))
    of_the_role = Inventory(filters, ROLE / "defaults" / "main.yml")

    assert filters.place(inventory.at(12, "many")) == "home/hosts.yml line 12: "
    assert filters.place(elsewhere.at(3, 70000)) == "/etc/inventory/hosts.yml line 3: "
    assert filters.place(inventory.given("many")) == "-e: "
    assert filters.place(of_the_role.at(3, "")) == ""
    assert filters.place(True) == ""


class AnotherOrigin:
    """As a later Ansible may have it."""

    @staticmethod
    def get_tag(value: object) -> object:
        return value


@pytest.mark.parametrize("origin", [None, AnotherOrigin, object()], ids=["none", "other fields", "other methods"])
def test_an_ansible_that_keeps_no_places_gets_the_messages_without_them(
    filters: ModuleType, inventory: Inventory, monkeypatch: pytest.MonkeyPatch, origin: object
) -> None:
    value = inventory.at(12, "many")
    monkeypatch.setattr(filters, "Origin", origin)

    assert filters.unfit({"backup_glance_port": value}, SPECS["options"]) == [
        'backup_glance_port: "many" is not a whole number.'
    ]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("port", "many", '"many" is not a whole number.'),
        ("access_log", "sometimes", '"sometimes" is not true or false.'),
        ("caddy_source", "whel", '"whel" is not one of wheel, binary, existing.'),
        ("names", "backup.lan", '"backup.lan" is not a list.'),
        ("ca_files", "a=b", "is not a mapping of names to values."),
        ("config", "sources: {pbs: {secret: hunter2}}", "is not a mapping of names to values."),
        ("forward_auth", {"address": "a:1", "uri": "/", "pages": "/oauth2"}, "its pages is not a list."),
        ("forward_auth", {"address": "a:1", "uri": "/", "pages": None}, "its pages is not a list."),
        ("forward_auth", {"address": None, "uri": "/"}, "its address is not a text."),
        ("forward_auth", {"host": "a"}, "has to be a mapping of names to values with the keys address, uri"),
        ("users", [{"name": "hunter2"}], "has to be a list with the keys name, password_hash."),
        ("credentials", "hunter2", "is not a mapping of names to values."),
        ("ports", "basic", "is not a variable of the role. Did you mean backup_glance_port?"),
    ],
)
def test_a_wrong_type_or_name_is_reported_with_its_line_and_without_secrets(
    filters: ModuleType, inventory: Inventory, name: str, value: object, said: str
) -> None:
    (sentence,) = filters.unfit({f"backup_glance_{name}": inventory.at(7, value)}, SPECS["options"])

    assert sentence.startswith(f"home/hosts.yml line 7: backup_glance_{name}: {said}")
    assert "hunter2" not in sentence


def test_true_is_no_number(filters: ModuleType) -> None:
    """Ansible would take it for 1."""
    (sentence,) = filters.unfit({"backup_glance_port": True}, SPECS["options"])

    assert sentence == 'backup_glance_port: "true" is not a whole number.'


def test_variables_that_are_not_the_roles_are_not_looked_at(filters: ModuleType) -> None:
    """Their templates may need what is not there, and their secrets are not needed: that of Proxmox VE, for example."""
    names = [
        "backup_glance_port",
        "backup_glance_ports",
        "backup_glance_container_api_token_secret",
        "backup_glance_my_own",
    ]

    assert filters.meant(names, SPECS["options"]) == ["backup_glance_port", "backup_glance_ports"]


def test_a_variable_without_a_value_is_reported(filters: ModuleType) -> None:
    (sentence,) = filters.unfit({"backup_glance_names": None}, SPECS["options"])

    assert sentence == "backup_glance_names: has no value. Give it one, or remove the line."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "8443"),
        ("require_sources", "false"),
        ("require_sources", True),
        ("tls", False),
        ("names", ["backup.lan", 3]),
        ("users", [{"name": "a", "password_hash": "b"}]),
        ("pbs_secret_of_my_own", "x"),
    ],
)
def test_what_fits_passes_also_as_a_text_given_with_e(
    filters: ModuleType, inventory: Inventory, name: str, value: object
) -> None:
    assert filters.unfit({f"backup_glance_{name}": value}, SPECS["options"]) == []


def test_a_list_as_a_text_given_with_e_is_refused_with_how_to_give_it(
    filters: ModuleType, inventory: Inventory
) -> None:
    (sentence,) = filters.unfit({"backup_glance_names": inventory.given("a,b")}, SPECS["options"])

    assert sentence == (
        '-e: backup_glance_names: "a,b" is not a list. Give it as JSON: -e \'{"backup_glance_names": ["…"]}\'.'
    )


def config_at(inventory: Inventory) -> dict[str, Any]:
    """A configuration whose keys stand in the lines 20 to 29."""
    at = inventory.at
    source = {at(23, "kind"): at(23, "pbs"), at(24, "fingerprint"): at(24, "00:11"), at(25, "old"): True}
    services = [at(28, {at(28, "name"): at(28, "a")}), at(29, {at(29, "name"): at(29, "b"), at(29, "guest"): 7})]
    return {
        at(20, "timezone"): at(20, "Europe/Berlin"),
        at(21, "sources"): at(22, {at(22, "pbs.lan"): at(23, source)}),
        at(27, "services"): at(28, services),
    }


@pytest.mark.parametrize(
    ("finding", "line", "key"),
    [
        ("sources.pbs.lan.fingerprint: is not 32 pairs", 24, "sources.pbs.lan.fingerprint"),
        ("sources.pbs.lan.old: is an unknown key", 25, "sources.pbs.lan.old"),
        ("sources.pbs.lan.url: is missing; add it", 22, "sources.pbs.lan.url"),
        ("services.1.guest: is an unknown key; did you mean guests?", 29, "services.1.guest"),
        ("services.1.color: is an unknown key", 29, "services.1.color"),
    ],
)
def test_a_finding_of_the_sidecar_is_told_with_the_line_of_the_inventory(
    filters: ModuleType, inventory: Inventory, finding: str, line: int, key: str
) -> None:
    said = filters.explained(f"{CANDIDATE}:5: {finding}\n", config_at(inventory), CANDIDATE)

    assert said == [f"home/hosts.yml line {line}: backup_glance_config.{finding}"]
    assert filters.explained(finding, config_at(inventory), CANDIDATE) == said
    assert key in said[0]


def test_findings_about_other_things_are_told_as_they_are(filters: ModuleType, inventory: Inventory) -> None:
    texts = [
        "/etc/backup-glance/credentials/sidecar_keys: can't be read; callers need a key",
        "vault.approle.secret_id: can't be read; run backup-glance enrol",
    ]
    about_the_file = f"{CANDIDATE}: the file: has no sources; add one"

    said = filters.explained("\n".join([*texts, about_the_file]), config_at(inventory), CANDIDATE)

    assert said == [*texts, "backup_glance_config: has no sources; add one"]


def test_a_configuration_of_which_no_line_is_known_is_reported_by_its_key(filters: ModuleType) -> None:
    config = {"sources": {"pbs": {"kind": "pbs"}}}

    assert filters.explained(f"{CANDIDATE}:5: sources.pbs.url: is missing; add it", config, CANDIDATE) == [
        "backup_glance_config.sources.pbs.url: is missing; add it"
    ]


@pytest.mark.parametrize(
    ("host", "in_url"),
    [
        ("fd00::5", "[fd00::5]"),
        ("[FD00:0:0::0005]", "[fd00::5]"),
        ("192.168.1.20", "192.168.1.20"),
        ("backup.lan", "backup.lan"),
        ("*.lan", "*.lan"),
    ],
)
def test_a_host_is_written_as_browsers_write_it(filters: ModuleType, host: str, in_url: str) -> None:
    assert filters.in_url(host) == in_url
