"""Reads YAML with limits: a file of the wrong kind, or one made to exhaust its reader, is an error within a second.

Aliases are allowed, but what they stand for counts each time: nine lists of nine aliases each are a hundred million values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

#: The parser in C is ten times as fast; it is part of every wheel of PyYAML.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: How deep lists and mappings may be nested: the configuration needs eight.
_DEEPEST = 40

#: Values of a file, with what aliases stand for: ten thousand services are half of it.
_MOST_VALUES = 100_000

#: PyYAML quotes the name of an alias or tag. It may be a password that begins with an asterisk.
_QUOTED = re.compile(r"(alias|anchor|tag handle) .*")

#: What PyYAML says of a tag, and quotes it. It may be a password that begins with an exclamation mark.
_UNKNOWN_TAG = "could not determine a constructor"
_A_TAG = "a value that begins with !, or is = or << alone, means something else than text: write it in quotes"


class YamlError(ValueError):
    """It can't be read as YAML. The message is a clause; ``line`` counts from 1, where it is known."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.line = line


def nodes_of(text: str) -> yaml.Node | None:
    """The document as nodes, as they are written. Raises YamlError."""
    try:
        _check_events(text)
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it contains a character that YAML does not allow"
        raise YamlError(_QUOTED.sub(r"\1", problem).removeprefix("but "), mark.line + 1 if mark else None) from None
    except UnicodeEncodeError:
        raise YamlError("it contains half of a character") from None
    if node is not None:
        _check_size(node)
    return node


def data_of(node: yaml.Node | None) -> Any:
    """What the nodes stand for. Merges (``<<``) change the nodes. Raises YamlError."""
    if node is None:
        return None
    loader = _LOADER("")
    try:
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "unreadable"
        raise YamlError(
            _A_TAG if problem.startswith(_UNKNOWN_TAG) else problem, mark.line + 1 if mark else None
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise YamlError(
            "a value has the form of a number or date, but is none: write it in quotes", _odd(node)
        ) from None


def _check_events(text: str) -> None:
    """Before anything recursive reads it: how deep it is nested, and how long it is."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        line = event.start_mark.line + 1 if event.start_mark else None
        if depth > _DEEPEST:
            raise YamlError(f"it is nested deeper than {_DEEPEST} levels", line)
        if number > 2 * _MOST_VALUES:
            raise YamlError(f"it has more than {_MOST_VALUES} values", line)


def _check_size(root: yaml.Node) -> None:
    """How many values it has once every alias is replaced by what it stands for."""
    sizes: dict[int, int] = {}
    above: set[int] = set()

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in above:
            raise YamlError("it contains itself by an alias", node.start_mark.line + 1)
        above.add(id(node))
        total = 1 + sum(size(child) for child in _children(node))
        above.discard(id(node))
        if total > _MOST_VALUES:
            raise YamlError(f"it has more than {_MOST_VALUES} values, with those that its aliases repeat")
        sizes[id(node)] = total
        return total

    size(root)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        yield from child if isinstance(child, tuple) else (child,)


def _odd(node: yaml.Node) -> int | None:
    """The line of the first value that can't be read."""
    if isinstance(node, yaml.ScalarNode):
        try:
            _LOADER("").construct_document(node)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return int(node.start_mark.line) + 1
    return next((line for child in _children(node) if (line := _odd(child)) is not None), None)
