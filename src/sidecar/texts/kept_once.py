"""The same words in 50,000 rows or facts are one object in memory."""

from __future__ import annotations

import sys

#: Longer texts are rarely the same.
_REPEATED = 64


def kept_once(text: str) -> str:
    """The text, as the object that stands for it everywhere where it is short enough to be said again."""
    return sys.intern(text) if len(text) <= _REPEATED else text
