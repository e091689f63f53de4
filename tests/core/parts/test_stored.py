"""Where the backups of guests, groups, databases and plans lie, as the board shows it (rule 15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.history.record import record
from sidecar.core.model import Copy, Outcome, PlaceKind, SourceKind, State, StoredCopy
from sidecar.core.reports.facts import (
    Archive,
    BackrestPlan,
    Datastore,
    Dump,
    DumpCopy,
    DumpPlan,
    Push,
    Snapshot,
    Storage,
    UpkeepJob,
    Verification,
)
from sidecar.core.reports.report import Problem, Reading, Report
from tests.core.factories import at, run
from tests.core.sample_reports import (
    BACKREST,
    CRITICAL,
    DATABASEMENT,
    PBS,
    PVE,
    STORAGE,
    after_the_night,
    away,
    group,
    judged,
    pbs,
    pve,
    readings,
    row,
    settings,
    source,
)

KEPT = group("22 04:05", "21 04:05")
PBS2 = source("pbs2", SourceKind.PBS)
BOTH = settings(PVE, PBS, PBS2)


def server(*groups: Any, **changes: Any) -> Report:
    return pbs("22 11:58", *(groups or (KEPT,)), **changes)


def second(*groups: Any) -> Report:
    """Another server, that nothing of the cluster leads to."""
    namespaces = {each.namespace for each in groups} | {""}
    extra: dict[tuple[str, ...], Any] = {
        ("snapshots", "store", name): tuple(each for each in groups if each.namespace == name) for name in namespaces
    }
    extra[("datastores",)] = (Datastore(name="store", total=1000, used=600, avail=400),)
    return replace(pbs("22 11:58", extra=extra), source="pbs2", tls_fingerprint=None)


def places(*reports: Report, given: Any = None, name: str = "vaultwarden", now: str = "22 12:00") -> list[StoredCopy]:
    return list(row(judged(now, *reports, given=given), name).posture.places)


def names(*reports: Report, **more: Any) -> list[str]:
    return [copy.place for copy in places(*reports, **more) if copy.counts]


def test_rule_15_a_guest_lies_in_the_datastore_that_its_job_saves_to() -> None:
    kept = replace(
        KEPT,
        snapshots=(
            Snapshot(
                time=at("22 04:05"),
                size=1,
                verification=Verification(True, at("22 09:00"), own=True),
                protected=True,
                encrypted=True,
            ),
        ),
    )

    assert places(after_the_night(), server(kept)) == [
        StoredCopy(
            place="pbs/main",
            kind=PlaceKind.DATASTORE,
            offsite=False,
            known=True,
            last_backup=at("22 04:05"),
            verified_at=at("22 09:00"),
            encrypted=True,
            protected=1,
            parts=("pve:101",),
        )
    ]


def test_rule_15_two_namespaces_of_a_datastore_are_one_place() -> None:
    jobs = (CRITICAL, replace(CRITICAL, id="again", storage="pbs-other"))
    storages = (STORAGE, replace(STORAGE, name="pbs-other", namespace="other"))
    extra = {("snapshots", "main", "other"): (group("22 05:05", namespace="other"),)}

    (place,) = places(after_the_night(jobs=jobs, storages=storages), server(extra=extra))

    assert (place.place, place.last_backup) == ("pbs/main", at("22 05:05"))


def test_rule_15_a_storage_of_the_cluster_is_a_place_of_its_own() -> None:
    nas = Storage(name="nas", type="nfs", enabled=True, shared=True)
    jobs = (CRITICAL, replace(CRITICAL, id="weekly", storage="nas"))
    report = after_the_night(jobs=jobs, storages=(STORAGE, nas))
    archives = (Archive(storage="nas", vmid=101, time=at("20 05:05"), size=5, protected=True),)
    report = replace(
        report, readings=(*report.readings, Reading(("archives", "shared", "nas"), at("22 11:58"), archives))
    )

    nas_place, _ = (each for each in reversed(places(report, server())))

    assert (nas_place.place, nas_place.kind, nas_place.last_backup) == ("pve/nas", PlaceKind.STORAGE, at("20 05:05"))
    assert (nas_place.protected, nas_place.encrypted) == (1, None)


def test_rule_15_where_an_edited_storage_led_before_is_called_as_the_storage_is() -> None:
    """Its server is no source, so Proxmox VE tells what it keeps; none of today's storages leads to the old datastore."""
    far = replace(STORAGE, name="far", server="elsewhere.lan", datastore="main", fingerprint="12" * 32)

    def told(read: str, datastore: str) -> Report:
        job, storage = replace(CRITICAL, storage="far"), replace(far, datastore=datastore)
        report = pve(read, jobs=(job,), storages=(storage,))
        return replace(report, readings=(*report.readings, Reading(("archives", "shared", "far"), at(read), (KEPT,))))

    edited = told("22 11:58", "other")
    history = record(record(EMPTY, told("22 11:48", "main")), edited)

    (service,) = board({"pve": edited}, history, settings(PVE), at("22 12:00")).services

    assert [(copy.place, copy.last_backup) for copy in service.posture.places] == [("pve/far", at("22 04:05"))]


