"""Patterns of Databasement: the same answer as a backtracking matcher gives, but never without end."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.reports.pcre import LONGEST_PATTERN, takes


@pytest.mark.parametrize(
    ("pattern", "name", "taken"),
    [
        ("^(?!archive_).*", "archive_2019", False),
        ("^(?!archive_).*", "shop", True),
        ("^(prod|live)_[a-z0-9]+$", "live_x1", True),
        ("^(prod|live)_[a-z0-9]+$", "test_x1", False),
        ("(?i)SHOP", "my_shop", True),
        ("^(?:a|b)(?i:C)$", "bc", True),
        ("^(?<kind>prod)_", "prod_1", True),
        (r"(?<!_)test$", "my_test", False),
        (r"(?<!_)test$", "mytest", True),
        (r"(?<=^a|^bb)c", "bbc", True),
        (r"\bcrm\b", "my-crm", True),
        (r"\bcrm\b", "my_crm", False),
        ("^[[:alpha:]]+$", "shop2", False),
        ("^[^[:digit:]]+$", "Shop", True),
        (r"^[\w-]{3,5}$", "a-b_c", True),
        ("^[]a]+$", "]a", True),
        ("^a{2}$", "aaa", False),
        ("^a{2,}$", "aaa", True),
        ("{x", "a{x", True),
        (r"\.", "a.b", True),
        (r"^shop\Z", "shop", True),
        ("^.$", "ä", False),
        ("Ä", "ä", False),
        ("^(?=.*a)(?=.*b)", "xbya", True),
        ("^.+?$", "x", True),
    ],
)
def test_what_a_pattern_takes(pattern: str, name: str, taken: bool) -> None:
    assert takes(pattern, name) is taken


@pytest.mark.parametrize(
    "pattern",
    ["", "[", "(a", "a)", "*a", "a|+", "[z-a]", "a{3,2}", "a/b", "a\\", "[a\\", "^*a", r"a\b?", "$+", r"\A{2}a"],
)
def test_a_pattern_that_pcre_refuses_takes_nothing(pattern: str) -> None:
    assert takes(pattern, "a") is False


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a)\1",
        "a++",
        "(?>a)",
        "(?R)",
        "(*FAIL)",
        r"\p{L}",
        r"\Qa\E",
        "a{,3}",
        "a**",
        "[[:nope:]]",
        "[[.a.]]",
        r"[\d-z]",
        "(?-i)a",
        "a(?<=a?)",
        "a(?<=b*)",
        "a(?<!(b|cd))",
        "(" * 40 + "a" + ")" * 40,
        "a" * (LONGEST_PATTERN + 1),
    ],
)
def test_what_is_not_understood_is_not_guessed(pattern: str) -> None:
    assert takes(pattern, "a") is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a|a)*b",
        "(a+)+$b",
        "(.*)*x",
        "((a{1000}){1000}){1000}b",
        "(((a{0,900}){0,900}){0,900})b",
        "(?<=(?<=(?<=(a|b)*)*)*)x",
        "(?=(?=(?=a*)*)*)*b",
        "((){60000}){60000}",
    ],
)
def test_no_pattern_takes_long(pattern: str) -> None:
    begun = time.process_time()
    answers = [takes(pattern, f"{'a' * 200}{number}") for number in range(50)]

    assert True not in answers or pattern.startswith("((){")
    assert time.process_time() - begun < 2


_ATOMS = st.sampled_from(["a", "b", "c", "_", ".", "[ab]", "[^a]", r"\d", r"\w", "^", "$", r"\b", "[a-c]"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    counted = st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map(
        lambda pair: f"(?:{pair[0]}){pair[1]}"
    )
    either = st.tuples(inner, inner).map("|".join)
    grouped = st.tuples(st.sampled_from(["(", "(?:", "(?=", "(?!"]), inner).map(lambda pair: f"{pair[0]}{pair[1]})")
    return counted | either | grouped | st.tuples(inner, inner).map("".join)


@given(st.recursive(_ATOMS, _grown, max_leaves=6), st.text("abcAB_1\n", max_size=7))
def test_it_agrees_with_a_backtracking_matcher(pattern: str, name: str) -> None:
    expected = re.search(pattern.encode(), name.encode(), re.IGNORECASE) is not None

    assert takes(pattern, name) is expected
