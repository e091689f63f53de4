"""Which tokens are accepted now, as digests, and what each of them opens."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sidecar.config.tokens import Scope


@dataclass(frozen=True, slots=True)
class Program:
    """A program with an accepted token; ``digest`` is that of its token."""

    name: str
    scopes: frozenset[Scope]
    digest: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """All programs with an accepted token. Never changes; another one takes its place.

    ``still_unread``: there are configured tokens, and none could be read since the start.
    """

    programs: tuple[Program, ...] = ()
    still_unread: bool = False

    def program(self, token: bytes) -> Program | None:
        """Whose token this is."""
        offered = digest(token)
        # Every digest is compared, so that the time taken does not reveal which token came close.
        known = [program for program in self.programs if hmac.compare_digest(offered, program.digest)]
        return known[0] if known else None


def digest(secret: bytes) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(secret).digest()


def nobody() -> Accepted:
    """What is accepted where no token is configured."""
    return Accepted()
