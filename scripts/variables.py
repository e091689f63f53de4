"""``make docs``: writes docs/variables.md, every variable of the two roles, from the roles themselves.

The words are those of meta/argument_specs.yml, the defaults and their groups those of defaults/main.yml. A default that is
computed is described by the sentence "Default: …" at the end of the variable's description.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).parent.parent
PAGE = _ROOT / "docs" / "variables.md"

#: What begins a group in defaults/main.yml, and a variable there.
_GROUP = re.compile(r"# --- (.+) ---")
_VARIABLE = re.compile(r"(backup_glance_\w+):")

_COMPUTED = re.compile(r" *\bDefault: (.+?)\.?$", re.DOTALL)

_HEAD = """\
# Variables

Every variable of the role `backup_glance`, for `group_vars/backup_glance.yml` of the inventory, or `-e` on the command line;
below them those of the role that [creates a container](#a-container-on-proxmox-ve).
[deploy.md](deploy.md) says which of them a first deployment needs; leave out the others.

- **A wrong value** is refused before anything is changed, [with its file and line](deploy.md#when-a-value-is-wrong): also one
  with a line break, with `..` as a step of a path, or with a name that the role uses itself.
- **A path on the controller** (of a CA or of Caddy) is absolute, or begins beside the inventory. The playbooks work from any
  directory, also where Ansible does not read `ansible.cfg`.
- **`--skip-tags backup_glance_activate`** installs and configures, but does not change what runs.
"""

_CONTAINER = """
## A container on Proxmox VE

For `playbooks/create-container.yml` only. They belong to one container, so to its `host_vars`.
"""

_FOOT = """
This page is written by `make docs`, from the roles' `meta/argument_specs.yml` and `defaults/main.yml`; a test compares them.
"""


class VariablesError(Exception):
    """The page can't be written; the message says which variable lacks what."""


def page() -> str:
    """The whole page. Raises VariablesError."""
    role, container = (
        [
            (_ROOT / "roles" / name / file).read_text("utf-8")
            for file in ("meta/argument_specs.yml", "defaults/main.yml")
        ]
        for name in ("backup_glance", "backup_glance_container")
    )
    return _HEAD + tables(*role, level=2) + _CONTAINER + tables(*container, level=3) + _FOOT


def tables(specs: str, defaults: str, *, level: int) -> str:
    """A table for each group of variables, below a heading of this level; from the text of two files. Raises VariablesError."""
    options = yaml.safe_load(specs)["argument_specs"]["main"]["options"]
    values = yaml.safe_load(defaults)
    if missing := sorted(set(options) ^ set(values)):
        raise VariablesError(
            f"{missing[0]} is in only one of meta/argument_specs.yml and defaults/main.yml; add it to the other"
        )
    return "".join(_lines(options, values, defaults, "#" * level))


def _lines(options: dict[str, Any], values: dict[str, Any], defaults: str, marks: str) -> Iterator[str]:
    for line in defaults.splitlines():
        if group := _GROUP.match(line):
            yield f"\n{marks} {group[1][0].upper()}{group[1][1:]}\n\n| variable | default | meaning |\n|---|---|---|\n"
        elif variable := _VARIABLE.match(line):
            name = variable[1]
            meaning, default = _described(name, options[name], values[name])
            yield f"| `{name}` | {default} | {meaning} |\n"


def _described(name: str, option: dict[str, Any], value: object) -> tuple[str, str]:
    """What a variable means, and its default, as cells of a table."""
    text = " ".join(str(option.get("description", "")).split())
    if not text:
        raise VariablesError(f"{name} has no description in meta/argument_specs.yml")
    computed = _COMPUTED.search(text)
    if computed is None and "{{" in str(value):
        raise VariablesError(f'the default of {name} is computed: end its description with "Default: …" in words')
    if computed is not None:
        return _cell(text[: computed.start()] + _keys(option)), _cell(computed[1])
    return _cell(text + _keys(option)), _cell(f"`{_written(value)}`" if value not in ("", None) else "empty")


def _keys(option: dict[str, Any]) -> str:
    """The keys of a variable that is a mapping, or a list of them."""
    keys = [f"`{key}`: {_small(inner['description'])}" for key, inner in (option.get("options") or {}).items()]
    return f" Keys{' of each' * (option['type'] == 'list')}: {'; '.join(keys)}." if keys else ""


def _small(sentence: str) -> str:
    sentence = sentence.rstrip(".")
    return sentence if sentence.startswith("C(") else f"{sentence[0].lower()}{sentence[1:]}"


def _written(value: object) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return f"[{', '.join(value)}]"
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    """Ansible's marks become Markdown's, and pages of this folder links."""
    text = re.sub(r"\bdocs/(\w+\.md)", r"[\1](\1)", re.sub(r"C\(([^)]*)\)", r"`\1`", text))
    return text.replace("|", "\\|")


def main() -> int:
    """Writes the page; returns an exit code."""
    try:
        text = page()
    except VariablesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
