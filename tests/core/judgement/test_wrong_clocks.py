"""Rule 6: where nothing came in time and the clock of an upstream is wrong, the reason says whose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.model import State, Verdict
from sidecar.core.reports.facts import Task, Zone
from sidecar.core.reports.report import Reading, Report
from tests.core.sample_reports import group, judged, pbs, pve, row, vzdump

NOON = "23 12:00"
BEHIND = -2 * 86_400


def clock(report: Report, ahead: int | None, node: str | None = None) -> Report:
    """The report of a server whose clock is so many seconds ahead."""
    shown = Reading(("clock",), report.at, (Zone(node=node, timezone="UTC", ahead=ahead),))
    return replace(report, readings=(shown, *report.readings))


def verdict(*tasks: Task, came: tuple[str, ...] = (), server: int | None = None, node: int | None = None) -> Verdict:
    cluster = clock(pve("23 11:58", vzdump("22 04:00", "22 05:00"), *tasks), node, "pve1")
    return row(judged(NOON, cluster, clock(pbs("23 11:58", group("22 04:05", *came)), server)), "vaultwarden").verdict


@pytest.mark.parametrize(
    ("server", "node", "says"),
    [
        (BEHIND, None, "the clock of pbs is 2 days behind"),
        (None, 3 * 3600, "the clock of node pve1 of pve is 3 hours ahead"),
        (BEHIND, 3 * 3600, "the clock of node pve1 of pve is 3 hours ahead"),
    ],
)
def test_what_did_not_come_is_explained_first_by_the_source_itself(
    server: int | None, node: int | None, says: str
) -> None:
    plain, explained = verdict(), verdict(server=server, node=node)

    assert (plain.state, explained.state) == (State.MISSED, State.MISSED)
    assert explained.reason == f"{(plain.reason or '').removesuffix('.')}; {says}."
    assert explained.action == f"Correct the clock first: {says}. {plain.action}"


def test_what_nobody_can_do_more_about_still_says_to_correct_the_clock() -> None:
    """At 04:10 it is late, which asks for nothing yet."""
    cluster = pve("23 04:09", vzdump("22 04:00", "22 05:00"))
    server = clock(pbs("23 04:09", group("22 04:05")), BEHIND)

    late = row(judged("23 04:10", cluster, server), "vaultwarden").verdict

    assert (late.state, late.action) == (State.LATE, "Correct the clock first: the clock of pbs is 2 days behind.")


def test_a_failed_task_may_be_explained_by_a_clock_and_is_looked_at_as_before() -> None:
    failed = vzdump("23 04:00", "23 05:00", "job errors")
    plain, explained = verdict(failed), verdict(failed, server=BEHIND)

    assert (plain.state, explained.state) == (State.FAILED, State.FAILED)
    assert explained.reason == f"{(plain.reason or '').removesuffix('.')}; the clock of pbs is 2 days behind."
    assert explained.action == plain.action


def test_a_wrong_clock_says_nothing_against_what_came() -> None:
    done = vzdump("23 04:00", "23 05:00")

    assert verdict(done, came=("23 04:05",), server=BEHIND) == verdict(done, came=("23 04:05",))
