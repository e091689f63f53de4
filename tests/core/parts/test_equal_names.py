"""What is called alike is put together, and whatever is in doubt is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model import PartKind
from sidecar.core.parts.equal_names import Named, grouped, named
from sidecar.core.parts.part import Part
from tests.core.factories import part

GUEST, DATABASE, PLAN = PartKind.GUEST, PartKind.DATABASE, PartKind.PLAN


def called(kind: PartKind, ref: str, name: str | None = None, source: str | None = None) -> Part:
    sources = {GUEST: "pbs" if "/" in ref else "pve", DATABASE: "databasement", PLAN: "backrest"}
    usual = ref.partition("/")[2] if kind is DATABASE else ref
    return replace(part(read="23 07:25"), kind=kind, ref=ref, name=name or usual, source=source or sources[kind])


def together(*parts: Part) -> list[list[str]]:
    return [[each.full_ref for each in group] for group in grouped(parts).together]


@pytest.mark.parametrize(
    ("text", "word", "number"),
    [
        ("Vaultwarden", "vaultwarden", None),
        ("home-assistant", "homeassistant", None),
        ("Home Assistant", "homeassistant", None),
        ("paperless_ngx.db", "paperlessngx", None),
        ("nextcloud-01", "nextcloud", 1),
        ("nextcloud-db-2", "nextcloud", 2),
        ("nextcloud-lxc", "nextcloud", None),
        ("wg2", "wg2", None),
        ("db", "db", None),
        ("2024", "2024", None),
        ("backup-20241123", "backup20241123", None),
        ("Straße", "strasse", None),
    ],
)
def test_names_are_compared_without_case_separators_last_words_and_numbers(
    text: str, word: str, number: int | None
) -> None:
    assert named(text) == Named(word, number)


@pytest.mark.parametrize("text", ["", " ", "-._ "])
def test_what_is_no_name_is_like_nothing(text: str) -> None:
    assert named(text) is None


def test_a_guest_its_database_its_plan_and_their_order() -> None:
    plan, database = called(PLAN, "vaultwarden"), called(DATABASE, "mariadb-main/vaultwarden")
    guest = called(GUEST, "101", "Vaultwarden")

    assert together(plan, database, guest) == [
        ["pve:101", "backrest:vaultwarden", "databasement:mariadb-main/vaultwarden"]
    ]


def test_the_group_of_a_host_has_its_name_and_that_of_a_guest_only_by_its_comment() -> None:
    nas = called(GUEST, "main/host/nas", "host/nas")
    number, told = called(GUEST, "main/ct/101", "ct/101"), called(GUEST, "main/ct/102", "n8n")

    assert together(nas, called(PLAN, "nas")) == [["pbs:main/host/nas", "backrest:nas"]]
    assert together(number, called(PLAN, "101"), called(PLAN, "ct-101")) == []
    assert together(told, called(DATABASE, "pg/n8n")) == [["pbs:main/ct/102", "databasement:pg/n8n"]]


def test_a_guest_whose_name_nobody_tells_is_like_nothing() -> None:
    assert together(called(GUEST, "101", "guest 101"), called(PLAN, "guest-101"), called(PLAN, "guest")) == []


def test_two_of_a_kind_are_in_doubt_and_stay_apart() -> None:
    parts = [
        called(GUEST, "101", "app"),
        called(GUEST, "101", "app", source="pve2"),
        called(DATABASE, "pg/app"),
    ]
    found = grouped(parts)

    assert (found.together, found.alone) == ((), tuple(parts))
    assert found.doubtful == (tuple(parts),)


def test_two_numbers_are_two_things_and_what_has_none_belongs_to_neither() -> None:
    web1, web2 = called(GUEST, "101", "web-01"), called(GUEST, "102", "web-2")
    plan1, database = called(PLAN, "web-1"), called(DATABASE, "pg/web")

    assert together(web1, web2, plan1, database) == [["pve:101", "backrest:web-1"]]
    assert together(web1, database) == [["pve:101", "databasement:pg/web"]]


NAMES = ("app", "App", "app-db", "app-1", "app-2", "guest 101", "nas", "", "a b")


@given(
    st.lists(
        st.builds(
            called,
            st.sampled_from([GUEST, DATABASE, PLAN]),
            st.sampled_from(["101", "pg/app", "app", "main/host/app", "main/ct/101", "x"]),
            st.sampled_from(NAMES) | st.text(max_size=8),
            st.sampled_from(["pve", "pve2", "pbs"]),
        ),
        max_size=12,
        unique_by=lambda each: (each.kind, each.full_ref),
    ).filter(lambda parts: all(p.kind is GUEST or p.ref for p in parts))
)
def test_every_part_is_there_once_and_each_service_has_one_of_a_kind(parts: list[Part]) -> None:
    found = grouped(parts)
    every = [*found.alone, *(each for group in found.together for each in group)]

    assert sorted(map(id, every)) == sorted(map(id, parts))
    for group in found.together:
        assert len(group) > 1
        assert len({each.kind for each in group}) == len(group)
    assert {each for group in found.doubtful for each in group} <= set(found.alone)


@given(st.permutations([called(kind, ref, "app") for kind, ref in product((GUEST, PLAN), ("101", "102"))]))
def test_the_order_in_which_sources_tell_them_changes_nothing(parts: list[Part]) -> None:
    assert grouped(parts).together == ()
