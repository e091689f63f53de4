"""The role's filters: where a value was written and what is wrong with it, for messages; and a host as URLs have it.

ansible-core 2.19 and newer know the file and line of most values. That is not a public interface: without it the filters name the
variable only. Nothing else is decided by it.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # Another version keeps it elsewhere.
    Origin = None

#: What a value of each type is. Ansible would also take one text for a list or a mapping; the role uses values as they are.
KINDS = {
    "bool": "true or false",
    "dict": "a mapping of names to values",
    "int": "a whole number",
    "list": "a list",
    "path": "a path",
    "str": "a text",
}

#: The place of a value that was given with ansible-playbook -e.
COMMAND_LINE = "-e: "

#: Characters of a value in a message.
LONGEST = 200

#: How alike a name is to that of a variable of the role, from which it counts as misspelt.
ALIKE = 0.9

_ROLE = Path(__file__).resolve().parent.parent


def place(value: object) -> str:
    """Where the value was written, as the beginning of a message: "FILE line N: ", "-e: ", or "" if it is not known.

    The role's own files are nowhere that somebody could correct, so they are not named.
    """
    try:
        origin = Origin.get_tag(value)
        written, description, number = origin.path, origin.description, origin.line_num
    except AttributeError:  # Not known, or Ansible keeps it in another form.
        return ""
    if not written:
        return COMMAND_LINE if "'-e'" in (description or "") else ""
    path = Path(written)
    if path.resolve().is_relative_to(_ROLE):
        return ""
    below = os.path.relpath(path)
    line = f" line {number}" if number else ""
    return f"{path if below.startswith('..') else below}{line}: "


def meant(names: Iterable[str], specs: Mapping[str, Any]) -> list[str]:
    """Which of the names are those of variables of the role, or misspelt. The others are not the role's to evaluate."""
    return [name for name in names if name in specs or difflib.get_close_matches(name, specs, 1, ALIKE)]


def unfit(values: Mapping[str, Any], specs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is wrong with the types of these variables: sentences. ``specs``: the options of the role's argument specification."""
    sentences = []
    for name, value in values.items():
        if name in specs:
            sentences += [f"{place(value)}{name}: {fault}" for fault in _faults(name, value, specs[name])]
        elif close := difflib.get_close_matches(name, specs, 1, ALIKE):
            sentences.append(
                f"{place(value)}{name}: is not a variable of the role. Did you mean {close[0]}? "
                "If it is a variable of your own, give it another name."
            )
    return sentences


def _faults(name: str, value: object, spec: Mapping[str, Any]) -> list[str]:
    kind = str(spec["type"])
    if value is None:
        return ["has no value. Give it one, or remove the line."]
    if _has_other_shape(value, kind):
        example = '["…"]' if kind == "list" else '{"…": "…"}'
        hint = f" Give it as JSON: -e '{{\"{name}\": {example}}}'." if place(value) == COMMAND_LINE else ""
        return [f"{_shown(value, spec)}is not {KINDS[kind]}.{hint}"]
    options = spec.get("options", {}) if isinstance(value, Mapping) else {}
    shapeless = [key for key, its in options.items() if key in value and _has_other_shape(value[key], its["type"])]
    if shapeless:
        return [f"its {key} is not {KINDS[options[key]['type']]}." for key in shapeless]
    if kind == "int" and isinstance(value, bool):  # Ansible would take true for 1.
        return [f"{_shown(value, spec)}is not {KINDS[kind]}."]
    errors = ArgumentSpecValidator({name: dict(spec)}).validate({name: _plain(value)}).error_messages
    if not errors:
        return []
    if "choices" in spec:
        return [f"{_shown(value, spec)}is not one of {', '.join(map(str, spec['choices']))}."]
    if "options" in spec:
        keys = f"has to be {KINDS[kind]} with the keys {', '.join(spec['options'])}."
        # What Ansible says of secrets could repeat a value.
        return [keys] if spec.get("no_log") else [f"{keys} {' '.join(errors)}"]
    return [f"{_shown(value, spec)}is not {KINDS[kind]}."]


def _has_other_shape(value: object, kind: str) -> bool:
    """Ansible would take nothing for anything, and one text for a list or a mapping."""
    shapes: dict[str, type] = {"list": list, "dict": Mapping}
    return value is None or not isinstance(value, shapes.get(kind, object))


def _plain(value: Any) -> Any:
    """A copy: Ansible's own lists and mappings evaluate templates when they are read, and can't be copied by ``deepcopy``."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _shown(value: object, spec: Mapping[str, Any]) -> str:
    """Nothing of a secret, nor of what should be a mapping: a whole configuration may hold one that is in the wrong place."""
    if spec.get("no_log") or spec["type"] == "dict":
        return ""
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    return f"{json.dumps(text[:LONGEST], ensure_ascii=False)} "


def explained(findings: str, config: Mapping[str, Any], file: str) -> list[str]:
    """The findings of ``serve --check`` about ``config``, which was written to ``file``: with their places in the inventory.

    ``findings``: lines "FILE:LINE: key: what is wrong", where FILE and LINE may be missing.
    """
    return [_explained(line.strip(), config, file) for line in findings.splitlines() if line.strip()]


def _explained(line: str, config: Mapping[str, Any], file: str) -> str:
    about_file = line.startswith(f"{file}:")
    if about_file:
        number, colon, rest = line.removeprefix(f"{file}:").partition(":")
        line = (rest if colon and number.isdigit() else line.removeprefix(f"{file}:")).strip()
    where, known = _walk(line, config, place(config))
    # Its vault section comes from other variables.
    if not known and (not about_file or line.startswith("vault")):
        return line
    return f"{where}backup_glance_config" + (
        line.removeprefix("the file") if line.startswith("the file: ") else f".{line}"
    )


def _walk(line: str, value: object, where: str) -> tuple[str, bool]:
    """The place of the longest part of the line's dotted key that ``value`` has, and whether it has its beginning."""
    found = False
    entries: Iterable[tuple[object, object]]
    while True:
        if isinstance(value, Mapping):
            entries = value.items()
        elif isinstance(value, Sequence) and not isinstance(value, str):
            entries = enumerate(value)
        else:
            return where, found
        # Keys may contain dots themselves, so the longest one counts.
        fitting = [(key, item) for key, item in entries if line.startswith((f"{key}.", f"{key}: "))]
        if not fitting:
            return where, found
        key, value = max(fitting, key=lambda entry: len(str(entry[0])))
        where = place(key) or place(value) or where
        line = line[len(str(key)) + 1 :]
        found = True


def in_url(host: object) -> str:
    """A host name or address as URLs and browsers have it: an address of IPv6 in its shortest form and in brackets."""
    text = str(host)
    try:
        return f"[{ipaddress.IPv6Address(text.strip('[]')).compressed}]"
    except ValueError:
        return text


class FilterModule:
    """The filters, by the names with which the role calls them."""

    def filters(self) -> dict[str, Any]:
        """As Ansible asks for them."""
        return {
            "backup_glance_explained": explained,
            "backup_glance_in_url": in_url,
            "backup_glance_meant": meant,
            "backup_glance_place": place,
            "backup_glance_unfit": unfit,
        }
