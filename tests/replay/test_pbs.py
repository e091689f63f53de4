"""Every recorded state of a real backup server and every token, over real HTTPS: what is concluded must be what is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from sidecar.core.model import Board, State, Verdict
from sidecar.doctor import told as told_as_text
from sidecar.doctor.findings import Severity, worst
from sidecar.terminal.style import Style
from sidecar.upstream.upstream import Limits
from tests.cases.case import Answers

from . import concluded, pbs_house
from .concluded import Right
from .lived import HURRIED, Lived
from .pbs_recordings import answers, odd, odd_names, recorded_states
from .pbs_states import STATES

pytestmark = pytest.mark.fortnight

TABLES = concluded.read(Path(__file__).parent / "pbs_concluded.txt")

#: Nothing ran there yet, so Proxmox VE did nothing either.
_NEW = ("01", "02")

#: Tokens that may do more than to look: also to read what is in the backups.
_MORE_THAN_NEEDED = (
    "08 admin",
    "08 DatastoreReader",
    "08 DatastoreBackup_clusterA_owner_of_groups",
    "08 deeper_acl_replaces",
)

RED = (State.FAILED, State.MISSED, State.NEVER)

#: What is said only where it is true (issue reports: each of these was said where it was not).
NEVER_SAID = ("Add that server to sources", "did not answer", "is known to pbs", "was not read yet")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    with Lived(pbs_house.CONFIG, tmp_path_factory.mktemp("pbs")) as house:
        yield house


def _patience(name: str) -> Limits | None:
    """Where a call gets no answer, nobody waits a minute for it."""
    return HURRIED if any(answer == {"!": "timeout"} for answer in answers(STATES[name]).values()) else None


def told(name: str) -> Answers:
    """What both upstreams answer in a state."""
    state = STATES[name]
    return {"pve": pbs_house.pve(state.now, ran=name not in _NEW), "pbs": answers(state)}


def verdicts(board: Board) -> dict[str, Verdict]:
    """The rows by the names of the table; a mapped group's job says the same as its service."""
    rows = {row.name: row.verdict for row in board.services if row.name in CONFIGURED}
    rows |= {row.name.removeprefix("pbs/"): row.verdict for row in board.jobs if "/group/" not in row.name}
    rows |= {f"datastore {row.name}": row.verdict for row in board.datastores}
    return rows | {row.name: row.verdict for row in board.sources if row.name == "pbs"}


CONFIGURED = {service["name"] for service in pbs_house.CONFIG["services"]}


def test_every_recording_is_replayed() -> None:
    used = {layer if isinstance(layer, str) else layer[0] for state in STATES.values() for layer in state.layers}
    assert used == set(recorded_states())
    assert set(STATES) == set(TABLES)


@pytest.mark.parametrize("name", STATES)
def test_first_contact(name: str, lived: Lived) -> None:
    board = lived.boards((STATES[name].now, told(name)), limits=_patience(name))[-1]
    assert lived.unanswered() == set()
    assert concluded.wrong(TABLES[name], board, verdicts(board), source="pbs") == []
    assert list(untrue_or_unhelpful(board)) == []


def test_logs_say_more_than_the_status(lived: Lived) -> None:
    rows = verdicts(lived.boards((STATES["03"].now, told("03")))[-1])

    assert "chunks are missing of vm/100/2026-11-21T01:30:00Z in clusterB" in (rows["gc/store1"].reason or "")
    assert "missing Datastore.Backup on /datastore/store4" in (rows["sync/sync-otherowner"].reason or "")
    assert "vm/100/2026-11-23T01:30:00Z in clusterB" in (rows["verify/verify-B"].reason or "")


@pytest.mark.parametrize(
    "name",
    [
        "07 offline",
        "07 delete",
        "08 deeper_acl_replaces",
        "08 store1_only",
        "08 ns_clusterA_only",
        "08 noacl",
        "11 snapshot unreadable",
        "11 ns unreadable",
        "11 ns unreadable, ns_clusterA_only",
        "11 store4 missing",
        "11 store4 missing since start",
        "11 store4 empty",
    ],
)
def test_what_cannot_be_read_after_a_restart_is_not_red_for_it_nor_green_for_long(name: str, lived: Lived) -> None:
    good, state = STATES["03"], STATES[name]
    later = max(state.now, good.now) + timedelta(minutes=21)
    life = lived.boards(
        (good.now, told("03")), (state.now, None), (state.now, told(name)), (later, told(name)), limits=_patience(name)
    )
    before, _, after, old = (verdicts(board) for board in life)
    for row, right in TABLES[name].rows.items():
        if right.state == "unknown" and row != "pve/backup/a":
            assert after[row].state not in RED or after[row].state == before[row].state, after[row]
            assert old[row].state == "unknown", old[row]
    assert [text for board in life[2:] for text in untrue_or_unhelpful(board)] == []