@pytest.mark.parametrize(
    ("there", "counts"),
    [
        (group("22 04:05", "21 04:05", datastore="store"), True),
        (group("21 04:05", datastore="store", namespace="far/away"), True),
        (group("22 04:06", datastore="store"), False),
        (group("!22 04:05", datastore="store"), False),
        (group("22 04:05", datastore="store", kind="vm"), False),
        (group("22 04:05", datastore="store", vmid="102"), False),
    ],
    ids=["all", "an older one", "of another moment", "not finished", "of another type", "of another id"],
)
def test_rule_15_a_snapshot_of_the_same_moment_on_another_server_is_a_copy(there: Any, counts: bool) -> None:
    found = names(after_the_night(), server(), second(there), given=BOTH)

    assert found == (["pbs/main", "pbs2/store"] if counts else ["pbs/main"])


def test_rule_15_a_pulled_copy_stands_as_the_job_that_makes_it() -> None:
    owned = replace(group("22 04:05", datastore="store"), owner="sync@pbs")
    pull = UpkeepJob(
        kind="sync", id="s-1", datastore="store", owner="sync@pbs", schedule="05:00", runs=(run("22 05:00"),)
    )
    failed = replace(pull, runs=(run("22 05:00", Outcome.FAILED, text="connection refused"),))
    given = settings(PVE, PBS, PBS2, offsite=("pbs2",))

    for job, state in ((pull, State.OK), (failed, State.FAILED)):
        report = second(owned)
        report = replace(report, readings=(*report.readings, Reading(("upkeep", "sync"), at("22 11:58"), (job,))))
        service = row(judged("22 12:00", after_the_night(), server(), report, given=given), "vaultwarden")

        assert service.posture.places[1].made_by == "pbs2/sync/s-1"
        assert service.posture.offsite == 1
        assert service.copies == (Copy("pbs2/store", state, at("22 04:05")),)


# --- pushed ---------------------------------------------------------------------------------------------------------------


def pushing(*runs: Any, **changes: Any) -> UpkeepJob:
    push = Push(remote="cloud", store="far", **changes)
    return UpkeepJob(kind="sync", id="p-1", datastore="main", push=push, schedule="05:00", runs=runs)


def with_push(job: UpkeepJob) -> Report:
    return server(extra={("upkeep", "sync"): (job,)})


def test_rule_15_what_was_finished_when_a_push_last_began_lies_at_its_remote() -> None:
    given = settings(offsite=("pbs/cloud",))
    later = with_push(pushing(run("22 05:00")))
    earlier = with_push(pushing(run("22 05:00", Outcome.FAILED), run("21 05:00")))

    newest = [places(after_the_night(), report, given=given)[0] for report in (later, earlier)]

    assert [(copy.place, copy.kind, copy.offsite, copy.known, copy.last_backup) for copy in newest] == [
        ("pbs/cloud", PlaceKind.REMOTE, True, True, at("22 04:05")),
        ("pbs/cloud", PlaceKind.REMOTE, True, True, at("21 04:05")),
    ]


