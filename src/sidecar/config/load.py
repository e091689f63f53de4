"""Reads the configuration file: returns a Config, or reports all findings at once with their places."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sidecar import files
from sidecar.errors import ConfigError

from . import bounded_yaml, model, plain_words
from .model import Config

#: Bytes of a configuration file: that of a thousand services has 200,000.
_LONGEST = 2 * 1024 * 1024

#: Findings of one kind of check that are worked out: nobody reads more at once.
_MOST_FINDINGS = 100

#: Characters of a key or message in a finding.
_LONGEST_TEXT = 400

#: What YAML makes of nothing, and of the word null.
_NULL = "tag:yaml.org,2002:null"

#: What YAML makes of a name, and of ``<<``, which takes over the keys of other sections; = is a name too.
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
_NAMES = frozenset({_TEXT, _MERGE, "tag:yaml.org,2002:value"})

_NO_VALUE = "has a key without a value; write each as KEY: VALUE"
_NO_TEXT = "is not text, and a name must be; write it in quotes"

Place = tuple[str | int, ...]


def load(path: Path) -> Config:
    """The configuration in ``path``.

    Raises:
        ConfigError: with every finding, each "FILE:LINE: key: what is wrong; what to do".
    """
    try:
        text = files.read(path, _LONGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise ConfigError([f"{path}: can't be read: {reason}; give the right path with --config"]) from None
    return parse(text.removeprefix("\ufeff"), str(path))


def parse(text: str, name: str) -> Config:
    """The configuration in ``text``; ``name`` is the file's name in findings. Raises ConfigError as load does."""
    try:
        node = bounded_yaml.nodes_of(text)
        lines = dict(_lines(node)) if node is not None else {}
        checks = (_repeated_keys, _odd_keys, _empty_values)
        found = [each for check in checks for each in islice(check(node), _MOST_FINDINGS)]
        findings = [_finding(name, lines, *each) for each in dict.fromkeys(found)]
        data = bounded_yaml.data_of(node)
    except bounded_yaml.YamlError as error:
        line = f":{error.line}" if error.line else ""
        raise ConfigError([f"{name}{line}: is not valid YAML: {error}; fix this line"]) from None
    if not isinstance(data, dict):
        raise ConfigError([f"{name}: contains no configuration; start with timezone: and sources:"])
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        known = {place for place, message in found if message != _NO_VALUE}
        # A key that is not text has been found where it stands.
        details = [each for each in error.errors()[:_MOST_FINDINGS] if not _is_of_a_key(each)]
        messages = {_translate(detail, lines) for detail in details}
        messages = {(place, message) for place, message in messages if place not in known}
        findings += [_finding(name, lines, place, message) for place, message in sorted(messages, key=str)]
        raise ConfigError(_not_too_many(findings, name, error.error_count() - _MOST_FINDINGS)) from None
    across = list(islice(config.across(), _MOST_FINDINGS + 1))
    places = _places(lines) if across else {}
    findings += [_finding(name, lines, _place(dotted, places), message) for dotted, message in across[:_MOST_FINDINGS]]
    if findings:
        raise ConfigError(_not_too_many(findings, name, len(across) - _MOST_FINDINGS))
    return config


def _lines(node: yaml.Node, place: Place = ()) -> Iterator[tuple[Place, int]]:
    """The line number (from 1) of every key and list item."""
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in _pairs(node):
            here = (*place, _key(key))
            yield from _lines(value, here)
            yield here, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*place, number))


