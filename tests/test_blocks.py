"""Every block of code in the documentation is loaded as what it is, executed, or listed here with the reason why it can't be."""

from __future__ import annotations

import re

import pytest
import yaml

from sidecar.config import load, model
from sidecar.config.services import Service
from sidecar.errors import ConfigError
from tests.blocks import ROOT, Block, blocks, configuration, of_page

#: Blocks that are no examples of the configuration, by page and beginning: the test that executes or loads them (``PATH::TEST``),
#: the file of the roll-out test that does (``molecule/…``), or why nothing can.
ELSEWHERE: dict[tuple[str, str], str] = {
    ("README.md", "make demo"): "tests/browser/test_demo.py::test_a_page_with_data_is_there_within_the_documented_time",
    ("README.md", "make test"): "it is the command that runs this",
    ("README.md", " PBS  PVE"): "a picture",
    ("ARCHITECTURE.md", " PBS   PVE"): "a picture",
    ("ARCHITECTURE.md", "src/sidecar/"): "tests/test_blocks.py::test_the_picture_of_the_rooms_shows_what_there_is",
    ("CONTRIBUTING.md", ".venv/bin/pytest"): "tests/test_blocks.py::test_the_tests_that_contributors_call_exist",
    ("docs/alerts.md", "sudo backup-glance notify"): (
        "tests/commands/test_notify.py::test_each_receiver_gets_one_message_and_it_is_said_whether_it_went_out"
    ),
    ("docs/api.md", "BACKUP="): "tests/test_api_docs.py::test_each_request_is_answered_as_it_is_shown",
    ("docs/api.md", "curl -s"): "tests/test_api_docs.py::test_each_request_is_answered_as_it_is_shown",
    ("docs/api.md", '{\n  "version": 1'): "tests/test_api_docs.py::test_each_request_is_answered_as_it_is_shown",
    ("docs/api.md", '{\n  "type"'): (
        "tests/test_api_docs.py::test_the_problem_that_is_shown_is_the_answer_to_a_question_without_since"
    ),
    ("docs/calendar.md", "sudo -u www-data php occ"): "needs a Nextcloud",
    ("docs/calendar.md", "scp root@backup.lan"): "needs a target",
    ("docs/commands.md", "backup-glance report"): (
        "tests/commands/test_report.py::test_the_documented_line_is_understood"
    ),
    ("docs/deploy.md", "reader ─►"): "a picture",
    (
        "docs/deploy.md",
        "git clone",
    ): "needs the address of the repository; `make rollout` makes the same environment of the same lock",
    ("docs/deploy.md", "ansible-playbook -i inventory/home playbooks/create-container.yml"): (
        "tests/test_create_container.py::test_it_is_created_and_started_and_a_second_run_changes_nothing"
    ),
    ("docs/deploy.md", "ansible-galaxy"): "needs Ansible Galaxy",
    ("docs/deploy.md", "pveam update"): "needs a Proxmox VE",
    (
        "docs/deploy.md",
        "$EDITOR inventory/home/hosts.yml",
    ): "tests/test_deploy_docs.py::test_the_inventory_to_copy_is_one",
    ("docs/deploy.md", "inventory/home/group_vars"): (
        "tests/test_playbooks.py::test_a_bad_variable_is_refused_by_every_playbook_by_its_line_before_the_target_is_asked"
    ),
    ("docs/deploy.md", "backup_glance_tls: acme"): (
        "tests/test_caddy_acme.py::test_a_certificate_of_an_authority_of_ones_own_for_names_that_public_ones_refuse"
    ),
    ("docs/deploy.md", "cat >/dev/shm/entries.yml"): "molecule/shared/prepare.yml",
    ("docs/deploy.md", "ansible-playbook -i inventory/home site.yml --check"): "molecule/default/molecule.yml",
    (
        "docs/deploy.md",
        "- type: iframe",
    ): "tests/browser/test_glance_docs.py::test_glance_accepts_what_the_documentation_shows",
    (
        "docs/deploy.md",
        "ansible-vault encrypt_string",
    ): "tests/test_deploy_docs.py::test_a_secret_of_ansible_vault_is_asked_for_once",
    ("docs/deploy.md", "backup_glance_vault_address"): (
        "tests/test_deploy_docs.py::test_a_secret_of_ansible_vault_is_asked_for_once"
    ),
    ("docs/deploy.md", "ansible-playbook -i inventory/home site.yml --ask-vault-pass"): (
        "tests/test_deploy_docs.py::test_a_secret_of_ansible_vault_is_asked_for_once"
    ),
    (
        "docs/deploy.md",
        "python3 -m venv /opt",
    ): "tests/test_deploy_docs.py::test_without_ansible_it_runs_as_it_is_written",
    ("docs/deploy.md", "install -d -m 755"): "tests/test_deploy_docs.py::test_without_ansible_it_runs_as_it_is_written",
    (
        "docs/deploy.md",
        "useradd",
    ): "needs root and a systemd; tests/test_deploy_docs.py compares the units with those of the role",
    ("docs/deploy.md", "/opt/backup-glance/bin/backup-glance serve --listen"): (
        "tests/test_deploy_docs.py::test_without_ansible_it_runs_as_it_is_written"
    ),
    (
        "docs/fleet.md",
        "global:",
    ): "tests/prometheus/test_prometheus.py::test_the_configuration_in_the_page_about_fleets_is_accepted",
    ("docs/fleet.md", "remote_write:"): (
        "tests/prometheus/test_prometheus.py::test_the_configuration_in_the_page_about_fleets_is_accepted"
    ),
    (
        "docs/glance.md",
        "handle_path",
    ): "tests/test_blocks.py::test_the_proxy_in_the_page_about_glance_is_that_of_the_file_to_copy",
    (
        "docs/glance.md",
        "- type: ",
    ): "tests/browser/test_glance_docs.py::test_glance_accepts_what_the_documentation_shows",
    (
        "docs/glance.md",
        "- size: small",
    ): "tests/browser/test_glance_docs.py::test_glance_accepts_what_the_documentation_shows",
    (
        "docs/glance.md",
        "source: https",
    ): "tests/browser/test_glance_docs.py::test_glance_accepts_what_the_documentation_shows",
    ("docs/glance.md", "- title: Backups (Proxmox"): "an entry of another repository's list",
    ("docs/only-pbs.md", "proxmox-backup-manager"): "needs a Proxmox Backup Server",
    ("docs/only-pbs.md", "pveum"): "needs a Proxmox VE",
    ("docs/operations.md", "git pull"): "molecule/shared/checks/operations.py",
    ("docs/operations.md", "systemctl stop"): (
        "tests/ledger/test_file.py::test_a_copy_of_both_files_while_it_is_in_use_restores_everything"
    ),
    ("docs/proxy.md", "curl -H"): "tests/test_blocks.py::test_the_request_to_the_proxy_may_pass",
    ("docs/recipes.md", "curl -fsS"): (
        "tests/test_recipes.py::test_the_line_for_the_shell_prints_the_headline_and_fails_when_somebody_is_needed"
    ),
    ("docs/upstreams.md", "[weekdays]"): "a grammar",
    ("roles/backup_glance/README.md", "- hosts:"): "tests/test_deploy_docs.py::test_the_play_of_the_role_s_page_is_one",
}

