"""The calls that PBS and PVE answer: a pattern for the path, the parameters it knows, and a function that answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from urllib.parse import parse_qs

from starlette.requests import Request

from tests.simulators.acl import Acl
from tests.simulators.story import Moment
from tests.simulators.upstream_site import Access, Site

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class RefusedError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Question:
    """One request, ready to be answered. ``parts`` are the named parts of the path."""

    site: Site
    access: Access
    moment: Moment
    parts: Mapping[str, str]
    parameters: Mapping[str, list[str]]

    @property
    def acl(self) -> Acl:
        """What the caller may do."""
        return self.access.acl

    def text(self, name: str, default: str = "") -> str:
        """A parameter that may be left out."""
        return self.parameters.get(name, [default])[0]

    def number(self, name: str, default: int) -> int:
        """A whole number; 400 for anything else."""
        try:
            return int(self.text(name, str(default)))
        except ValueError:
            raise RefusedError(400, f"parameter verification failed - '{name}': unable to parse integer.") from None

    def flag(self, name: str) -> bool:
        """A boolean as Proxmox takes it (PBS-31)."""
        word = self.text(name, "0")
        if word not in ("0", "1", "true", "false"):
            raise RefusedError(400, f"parameter verification failed - '{name}': Unable to parse boolean option.")
        return word in ("1", "true")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes beside and into ``data``; ``streamed`` answers come in chunks without a length."""

    data: Json
    beside: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A path that is known. ``public``: nobody is asked who he is."""

    pattern: re.Pattern[str]
    parameters: frozenset[str]
    answer: Callable[[Question], Answer]
    public: bool = False
    method: str = "GET"


def call(
    path: str, answer: Callable[[Question], Answer], *parameters: str, public: bool = False, method: str = "GET"
) -> Call:
    """A call; ``{name}`` in the path stands for one part of it."""
    pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path))
    return Call(pattern, frozenset(parameters), answer, public, method)


def find(calls: Iterable[Call], path: str) -> tuple[Call, dict[str, str]] | None:
    """The call for a path, and its named parts. Doubled and trailing slashes don't matter (PBS-31)."""
    plain = "/" + "/".join(part for part in path.split("/") if part)
    for known in calls:
        match = known.pattern.fullmatch(plain)
        if match:
            return known, match.groupdict()
    return None


def query(request: Request) -> dict[str, list[str]]:
    """The parameters of a request, empty ones too."""
    return parse_qs(request.url.query, keep_blank_values=True)


async def form(request: Request) -> dict[str, list[str]]:
    """The parameters in its body, as HTML forms send them."""
    return parse_qs((await request.body()).decode(), keep_blank_values=True)


def epoch(moment: datetime) -> int:
    """Seconds since 1970, as Proxmox writes times."""
    return int(moment.timestamp())