def _pairs(node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    """Its keys with their values, and before them those that it takes over from other sections."""
    own = {_key(key) for key, _ in node.value}
    taken: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if key.tag == _MERGE:
            sections = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for section in sections:
                pairs = _pairs(section) if isinstance(section, yaml.MappingNode) else []
                taken |= {name: pair for pair in pairs if (name := _key(pair[0])) not in own}
    return [*taken.values(), *node.value]


def _repeated_keys(node: yaml.Node | None, place: Place = ()) -> Iterator[tuple[Place, str]]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if (name := _key(key)) in seen:
                yield (*place, name), "appears twice, and the first one would be ignored; keep one"
            seen.add(name)
            yield from _repeated_keys(value, (*place, name))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _repeated_keys(value, (*place, number))


def _odd_keys(node: yaml.Node | None, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Keys that YAML reads as something else than text: 5, 22:00, on."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, _key(key))
            if isinstance(key, yaml.ScalarNode) and key.tag not in _NAMES:
                yield here, _NO_TEXT
            yield from _odd_keys(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _odd_keys(value, (*place, number))


def _empty_values(node: yaml.Node | None, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Keys and items behind which nothing stands. Who means the default can write null, or leave the key out."""
    if isinstance(node, yaml.ScalarNode):
        if place and node.tag == _NULL and not node.value:
            yield place, "is empty; write its value, or remove it"
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            # Without a colon the key may be a value in braces, and a secret.
            if value.tag == _NULL and not value.value and value.start_mark.index == key.end_mark.index:
                yield place, _NO_VALUE
            else:
                yield from _empty_values(value, (*place, _key(key)))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _empty_values(value, (*place, number))


def _key(node: yaml.Node) -> str:
    """A key as it is written; a list or a mapping can't be one, which is found when the data are made."""
    return node.value if isinstance(node, yaml.ScalarNode) else ""


def _not_too_many(findings: list[str], name: str, more: int) -> list[str]:
    return [*findings, f"{name}: there are more findings; correct these first"] if more > 0 else findings


def _is_of_a_key(error: Any) -> bool:
    return bool(error["type"] == "invalid_key" or error["loc"][-1:] == ("[key]",))


def _translate(error: Any, lines: dict[Place, int]) -> tuple[Place, str]:
    """pydantic's finding as (place, message)."""
    kind = error["type"]
    place = _written(error["loc"], lines)
    if kind == "missing":
        place = (*place, error["loc"][-1])
    if kind == "extra_forbidden":
        if str(place[-1]) in _NOT_HERE:
            return place, _NOT_HERE[str(place[-1])]
        return place, f"is an unknown key; {_fix_for_unknown(str(place[-1]))}"
    if kind == "value_error":
        return place, str(error["ctx"]["error"])
    if kind == "no_secret":
        return place, str(error["msg"])
    said = plain_words.said(kind, error.get("ctx", {}))
    return place, said or f"{error['msg'][0].lower()}{error['msg'][1:]}; see docs/configuration.md"


def _written(location: Place, lines: dict[Place, int]) -> Place:
    """The parts of a location that exist in the file; pydantic also names the members of unions, of a source its kind."""
    place: Place = ()
    for part in location[:2] + location[3:] if location[:1] == ("sources",) else location:
        here = next((written for written in (part, str(part)) if (*place, written) in lines), None)
        place = place if here is None else (*place, here)
    return place


#: Keys that exist, but not where they were written.
_NOT_HERE = {
    "basic_auth": "can't be used here: a call carries only one login, and that is the token; "
    "the proxy in front must let this path pass"
}


def _fix_for_unknown(key: str) -> str:
    close = difflib.get_close_matches(key, sorted(model.known_keys()), 1)
    if close == [key]:
        return "it belongs elsewhere; docs/configuration.md lists the keys"
    return f"did you mean {close[0]}?" if close else "remove it; docs/configuration.md lists the keys"


def _places(lines: dict[Place, int]) -> dict[str, Place]:
    """The known places by their dotted paths; of two with the same path the first."""
    return {".".join(map(str, place)): place for place in reversed(lines)}


def _place(dotted: str, places: dict[str, Place]) -> Place:
    """The place of a dotted path. Keys may contain dots themselves, so it is looked up among the known places."""
    return places.get(dotted) or tuple(dotted.split("."))


def _finding(name: str, lines: dict[Place, int], place: Place, message: str) -> str:
    known = place
    while known and known not in lines:
        known = known[:-1]
    line = f":{lines[known]}" if known in lines else ""
    key = ".".join(map(str, place)) or "the file"
    return f"{name}{line}: {_short(key)}: {_short(message)}"


def _short(text: str) -> str:
    half = _LONGEST_TEXT // 2
    return text if len(text) <= _LONGEST_TEXT else f"{text[:half]}…{text[-half:]}"
