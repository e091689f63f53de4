"""What turned bad while an older version was ended: by the ledger's own changes, under the names that messages use."""

from __future__ import annotations

from pathlib import Path

from sidecar.core.alerts.turned import added, turned
from sidecar.core.history.verdict_log import VerdictChange
from sidecar.core.model import State
from tests.core.sample_reports import group, pbs, pve
from tests.ledgers import GUESTS, VZDUMP, filled, keeper_and_ledger


def change(before: State | None, after: State) -> VerdictChange:
    names = {"member": "guest:pve:101", "job": "pve/backup/critical", "destination": "pbs:main"}
    return VerdictChange(at=VZDUMP.start, state_from=before, state_to=after, cause="in_time", **names)


def test_what_was_missed_while_nobody_looked_turned_bad(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path, "24 12:00")
    changes = added({}, keeper.shown.changes)
    for report in (pbs("24 11:59", group("21 04:05", "22 04:05")), pve("24 11:59", VZDUMP, guests=GUESTS)):
        changes = added(changes, keeper.judge_with(report).changes)
    made = keeper.judge()
    ledger.close()

    assert [(row.name, str(row.verdict.state)) for row in made.board.services] == [("vaultwarden", "missed")]
    assert turned(changes, made.board) == {"service:vaultwarden"}


def test_what_was_not_known_for_a_moment_did_not(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path)
    ledger.close()
    changes = added({}, [change(State.OK, State.UNKNOWN), change(State.UNKNOWN, State.OK)])

    assert turned(changes, keeper.board) == frozenset()
    assert turned(added(changes, [change(State.OK, State.FAILED)]), keeper.board) == {"service:vaultwarden"}


def test_what_is_seen_for_the_first_time_is_no_news(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path)
    ledger.close()

    assert turned(added({}, [change(None, State.FAILED)]), keeper.board) == frozenset()
    assert turned(added({}, [change(State.FAILED, State.MISSED)]), keeper.board) == frozenset()
