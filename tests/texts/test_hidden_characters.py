"""Characters that nobody sees are shown as escapes, and no two names become one."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.texts.hidden_characters import displayed, visible, visible_line

#: Signs that stand before a number in Arabic and Kaithi: people see them.
SEEN = {*range(0x600, 0x606), 0x6DD, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}

odd = st.text(alphabet="ab\\u0213f\x1b\u202e\u200b\n\t\U000e0041\ud800", max_size=12)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("vaultwarden", "vaultwarden"),
        ("Größe, 日本　語, 🛡️", "Größe, 日本　語, 🛡️"),
        ("nas\u200b", r"nas\u200b"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\x1b[31mred", r"\u001b[31mred"),
        ("\x00\x7f\x9b", r"\u0000\u007f\u009b"),
        ("a\U000e0041", r"a\U000e0041"),
        ("half \ud800", r"half \ud800"),
        (r"C:\users\x41", r"C:\users\x41"),
        (r"UPID:pbs:1:verify:main\x3av1:root@pam:", r"UPID:pbs:1:verify:main\x3av1:root@pam:"),
        (r"a\u001b", r"a\\u001b"),
        ("a\\\x1b", r"a\\\u001b"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_what_nobody_sees_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_every_control_and_format_character_is_one_that_nobody_sees() -> None:
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    hidden = {chr(number) for number in range(sys.maxunicode + 1) if unicodedata.category(chr(number)) in kinds}
    hidden -= {chr(number) for number in SEEN}

    assert [hex(ord(letter)) for letter in hidden if visible_line(visible(letter)) == letter] == []


@given(odd, odd)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (visible_line(visible(one)) == visible_line(visible(other))) == (one == other)


@given(st.text())
def test_what_is_displayed_is_printable_whatever_it_was(text: str) -> None:
    assert displayed(text).isprintable()
    assert displayed(displayed(text)) == displayed(text)
