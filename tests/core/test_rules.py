"""Each rule of the judgement is found by its number, in the code that keeps it and in the tests that hold it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CORE = TESTS.parent.parent / "src" / "sidecar" / "core"
RULES = range(1, 16)


def docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_cited_by_its_number_in_a_docstring_of_the_core(rule: int) -> None:
    citation = re.compile(rf"\b[Rr]ule {rule}\b")

    assert any(citation.search(text) for path in CORE.rglob("*.py") for text in docstrings(path))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_tests_that_name_it(rule: int) -> None:
    named = re.compile(rf"^def test_rule_{rule}_", re.MULTILINE)

    assert any(named.search(path.read_text()) for path in TESTS.rglob("test_*.py"))