BLOCKS = blocks()


def entry(block: Block) -> tuple[str, str] | None:
    """The longest beginning wins."""
    found = [key for key in ELSEWHERE if key[0] == block.page and block.text.startswith(key[1])]
    return max(found, key=lambda key: len(key[1]), default=None)


def loaded(block: Block) -> model.Config:
    """The configuration with what the block shows. Raises ConfigError."""
    shown = yaml.safe_load(block.filled())
    if isinstance(shown, dict) and shown.keys() <= Service.model_fields.keys():
        shown = {"services": [{"name": "a", **shown}]}
    return load.parse(configuration(shown), str(block))


@pytest.mark.parametrize("block", [block for block in BLOCKS if not entry(block)], ids=str)
def test_an_example_of_the_configuration_can_be_used(block: Block) -> None:
    assert block.language == "yaml", "execute it in a test, and list that in ELSEWHERE; or say there why it can't be"
    loaded(block)


@pytest.mark.parametrize(("key", "where"), ELSEWHERE.items(), ids=str)
def test_what_is_listed_is_there_and_tried_where_it_says(key: tuple[str, str], where: str) -> None:
    assert [block for block in BLOCKS if entry(block) == key], "no block begins like this: remove the line"
    path, colons, test = where.partition("::")
    if colons:
        assert re.search(rf"^def {test}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE)
    elif path.startswith("molecule/"):
        assert (ROOT / path).is_file()


def test_the_smallest_file_has_one_source_and_nothing_else() -> None:
    config = loaded(next(block for block in BLOCKS if block.page == "docs/configuration.md"))

    assert len(config.sources) == 1
    assert config.model_fields_set == {"timezone", "sources"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("```yaml\nsources: {pbs: {kind: pbs}}\n```\n", "is missing"),
        ("```yaml\nservices: [{name: a, databases: [b/c]}]\n```\n", ""),
        ("  ```yaml\n  services: [{name: a, databasez: [b/c]}]\n  ```\n", "did you mean databases?"),
        ("```yaml\nguests: [{ref: 101, expect: {schedule: never}}]\n```\n", "never"),
    ],
)
def test_an_example_that_can_not_be_used_is_noticed(text: str, says: str) -> None:
    (block,) = of_page("a.md", text)
    if says:
        with pytest.raises(ConfigError) as caught:
            loaded(block)
        assert says in str(caught.value.findings)
    else:
        loaded(block)


