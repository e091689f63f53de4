"""Names as values: what is written can be read again, whatever upstreams call their things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.ids import GroupKey, JobId, MemberId, MemberKind, SourceName

#: As the configuration allows them.
SOURCES = st.from_regex(r"[a-z0-9][a-z0-9_-]*", fullmatch=True).map(SourceName)

#: Upstreams may call a thing anything but nothing.
HOSTILE = st.one_of(
    st.text(min_size=1),
    st.sampled_from(["/", ":", "a/b/c", "a:b:c", "vm/101", " ", "..", "Täglich\n", "\x00", "guest:x:y"]),
)

#: Backup servers allow no slash within a name; a namespace is several of them.
STEPS = st.text(min_size=1).filter(lambda step: "/" not in step)
NAMESPACES = st.lists(STEPS, max_size=8).map("/".join)


@given(SOURCES, st.sampled_from(["backup", "dump", "plan", "prune", "gc", "verify", "sync", "check"]), HOSTILE)
def test_a_job_is_read_as_it_was_written(source: SourceName, kind: str, id_: str) -> None:
    job = JobId(source, kind, id_)
    assert JobId.parse(str(job)) == job


@given(st.sampled_from(MemberKind), SOURCES, HOSTILE)
def test_a_member_is_read_as_it_was_written(kind: MemberKind, source: SourceName, ref: str) -> None:
    member = MemberId(kind, source, ref)
    assert MemberId.parse(str(member)) == member


@given(STEPS, NAMESPACES, STEPS, STEPS)
def test_a_group_is_read_as_it_was_written(datastore: str, namespace: str, type_: str, id_: str) -> None:
    group = GroupKey(datastore, namespace, type_, id_)
    assert GroupKey.parse(str(group)) == group


def test_written_forms() -> None:
    """They stand in ledgers and configurations of earlier versions."""
    job = JobId(SourceName("pbs"), "prune", "daily")
    assert str(job) == "pbs/prune/daily"
    assert str(MemberId.of_upkeep(job)) == "upkeep:pbs:prune/daily"
    assert str(MemberId(MemberKind.DATABASE, SourceName("databasement"), "pg/crm")) == "database:databasement:pg/crm"
    assert GroupKey("main", "", "host", "nas").path == "main/host/nas"
    assert GroupKey("main", "office/files", "ct", "101").path == "main/office/files/ct/101"


def test_values_can_be_sorted_and_looked_up() -> None:
    jobs = [JobId.parse(text) for text in ("pve/backup/b", "pbs/prune/a", "pve/backup/a")]
    assert [str(job) for job in sorted(jobs)] == ["pbs/prune/a", "pve/backup/a", "pve/backup/b"]
    assert JobId.parse("pve/backup/b") in set(jobs)


@pytest.mark.parametrize("text", ["", "/", "pbs", "pbs/prune", "pbs/prune/", "pbs//x", "/prune/x"])
def test_what_names_no_job_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a job: SOURCE/KIND/ID"):
        JobId.parse(text)


@pytest.mark.parametrize("text", ["", "guest", "guest:pve", "guest:pve:", "guest::101", "host:pve:101", ":pve:101"])
def test_what_names_no_member_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a member: KIND:SOURCE:REF"):
        MemberId.parse(text)


@pytest.mark.parametrize("text", ["", "main", "ct/101", "main/ct/", "/ct/101", "main//ct/101"])
def test_what_is_no_path_of_a_group_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the path of a backup group"):
        GroupKey.parse(text)
