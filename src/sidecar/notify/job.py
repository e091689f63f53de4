"""What the process that sends is given, and what it answers: one JSON document each way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Failure(StrEnum):
    """Why a message did not go out."""

    ADDRESS = "address"
    SECRET = "secret"  # noqa: S105 (the word, not a value)
    CA_FILE = "ca_file"
    NO_HOST = "no_host"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    UNTRUSTED = "untrusted"
    DENIED = "denied"
    REDIRECTED = "redirected"
    REJECTED = "rejected"
    SERVER_ERROR = "server_error"
    RECIPIENT = "recipient"
    ENDED = "ended"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One message for one address.

    Attributes:
        url: the address, a secret.
        ca_file: CA certificates for its server; None: the system's.
        kind, incidents, at, link: see Message; ``at`` as text.
    """

    url: str
    title: str
    body: str
    kind: str
    incidents: Sequence[str]
    at: str
    link: str | None = None
    ca_file: str | None = None

    def to_bytes(self) -> bytes:
        """For the process's standard input."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises ValueError, TypeError."""
        return cls(**json.loads(data))


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a job.

    Attributes:
        failure: why it did not go out; None: it went out.
        status: the server's HTTP status or SMTP code, where there was an answer.
        detail: a clause of ours or of the TLS library; never the server's words.
    """

    failure: Failure | None = None
    status: int | None = None
    detail: str | None = None

    def to_bytes(self) -> bytes:
        """For the process's standard output."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises ValueError: the process answered something else."""
        answer: Any = json.loads(data)
        if not isinstance(answer, dict) or "failure" not in answer:
            raise ValueError("not an answer")
        status, detail = answer.get("status"), answer.get("detail")
        return cls(
            failure=None if answer["failure"] is None else Failure(answer["failure"]),
            status=status if isinstance(status, int) else None,
            detail=detail[:200] if isinstance(detail, str) and detail.isprintable() else None,
        )
