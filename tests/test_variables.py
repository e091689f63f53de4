"""docs/variables.md is what the role says of its variables."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scripts import variables

ROLE = Path(__file__).parent.parent / "roles" / "backup_glance"
SPECS, DEFAULTS = ((ROLE / name).read_text("utf-8") for name in ("meta/argument_specs.yml", "defaults/main.yml"))

DESCRIBED = """
argument_specs:
  main:
    options:
      backup_glance_a: {type: str, description: "C(x) | or docs/deploy.md, where it is. Default: what there is."}
      backup_glance_b: {type: list, options: {name: {description: Name of it.}}, description: Some.}
"""


def test_the_page_is_what_the_role_says() -> None:
    assert variables.PAGE.read_text("utf-8") == variables.page(SPECS, DEFAULTS), "run: make docs"


def test_each_variable_is_there_with_its_default() -> None:
    text = variables.page(SPECS, DEFAULTS)

    for name in yaml.safe_load(DEFAULTS):
        assert text.count(f"\n| `{name}` | ") == 1
    assert "| `backup_glance_vault_renew_days` | `7` |" in text
    assert "| `backup_glance_vault_token` | `$VAULT_TOKEN` of the controller |" in text


def test_every_choice_is_described() -> None:
    options = yaml.safe_load(SPECS)["argument_specs"]["main"]["options"]

    assert not [
        (name, choice)
        for name, option in options.items()
        for choice in option.get("choices", ())
        if f"C({choice})" not in option["description"]
    ]


def test_marks_keys_and_computed_defaults_become_cells_of_a_table() -> None:
    text = variables.page(DESCRIBED, '# --- some ---\nbackup_glance_a: "{{ x }}"\nbackup_glance_b: []\n')

    assert "\n## Some\n\n| variable | default | meaning |\n" in text
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
        variables.page(specs, defaults)
