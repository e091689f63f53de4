"""What of a secret must not be told. Of most it is all of it; of an address with a login or a token in it, only these.

An address of a receiver also holds a host name, and texts of upstreams hold host names of the same house. Those would be
withheld on every page, if the address as a whole were a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

#: Addresses as they are used: of receivers (notify/address.py), and of the heartbeat.
_ADDRESS = re.compile(r"(?:https?|ntfys?|gotifys?|discord|tgram|mailtos?|jsons?)://\S+", re.IGNORECASE)

#: Of these the place of the host is a part of the token.
_WITHOUT_HOST = ("discord", "tgram")

#: Options whose values are no secrets.
_OPEN = frozenset({"from", "to", "cc", "bcc", "name", "reply", "smtp", "mode", "auth", "format", "priority", "method"})


def secret_parts(secret: str) -> tuple[str, ...]:
    """The secret itself, or the parts of an address that are secret."""
    if not _ADDRESS.fullmatch(secret):
        return (secret,)
    try:
        parts = {part for part in _of_address(secret) if part}
    except ValueError:
        return (secret,)
    return tuple(sorted(parts | {unquote(part) for part in parts}))


def _of_address(address: str) -> Iterator[str]:
    parts = urlsplit(address)
    login, at, _ = parts.netloc.rpartition("@")
    if at:
        user, colon, password = login.partition(":")
        yield password if colon else user
    elif parts.scheme.lower() in _WITHOUT_HOST:
        yield from filter(_is_token, re.split("[:/]", parts.netloc))
    yield from filter(_is_token, parts.path.split("/"))
    for name, value in parse_qsl(parts.query):
        if name.lower() not in _OPEN:
            yield value


def _is_token(text: str) -> bool:
    """Words have no digits, tokens have some."""
    return any(letter.isdigit() for letter in text)
