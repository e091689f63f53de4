"""Which fields are left of an answer, and how they are written."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.proxy import shape
from sidecar.proxy.shape import Each, Leaf, Shape, TooLargeError, words, written
from sidecar.upstream.border import Border

SHAPE: dict[str, Shape] = {
    "data": Each(
        {"name": Leaf.VALUE, "note": Leaf.WORDS, "task": Leaf.UPID, "in": {"a": Leaf.VALUE}, "all": Each(Leaf.VALUE)}
    ),
    "total": Leaf.VALUE,
}


def passed(document: Any) -> Any:
    return json.loads(written(document, SHAPE, 2**20))


@pytest.mark.parametrize(
    ("document", "left"),
    [
        ({"data": [{"name": "a", "other": 1}], "more": 2}, {"data": [{"name": "a"}]}),
        ({"data": [], "total": 0}, {"data": [], "total": 0}),
        ({"data": {"name": "a"}}, {}),
        ({"data": [1, "x", [], {"in": 1}, {"in": {"b": 1}}, None]}, {"data": [{}, {"in": {}}, None]}),
        ({"data": [{"all": [1, {}, "x", [2], None]}]}, {"data": [{"all": [1, "x", None]}]}),
        ({"data": [{"name": {"a": 1}}, {"name": ["x"]}]}, {"data": [{}, {}]}),
        (
            {"data": [{"name": True}, {"name": 1.5}, {"name": float("inf")}]},
            {"data": [{"name": True}, {"name": 1.5}, {"name": None}]},
        ),
        ({"data": [{"name": 10**400}, {"name": -5}]}, {"data": [{}, {"name": -5}]}),
        ({"data": [{"note": 5}, {"note": None}, {"task": 7}]}, {"data": [{}, {"note": None}, {}]}),
        ({"total": "x" * 5_000}, {}),
        ({}, {}),
    ],
    ids=str,
)
def test_only_what_has_its_place_and_its_type_is_left(document: Any, left: Any) -> None:
    assert passed(document) == left


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nightly, all guests at 04:30", "nightly, all guests at 04:30"),
        ("error connecting to https://10.0.0.5:8007/api2 - refused", "error connecting to … - refused"),
        ("Access denied for user 'backup'@'10.0.10.21'", "Access denied for user …"),
        ("Can't connect to pbs.lan:8007 (timeout)", "Can't connect to … (timeout)"),
        ("no route to 192.168.1.9", "no route to …"),
        ("no route to [fd00::7]:8007", "no route to …"),
        ("no route to fd00:1:2::7 now", "no route to … now"),
        ("postgres://me:hunter2@db/x failed", "… failed"),
        ("mysql --password=hunter2 failed", "mysql --password … failed"),
        ("version 8.4.1 on 2026-11-23 07:30:15", "version 8.4.1 on 2026-11-23 07:30:15"),
    ],
)
def test_a_text_for_people_has_no_address_and_no_login(text: str, shown: str) -> None:
    assert words(text) == shown


def test_the_user_of_a_task_is_left_out_and_what_is_no_task_too() -> None:
    tasks = [
        {"task": "UPID:pbs:1:2:3:6A0:verify:main:audit@pbs!t:"},
        {"task": "UPID:pve1:1:2:6A0:vzdump:101:root@pam:"},
    ]
    odd = [{"task": "root@pam"}, {"task": "UPID:"}, {"task": ""}]

    assert passed({"data": [*tasks, *odd]}) == {
        "data": [
            {"task": "UPID:pbs:1:2:3:6A0:verify:main::"},
            {"task": "UPID:pve1:1:2:6A0:vzdump:101::"},
            {"task": ""},
            {"task": ""},
            {"task": ""},
        ]
    }


def test_what_would_be_larger_than_the_limit_is_none() -> None:
    document = {"data": [{"name": "\u00e9" * 1_000}] * 100}

    assert len(written(document, SHAPE, 250_000)) < 250_000
    with pytest.raises(TooLargeError):
        written(document, SHAPE, 199_000)


TEXTS = st.text(max_size=30) | st.text("a/\x00\x1b\x7f\u202e\n", max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "name", "note", "task", "in", "a", "all", "total", "x"]), inner, max_size=5
        )
    ),
    max_leaves=25,
)


@given(JSON)
def test_whatever_an_upstream_says_what_is_passed_on_is_json_of_that_shape(document: Any) -> None:
    answer = asyncio.run(Border().document({"data": [document, document], "x": document, "total": document}))
    text = written(answer, SHAPE, 2**20)
    left = json.loads(text, parse_constant=pytest.fail)

    assert left.keys() <= {"data", "total"}
    for row in left.get("data", []):
        assert row is None or row.keys() <= {"name", "note", "task", "in", "all"}
    assert not re.search(rb"[\x00-\x1f\x7f]", text)


def test_an_answer_that_is_made_to_take_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape, "_MOST_SECONDS", 0.02)
    document = {"data": [{"note": f"{number}{'a-' * 500}"} for number in range(200)]}

    with pytest.raises(TooLargeError):
        written(document, SHAPE, 2**20)
