"""What is found about secrets: whether each can be read, and whether it is long enough to be kept out of what others say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sidecar.texts.known_secrets import SHORT, is_of_the_protocols

from .findings import Finding, Severity

#: Shorter secrets are easily guessed, and parts of them are not withheld from texts.
WEAK = 16


class Strength(StrEnum):
    """What is told of a secret. Its value stays where it was read."""

    GOOD = "good"
    WEAK = "weak"
    SHORT = "short"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """A secret by its place in the configuration: its strength, or why it can't be read.

    ``refused``: why the sidecar does not use it, as a sentence: the address of a receiver, or the token of a program.
    """

    place: str
    strength: Strength | None
    error: str | None = None
    refused: str | None = None


def strength(secret: str) -> Strength:
    """How well it can be withheld."""
    if is_of_the_protocols(secret):
        return Strength.WORD
    if len(secret) < SHORT:
        return Strength.SHORT
    return Strength.WEAK if len(secret) < WEAK else Strength.GOOD


_WEAKNESSES = {
    Strength.WORD: "is a word that the upstreams use themselves, so it can't be withheld from what they say",
    Strength.SHORT: f"has fewer than {SHORT} characters, so it is withheld from what upstreams say only as a whole word",
    Strength.WEAK: f"has fewer than {WEAK} characters, so it is weak, and parts of it are not withheld",
}


def findings(secrets: Iterable[SecretFacts]) -> Iterator[Finding]:
    """What is wrong with them, or in one line that nothing is."""
    every = list(secrets)
    found = [finding for secret in every for finding in _of(secret)]
    yield from found
    if every and not found:
        text = (
            f"all {len(every)} secrets can be read and are long enough" if len(every) > 1 else "the secret can be read"
        )
        yield Finding(about="secrets", severity=Severity.OK, text=text)


def _of(secret: SecretFacts) -> Iterator[Finding]:
    if secret.error is not None:
        yield Finding(
            about="secrets",
            severity=Severity.PROBLEM,
            text=f"{secret.place}: {secret.error}",
            action="Correct the reference, or what it points to",
        )
    elif secret.refused is not None:
        yield Finding(
            about="secrets",
            severity=Severity.PROBLEM,
            text=secret.refused,
            action="Write another value there; the sidecar reads it within five minutes",
        )
    elif secret.strength in _WEAKNESSES:
        yield Finding(
            about="secrets",
            severity=Severity.WARNING,
            text=f"{secret.place} {_WEAKNESSES[secret.strength]}",
            action="Choose a longer one",
        )
