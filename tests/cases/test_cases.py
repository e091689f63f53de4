"""Every case in ``data/`` over real HTTPS: what the product concludes must be what is right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.model import Board, Verdict
from sidecar.errors import ConfigError

from .case import DATA, Expected, read_case
from .lived import boards, configured
from .upstreams import CaseRack

pytestmark = pytest.mark.fortnight

_FILES = sorted(DATA.glob("*.json"))


@pytest.mark.parametrize("file", _FILES, ids=[file.stem for file in _FILES])
def test_what_is_concluded_is_right(file: Path, tmp_path: Path) -> None:
    assert wrong(file, tmp_path) == []


def test_there_are_cases() -> None:
    assert _FILES


def wrong(file: Path, directory: Path) -> list[str]:
    """Everything that is concluded wrongly in a case."""
    case = read_case(file)
    rack = CaseRack(case.config, directory)
    with rack.opened():
        try:
            config = configured(rack.config, directory)
        except ConfigError as error:
            return [] if case.refusal_is_right else [f"refused: {error}"]
        lived = asyncio.run(boards(case, config, rack, directory))
    return [
        f"{step.now:%m-%d %H:%M} {finding}"
        for step, board in zip(case.steps, lived, strict=True)
        if step.expected is not None
        for finding in _wrong(step.expected, board)
    ]


def _wrong(expected: Expected, board: Board) -> Iterator[str]:
    yield from _wrong_states("service", expected.services, {row.name: row.verdict for row in board.services})
    yield from _wrong_states("job", expected.jobs, {row.name: row.verdict for row in board.jobs})
    yield from _wrong_states("source", expected.sources, {row.name: row.verdict for row in board.sources})
    told = [*_texts(board), *board.notes]
    yield from _wrong_words("a reason or note", expected.says, expected.says_not, told)
    yield from _wrong_words("a note", expected.notes_say, expected.notes_not, board.notes)


def _wrong_states(what: str, right: dict[str, list[str]], verdicts: dict[str, Verdict]) -> Iterator[str]:
    for name, states in right.items():
        verdict = verdicts.get(name)
        if verdict is None:
            yield f"{what} {name} is not on the board; there are {', '.join(verdicts)}"
        elif verdict.state not in states:
            yield f"{what} {name} is {verdict.state}, not {' or '.join(states)}: {verdict.reason}"


def _wrong_words(where: str, wanted: Iterable[str], unwanted: Iterable[str], texts: Iterable[str]) -> Iterator[str]:
    everything = "\n".join(texts)
    for words in wanted:
        if words.casefold() not in everything.casefold():
            yield f"{words!r} does not stand in {where}:\n{everything}"
    for words in unwanted:
        if words.casefold() in everything.casefold():
            yield f"{words!r} stands in {where}:\n{everything}"


def _texts(board: Board) -> Iterator[str]:
    verdicts = [row.verdict for rows in (board.services, board.jobs, board.sources, board.datastores) for row in rows]
    verdicts += [part.verdict for service in board.services for part in service.parts]
    for verdict in verdicts:
        yield from filter(None, (verdict.reason, verdict.action))
    for source in board.sources:
        yield from source.limits


def _made(config: dict[str, Any], *steps: dict[str, Any]) -> str:
    return json.dumps({"about": "", "right": "", "config": config, "steps": steps})


def test_a_case_that_expects_something_wrong_fails(tmp_path: Path) -> None:
    document = json.loads(next(file for file in _FILES if file.stem.startswith("33")).read_text("utf-8"))
    wrongly = {"services": {"home": ["ok"], "nobody": ["ok"]}, "says": ["is on fire"], "says_not": ["Partial backup"]}
    document["steps"][0]["expect"] = {
        **wrongly,
        "jobs": {"backrest/plan/home": ["ok"]},
        "sources": {"backrest": ["late"]},
    }
    (tmp_path / "case.json").write_text(json.dumps(document), encoding="utf-8")

    findings = "\n".join(wrong(tmp_path / "case.json", tmp_path))

    for finding in ("service home is warning", "nobody is not on the board", "job backrest/plan/home is warning"):
        assert finding in findings
    for finding in ("source backrest is ok", "'is on fire' does not stand", "'Partial backup' stands in"):
        assert finding in findings


def test_what_nothing_checks_is_no_expectation(tmp_path: Path) -> None:
    step = {"now": "2026-11-28T08:00:00+01:00", "answers": {}, "expect": {"headlines": ["x"]}}
    (tmp_path / "case.json").write_text(_made({"sources": {}}, step), encoding="utf-8")

    with pytest.raises(ValueError, match="nothing would check headlines"):
        read_case(tmp_path / "case.json")


def test_refusals_and_silence_are_answers_and_a_refused_configuration_may_be_right(tmp_path: Path) -> None:
    secret = {"credential": "x"}
    sources: dict[str, Any] = {
        "away": {"kind": "databasement", "url": "http://away.lan", "token": secret},
        "ill": {"kind": "databasement", "url": "https://ill.lan", "token": secret},
    }
    answers = {"away": {"GET /health": {"!": "timeout"}}, "ill": {"GET /health": {"!": 500, "text": "ill"}}}
    expect = {"sources": {"away": ["unknown"], "ill": ["unknown"]}, "says": ["timed out", "HTTP 500"]}
    step: dict[str, Any] = {"now": "2026-11-28T08:00:00+01:00", "answers": answers, "expect": expect}
    (tmp_path / "case.json").write_text(_made({"sources": sources}, step), encoding="utf-8")
    refused = {"sources": {**sources, "odd": {"kind": "odd", "url": "https://odd.lan"}}}
    step["expect"] = {"refused_is_right": True}
    (tmp_path / "refused.json").write_text(_made(refused, step), encoding="utf-8")
    for directory in ("case", "refused"):
        (tmp_path / directory).mkdir()

    assert wrong(tmp_path / "case.json", tmp_path / "case") == []
    assert wrong(tmp_path / "refused.json", tmp_path / "refused") == []
