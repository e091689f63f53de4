"""What an upstream, or what lies before it, can do to whoever reads it: one list for all four of them.

Each begins and ends at a rack that runs. Nothing else about the rack changes: behind it work goes on.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.simulators import hostile
from tests.simulators.rack import Rack
from tests.simulators.wire import CONNECTION, Answering, How

#: Below these paths an upstream tells what there is to tell: no login, and not whether it lives.
_TOLD = {"pbs": "/", "pve": "/", "databasement": "/api/v1", "backrest": "/v1.Backrest"}

#: Keys whose values are words of the upstream's own choice.
_OWN_WORDS = ("status", "state", "last-run-state", "worker_type", "mode", "database_selection_mode", "subtype", "type")

#: Keys of texts that people choose.
_NAMES = ("comment", "notes", "displayMessage", "error_message", "description", "title")

#: What stands in a name that wants to harm.
HOSTILE_NAME = "<script>alert(1)</script>\x1b[2J\u202e\r\nX: y"

_FAR = timedelta(days=365 * 20)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Outage:
    """Something that goes wrong with an upstream.

    Attributes:
        name: what happens, in words that go on from "the upstream".
        never_ends: which of a client's two time limits ends it: "silent" the one between two pieces of an answer,
            "slow" the one for a whole answer; None where it ends by itself.
    """

    name: str
    begins: Callable[[Rack, str], object]
    ends: Callable[[Rack, str], object]
    never_ends: Literal["silent", "slow"] | None = None


def _broken(
    name: str, how: How, *, everywhere: bool = True, never_ends: Literal["silent", "slow"] | None = None
) -> Outage:
    """All its answers are broken this way; else only what it tells, not its login."""
    return Outage(
        name,
        lambda rack, source: rack.break_answer(source, "/" if everywhere else _TOLD[source], how),
        lambda rack, source: rack.repair(source),
        never_ends,
    )


# --- answers that are changed ---------------------------------------------------------------------------------------------


def _changed(change: Callable[[object, str], object]) -> Answering:
    """The real answer with each of its values changed: ``change`` takes the value and its key, and gives another one."""

    async def answer(upstream: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        start: dict[str, Any] = {}

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))

        await upstream(scope, receive, collect)
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        await send({**start, "headers": headers})
        text = json.dumps(_walk(json.loads(body), "", change)) if body else ""
        await send({"type": "http.response.body", "body": text.encode()})

    return answer


def _walk(value: object, key: str, change: Callable[[object, str], object]) -> object:
    if isinstance(value, dict):
        return {name: _walk(member, name, change) for name, member in value.items()}
    if isinstance(value, list):
        return [_walk(member, key, change) for member in value]
    return change(value, key)


def _null(_value: object, _key: str) -> object:
    return None


def _unknown(value: object, key: str) -> object:
    return "something-new" if key in _OWN_WORDS and isinstance(value, str) else value


def _much_later(value: object, key: str) -> object:
    """Times as Proxmox, Databasement and Backrest write them."""
    if isinstance(value, int) and not isinstance(value, bool) and 1_000_000_000 < value < 4_000_000_000:
        return value + int(_FAR.total_seconds())
    if isinstance(value, str) and key.endswith("Ms") and value.isdecimal() and value != "0":
        return str(int(value) + int(_FAR.total_seconds()) * 1000)
    if isinstance(value, str) and _ISO.match(value):
        return (datetime.fromisoformat(value) + _FAR).astimezone(UTC).isoformat()
    return value


def _harmful(value: object, key: str) -> object:
    return f"{value} {HOSTILE_NAME}" if key in _NAMES and isinstance(value, str) else value


# --- what happens to the connection and to the login ------------------------------------------------------------------------


async def _reset(_upstream: ASGIApp, scope: Scope, _receive: Receive, _send: Send) -> None:
    """uvicorn's own connection, cut off before a byte of the answer."""
    scope[CONNECTION].__self__.transport.abort()


def _rotate(rack: Rack, source: str) -> None:
    rack.site.rotate(source)


def _both_rotated(rack: Rack, source: str) -> None:
    rack.rotate_token(source)


_BOMB = gzip.compress(gzip.compress(b" " * 50_000_000))

OUTAGES: Mapping[str, Outage] = {
    outage.name: outage
    for outage in (
        Outage("refuses connections", Rack.close, Rack.open),
        _broken("takes the request and never answers", hostile.silent(), never_ends="silent"),
        _broken("sends a byte at a time, without an end", hostile.endless(b" ", every=0.05), never_ends="slow"),
        _broken("resets the connection", _reset),
        _broken("breaks off within an answer", "cut"),
        _broken("sends half of its JSON", "truncated"),
        _broken("sends bytes that are no text", "garbage"),
        _broken("sends a web page", "login-page"),
        _broken("redirects to another host", "redirect"),
        _broken("answers 401", 401),
        _broken("answers 403", 403),
        _broken("answers 404", 404),
        _broken("answers 429 and asks for 7 seconds", 429),
        _broken("answers 429", hostile.sends(b"slow down", status=429)),
        _broken("answers 500", 500),
        _broken("answers 502", 502),
        _broken("answers 503 and asks for 7 seconds", 503),
        _broken("answers 503", hostile.sends(b"too busy", status=503)),
        _broken("sends values of another type", "wrong-type", everywhere=False),
        _broken("sends null for each value", _changed(_null), everywhere=False),
        _broken("sends words that nobody knows", _changed(_unknown), everywhere=False),
        _broken("sends times that lie in 20 years", _changed(_much_later), everywhere=False),
        _broken("sends names that want to harm", _changed(_harmful), everywhere=False),
        _broken("sends gzip within gzip", hostile.sends(_BOMB, headers={"content-encoding": "gzip"}), everywhere=False),
        _broken("sends a list without an end", "oversized", everywhere=False),
        _broken("sends a document of a million parts", hostile.filled("[]"), everywhere=False),
        Outage("shows another certificate", Rack.swap_certificate, Rack.swap_certificate_back),
        Outage("revokes the token", Rack.refuse_token, lambda rack, source: rack.refuse_token(source, refused=False)),
        Outage(
            "has another token than the one that is configured", _rotate, lambda rack, source: rack.write_secret(source)
        ),
        Outage("has another token, which is configured too", _both_rotated, lambda _rack, _source: None),
    )
}
"""By name, in the order in which they are told."""

REFUSED = (
    "answers 401",
    "answers 403",
    "revokes the token",
    "has another token than the one that is configured",
)
"""The token is refused, or may not see anything."""

HARMLESS = ("sends names that want to harm", "has another token, which is configured too")
"""Everything goes on."""
