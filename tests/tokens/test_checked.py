"""Which tokens are accepted, and what is said of the others."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.tokens import Scope
from sidecar.tokens.accepted import Accepted
from sidecar.tokens.checked import Entry, programs

GOOD, OTHER = "good-token-of-a-program-01234567", "other-token.of_a~program-0123456789"
KEY = "key-of-caddy-0123456789-0123456789"


def entry(value: str | None, name: str = "n8n", number: int = 0, trouble: str = "") -> Entry:
    return Entry(f"tokens.{number}.token", name, frozenset({Scope.API}), value, trouble)


def test_a_good_token_is_accepted_and_nothing_is_said() -> None:
    accepted, refused = programs([entry(GOOD), entry(OTHER, "phone", 1)], [KEY])

    assert [program.name for program in accepted] == ["n8n", "phone"]
    assert refused == ()
    assert Accepted(accepted).program(GOOD.encode()) == accepted[0]
    assert Accepted(accepted).program(OTHER.encode()) == accepted[1]
    assert Accepted(accepted).program(b"") is None


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (GOOD[:31], "shorter than 32 characters"),
        ("", "shorter than 32 characters"),
        (f"{GOOD} ", "a character that is not one of"),
        (f"{GOOD}\nsecond line", "a character that is not one of"),
        (f"{GOOD}/", "a character that is not one of"),
        (f"{GOOD}%41", "a character that is not one of"),
        (f"{GOOD}é", "a character that is not one of"),
        (f"{GOOD}１", "a character that is not one of"),
        (KEY, "the key between Caddy and the sidecar"),
    ],
)
def test_another_one_is_not_and_it_is_said_which_and_why(value: str, says: str) -> None:
    accepted, (sentence,) = programs([entry(value)], [KEY])

    assert accepted == ()
    assert sentence.startswith("The token of program n8n (tokens.0.token) is not accepted: ")
    assert says in sentence
    assert not value or value not in sentence


def test_two_with_the_same_token_are_both_refused() -> None:
    accepted, refused = programs([entry(GOOD), entry(OTHER, "phone", 1), entry(GOOD, "grafana", 2)], [])

    assert [program.name for program in accepted] == ["phone"]
    assert len(refused) == 2
    assert all("another entry has the same token" in sentence for sentence in refused)
    assert GOOD not in str(refused)


def test_two_that_can_not_be_read_are_not_the_same() -> None:
    accepted, refused = programs([entry(None, trouble="file /x: gone"), entry(None, "b", 1, "file /y: gone")], [])

    assert accepted == ()
    assert [sentence.partition(" is not accepted: ")[2] for sentence in refused] == [
        "it can't be read: file /x: gone.",
        "it can't be read: file /y: gone.",
    ]


@given(st.lists(st.text(alphabet=string.ascii_letters + string.digits + "-._~ /%é\n", max_size=40), max_size=5))
def test_no_sentence_holds_a_token_and_each_entry_is_either_accepted_or_told(values: list[str]) -> None:
    accepted, refused = programs([entry(value, number=number) for number, value in enumerate(values)], [KEY])

    assert len(accepted) + len(refused) == len(values)
    assert not any(value in sentence for value in values if len(value) >= 32 for sentence in refused)
    for program in accepted:
        assert Accepted(accepted).program(program.digest) is None
