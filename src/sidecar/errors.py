"""What can go wrong, as exceptions.

    SidecarError
    ├── ConfigError     the configuration file: all findings at once, each with its place and how to fix it (exit 2)
    ├── SecretError     a credential, file or Vault field can't be read
    └── SourceError     an upstream could not be read; becomes a Problem of a scope or a source

Messages are for the person who must act. They name keys, sources and permissions, never a secret's value.
"""

from __future__ import annotations

from sidecar.core.reports.report import ProblemKind


class SidecarError(Exception):
    """Base of all errors that backup-glance raises on purpose."""


class ConfigError(SidecarError):
    """The configuration can't be used. ``findings`` are lines of the form "place: what is wrong; what to do"."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = findings


class SecretError(SidecarError):
    """A secret could not be read. The message names the reference, never a value."""


class SourceError(SidecarError):
    """An upstream could not be read.

    Attributes:
        cause: one clause, for example "connection refused" or "HTTP 403: permission check failed".
        kind, culprit: see Problem.
        action: what to do, if known.
        status: the HTTP status, if there was an answer.
        in_front: the refusal is not the upstream's own: a proxy in front of it asks for HTTP basic auth, or shows a page.
    """

    def __init__(
        self,
        cause: str,
        *,
        kind: ProblemKind,
        culprit: str | None = None,
        action: str | None = None,
        status: int | None = None,
        in_front: bool = False,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.kind = kind
        self.culprit = culprit
        self.action = action
        self.status = status
        self.in_front = in_front

    @property
    def denied(self) -> bool:
        """The credential was refused, or a permission is proved to be missing."""
        return self.kind.denied
