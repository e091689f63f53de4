"""A case file: a configuration, the answers of its upstreams at each step, and what must be concluded then.

``{"about", "right", "config", "steps": [{"now", "answers": {source: {"GET /path?query": body}}, "expect"}]}``. A later step
gives only the answers that changed. ``{"!": 500, "text": "…"}`` is a refusal, ``{"!": "timeout"}`` no answer at all. The query
is sorted and leaves out ``since``, which moves with the clock; a POST is written with its JSON body, or without.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

#: By source, then by request.
Answers = dict[str, dict[str, Any]]

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is right at one step. Names map to the states that are right; words must (not) stand in any text."""

    services: dict[str, list[str]]
    jobs: dict[str, list[str]]
    sources: dict[str, list[str]]
    says: list[str]
    says_not: list[str]
    notes_say: list[str]
    notes_not: list[str]


@dataclass(frozen=True, slots=True)
class Step:
    """A moment, all answers that the upstreams give from then on, and what is expected then."""

    now: datetime
    answers: Answers
    expected: Expected | None


@dataclass(frozen=True, slots=True)
class FieldCase:
    """One situation. ``refusal_is_right``: refusing the configuration with the cure is right too."""

    about: str
    right: str
    config: dict[str, Any]
    steps: tuple[Step, ...]
    refusal_is_right: bool


def read_case(path: Path) -> FieldCase:
    """The case in a file."""
    document = json.loads(path.read_text("utf-8"))
    refusal_is_right = bool(document.get("refused_is_right"))
    answers: Answers = {name: {} for name in document["config"]["sources"]}
    steps = []
    for step in document["steps"]:
        answers = {name: {**known, **step["answers"].get(name, {})} for name, known in answers.items()}
        expect = step.get("expect")
        refusal_is_right |= bool(expect and expect.get("refused_is_right"))
        steps.append(Step(datetime.fromisoformat(step["now"]), answers, _expected(expect) if expect else None))
    return FieldCase(document["about"], document["right"], document["config"], tuple(steps), refusal_is_right)


def _expected(expect: dict[str, Any]) -> Expected:
    known = {"services", "jobs", "sources", "says", "says_not", "notes_say", "notes_not", "refused_is_right"}
    if unknown := set(expect) - known:
        raise ValueError(f"nothing would check {', '.join(sorted(unknown))}")

    def states(name: str) -> dict[str, list[str]]:
        return dict(expect.get(name, {}))

    def words(name: str) -> list[str]:
        return list(expect.get(name, []))

    return Expected(
        services=states("services"),
        jobs=states("jobs"),
        sources=states("sources"),
        says=words("says"),
        says_not=words("says_not"),
        notes_say=words("notes_say"),
        notes_not=words("notes_not"),
    )