@pytest.mark.parametrize(
    ("filters", "takes"),
    [
        ((), True),
        (("type:ct",), True),
        (("include:type:ct",), True),
        (("type:vm",), False),
        (("group:ct/101", "type:vm"), True),
        (("group:ct/102",), False),
        (("exclude:group:ct/101",), False),
        (("exclude:type:vm",), True),
        (("type:ct", "exclude:regex:.*1"), None),
        (("regex:.*1",), None),
        (("group:ct/101", "regex:.*1"), True),
    ],
)
def test_rule_15_a_push_takes_what_its_filters_say(filters: tuple[str, ...], takes: bool | None) -> None:
    found = [
        copy for copy in places(after_the_night(), with_push(pushing(run("22 05:00"), filters=filters))) if copy.made_by
    ]

    assert [copy.known for copy in found] == ([] if takes is False else [takes is True])


def test_rule_15_a_push_of_only_some_snapshots_proves_no_copy() -> None:
    (copy, _) = places(after_the_night(), with_push(pushing(run("22 05:00"), picks=True)))

    assert not copy.known


def test_rule_15_a_push_whose_good_runs_are_not_known_any_more_proves_nothing_and_denies_nothing() -> None:
    (copy, _) = places(after_the_night(), with_push(pushing(run("22 05:00", Outcome.FAILED))))
    (never, _) = places(after_the_night(), with_push(pushing()))

    assert (copy.known, copy.last_backup) == (False, None)
    assert (never.known, never.last_backup) == (True, None)


@pytest.mark.parametrize(("depth", "takes"), [(None, True), (1, True), (0, False)])
def test_rule_15_a_push_takes_namespaces_down_to_its_depth(depth: int | None, takes: bool) -> None:
    storages = (replace(STORAGE, namespace="deep"),)
    extra: dict[tuple[str, ...], Any] = {
        ("snapshots", "main", "deep"): (replace(KEPT, namespace="deep"),),
        ("upkeep", "sync"): (pushing(run("22 05:00"), depth=depth),),
    }
    found = names(after_the_night(storages=storages), pbs("22 11:58", extra=extra))

    assert found == (["pbs/cloud", "pbs/main"] if takes else ["pbs/main"])


def test_rule_15_what_a_source_shows_of_a_push_is_told_by_that_source() -> None:
    given = settings(PVE, PBS, PBS2, offsite=("pbs/cloud",))
    there = group("21 04:05", datastore="far")
    other = second()
    other = replace(other, readings=(*other.readings, Reading(("snapshots", "far", ""), at("22 11:58"), (there,))))

    found = places(after_the_night(), with_push(pushing(run("22 05:00"))), other, given=given)

    assert [(copy.place, copy.offsite, copy.made_by, copy.last_backup) for copy in found] == [
        ("pbs/main", False, None, at("22 04:05")),
        ("pbs2/far", True, "pbs/sync/p-1", at("21 04:05")),
    ]


# --- dumps and plans ------------------------------------------------------------------------------------------------------


def dumps(*copies: tuple[str, bool | None], **changes: Any) -> Report:
    dump = Dump(
        id="d1",
        server="pg",
        database="crm",
        run=run("22 02:00"),
        file_size=10,
        copies=tuple(DumpCopy(volume, ok) for volume, ok in copies),
        **changes,
    )
    plan = DumpPlan(server="pg", id="b1", schedule_name="Daily", schedule="0 2 * * *", volumes=("nas", "s3"))
    scopes: Any = {("plans",): (plan,), ("dumps",): (dump,)}
    read = at("22 11:58")
    return Report(source="databasement", kind=SourceKind.DATABASEMENT, at=read, readings=readings(read, scopes))


