"""Which addresses of receivers are used: a few schemes of Apprise, and none of its options that weaken or leak.

What is wrong is told without the address, which is a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

#: Characters of an address.
LONGEST = 4_096

_EVERYWHERE = frozenset({"format", "user", "pass", "password", "to"})

#: The schemes, and which of Apprise's options each may have. Whatever else it knows now or later is refused: ``verify``
#: and ``redirect`` weaken TLS, others read files, load code, or wait.
OPTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "ntfy": _EVERYWHERE | {"auth", "token", "mode", "image", "avatar_url", "email", "priority", "tags", "xtags"},
        "gotify": _EVERYWHERE | {"priority"},
        "discord": _EVERYWHERE | {"avatar", "avatar_url", "botname", "footer", "image", "thread", "tts", "fields"},
        "tgram": _EVERYWHERE | {"silent", "preview", "topic", "thread", "detect"},
        "mailto": _EVERYWHERE | {"from", "name", "smtp", "cc", "bcc", "reply", "mode", "port"},
        "json": _EVERYWHERE | {"method"},
    }
)

#: The same over TLS.
_SECURE = MappingProxyType({"ntfys": "ntfy", "gotifys": "gotify", "mailtos": "mailto", "jsons": "json"})

#: What may be named in a message; anything else may be a secret in the wrong place.
_NAME = re.compile(r"[+:-]?[A-Za-z_-]{1,16}")

#: Only an address of this one may name headers, parameters and fields of its own: +header=, -parameter=, :field=.
_WITH_FIELDS = "json"


#: In an address of this one a colon is part of the token.
_WITH_COLON = "tgram"


def plain_scheme(scheme: str) -> str | None:
    """ "ntfy" for ntfy and ntfys; None for what is not used."""
    plain = _SECURE.get(scheme, scheme)
    return plain if plain in OPTIONS else None


def fault(address: str) -> str | None:
    """Why this address is not used, as a clause; None where it is."""
    if len(address) > LONGEST or any(not letter.isprintable() for letter in address) or " " in address:
        return "its address is too long, or holds spaces or line breaks"
    try:
        parts = urlsplit(address)
        if parts.scheme != _WITH_COLON:
            # Raises where there can be no such port.
            _ = parts.port
        options = parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return "its address can't be understood"
    # What follows # is ignored here and may be read by others.
    if parts.fragment or "#" in address:
        return "its address holds a #; write it as %23"
    return fault_of(parts.scheme.lower(), options) or (SEVERAL if _targets(parts, options) > 1 else None)


#: Where one of several refuses a message, all of them would get it again with each attempt.
SEVERAL = "its address names several targets; write one receiver for each"

#: Where Apprise takes a text for several.
_BETWEEN = re.compile(r"[\[\];,\s/\\]+")


def _targets(parts: SplitResult, options: Sequence[tuple[str, str]]) -> int:
    """How many topics, chats or people get each message."""
    plain = plain_scheme(parts.scheme.lower())
    given = {name: [value for key, value in options if key.lower() == name] for name in ("to", "cc", "bcc", "mode")}
    path = unquote(parts.path)
    if plain == "mailto":
        host = unquote(parts.netloc.rpartition("@")[2])
        others = [*given["cc"], *given["bcc"]]
        return max(_people([host, path, *given["to"]]), 1 if _people(others) else 0) + _people(others)
    if plain not in ("ntfy", "tgram"):
        return 1
    names = {name for text in (path, *given["to"]) for name in _BETWEEN.split(text) if name}
    if plain == "ntfy" and (not names or "cloud" in given["mode"]):
        # A topic at ntfy.sh, which may be written in place of the host.
        host = unquote(parts.netloc.rpartition("@")[2])
        names |= {name for name in _BETWEEN.split(host) if name and not name.lower().startswith("ntfy.sh")}
    return len(names)


def _people(texts: Iterable[str]) -> int:
    return sum(text.count("@") for text in texts)


def fault_of(scheme: str, options: Iterable[tuple[str, str]]) -> str | None:
    """The same, of a scheme with its options."""
    plain = plain_scheme(scheme)
    if plain is None:
        known = ", ".join(sorted({*OPTIONS, *_SECURE}))
        return f"the scheme {scheme[:20] or 'of its address'} is not supported; use one of {known}"
    for name, value in options:
        if name[:1] in ("+", "-", ":", " ") and plain == _WITH_FIELDS:
            continue
        if name.lower() not in OPTIONS[plain]:
            called = f"the option {name.strip()}" if _NAME.fullmatch(name.strip()) else "one of the options"
            return f"{called} is not allowed in its address"
        if name.lower() == "format" and value.lower() != "text":
            return "the option format must be text: messages are plain text"
        if scheme == "mailtos" and name.lower() == "mode" and value.lower() == "insecure":
            return "mode=insecure contradicts mailtos; use mailto, or another mode"
    return None
