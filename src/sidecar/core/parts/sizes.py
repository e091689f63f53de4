"""Where the owner says that the size of a backup means nothing: ``shrink: false`` of a service or a job (rule 13)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from .part import Part


def unjudged(part: Part, jobs: Collection[str] | None = None) -> Part:
    """The part without judgement of its sizes; with ``jobs`` only of what those make."""
    expectations = tuple(
        replace(each, judges_size=False) if jobs is None or str(each.job) in jobs else each
        for each in part.expectations
    )
    return replace(part, expectations=expectations)