@pytest.mark.parametrize(
    ("report", "there"),
    [
        (dumps(("nas", True), ("s3", True)), {"databasement/nas": True, "databasement/s3": True}),
        (dumps(("nas", True), ("s3", False)), {"databasement/nas": True, "databasement/s3": False}),
        (dumps(("nas", True)), {"databasement/nas": True, "databasement/s3": False}),
        (dumps(("nas", True), ("s3", None), file_exists=False), {"databasement/nas": False, "databasement/s3": False}),
    ],
    ids=["both", "one failed", "one only planned", "its file is gone"],
)
def test_rule_15_a_dump_lies_on_each_volume_that_has_a_file_of_it(report: Report, there: dict[str, bool]) -> None:
    found = places(report, given=settings(DATABASEMENT), name="crm")

    assert {copy.place: copy.counts for copy in found} == there
    assert all(copy.known for copy in found)


def test_rule_15_where_nobody_tells_of_files_there_may_be_one() -> None:
    found = places(dumps(), given=settings(DATABASEMENT), name="crm")

    assert [(copy.place, copy.known) for copy in found] == [
        ("databasement", False),
        ("databasement/nas", True),
        ("databasement/s3", True),
    ]


def test_rule_15_a_plan_lies_in_its_repository() -> None:
    read = at("22 11:58")
    plan = BackrestPlan("photos", read + timedelta(hours=14), (run("22 02:00"),), repo="b2")
    scopes: Any = {("plans",): (plan,)}
    report = Report(source="backrest", kind=SourceKind.BACKREST, at=read, readings=readings(read, scopes))

    (copy,) = places(report, given=settings(BACKREST, offsite=("backrest/b2",)), name="photos")

    assert (copy.place, copy.kind, copy.offsite, copy.counts) == ("backrest/b2", PlaceKind.REPOSITORY, True, True)


# --- what can't be told -------------------------------------------------------------------------------------------------


def test_rule_15_a_place_that_cannot_be_read_is_no_copy() -> None:
    stale = judged("22 13:00", after_the_night(), server())

    assert row(stale, "vaultwarden").posture.copies == 0
    assert not row(stale, "vaultwarden").posture.complete


def test_rule_15_a_server_that_cannot_be_read_may_hold_more() -> None:
    broken = Reading(("snapshots", "store", "x"), None, (), Problem("permission denied"))
    partly = replace(second(), readings=(*second().readings, broken))

    for other in (away("pbs2", SourceKind.PBS, "22 11:58"), partly):
        assert not row(
            judged("22 12:00", after_the_night(), server(), other, given=BOTH), "vaultwarden"
        ).posture.complete
    assert row(judged("22 12:00", after_the_night(), server(), second(), given=BOTH), "vaultwarden").posture.complete


# --- verification ---------------------------------------------------------------------------------------------------------


def test_rule_9_that_nothing_verifies_a_datastore_is_told_once() -> None:
    more = group("22 04:05", vmid="102", kind="vm")
    listed = {("upkeep", "verify"): ()}
    note = "There is no verification job for pbs/main: nothing shows that its backups can be restored."

    assert judged("22 12:00", after_the_night(), server(KEPT, more, extra=listed)).notes.count(note) == 1


@pytest.mark.parametrize("job", [True, False], ids=["by a job", "as its verification shows"])
def test_rule_9_a_datastore_that_something_verifies_is_none_of_them(job: bool) -> None:
    verified = Snapshot(time=at("22 04:05"), size=1, verification=Verification(True, at("22 09:00"), own=True))
    kept = KEPT if job else replace(KEPT, snapshots=(verified,))
    jobs = (UpkeepJob(kind="verify", id="v-1", datastore="main", schedule="sat 05:00"),) if job else ()

    notes = judged("22 12:00", after_the_night(), server(kept, extra={("upkeep", "verify"): jobs})).notes

    assert not [note for note in notes if "verification" in note]


def test_rule_9_of_jobs_that_cannot_be_seen_nothing_is_said() -> None:
    assert not [note for note in judged("22 12:00", after_the_night(), server()).notes if "verification" in note]