#: Folders of which a test takes every file.
TAKEN_WHOLE = ("proxy-example", "systemd")


def test_every_file_to_copy_is_named_by_a_test() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    named = {text.rpartition("/")[2] for text in re.findall(r"""["' ]([^"'\s]+)["']""", code)}
    files = [path for path in (ROOT / "docs").rglob("*") if path.is_file() and path.suffix not in (".md", ".png")]

    assert not [path.name for path in files if path.parent.name not in TAKEN_WHOLE and path.name not in named]
    assert all(f'"{folder}"' in code for folder in TAKEN_WHOLE)


def test_the_tests_that_contributors_call_exist() -> None:
    (block,) = [block for block in BLOCKS if block.page == "CONTRIBUTING.md"]
    for line in block.text.splitlines():
        path, _, test = line.split()[2].partition("::")
        assert (ROOT / path).exists()
        assert not test or f"def {test}(" in (ROOT / path).read_text("utf-8")


def test_the_picture_of_the_rooms_shows_what_there_is() -> None:
    (block,) = [block for block in BLOCKS if block.text.startswith("src/sidecar/")]
    rooms = [part.split("  ")[0] for line in block.text.splitlines()[1:] for part in line.strip().split(", ")]
    named = {name for room in rooms for name in re.findall(r"^(?:\S+\.py|\S+/)(?=$| )", room)}
    code = ROOT / "src" / "sidecar"

    assert len(named) > 20
    assert not [name for name in sorted(named) if not (code / name).exists() and not (code / "core" / name).exists()]


def test_the_proxy_in_the_page_about_glance_is_that_of_the_file_to_copy() -> None:
    """The browser tests run the file."""
    (block,) = [block for block in BLOCKS if block.text.startswith("handle_path")]
    file = (ROOT / "docs" / "glance.Caddyfile").read_text("utf-8")

    assert (
        block.text.split()
        == " ".join(re.findall(r"handle_path.*?\}\s*\}\s*\}", file, re.DOTALL))
        .replace("{$BACKUP_GLANCE:https://backup.lan}", "https://backup.lan")
        .split()
    )


def test_the_request_to_the_proxy_may_pass() -> None:
    page = (ROOT / "docs" / "proxy.md").read_text("utf-8")
    (block,) = [block for block in BLOCKS if block.page == "docs/proxy.md" and block.language == "sh"]
    asked = re.search(r"/proxy/pbs/(\S+)\?(\w+)=", block.text)

    assert asked is not None
    assert f"| `{asked[1].replace('/main/', '/{store}/')}` |" in page
    assert f"`{asked[2]}`" in next(line for line in page.splitlines() if "{store}/snapshots" in line)
