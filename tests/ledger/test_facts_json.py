"""Reports as text: they come back as they were, and hostile or foreign text does no harm."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import (
    Archive,
    BackrestPlan,
    BackupGroup,
    Fact,
    Guest,
    Snapshot,
    Task,
    UpkeepJob,
    Zone,
)
from sidecar.core.reports.report import Limit, LimitKind, Problem, ProblemKind
from sidecar.ledger import facts_json
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.ledger.values import UnreadableRecordError
from tests.core.factories import at
from tests.core.sample_reports import pbs, pve, vzdump
from tests.ledgers import NOW, filled, keeper_and_ledger, rows


def test_text_and_numbers_that_no_database_takes_do_not_stop_the_rest(tmp_path: Path) -> None:
    keeper, ledger = keeper_and_ledger(tmp_path)
    huge = BackupGroup(
        datastore="main", namespace="", type="ct", id="101", snapshots=(Snapshot(time=at("22 04:05"), size=2**70),)
    )
    keeper.record(
        pve("22 11:58", guests=(Guest(vmid=101, type="lxc", name="caf\ud800\x00'); DROP TABLE runs;--", node="pve1"),))
    )
    keeper.record(pbs("22 11:58", huge))
    ledger.close()

    assert ledger.notes == ()
    assert rows(tmp_path, "SELECT size FROM runs") == [(None,)]
    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.remembered.reports.keys() == {"pve", "pbs"}


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda when: when.replace(tzinfo=NOW.tzinfo))
BY_TYPE: dict[object, st.SearchStrategy[object]] = {
    datetime: MOMENTS,
    str: st.text(max_size=20) | st.sampled_from(["", "caf\ud800", "\x00", "9", "true"]),
    int: st.integers(),
    bool: st.booleans(),
    NoneType: st.none(),
}


def of_type(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type as facts use it."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(cast("type", kind), **{field.name: of_type(hints[field.name]) for field in fields(kind)})
    if get_origin(kind) is tuple:
        return st.lists(of_type(get_args(kind)[0]), max_size=3).map(tuple)
    if get_args(kind):
        return st.one_of(*map(of_type, get_args(kind)))
    return st.sampled_from(list(kind)) if issubclass(kind, StrEnum) else BY_TYPE[kind]


FACTS = st.one_of(*map(of_type, get_args(Fact)))


@given(st.lists(FACTS, max_size=4).map(tuple))
def test_facts_come_back_as_they_were(facts: tuple[Fact, ...]) -> None:
    assert facts_json.facts_from_text(facts_json.facts_to_text(facts)) == facts


@given(of_type(Problem))
def test_problems_come_back_as_they_were(problem: Problem) -> None:
    assert facts_json.problem_from_text(facts_json.problem_to_text(problem)) == problem


def test_no_problem_is_no_text() -> None:
    assert facts_json.problem_to_text(None) is None
    assert facts_json.problem_from_text(None) is None


def test_a_text_names_each_kind_and_leaves_out_what_has_its_default_value() -> None:
    assert facts_json.facts_to_text((Zone(None, "UTC"), Guest(vmid=101, type="lxc", name=None, node="pve1"))) == (
        '[{"fact":"Zone","node":null,"timezone":"UTC"},'
        '{"fact":"Guest","vmid":101,"type":"lxc","name":null,"node":"pve1"}]'
    )


@pytest.mark.parametrize("kind", ["BackrestPlan", "Plan"])
def test_a_plan_of_backrest_is_read_by_the_name_it_had_before_too(kind: str) -> None:
    run = '{"start":"2026-11-22T01:15:00+00:00","end":null,"outcome":"ok","size":5}'
    text = f'[{{"fact":"{kind}","id":"photos","next_run":"2026-11-23T01:15:00+00:00","runs":[{run}]}}]'

    assert facts_json.facts_from_text(text) == (
        BackrestPlan("photos", at("23 02:15"), (Run(start=at("22 02:15"), end=None, outcome=Outcome.OK, size=5),)),
    )


def test_the_same_words_are_one_object_in_all_that_comes_back() -> None:
    """A thousand guests with fifty snapshots each have a hundred thousand texts, and five thousand different ones."""
    text = facts_json.facts_to_text((vzdump("21 04:00", "21 04:10"), vzdump("22 04:00", "22 04:10")))
    one, other = (fact for fact in facts_json.facts_from_text(text) if isinstance(fact, Task))

    assert one.upid != other.upid
    assert one.node is other.node
    assert one.type is other.type
    assert one.status is other.status


def test_times_come_back_in_the_one_utc() -> None:
    """Times that share their zone are compared quickly."""
    (archive,) = facts_json.facts_from_text(
        facts_json.facts_to_text((Archive(storage="nas", vmid=101, time=at("22 04:00"), size=None),)),
    )

    assert isinstance(archive, Archive)
    assert archive.time.tzinfo is UTC


GOOD = '{"fact":"Zone","node":null,"timezone":"UTC"}'


def archive(vmid: str = "1", time: str = '"2026-11-22T04:00:00+00:00"') -> str:
    return f'[{{"fact":"Archive","storage":"a","vmid":{vmid},"time":{time},"size":1}}]'


def group(snapshots: str) -> str:
    return f'[{{"fact":"BackupGroup","datastore":"a","namespace":"","type":"ct","id":"1","snapshots":{snapshots}}}]'


def dump(**run: object) -> str:
    return json.dumps([{"fact": "Dump", "id": "1", "server": "a", "database": "b", "run": run}])


def test_what_the_refused_texts_are_made_of_is_readable() -> None:
    start = "2026-11-22T04:00:00Z"
    for text in (archive(), group("[]"), dump(start=start, end=None, outcome="ok", size=1), f"[{GOOD}]"):
        assert len(facts_json.facts_from_text(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "{}",
        "[1]",
        '[{"fact":"Lamp"}]',
        '[{"fact":["Zone"]}]',
        '[{"fact":"Zone"}]',
        '[{"fact":"Zone","node":null,"timezone":5}]',
        '[{"fact":"Zone","node":null,"timezone":"UTC","moon":"full"}]',
        '[{"fact":"Node","name":"pve1","online":1}]',
        '[{"fact":"Node","name":"pve1","online":"true"}]',
        archive(vmid="true"),
        archive(vmid='"1"'),
        archive(vmid="1.0"),
        archive(time='"2026-11-22T04:00:00"'),
        archive(time='"yesterday"'),
        archive(time="1795320000"),
        archive(time='"1795320000"'),
        group("null"),
        group("{}"),
        group('[{"time":"2026-11-22T04:00:00","size":1}]'),
        group('[{"time":"2026-11-22T04:00:00Z","size":1,"moon":"full"}]'),
        group('[{"time":"2026-11-22T04:00:00Z"}]'),
        dump(start="2026-11-22T04:00:00Z", end=None, outcome="splendid"),
        dump(start="2026-11-22T04:00:00Z", end=None, outcome="ok", size="1"),
        "[" * 100_000,
    ],
)
def test_text_that_is_not_ours_is_refused_as_a_whole(text: str) -> None:
    """Also where everything else in it is right."""
    for whole in (text, text.replace("[{", f"[{GOOD},{{", 1)):
        with pytest.raises(UnreadableRecordError):
            facts_json.facts_from_text(whole)


@pytest.mark.parametrize(
    "text", ["", "5", "[]", '{"cause":5}', "{}", '{"cause":"a","denied":0}', '{"cause":"a","b":1}']
)
def test_a_problem_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRecordError):
        facts_json.problem_from_text(text)


@pytest.mark.parametrize("text", ["", "5", "{}", "[5]", '["a",null]', '"abc"'])
def test_a_list_of_texts_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(UnreadableRecordError):
        facts_json.texts_from_text(text)


def test_an_error_says_what_is_wrong_and_quotes_little() -> None:
    name = "moon" * 1000
    with pytest.raises(UnreadableRecordError, match=r"^Zone\.moonmoon") as unknown_field:
        facts_json.facts_from_text(f'[{{"fact":"Zone","node":null,"timezone":"UTC","{name}":1}}]')
    with pytest.raises(UnreadableRecordError, match="unknown kind of fact") as unknown_kind:
        facts_json.facts_from_text(f'[{{"fact":"{name}"}}]')
    with pytest.raises(UnreadableRecordError, match=r"^The ledger is not readable JSON$"):
        facts_json.facts_from_text("{")

    assert len(str(unknown_field.value)) <= 200
    assert len(str(unknown_kind.value)) <= 250


def test_readings_that_this_version_cannot_read_are_read_again_and_the_rest_is_kept(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("""UPDATE readings SET facts = '[{"fact":"Lamp"}]' WHERE source = 'pbs'""")
    ledger = Ledger(tmp_path, NOW)
    ledger.close()

    assert ledger.remembered.reports.keys() == {"pve"}
    assert ledger.remembered.history.contacts.keys() == {"pve", "pbs"}
    assert ledger.notes == ()


def test_limits_come_back_and_those_of_earlier_versions_are_their_words() -> None:
    limits = (
        Limit(text="2 of 3 jobs could not be read", kind=LimitKind.UNREADABLE_ROWS, culprit="jobs", count=2, total=3),
    )
    assert facts_json.limits_from_text(facts_json.limits_to_text(limits)) == limits
    assert facts_json.limits_from_text('["its version could not be read"]') == (
        Limit(text="its version could not be read"),
    )


def test_records_of_earlier_versions_are_read_without_what_they_had_more() -> None:
    problem = facts_json.problem_from_text('{"cause":"HTTP 403","denied":true}')
    (job,) = facts_json.facts_from_text(
        '[{"fact":"UpkeepJob","kind":"gc","id":"main","datastore":"main","namespace":"","schedule":"daily","disabled":false,'
        '"keeps":null,"next_run":null,"running":false,"last_start":null,"last_end":null,"last_state":"OK"}]'
    )

    assert problem == Problem("HTTP 403", kind=ProblemKind.NO_PERMISSION)
    assert job == UpkeepJob(kind="gc", id="main", datastore="main", schedule="daily")
