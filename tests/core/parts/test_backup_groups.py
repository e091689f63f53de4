"""Backup groups of a PBS that nobody's guest writes: rows by name, rhythm and what is expected (rule 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.history.record import record
from sidecar.core.model import Board, OccurrenceKind, PartKind, ServiceRow, State
from sidecar.core.reports.facts import BackupGroup, Namespace, UpkeepJob, Verification
from sidecar.core.reports.report import Problem, ProblemKind, Reading, Report
from sidecar.core.settings import ExpectSetting, Ignore, JobSetting, PartSetting, ServiceSetting, Settings
from sidecar.core.timeline.timeline import timeline
from tests.core.factories import at
from tests.core.sample_reports import PBS, Scopes, group, judged, pbs, pve, row, service, settings, vzdump

ALONE = settings(PBS)
#: The last days of a group that comes every night at half past one.
NIGHTLY = tuple(f"{day} 01:30" for day in range(15, 23))


def host(*times: str, name: str = "nas", comment: str | None = None, **changes: Any) -> BackupGroup:
    made = group(*times, vmid=name, kind="host")
    snapshots = tuple(replace(snapshot, comment=comment) for snapshot in made.snapshots)
    return replace(made, snapshots=snapshots, owner="backup@pbs", **changes)


def alone(*groups: BackupGroup, now: str = "22 12:00", given: Settings = ALONE, extra: Scopes | None = None) -> Board:
    return judged(now, pbs(now, *groups, extra=extra or {}), given=given)


def only(board: Board) -> ServiceRow:
    (service,) = board.services
    return service


# --- names ---


@pytest.mark.parametrize(
    ("comment", "name"), [("Archive box", "Archive box"), (None, "host/nas"), ("x" * 200, "x" * 100)]
)
def test_a_group_is_called_like_its_comment_or_itself(comment: str | None, name: str) -> None:
    assert only(alone(host(*NIGHTLY, comment=comment))).name == name


def test_the_newest_comment_counts_and_an_upload_has_none_yet() -> None:
    newest, *older = host(*NIGHTLY, "!22 11:00", comment="old").snapshots
    made = replace(host(), snapshots=(replace(newest, comment=None), replace(older[0], comment="new"), *older[1:]))

    assert only(alone(made)).name == "new"


def test_groups_of_one_name_stay_apart() -> None:
    made = alone(host(*NIGHTLY, comment="nightly"), host(*NIGHTLY, name="web", comment="nightly"))

    assert [row.name for row in made.services] == ["nightly (pbs:main/host/nas)", "nightly (pbs:main/host/web)"]


def test_without_a_cluster_guests_and_copies_are_rows_too() -> None:
    sync = UpkeepJob(kind="sync", id="pull", datastore="copies", schedule="05:00", owner="sync@pbs")
    copy = replace(group(*NIGHTLY, datastore="copies", kind="vm"), owner="sync@pbs")
    extra: Scopes = {("snapshots", "copies", ""): (copy,), ("upkeep", "sync"): (sync,)}

    assert {row.name for row in alone(group(*NIGHTLY), extra=extra).services} == {"ct/101", "vm/101"}


# --- rhythm ---


@pytest.mark.parametrize(
    ("now", "state", "reason"),
    [
        ("22 12:00", State.OK, "Comes about every day; newest backup today 01:30."),
        ("23 10:30", State.OK, "Comes about every day; newest backup yesterday 01:30."),
        ("23 10:31", State.WARNING, "Usually every day; the newest is 1 day old; newest backup yesterday 01:30."),
        ("2026-12-21 12:00", State.WARNING, "Usually every day; the newest is 29 days old"),
        (
            "2026-12-22 12:00",
            State.DISABLED,
            "Kept, and nothing is expected any more: it came every day, and the newest",
        ),
    ],
)
def test_it_is_measured_by_how_often_it_came(now: str, state: State, reason: str) -> None:
    made = alone(host(*NIGHTLY), now=now)

    assert only(made).verdict.state is state
    assert str(only(made).verdict.reason).replace("Sun 22 Nov", "yesterday").startswith(reason)


@pytest.mark.parametrize(
    ("times", "state", "reason"),
    [
        (("20 01:30", "21 01:30"), State.DISABLED, "Nothing is expected: too few backups show how often they come"),
        (("20 01:30", "21 01:30", "!22 11:30"), State.RUNNING, "Running since today 11:30"),
        (("20 01:30", "!21 01:30"), State.WARNING, "The run of yesterday 01:30 failed: its upload never finished"),
        (("!21 01:30",), State.WARNING, "The run of yesterday 01:30 failed: its upload never finished; no backup of"),
        (("!1 Oct 01:30",), State.DISABLED, "Nothing is expected"),
        ((*NIGHTLY, "!22 11:30"), State.RUNNING, "Running since today 11:30"),
        ((*NIGHTLY[:-2], "!21 01:30"), State.FAILED, "The run of yesterday 01:30 failed: its upload never finished"),
        ((*NIGHTLY[:-2], "!21 01:30", "22 01:30"), State.OK, "Comes about every 2 days"),
    ],
)
def test_uploads_and_groups_without_a_rhythm(times: Sequence[str], state: State, reason: str) -> None:
    verdict = only(alone(host(*times))).verdict

    assert (verdict.state, str(verdict.reason).replace("Sat 21 Nov", "yesterday")[: len(reason)]) == (state, reason)


@pytest.mark.parametrize(("corrupt", "state"), [(0, State.FAILED), (3, State.WARNING)])
def test_a_corrupt_newest_one_is_a_failure_and_an_older_one_a_warning(corrupt: int, state: State) -> None:
    made = host(*NIGHTLY)
    snapshots = list(made.snapshots)
    snapshots[corrupt] = replace(snapshots[corrupt], verification=Verification(ok=False, at=at("22 10:00"), own=True))

    assert only(alone(replace(made, snapshots=tuple(snapshots)))).verdict.state is state


def test_what_retention_removed_still_shows_the_rhythm() -> None:
    """Three are kept, of which nobody could tell how often they come."""
    history = EMPTY
    for day in range(15, 23):
        kept = tuple(f"{each} 01:30" for each in range(max(day - 2, 15), day + 1))
        history = record(history, pbs(f"{day} 12:00", host(*kept)))
    last = pbs("23 12:00", host("20 01:30", "21 01:30", "22 01:30"))
    verdict = only(board({"pbs": last}, history, ALONE, at("23 12:00"))).verdict

    assert (verdict.state, verdict.reason) == (
        State.WARNING,
        "Usually every day; the newest is 1 day old; newest backup Sun 22 Nov 01:30.",
    )


@pytest.mark.parametrize("services", [(), (service("archive", "pbs:main/host/nas"),)])
def test_one_whose_backups_were_all_removed_is_not_in_its_rhythm(services: tuple[ServiceSetting, ...]) -> None:
    """An upload of long ago is left of it; and a clock that ran ahead once makes no rhythm."""
    history = record(EMPTY, pbs("22 12:00", host(*NIGHTLY, "24 01:30")))
    given = settings(PBS, services=services)
    verdict = only(board({"pbs": pbs("22 13:00", host("!22 12:59"))}, history, given, at("22 13:00"))).verdict
    damaged = replace(host("!15 01:30").snapshots[0], damaged=True)
    left = pbs("22 13:00", replace(host(), snapshots=(damaged,)))

    assert verdict.state is State.RUNNING
    assert only(board({"pbs": left}, history, given, at("22 13:00"))).verdict.state is State.FAILED
    verdict = only(board({"pbs": pbs("22 13:00", host("23 01:30"))}, history, given, at("22 13:00"))).verdict
    assert (verdict.state, str(verdict.reason)[:22]) == (State.WARNING, "Usually every day; no ")


def test_groups_of_guests_are_remembered_where_nobody_tells_their_schedule() -> None:
    report = pbs("22 12:00", group(*NIGHTLY), host(*NIGHTLY))

    assert list(record(EMPTY, report).runs) == ["pbs/group/main/host/nas"]
    assert list(record(EMPTY, report, every_group=True).runs) == ["pbs/group/main/ct/101", "pbs/group/main/host/nas"]


@pytest.mark.parametrize(
    ("times", "state", "reason"),
    [
        (NIGHTLY, State.OK, "Comes about every day"),
        (("21 01:30", "22 01:30"), State.WARNING, "No schedule is known, and too few backups show how often they come"),
        (("1 Aug 01:30", "2 Aug 01:30"), State.WARNING, "No schedule is known"),
    ],
)
def test_of_what_a_service_names_something_is_expected(times: Sequence[str], state: State, reason: str) -> None:
    verdict = only(
        alone(host(*times), given=settings(PBS, services=(service("archive", "pbs:main/host/nas"),)))
    ).verdict

    assert (verdict.state, str(verdict.reason)[: len(reason)]) == (state, reason)
    assert verdict.action == ("Say when it runs: expect, schedule." if state is State.WARNING else None)


def test_what_is_switched_off_under_jobs_is_quiet_and_a_schedule_there_counts() -> None:
    off = settings(PBS, jobs={"pbs/group/main/host/nas": JobSetting(disabled=True)})
    due = settings(PBS, jobs={"pbs/group/main/host/nas": JobSetting(schedule="09:00")})

    assert only(alone(host(*NIGHTLY), given=off)).verdict.state is State.DISABLED
    assert only(alone(host(*NIGHTLY), given=due, now="22 12:01")).verdict.state is State.MISSED


# --- what is shown of it ---


def test_owner_encryption_and_protection_are_told() -> None:
    made = host(*NIGHTLY)
    snapshots = tuple(
        replace(each, encrypted=place == 0, protected=place in (2, 5)) for place, each in enumerate(made.snapshots)
    )
    (part,) = only(alone(replace(made, snapshots=snapshots))).parts

    assert (part.owner, part.encrypted, part.protected, part.job) == ("backup@pbs", True, 2, None)


def test_it_is_no_job_and_its_backups_are_in_the_calendar_under_its_name() -> None:
    report = pbs("22 12:00", host(*NIGHTLY, comment="nas"))
    shown = timeline({"pbs": report}, EMPTY, ALONE, at("22 12:00")).occurrences(at("21 00:00"), at("24 00:00"))

    assert alone(host(*NIGHTLY)).jobs == ()
    assert [(each.title, each.kind, each.state) for each in shown] == [("nas", OccurrenceKind.BACKUP, State.OK)] * 2


@pytest.mark.parametrize(("groups", "shown"), [(100, 100), (101, 0)])
def test_so_many_that_they_would_hide_the_rest_are_left_out_of_the_calendar(groups: int, shown: int) -> None:
    report = pbs("22 12:00", *(host("22 01:30", name=f"h{number}") for number in range(groups)))
    made = timeline({"pbs": report}, EMPTY, ALONE, at("22 12:00"))

    assert len(made.occurrences(at("22 00:00"), at("23 00:00"))) == shown


def test_what_the_owner_expects_is_a_backup_under_the_name_of_its_service() -> None:
    expect = ExpectSetting("sun 06:00", "Europe/Berlin", timedelta(hours=12))
    part = PartSetting(PartKind.GUEST, "pbs:main/host/nas", expect)
    given = settings(PBS, services=(ServiceSetting(name="Archive", parts=(part,)),))
    report = pbs("22 12:00", host("15 06:10", "22 06:10"))
    shown = timeline({"pbs": report}, EMPTY, given, at("22 12:00")).occurrences(at("22 00:00"), at("30 00:00"))
    (job,) = alone(host("15 06:10", "22 06:10"), given=given).jobs

    assert [(each.title, each.kind, each.state) for each in shown] == [
        ("Archive", OccurrenceKind.BACKUP, State.OK),
        ("Archive", OccurrenceKind.BACKUP, None),
    ]
    assert (job.name, job.title, job.verdict.state) == ("pbs/group/main/host/nas", "Archive", State.OK)


def test_two_that_one_service_expects_are_told_apart() -> None:
    expect = ExpectSetting("06:00", "Europe/Berlin")
    parts = tuple(PartSetting(PartKind.GUEST, f"pbs:main/host/{name}", expect) for name in ("nas", "web"))
    given = settings(PBS, services=(ServiceSetting(name="Archive", parts=parts),))
    jobs = alone(host(*NIGHTLY), host(*NIGHTLY, name="web"), given=given).jobs

    assert {job.title for job in jobs} == {"Archive (main/host/nas)", "Archive (main/host/web)"}


@pytest.mark.parametrize(
    ("groups", "headline"),
    [
        ((host(*NIGHTLY), host(*NIGHTLY, name="web")), "All 2 backed up"),
        ((host(*NIGHTLY), host("21 01:30", name="web")), "All 1 backed up"),
        ((host("21 01:30"),), "Nothing is expected yet"),
        ((), "No service seen: all lists are empty"),
    ],
)
def test_the_headline_counts_what_is_expected(groups: tuple[BackupGroup, ...], headline: str) -> None:
    assert alone(*groups).overall.headline == headline


# --- references ---


def mapped(*refs: str, groups: tuple[BackupGroup, ...], extra: Scopes | None = None) -> Board:
    return alone(*groups, given=settings(PBS, services=(service("hosts", *refs),)), extra=extra)


WEB, NAS = host(*NIGHTLY, name="web"), host(*NIGHTLY)
DEEP: Scopes = {
    ("namespaces", "main"): (Namespace("main", ""), Namespace("main", "a")),
    ("snapshots", "main", "a"): (replace(host(*NIGHTLY, name="deep"), namespace="a"),),
}


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("pbs:main/host/*", ["main/host/nas", "main/host/web"]),
        ("main/host/w*", ["main/host/web"]),
        ("pbs:main/host/na?", ["main/host/nas"]),
        ("pbs:main/*/*", ["main/host/nas", "main/host/web", "main/a/host/deep", "main/ct/101"]),
        ("pbs:main/a/host/*", ["main/a/host/deep"]),
        ("pbs:*/host/nas", ["main/host/nas"]),
    ],
)
def test_a_pattern_means_every_group_that_matches(ref: str, found: list[str]) -> None:
    made = mapped(ref, groups=(NAS, WEB, group(*NIGHTLY)), extra=DEEP)

    assert sorted(part.ref for part in row(made, "hosts").parts) == sorted(found)
    assert row(made, "hosts").verdict.state is State.OK
    assert len(made.services) == 1 + 4 - len(found)


def test_a_pattern_that_matches_nothing_is_a_finding_and_speaks_of_groups() -> None:
    made = mapped("pbs:main/host/*", groups=(group(*NIGHTLY),))

    assert row(made, "hosts").verdict.reason == "No backup group main/host/* is known to pbs."
    assert made.notes == ("hosts: guests names pbs:main/host/*, which pbs does not know.",)


def test_where_a_place_can_not_be_read_a_pattern_is_not_green() -> None:
    closed = Reading(("snapshots", "main", "a"), None, (), Problem("no", "do", kind=ProblemKind.NO_PERMISSION))
    report = pbs("22 12:00", NAS)
    report = replace(report, readings=(*report.readings, closed))
    given = settings(PBS, services=(service("hosts", "pbs:main/*/host/*", "pbs:main/host/*"),))
    made = judged("22 12:00", report, given=given)

    assert [(part.ref, part.verdict.state) for part in row(made, "hosts").parts] == [
        ("main/*/host/*", State.UNKNOWN),
        ("main/host/nas", State.OK),
    ]


@pytest.mark.parametrize("ref", ["pbs:*/host/*", "pbs:main/host/nas"], ids=["a pattern", "a group"])
def test_of_a_server_that_was_never_read_no_reference_is_called_wrong(ref: str) -> None:
    made = judged("22 12:00", given=settings(PBS, services=(service("hosts", ref),)))

    assert row(made, "hosts").verdict.state is State.UNKNOWN
    assert not [note for note in made.notes if "does not know" in note]


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("pbs:*/a*/host/x*", "Can't read pbs: no."),
        ("pbs:*/b/host/x*", "No backup group */b/host/x* is known to pbs."),
        ("pbs:main/b*/host/x", "No backup group main/b*/host/x is known to pbs."),
        ("pbs:main/b/host/x*", "Datastore main of pbs has no namespace b."),
        ("pbs:gone/*/host/x*", "There is no datastore gone on pbs."),
        ("pbs:host/x*", "No backup group host/x* is known to pbs."),
    ],
    ids=[
        "of two closed namespaces the datastore once",
        "one namespace of any datastore",
        "other namespaces",
        "a namespace that there is not",
        "a datastore that there is not",
        "no place at all",
    ],
)
def test_a_closed_place_matters_to_the_patterns_that_it_may_hide_from(ref: str, reason: str) -> None:
    no = Problem("no", "do", kind=ProblemKind.NO_PERMISSION)
    closed = tuple(Reading(("snapshots", "main", name), None, (), no) for name in ("a", "a/a"))
    report = pbs("22 12:00", NAS)
    report = replace(report, readings=(*report.readings, *closed))
    (part,) = row(judged("22 12:00", report, given=settings(PBS, services=(service("hosts", ref),))), "hosts").parts

    assert (part.verdict.state, part.verdict.reason) == (State.UNKNOWN, reason)


def test_where_two_servers_could_know_a_group_none_of_them_is_said_to_lack_its_datastore() -> None:
    given = settings(PBS, replace(PBS, name="pbs2"), services=(service("hosts", "gone/host/nas"),))
    both = (pbs("22 12:00", NAS), replace(pbs("22 12:00", WEB), source="pbs2"))

    assert row(judged("22 12:00", *both, given=given), "hosts").verdict.reason == (
        "No backup group gone/host/nas is known to pbs, pbs2."
    )


def test_what_is_left_out_is_counted() -> None:
    given = settings(PBS, ignore=Ignore(groups=("main/host/*",)))
    made = alone(NAS, WEB, group(*NIGHTLY), given=given)

    assert ([service.name for service in made.services], made.left_out) == (["ct/101"], 2)


# --- beside a cluster, and what is gone ---


def test_beside_a_cluster_the_groups_of_hosts_are_rows_unless_they_are_copies() -> None:
    sync = UpkeepJob(kind="sync", id="pull", datastore="copies", schedule="05:00", owner="backup@pbs")
    extra: Scopes = {
        ("snapshots", "copies", ""): (host(*NIGHTLY, name="far", datastore="copies"),),
        ("upkeep", "sync"): (sync,),
    }
    server = pbs("22 11:58", group("22 04:05"), group("20 04:05", vmid="199"), NAS, extra=extra)
    made = judged("22 12:00", pve("22 11:58", vzdump("22 04:00", "22 04:20")), server)

    assert {service.name: service.verdict.state for service in made.services} == {
        "vaultwarden": State.OK,
        "host/nas": State.OK,
    }
    assert made.notes == (
        "Copies made by sync job pbs/sync/pull are judged by that job: pbs:copies/host/far.",
        "Kept backups of a guest that is gone: pbs:main/ct/199.",
    )


def test_a_group_that_is_gone_is_noted_for_a_week() -> None:
    history = EMPTY
    for report in (pbs("20 12:00", NAS, group(*NIGHTLY)), pbs("21 12:00", NAS)):
        history = record(history, report, every_group=True)
    reports = {"pbs": pbs("22 12:00", NAS)}

    assert board(reports, history, ALONE, at("22 12:00")).notes == (
        "Gone from pbs since Sat 21 Nov 12:00: main/ct/101.",
    )
    later: dict[str, Report] = {"pbs": pbs("29 12:00", NAS)}
    assert board(later, history, ALONE, at("29 12:00")).notes == ()


def test_while_the_server_is_away_nothing_is_green_for_longer_than_its_readings_count() -> None:
    assert only(judged("22 12:20", pbs("22 12:00", NAS), given=ALONE)).verdict.state is State.OK
    assert only(judged("22 12:21", pbs("22 12:00", NAS), given=ALONE)).verdict.state is State.UNKNOWN
