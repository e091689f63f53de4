"""Source × fault × {at start, after good data}: what is said, what stands, what is unknown, and that it heals."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.faults.cells import Cell, Laboratory
from tests.faults.table import DOCUMENT, document
from tests.simulators.outages import HARMLESS, HOSTILE_NAME, OUTAGES, REFUSED
from tests.simulators.upstream_site import SOURCES

pytestmark = pytest.mark.fortnight

#: It answers, and some of what it tells can be read.
OF_ANSWERS = ("sends words that nobody knows", "sends null for each value")

#: Backups are proved by what else is told: by sizes and times of snapshots, and by the backup server.
PROVED_ELSEWHERE = {("pbs", "sends words that nobody knows"), ("pve", "sends times that lie in 20 years")}

CELLS = [(source, name) for source in SOURCES for name in OUTAGES]
MEASURED: dict[tuple[str, str], Cell] = {}


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with Laboratory(tmp_path_factory.mktemp("faults")) as opened:
        yield opened


@pytest.mark.parametrize(("source", "name"), CELLS, ids=[" ".join(cell) for cell in CELLS])
def test_a_fault(laboratory: Laboratory, source: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sidecar")
    cell = MEASURED[source, name] = laboratory.cell(source, OUTAGES[name])
    boards = (cell.at_start, cell.before, cell.soon, cell.later, cell.healed)

    assert cell.before.parts == {"ok"}, "the house was not well before"
    assert cell.healed.source.state == "ok", "it does not heal"
    assert cell.healed.parts == {"ok"}, "it does not heal"
    assert all(board.rest == cell.before.rest for board in boards), "others are touched"
    for text in (*(board.text for board in boards), caplog.text):
        assert not any(secret in text for secret in laboratory.secrets), "a secret is told"
        assert HOSTILE_NAME not in text
    assert "internal error" not in caplog.text
    if name in HARMLESS or (source, name) in PROVED_ELSEWHERE:
        assert all(board.parts == {"ok"} for board in boards)
        return
    states = {"unknown", "new", "warning", "failed", "late", "missed"}
    assert cell.at_start.parts <= states, "ok without evidence"
    assert cell.at_start.source.state != "ok" or cell.at_start.parts, "it is not told"
    if cell.at_start.source.state == "ok":
        return  # it answers, and what it says is judged
    assert cell.at_start.parts == {"unknown"}
    assert cell.at_start.source.reason
    assert cell.at_start.watched is not None
    assert cell.at_start.watched.reason, "unknown without a reason"
    assert cell.soon.source.state in ("warning", "unknown")
    if name in REFUSED:
        assert cell.soon.parts == {"unknown"}, "a refused token takes effect at once"
    if name in OF_ANSWERS:
        return
    assert cell.later.parts == ({"ok"} if source == "pve" and name not in REFUSED else {"unknown"})
    if name not in REFUSED:
        assert cell.soon.parts == {"ok"}, "a good verdict stands until stale_after"


def test_the_document_is_what_was_measured() -> None:
    """``python -m tests.faults`` writes it anew."""
    if len(MEASURED) < len(CELLS):
        pytest.skip("not all cells were measured")

    assert DOCUMENT.read_text(encoding="utf-8") == document(MEASURED)
