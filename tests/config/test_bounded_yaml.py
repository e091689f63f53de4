"""YAML that is made to exhaust its reader, or that nobody can read: one clear finding, and little time."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from sidecar.config import load
from sidecar.errors import ConfigError

LETTERS = list(pairwise("abcdefghijkl"))
ALIASES = "".join(f"{after}: &{after} [{','.join([f'*{before}'] * 9)}]\n" for before, after in LETTERS)
MERGES = "".join(f"{after}: &{after} {{<<: [{','.join([f'*{before}'] * 9)}]}}\n" for before, after in LETTERS)

SOURCE = "sources: {pbs: {kind: pbs, url: 'https://pbs.lan', token_id: 'a@pbs!b', secret: {file: /x}}}\n"

HOSTILE = {
    "aliases of aliases": (f"a: &a [x, x]\n{ALIASES}", "more than 100000 values"),
    "merges of merges": (f"a: &a {{k: 1}}\n{MERGES}", "more than 100000 values"),
    "an alias of itself": ("a: &a [*a]", "contains itself"),
    "a mapping within itself": ("a: &a\n  b: *a", "contains itself"),
    "open lists": (f"a: {'[' * 100_000}", "nest"),
    "nested lists": (f"a: {'[' * 900}{']' * 900}", "nested deeper"),
    "nested mappings": (f"a: {'{a: ' * 5000}{'}' * 5000}", "nested deeper"),
    "nested lines": ("\n".join(f"{' ' * depth}a:" for depth in range(3000)), "config.yaml:41: .*nested deeper"),
    "nested dashes": ("- " * 50_000, "nested deeper"),
    "many values": ("a:\n" + "  - x\n" * 150_000, "more than 100000 values"),
    "many keys": ("".join(f"k{number}: 1\n" for number in range(20_000)), "more findings"),
    "one name for all": (f"{SOURCE}services:\n" + "  - {name: a, guests: [101]}\n" * 8000, "more findings"),
    "places that are none": (f"{SOURCE}offsite: [{','.join(f'x{number}/y' for number in range(20_000))}]", "more findings"),
    "one key again and again": ("a: 1\n" * 20_000, "appears twice"),
    "a schedule without an end": (f"{SOURCE}jobs: {{pbs/gc/a: {{schedule: '{'*/1,' * 300_000}'}}}}", "unable to read schedule"),
    "a guest without an end": (f"{SOURCE}services: [{{name: a, guests: ['{'a/' * 500_000}']}}]", "is not a guest"),
    "a key of 1 MB": (f"? {'k' * 1_000_000}\n: 1\n", "is an unknown key"),
    "an endless number": (f"timezone: UTC\na: {'9' * 6000}", "config.yaml:2: .*write it in quotes"),
    "a date that is none": ("timezone: UTC\na: 2026-13-45", "config.yaml:2: .*write it in quotes"),
    "a tag for a number": ("a: !!int x", "write it in quotes"),
    "a tag for a time": ("a: !!timestamp x", "write it in quotes"),
    "a tag for yes or no": ("a: !!bool x", "write it in quotes"),
    "a tag that runs a program": ("a: !!python/object/apply:os.system [ls]", "a value that begins with !"),
    "a list as a key": ("? [a, b]\n: c", "unhashable key"),
    "a mapping as a key": ("? {a: b}\n: c", "unhashable key"),
    "a control character": ("a: \x00", "not valid YAML"),
    "half of a character": ("a: \ud800", "half of a character"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_yaml_is_one_finding_and_takes_little_time(text: str, says: str) -> None:
    before = time.thread_time()

    with pytest.raises(ConfigError, match=says) as caught:
        load.parse(text, "config.yaml")

    assert time.thread_time() - before < 5
    assert all(len(finding) < 1000 for finding in caught.value.findings)
    assert len(caught.value.findings) <= 110


def test_an_unquoted_password_that_looks_like_an_alias_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="undefined alias") as caught:
        load.parse("password: *hunter2-Horse\n", "config.yaml")

    assert "hunter2" not in str(caught.value)


def test_anchors_may_be_used() -> None:
    """Ansible writes them where two places of its variables share a value."""
    config = load.parse(
        "sources:\n"
        "  a: {kind: databasement, url: https://a.lan, token: &token {file: /token}}\n"
        "  b: {kind: databasement, url: https://b.lan, token: *token}\n",
        "config.yaml",
    )

    assert [source.kind for source in config.sources.values()] == ["databasement"] * 2
