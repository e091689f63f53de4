"""Whose past is whose: services by the names that the ledger remembers their members under."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.history.history import EMPTY, Sighting
from sidecar.core.history.record import record
from sidecar.core.judgement.judged import judged
from sidecar.core.model import PartKind
from sidecar.core.past.members import former_members, service_members, unread_sources
from sidecar.core.past.present import present_of
from sidecar.core.past.records import Records
from sidecar.core.reports.report import Problem, Report
from tests.core.factories import at
from tests.core.sample_reports import group, pbs, pve, service, settings, vzdump


def test_a_service_has_the_members_of_its_parts_since_their_source_was_first_read() -> None:
    report = pve("22 12:00", vzdump("22 04:00", "22 04:10"))
    beside = pbs("22 13:00", group("22 04:00"))
    history = record(record(EMPTY, report), beside)
    given = settings(services=(service("vaultwarden", "101"), service("mail", "mail/db", kind=PartKind.DATABASE)))

    found = {
        each.service: each
        for each in service_members(judged({"pve": report, "pbs": beside}, history, given, at("22 14:00")))
    }

    assert found["vaultwarden"].members == {"guest:pve:101"}
    assert found["vaultwarden"].looked_since == at("22 12:00")
    assert found["vaultwarden"].first_seen == {"guest:pve:101": at("22 12:00")}


def test_nobody_looked_before_the_first_reading() -> None:
    given = settings(services=(service("vaultwarden", "101"),))

    (only,) = service_members(judged({}, EMPTY, given, at("22 14:00")))

    assert only.looked_since is None


def test_what_no_service_has_any_more_stands_under_its_own_name() -> None:
    report = pve("22 12:00", vzdump("22 04:00", "22 04:10"))
    history = record(EMPTY, report)
    made = judged({"pve": report}, history, settings(services=(service("vaultwarden", "101"),)), at("22 14:00"))
    named = replace(history, seen={**history.seen, "guest:pve:9": Sighting(first=at("20 12:00"), name="wiki")})
    made = replace(made, inputs=replace(made.inputs, history=named))
    remembered = {
        "guest:pve:101",
        "guest:pve:9",
        "upkeep:pbs:prune/daily",
        "service:vaultwarden",
        "plan:gone:photos",
        "?",
    }

    unnamed, plan, wiki = former_members(made, remembered)

    assert [each.service for each in (unnamed, plan, wiki)] == ["?", "plan:gone:photos", "wiki (guest:pve:9)"]
    assert wiki.members == {"guest:pve:9"}
    assert wiki.sources == {"pve"}
    assert (wiki.looked_since, wiki.first_seen) == (at("22 12:00"), {"guest:pve:9": at("20 12:00")})
    assert unnamed.sources == {""}


@pytest.mark.parametrize("how", ["not read yet", "failed", "in part"])
def test_what_belongs_to_a_source_that_was_not_read_is_not_called_gone(how: str) -> None:
    report = pve("22 12:00", vzdump("22 04:00", "22 04:10"))
    problem = Problem("HTTP 503")
    unread = replace(report.readings[0], as_of=None, facts=(), problem=problem)
    others = report.readings[1:]
    now: dict[str, Report] = {
        "not read yet": {},
        "failed": {"pve": replace(report, readings=(), problem=problem)},
        "in part": {"pve": replace(report, readings=(unread, *others))},
    }[how]
    made = judged(now, record(EMPTY, report), settings(), at("22 14:00"))

    assert [each.service for each in former_members(made, {"guest:pve:101", "plan:gone:photos"})] == [
        "plan:gone:photos"
    ]
    past = Records(start=at("01 00:00"), end=at("22 14:00"), finals=(), changes=(), gaps=(), days=())
    assert "pve" in present_of(made, {}, past).unread


def test_a_source_of_which_all_was_read_is_known() -> None:
    report = pve("22 12:00", vzdump("22 04:00", "22 04:10"))

    assert "pve" not in unread_sources(
        judged({"pve": report}, record(EMPTY, report), settings(), at("22 14:00")).inputs
    )
