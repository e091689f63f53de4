"""The forms in which a secret may come back: encoded as a whole (base64, hex), or with some of its characters written otherwise.

For the first kind the secret is encoded and looked for; for the second the text is decoded, which also finds mixtures.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

#: Percent-encoded HTML in a JSON text is three of them; nobody does it five times by accident.
_ROUNDS = 4

_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def normal(text: str) -> str:
    """The text as it is compared: the same number of characters, without case, and the letters of both kinds of base64 alike.

    A space is a plus in the query of an address.
    """
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
    return lower.replace("-", "+").replace(" ", "+").replace("_", "/")


def base64_cores(secret: str) -> Iterator[str]:
    """What base64 makes of the secret wherever it stands in a longer text: the letters that depend on nothing beside it."""
    data = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode()
        yield encoded[-(-8 * before // 6) : 8 * (before + len(data)) // 6]


def decoded(text: str) -> Iterator[str]:
    """What the text may stand for: percent-encoding, HTML entities, escapes of JSON."""
    for _ in range(_ROUNDS):
        before = text
        for decode in (_percent, _entities, _escapes):
            changed = decode(text)
            if changed != text:
                text = changed
                yield text
        if text == before:
            return


def _percent(text: str) -> str:
    return unquote(text, errors="replace") if "%" in text else text


def _entities(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _escapes(text: str) -> str:
    return _JSON_ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _LETTERS.get(match[3], match[3])
