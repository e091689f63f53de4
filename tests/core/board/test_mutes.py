"""Mutes are shown on the page, for as long as they last."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sidecar.core.board.mutes import mute_notes
from sidecar.core.settings import Mute
from tests.core.factories import at
from tests.core.sample_reports import settings

MUTED = Mute("paperless", date(2026, 12, 2), "moving house")


def notes(mute: Mute, now: str, *services: str) -> list[str]:
    return list(mute_notes(replace(settings(), mutes=(mute,)), services, at(now)))


@pytest.mark.parametrize(
    ("mute", "expected"),
    [
        (MUTED, "paperless is muted until 1 Dec: moving house."),
        (replace(MUTED, reason=None), "paperless is muted until 1 Dec."),
        (replace(MUTED, reason="Moving house."), "paperless is muted until 1 Dec: Moving house."),
        (replace(MUTED, until=date(2027, 1, 3)), "paperless is muted until 2 Jan 2027: moving house."),
    ],
)
def test_a_mute_is_told_with_its_last_day_and_its_reason(mute: Mute, expected: str) -> None:
    assert notes(mute, "30 12:00", "paperless", "web") == [expected]


def test_it_lasts_to_the_end_of_its_last_day() -> None:
    assert len(notes(MUTED, "1 Dec 23:59", "paperless")) == 1
    assert notes(MUTED, "2 Dec 00:00", "paperless") == []


def test_a_mute_of_a_service_that_is_not_there_is_odd() -> None:
    assert notes(MUTED, "30 12:00", "paperles") == [
        "Configuration, mutes: no service is called 'paperless'; use a name of the table."
    ]


def test_before_anything_was_read_no_name_is_odd() -> None:
    assert notes(MUTED, "30 12:00") == ["paperless is muted until 1 Dec: moving house."]


def test_what_several_are_called_mutes_them_and_is_not_odd() -> None:
    mute = replace(MUTED, reason=None)

    assert notes(mute, "30 12:00", "paperless (pve:101)", "paperless (pve:999)") == ["paperless is muted until 1 Dec."]
    assert notes(mute, "30 12:00", "paperless (old)", "paperless-2 (pve:1)")[0].startswith(
        "Configuration, mutes: no service"
    )
