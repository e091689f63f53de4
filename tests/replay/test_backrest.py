"""Every recorded situation of real Backrest servers, over real HTTPS: what is concluded must be what is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.core.model import Board, Verdict

from . import concluded
from .backrest_states import STATES, answers, recordings
from .lived import Lived

pytestmark = pytest.mark.fortnight

TABLES = concluded.read(Path(__file__).parent / "backrest_concluded.txt")
CONFIG = {
    "timezone": "Europe/Vienna",
    "sources": {"backrest": {"kind": "backrest", "url": "https://backrest.lan:9898"}},
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    with Lived(CONFIG, tmp_path_factory.mktemp("backrest")) as house:
        yield house


def test_every_recording_is_replayed() -> None:
    used = {log for state in STATES.values() for log in (*state.logs, *filter(None, [state.summary]))}
    assert used == recordings()
    assert set(STATES) == set(TABLES)


@pytest.mark.parametrize("name", STATES)
def test_first_contact(name: str, lived: Lived) -> None:
    (board,) = lived.boards((STATES[name].now, {"backrest": answers(STATES[name])}))
    assert lived.unanswered() == set()
    assert concluded.wrong(TABLES[name], board, _verdicts(board), source="backrest") == []


def _verdicts(board: Board) -> dict[str, Verdict]:
    """The job of a plan says the same as its service."""
    jobs = {row.name.removeprefix("backrest/"): row.verdict for row in board.jobs if row.kind != "plan"}
    services = {row.name: row.verdict for row in board.services}
    return jobs | services | {row.name: row.verdict for row in board.sources}