@pytest.mark.parametrize("name", [name for name in STATES if name.startswith("08 ")])
def test_doctor_names_the_cure_that_the_source_names_for_each_token(name: str, lived: Lived) -> None:
    findings, board = lived.diagnosed(STATES[name].now, told(name))
    mine = [finding for finding in findings if finding.about == "source pbs"]
    row = next(row for row in board.sources if row.name == "pbs")
    text = "\n".join(told_as_text.lines(mine, Style()))

    cures = [each for each in (row.verdict.action or "", *row.limits) if "acl update" in each]
    assert all(cure.rstrip(".") in text for cure in cures)
    unknown = {service.name for service in board.services if service.verdict.state == "unknown"}
    assert unknown <= {name for finding in mine for name in finding.costs}
    rights = [finding for finding in mine if "may do more than it needs" in finding.text]
    assert bool(rights) is (name in _MORE_THAN_NEEDED)
    assert all("'audit@pbs!full'" in (finding.action or "") for finding in rights)
    assert (worst(mine) is Severity.OK) is (not cures and not rights and row.verdict.state == "ok")


@dataclass(frozen=True, slots=True)
class Odd:
    """An answer that a server gave to another request, as the answer to one of ours; what is right then."""

    row: str
    right: Right
    request: str | None = None


_LOGIN = Odd("pbs", Right("unknown", "authentication failed - ", "Renew its token"))
_PERMISSION = Odd(
    "web-frontend", Right("unknown", "may not see /datastore/store1/clusterA", "DatastoreAudit"), "clusterA"
)
_CLUSTER_A = Odd("web-frontend", Right("unknown", "snapshots store1/clusterA: HTTP 400", "disk of store1"), "clusterA")

#: By recorded answer. Those that are fine, or that no call of ours could get, are left out.
ODD = {
    **dict.fromkeys(
        [name for name in odd_names() if odd(name)["status"] == 401 and not name.startswith("extjs")], _LOGIN
    ),
    "missing_namespace_snapshots": _CLUSTER_A,
    "unknown_store_snapshots": _CLUSTER_A,
    "invalid_namespace_syntax": _CLUSTER_A,
    "namespace_too_deep": _CLUSTER_A,
    "two_parameter_errors": _CLUSTER_A,
    "missing_namespace_snapshots__token_without_access": _PERMISSION,
    "unknown_store_snapshots__token_without_access": _PERMISSION,
    "unknown_path": Odd("pbs", Right("warning", "upkeep gc: HTTP 404"), "/admin/gc"),
    "plain_http_on_the_tls_port": Odd("pbs", Right("unknown", "redirects")),
    "outside_api2": Odd("pbs", Right("unknown", "HTTP 404")),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_is_told_for_what_it_is(name: str, lived: Lived) -> None:
    right, answer = ODD[name], odd(name)
    now, both = STATES["03"].now, told("03")
    refused = {"!": answer["status"], "text": answer["body"], "location": answer.get("location")}
    hit = [request for request in both["pbs"] if request.endswith(right.request or "")]
    (board,) = lived.boards((now, {**both, "pbs": {**both["pbs"], **dict.fromkeys(hit, refused)}}))
    assert list(right.right.wrong(right.row, verdicts(board)[right.row])) == []
    assert not {"failed", "missed", "never"} & {
        row.verdict.state for row in board.services if right.request is None or row.name == right.row
    }


def untrue_or_unhelpful(board: Board) -> Iterator[str]:
    """Sentences that are not true anywhere here, unknown rows without a cure, and grants without their grantees."""
    every = [(row.name, row.verdict) for row in board.services] + [(row.name, row.verdict) for row in board.jobs]
    every += [(row.name, row.verdict) for row in board.datastores] + [(row.name, row.verdict) for row in board.sources]
    for name, verdict in every:
        said = f"{verdict.reason or ''} {verdict.action or ''}"
        yield from (f"{name}: {words}" for words in NEVER_SAID if words in said)
        if "acl update" in said and not ("'audit@pbs!full'" in said and "'audit@pbs'" in said):
            yield f"{name}: the grant does not name the token and its user: {said}"
    for service in board.services:
        verdict = service.verdict
        if verdict.state == "unknown" and not verdict.action and "being deleted" not in (verdict.reason or ""):
            yield f"{service.name}: no cure for {verdict.reason}"
