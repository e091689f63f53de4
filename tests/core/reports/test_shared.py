"""A new report that says the same again is the same objects, and what they proved is not found out twice."""

from __future__ import annotations

from dataclasses import replace

from sidecar.core.ids import GroupKey
from sidecar.core.reports.facts import BackupGroup, BackupJob, Snapshot, Storage
from sidecar.core.reports.group_index import group_index
from sidecar.core.reports.report import Report
from sidecar.core.reports.shared import KnownFacts, shared
from tests.core.factories import at
from tests.core.sample_reports import CRITICAL, STORAGE, group, pbs, pve, vzdump

KEY = GroupKey("main", "", "ct", "101")
OTHER = GroupKey("main", "", "ct", "201")


def groups(report: Report) -> tuple[BackupGroup, ...]:
    return tuple(report.facts(BackupGroup))


def test_what_is_said_again_is_the_same_object() -> None:
    before = pbs("22 12:00", group("21 04:05", "22 04:05"), group("22 04:00", vmid="201"))
    again = pbs("22 12:15", group("21 04:05", "22 04:05"), group("22 04:00", vmid="201"))
    made = shared(again, before)

    assert made == again
    assert [reading.as_of for reading in made.readings] == [reading.as_of for reading in again.readings]
    assert all(new.facts is old.facts for new, old in zip(made.readings, before.readings, strict=True))


def test_lists_of_what_has_no_name_are_the_same_objects_while_all_of_them_is() -> None:
    storages = (STORAGE, replace(STORAGE, name="nas"))

    def cluster(*jobs: str) -> Report:
        every = tuple(replace(CRITICAL, id=job) for job in jobs)
        return pve("22 12:00", jobs=every, storages=tuple(replace(each) for each in storages))

    before = cluster("daily", "weekly")
    made = shared(cluster("daily", "weekly"), before)
    assert all(new.facts is old.facts for new, old in zip(made.readings, before.readings, strict=True))

    other = shared(cluster("daily", "monthly"), before)
    assert [job.id for job in other.facts(BackupJob)] == ["daily", "monthly"]
    for kind in (Storage, BackupJob):
        same = [new is old for new, old in zip(other.facts(kind), before.facts(kind), strict=True)]
        assert all(same) is (kind is Storage)


def test_of_what_changed_all_else_is_the_same_object() -> None:
    before = pbs("22 12:00", group("21 04:05", "22 04:05"), group("22 04:00", vmid="201"))
    again = pbs("22 12:15", group("21 04:05", "22 04:05", "22 12:10"), group("22 04:00", vmid="201"))
    made = shared(again, before)

    assert made == again
    (changed, same), (was, unchanged) = groups(made), groups(before)
    assert same is unchanged
    assert changed is not was
    assert changed.snapshots[1:] == was.snapshots
    assert all(new is old for new, old in zip(changed.snapshots[1:], was.snapshots, strict=True))


def test_tasks_are_known_by_their_upid_wherever_they_stand() -> None:
    tasks = [vzdump("21 04:00", "21 04:10"), vzdump("22 04:00", "22 04:10")]
    before, again = pve("22 12:00", *tasks), pve("22 12:15", vzdump("22 12:01", "22 12:02"), *tasks)
    made = shared(again, before)
    old = {id(fact) for reading in before.readings for fact in reading.facts}

    assert made == again
    new = [fact for reading in made.readings for fact in reading.facts if reading.scope[0] == "tasks"]
    assert [id(fact) in old for fact in new] == [False, True, True]


def test_the_first_report_is_as_it_is() -> None:
    report = pbs("22 12:00", group("22 04:05"))
    assert shared(report, None) is report


def test_what_groups_prove_is_handed_on_while_they_are_the_same() -> None:
    before = pbs("22 12:00", group("21 04:05", "22 04:05"), group("22 04:00", vmid="201"))
    proved = [group_index(before).summary(key) for key in (KEY, OTHER)]
    again = pbs("22 12:15", group("21 04:05", "22 04:05", "22 12:10"), group("22 04:00", vmid="201"))
    index = group_index(shared(again, before))

    assert index.summary(OTHER) is proved[1]
    assert index.summary(KEY) == group_index(again).summary(KEY) != proved[0]


def test_what_groups_prove_is_handed_on_as_a_whole_where_all_lists_are_the_same() -> None:
    groups = group("21 04:05", "22 04:05"), group("22 04:00", vmid="201")
    before, again = pbs("22 12:00", *groups), pbs("22 12:15", *(replace(each) for each in groups))
    proved = [group_index(before).summary(key) for key in (KEY, OTHER)]
    made = shared(again, before)

    assert [group_index(made).summary(key) for key in (KEY, OTHER)] == proved
    assert all(group_index(made).summary(key) is was for key, was in zip((KEY, OTHER), proved, strict=True))


def test_what_an_unfinished_snapshot_proves_is_asked_again() -> None:
    """The server's tasks tell of it, and they go on."""
    unfinished = Snapshot(time=at("22 11:59"), size=None)
    uploading = replace(group("21 04:05"), snapshots=(unfinished, *group("21 04:05").snapshots))
    before, again = pbs("22 12:00", uploading), pbs("22 12:15", uploading)
    first = group_index(before).summary(KEY)
    assert group_index(shared(again, before)).summary(KEY) is not first


def test_a_row_that_says_the_same_again_is_the_known_fact_at_once() -> None:
    tasks = (vzdump("21 04:00", "21 04:10"), vzdump("22 04:00", None))
    again = (vzdump("21 04:00", "21 04:10"), vzdump("22 04:00", "22 04:10"), vzdump("22 05:00", None))
    known = KnownFacts(tasks)

    assert known.same(again[0]) is tasks[0]
    assert [known.same(task) is task for task in again] == [False, True, True]


def test_a_snapshot_that_is_listed_again_is_the_known_one_of_its_group_at_once() -> None:
    saved, other = group("21 04:05", "22 04:05"), group("21 04:05", vmid="201")
    known = KnownFacts((saved, other, vzdump("22 04:00", None)))
    newest, oldest = saved.snapshots

    assert known.snapshot(("ct", "101"), replace(oldest)) is oldest
    assert known.snapshot(("ct", "201"), replace(oldest)) is other.snapshots[0]
    for changed in (replace(newest, comment="web"), replace(newest, time=at("22 09:00"))):
        assert known.snapshot(("ct", "101"), changed) is changed
    assert known.snapshot(("ct", "301"), newest) is newest
