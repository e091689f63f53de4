"""What is due is either decided or still open: never both, never neither."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings

from sidecar.core.board.board import board_of
from sidecar.core.history.history import EMPTY
from sidecar.core.history.record import record
from sidecar.core.history.verdict_log import ExpectationKey, FinalState
from sidecar.core.judgement.judged import Judged, judged
from sidecar.core.model import State
from sidecar.core.past.undecided import undecided
from sidecar.core.timeline.members import member_of
from sidecar.core.timeline.verdict_memory import VerdictMemory, every_part, expectation_key, remember_verdicts
from sidecar.core.timeline.window import window
from tests.core.factories import at
from tests.core.racks import Rack, racks
from tests.core.sample_reports import group, pbs, pve, vzdump
from tests.core.sample_reports import settings as given_settings

EVER = at("2000-01-01 00:00"), at("2100-01-01 00:00")


def due(verdicts: Judged) -> set[tuple[ExpectationKey, datetime]]:
    """All that was due since the first reading, by expectation."""
    now = verdicts.inputs.now
    found: set[tuple[ExpectationKey, datetime]] = set()
    for name, part in every_part(verdicts):
        looked = verdicts.inputs.history.contact(part.part.source)
        if looked is None:
            continue
        for judgement in part.judgements:
            member = member_of(name, part, judgement, verdicts.inputs)
            since, until = looked + looked.resolution, now + now.resolution
            shown = window(member.schedules, member.runs, since, until, 2_000)
            key = expectation_key(part, judgement.expectation)
            found |= {(key, moment) for moment in shown.every[shown.first :]}
    return found


@pytest.mark.fortnight
@settings(suppress_health_check=list(HealthCheck))
@given(racks())
def test_each_due_time_is_decided_or_open_and_never_both(rack: Rack) -> None:
    reports, history = rack.live()
    verdicts = judged(reports, history, rack.settings, rack.now)
    _, log = remember_verdicts(VerdictMemory(), verdicts, board_of(verdicts))
    finals = {(each.expectation, each.due) for each in log.finals if each.state is not FinalState.SKIPPED}
    decided = {each.expectation: each.due for each in log.finals}

    still_open = undecided(verdicts, decided, *EVER)

    times = Counter((each.expectation, each.due) for each in still_open)
    assert not times or max(times.values()) == 1
    assert not times.keys() & finals
    assert times.keys() | finals == due(verdicts)


def test_what_failed_today_is_open_until_tomorrow_and_counts_only_where_it_is_asked_for() -> None:
    report = pve("22 12:00", vzdump("22 04:00", "22 04:10", "job errors"))
    beside = pbs("22 12:00", group("21 04:00"))
    history = record(record(EMPTY, pve("21 00:30")), beside)
    verdicts = judged({"pve": report, "pbs": beside}, history, given_settings(), at("22 12:05"))
    decided = {ExpectationKey("guest:pve:101", "pve/backup/critical", "pbs-main"): at("21 04:00")}

    def opened(start: str, end: str) -> list[tuple[datetime, State | None]]:
        found = undecided(verdicts, decided, at(start), at(end))
        return [(each.due, each.state) for each in found if each.expectation.member.startswith("guest")]

    assert opened("1 00:00", "30 00:00") == [(at("22 04:00"), State.FAILED)]
    assert opened("22 04:01", "30 00:00") == []
    assert opened("1 00:00", "22 04:00") == []
