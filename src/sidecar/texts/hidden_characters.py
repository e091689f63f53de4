r"""Characters that nobody sees, or that turn the text around them, written as escapes: ``\u001b``, ``\u202e``.

This happens once, where a text comes in (upstream/border.py), so that pages, JSON, logs, ledger and commands all show the
same. Two names that differ only in such characters stay different, and also from a name that contains the escape itself.
The form is that of JSON, for Proxmox writes some characters of a UPID as ``\x3a``.
"""

from __future__ import annotations

import re

# Named by number, and not asked of Python's own tables: with the next Python a name would become another one.
_HIDDEN = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_BREAKS = r"\t\n\r"
_ESCAPE = r"u[0-9a-f]{4}|U[0-9a-f]{8}"


def _pattern(characters: str, *, escapes: bool) -> re.Pattern[str]:
    return re.compile(rf"(\\*)([{characters}])" + (rf"|(\\+)(?={_ESCAPE})" if escapes else ""))


#: A hidden character with the backslashes before it; or backslashes before what looks like one of our escapes.
_WITHIN_LINES = _pattern(_HIDDEN, escapes=True)
_LINE_BREAKS = _pattern(_BREAKS, escapes=False)
_ANY = re.compile(f"[{_HIDDEN}{_BREAKS}]")


def visible(text: str) -> str:
    """The text with escapes for its hidden characters, except tabs and line breaks. Not to be repeated on its result."""
    if text.isascii() and "\\" not in text and (text.isprintable() or not _ANY.search(text)):
        return text
    return _WITHIN_LINES.sub(_escaped, text)


def visible_line(text: str) -> str:
    """The same of its tabs and line breaks, for a text that was made visible and is a name."""
    return text if text.isprintable() else _LINE_BREAKS.sub(_escaped, text)


def displayed(text: str, kept: str = "") -> str:
    """Any text with escapes for whatever can't be printed, but for the characters ``kept``; not for names.

    It is safe to repeat. What Python's next version prints may differ, so a name must not depend on it.
    """
    if text.isprintable() and not _ANY.search(text):
        return text
    return "".join(
        letter if letter in kept or (letter.isprintable() and not _ANY.match(letter)) else _escape(letter)
        for letter in text
    )


def without_hidden(text: str) -> str:
    """The text without its hidden characters."""
    return _ANY.sub("", text)


def _escaped(match: re.Match[str]) -> str:
    """Backslashes are doubled where they stand before an escape, so that it can be told from one that was there before."""
    if match.lastindex == 3:
        return match[3] * 2
    return match[1] * 2 + _escape(match[2])


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
