"""docs/variables.md is what the role says of its variables."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scripts import variables

ROLES = [Path(__file__).parent.parent / "roles" / name for name in ("backup_glance", "backup_glance_container")]

DESCRIBED = """
argument_specs:
  main:
    options:
      backup_glance_a: {type: str, description: "C(x) | or docs/deploy.md, where it is. Default: what there is."}
      backup_glance_b: {type: list, options: {name: {description: Name of it.}}, description: Some.}
"""


def test_the_page_is_what_the_role_says() -> None:
    assert variables.PAGE.read_text("utf-8") == variables.page(), "run: make docs"


def test_each_variable_is_there_with_its_default() -> None:
    text = variables.page()

    for role in ROLES:
        for name in yaml.safe_load((role / "defaults/main.yml").read_text("utf-8")):
            assert text.count(f"\n| `{name}` | ") == 1
    assert "| `backup_glance_vault_renew_days` | `7` |" in text
    assert "| `backup_glance_vault_token` | `$VAULT_TOKEN` of the controller |" in text


def test_every_choice_is_described() -> None:
    specs = [yaml.safe_load((role / "meta/argument_specs.yml").read_text("utf-8"))["argument_specs"] for role in ROLES]

    assert not [
        (name, choice)
        for spec in specs
        for name, option in spec["main"]["options"].items()
        for choice in option.get("choices", ())
        if f"C({choice})" not in option["description"]
    ]


def test_marks_keys_and_computed_defaults_become_cells_of_a_table() -> None:
    text = variables.tables(DESCRIBED, '# --- some ---\nbackup_glance_a: "{{ x }}"\nbackup_glance_b: []\n', level=3)

    assert "\n### Some\n\n| variable | default | meaning |\n" in text
    assert "\n| `backup_glance_a` | what there is | `x` \\| or [deploy.md](deploy.md), where it is. |\n" in text
    assert "\n| `backup_glance_b` | `[]` | Some. Keys of each: `name`: name of it. |\n" in text


@pytest.mark.parametrize(
    ("specs", "defaults", "says"),
    [
        (DESCRIBED, "backup_glance_a: 1\n", "backup_glance_b is in only one of"),
        (DESCRIBED, 'backup_glance_a: 1\nbackup_glance_b: "{{ x }}"\n', "the default of backup_glance_b is computed: "),
        (
            DESCRIBED.replace("Some.", "''"),
            "backup_glance_a: 1\nbackup_glance_b: 1\n",
            "backup_glance_b has no description",
        ),
    ],
)
def test_what_is_missing_is_named(specs: str, defaults: str, says: str) -> None:
    with pytest.raises(variables.VariablesError, match=says):
        variables.tables(specs, defaults, level=2)
