"""A month in numbers: they are the ledger's, each due time is counted once, and what nobody saw is not counted as anything."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.history.history import Sighting
from sidecar.core.history.verdict_log import (
    ExpectationKey,
    FinalOccurrence,
    FinalState,
    ObservationGap,
    ServiceDay,
    VerdictChange,
    VerdictLog,
    of_service,
)
from sidecar.core.model import State
from sidecar.core.past.incidents import services_of
from sidecar.core.past.members import ServiceMembers
from sidecar.core.past.month import Month, MonthReport, Row, RowKind, month_report
from sidecar.core.past.present import Present
from sidecar.core.past.records import Records
from sidecar.core.past.tally import OccurrenceState, Tally, total
from sidecar.core.past.undecided import Undecided
from sidecar.ledger.ledger import Ledger

BERLIN = ZoneInfo("Europe/Berlin")
NOVEMBER = Month(2026, 11)
AFTERWARDS = datetime(2026, 12, 1, 9, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

VAULT, MAIL, PRUNE = "guest:pve:101", "database:db:pg/mail", "upkeep:pbs:prune/daily"


def on(day: int, hour: int = 4, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=BERLIN).astimezone(UTC)


def final(day: int, state: FinalState = FinalState.KEPT, member: str = VAULT, **changes: Any) -> FinalOccurrence:
    made = FinalOccurrence(
        member=member,
        job="pve/backup/a",
        destination="",
        due=on(day),
        state=state,
        run_start=None,
        decided_at=on(day, 5),
    )
    return replace(made, **changes)


def service(name: str, *members: str, since: datetime | None = LONG_AGO) -> ServiceMembers:
    return ServiceMembers(service=name, members=frozenset(members), looked_since=since)


def records(month: Month = NOVEMBER, **changes: Any) -> Records:
    nothing: dict[str, Any] = {"finals": (), "changes": (), "gaps": (), "days": ()}
    return Records(start=month.start(BERLIN), end=month.end(BERLIN), **{**nothing, **changes})


def present(*services: ServiceMembers, at: datetime = AFTERWARDS, **changes: Any) -> Present:
    given: dict[str, Any] = {"contacts": {"pve": LONG_AGO, "db": LONG_AGO, "pbs": LONG_AGO}}
    return Present(at=at, zone=BERLIN, services=services, **{**given, **changes})


def report(found: Records, now: Present) -> MonthReport:
    return month_report(NOVEMBER, found, now)


def tally(**numbers: int) -> Tally:
    """So many of each state."""
    return Tally(tuple(numbers.get(state.value, 0) for state in OccurrenceState))


def row(made: MonthReport, name: str) -> Row:
    (only,) = [each for each in made.rows if each.name == name]
    return only


# --- months -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "start", "hours"),
    [
        (Month(2026, 3), "2026-02-28T23:00:00+00:00", 31 * 24 - 1),
        (Month(2026, 10), "2026-09-30T22:00:00+00:00", 31 * 24 + 1),
        (Month(2028, 2), "2028-01-31T23:00:00+00:00", 29 * 24),
        (Month(2026, 12), "2026-11-30T23:00:00+00:00", 31 * 24),
    ],
)
def test_a_month_runs_by_the_clocks_of_its_zone(month: Month, start: str, hours: int) -> None:
    assert month.start(BERLIN).isoformat() == start
    assert month.end(BERLIN) - month.start(BERLIN) == timedelta(hours=hours)
    assert month.following.previous == month


def test_a_month_that_begins_at_a_skipped_midnight_begins_with_the_first_time_that_there_is() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    start = Month(2018, 4).start(beirut)  # The clocks were put forward on 25 March; April begins as usual.
    assert start.astimezone(beirut).hour == 0
    paraguay = ZoneInfo("America/Asuncion")
    begins = Month(2017, 10).start(paraguay)  # On Sunday 1 October 2017 there was no 00:30.
    assert begins.astimezone(paraguay).isoformat() == "2017-10-01T01:00:00-03:00"


# --- counting ---------------------------------------------------------------------------------------------------------


def test_promised_is_all_that_was_due_but_what_was_paused_or_skipped() -> None:
    states = [*FinalState, FinalState.KEPT]
    found = records(finals=tuple(final(day, state) for day, state in enumerate(states, 1)))
    open_one = Undecided(ExpectationKey(VAULT, "pve/backup/a", ""), on(30))

    counts = row(report(found, present(service("vault", VAULT), undecided=(open_one,))), "vault").counts

    assert counts == tally(kept=2, kept_late=1, missed=1, failed=1, paused=1, skipped=1, not_observed=1, open=1)
    assert counts is not None
    assert counts.promised == 7


def test_a_member_that_two_services_share_is_shown_in_both_and_counted_once() -> None:
    found = records(finals=(final(1), final(2, FinalState.FAILED), final(1, member=MAIL)))
    made = report(found, present(service("vault", VAULT), service("all", VAULT, MAIL)))

    assert row(made, "vault").counts == tally(kept=1, failed=1)
    assert row(made, "all").counts == tally(kept=2, failed=1)
    assert made.backups == tally(kept=2, failed=1)


def test_what_no_service_has_any_more_has_a_row_of_its_own() -> None:
    gone = "guest:pve:9"
    found = records(
        finals=(final(1, member=gone), final(1, member=PRUNE)),
        days=(ServiceDay(service="old wiki", day=date(2026, 11, 4), count=3),),
    )
    made = report(
        found,
        present(
            service("vault", VAULT),
            seen={gone: Sighting(first=LONG_AGO, name="wiki")},
            titles={"pbs/prune/daily": "Prune main"},
        ),
    )

    assert [(each.kind, each.name) for each in made.rows] == [
        (RowKind.SERVICE, "vault"),
        (RowKind.FORMER, "old wiki"),
        (RowKind.FORMER, "wiki (guest:pve:9)"),
        (RowKind.UPKEEP, "Prune main"),
    ]
    assert row(made, "old wiki").counts is None
    assert (made.backups, made.upkeep) == (tally(kept=1), tally(kept=1))


def test_what_belongs_to_a_source_that_was_not_read_yet_is_not_called_gone() -> None:
    unknown, gone = "guest:pve:9", "guest:other:9"
    found = records(finals=(final(1, member=unknown), final(1, member=gone)))
    made = report(found, present(service("vault", VAULT), unread=frozenset({"pve"})))

    assert [(each.kind, each.name) for each in made.rows[1:]] == [
        (RowKind.FORMER, gone),
        (RowKind.UNREAD, unknown),
    ]
    assert made.backups == tally(kept=2)


def test_what_is_required_of_a_service_is_an_incident_of_that_service_and_no_row_of_its_own() -> None:
    unread = VerdictChange(
        member="service:vault",
        job="",
        destination="",
        at=on(3),
        state_from=State.OK,
        state_to=State.UNKNOWN,
        cause="unreadable",
        reason="pbs2/store can't be read.",
    )
    for found in (records(changes=(unread,)), records(before=(replace(unread, at=on(3, month=10)),))):
        made = report(found, present(service("vault", VAULT), expectations=frozenset({of_service("vault")})))

        assert [(each.kind, each.name) for each in made.rows] == [(RowKind.SERVICE, "vault")]
        (incident,) = made.incidents.listed
        assert services_of(incident, made.names) == ("vault",)


@pytest.mark.parametrize(("gone", "length"), [(on(6), timedelta(days=1)), (None, None), (on(2, month=10), None)])
def test_what_is_gone_is_without_a_backup_only_until_it_was_gone(
    gone: datetime | None, length: timedelta | None
) -> None:
    member = "guest:pve:9"
    ends = tuple(on(day) for day in range(1, 6))
    found = records(finals=(final(1, member=member),), good_ends={member: ends})
    made = report(found, present(seen={member: Sighting(first=LONG_AGO, name="wiki", gone=gone)}))

    (only,) = made.rows
    assert (only.gap and only.gap.length) == length


def test_what_was_not_there_yet_is_without_a_backup_only_since_it_was_seen() -> None:
    seen = {MAIL: Sighting(first=on(20), name="mail")}
    ends = {VAULT: tuple(on(day) for day in range(1, 31))}
    made = report(records(good_ends=ends), present(service("vault", VAULT, MAIL), seen=seen))

    gap = row(made, "vault").gap
    assert gap is not None
    assert (gap.start, gap.began_before, gap.lasts) == (on(20), False, True)


def test_a_service_stands_at_the_end_as_on_its_last_known_day() -> None:
    days = [ServiceDay(service="vault", day=date(2026, 11, day), count=day, verified=2) for day in (3, 27)]
    made = report(records(days=tuple(days)), present(service("vault", VAULT)))

    assert row(made, "vault").stood == days[1]


# --- before anybody looked, and what is not over --------------------------------------------------------------------------


def test_a_month_before_anybody_looked_is_blank() -> None:
    since = on(3, month=12)
    made = report(records(), present(service("vault", VAULT, since=since), at=on(9, month=12), contacts={"pve": since}))

    assert made.is_blank
    assert row(made, "vault").counts is None
    assert row(made, "vault").gap is None


def test_what_the_memory_has_dropped_is_blank_too_and_not_0() -> None:
    made = report(records(complete_since=on(1, month=12)), present(service("vault", VAULT)))

    assert made.is_blank
    assert row(made, "vault").counts is None


def test_nothing_due_is_0_and_not_blank() -> None:
    made = report(records(), present(service("vault", VAULT)))

    assert not made.is_blank
    assert row(made, "vault").counts == tally()


def test_a_month_that_is_not_over_is_counted_up_to_now() -> None:
    now = present(service("vault", VAULT), at=on(11))
    found = records(gaps=(ObservationGap(source="pve", start=on(10)),), good_ends={VAULT: (on(9),)})
    made = report(found, now)

    assert not made.is_over
    assert made.until == on(11)
    assert made.observations[0].gaps == ((on(10), on(11)),)
    gap = row(made, "vault").gap
    assert gap is not None
    assert (gap.start, gap.end, gap.lasts) == (NOVEMBER.start(BERLIN), on(9), False)


def test_gaps_in_observation_are_clipped_and_counted_once() -> None:
    found = records(
        gaps=(
            ObservationGap(source="pve", start=on(20, month=10), until=on(2)),
            ObservationGap(source="pve", start=on(1), until=on(3)),
            ObservationGap(source="former", start=on(29), until=on(2, month=12)),
        )
    )
    seen = {each.source: each for each in report(found, present()).observations}

    assert seen["pve"].gaps == ((NOVEMBER.start(BERLIN), on(3)),)
    assert seen["former"].gaps == ((on(29), NOVEMBER.end(BERLIN)),)
    assert seen["db"].unobserved == timedelta()


# --- the numbers are the ledger's -----------------------------------------------------------------------------------------

MEMBERS = st.sampled_from([VAULT, MAIL, PRUNE, "guest:pve:9", "plan:backrest:photos", "upkeep:backrest:check/b2"])
KEYS = st.builds(ExpectationKey, MEMBERS, st.sampled_from(["pve/backup/a", "db/dump/b"]), st.sampled_from(["", "nas"]))
#: From a week before the month to a week after it, also at its very edges.
DUES = st.one_of(
    st.datetimes(datetime(2026, 10, 24), datetime(2026, 12, 7), timezones=st.just(UTC)),
    st.sampled_from([NOVEMBER.start(BERLIN), NOVEMBER.end(BERLIN), NOVEMBER.end(BERLIN) - datetime.resolution]),
)


@st.composite
def logs(draw: st.DrawFn) -> VerdictLog:
    keys = st.tuples(KEYS, DUES)
    finals = draw(st.dictionaries(keys, st.sampled_from(FinalState), max_size=40))
    return VerdictLog(
        finals=tuple(
            FinalOccurrence(
                member=key.member,
                job=key.job,
                destination=key.destination,
                due=due,
                state=state,
                run_start=None,
                decided_at=due,
            )
            for (key, due), state in finals.items()
        )
    )


@pytest.mark.fortnight
@given(logs())
def test_the_sums_are_those_of_what_was_written_into_the_ledger(log: VerdictLog) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder), AFTERWARDS)
        ledger.record_verdicts(log)
        ledger.close()
        found = ledger.records(NOVEMBER.start(BERLIN), NOVEMBER.end(BERLIN), BERLIN)
    assert found is not None

    made = report(found, present(service("vault", VAULT), service("both", VAULT, MAIL)))

    def counted(*members: str) -> Tally:
        local = [each for each in log.finals if each.due.astimezone(BERLIN).strftime("%Y-%m") == "2026-11"]
        states = Counter(each.state.value for each in local if not members or each.member in members)
        return tally(**states)

    assert row(made, "vault").counts == counted(VAULT)
    assert row(made, "both").counts == counted(VAULT, MAIL)
    assert made.backups + made.upkeep == counted()
    # Every member has a row: one of a service, one of its own, or one of upkeep. The mail is only in "both".
    rows = [each.counts for each in made.rows if each.name != "both" and each.counts is not None]
    assert total(rows) + counted(MAIL) == counted()
