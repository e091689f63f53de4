"""What one cause brought is one incident: what joins it in silence, what is left of it, and what is another one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from sidecar.core.alerts.message import Kind, Message
from sidecar.core.alerts.rules import QuietHours
from sidecar.core.alerts.seen import situation
from sidecar.core.alerts.telling import told
from sidecar.core.model import Cause, Origin, PartKind, State, Verdict
from sidecar.core.settings import Mute
from tests.core.alerts.listener import BERLIN, PHONE, USUAL, Listener, board, settings

WELL = {f"service {name}": "ok" for name in ("vault", "files", "photos", "web")} | {"job backrest/prune/b2": "ok"}
HANGS = {**WELL, "service vault": "missed holds:q", "service files": "missed behind:q"}
LATER = {**HANGS, "service photos": "missed behind:q"}
EVERYTHING = replace(PHONE, states=USUAL | {State.WARNING})


def incidents(phone: Listener) -> list[set[Kind]]:
    """The kinds of messages of each incident."""
    found: dict[str, set[Kind]] = {}
    for message in phone.messages:
        found.setdefault(message.incident, set()).add(message.kind)
    return [*found.values()]


def test_what_holds_up_a_queue_is_one_message_with_all_that_waits_behind_it() -> None:
    phone = Listener(first=WELL)

    assert phone.hear(HANGS, 60) == ["problem: vault: missed, and with it files"]
    assert phone.messages[0].body.splitlines() == ["vault: missed. It is missed.", "files: missed. It is missed."]
    assert phone.hear(WELL, 60) == ["recovery: 2 are well again: vault and files"]
    assert incidents(phone) == [{Kind.PROBLEM, Kind.RECOVERY}]


def test_what_can_be_done_about_all_of_it_is_said_once() -> None:
    phone = Listener(first=WELL)
    phone.hear({**WELL, "service vault": "failed holds:q", "service files": "failed behind:q"}, 10)

    assert phone.messages[0].body.splitlines()[-1] == "Do something."


def test_who_does_not_want_what_holds_it_up_hears_its_name() -> None:
    phone = Listener(replace(PHONE, services=("files", "photos")), first=WELL)

    assert phone.hear(LATER, 10) == ["problem: backup q: 2 missed: files and photos"]


def test_what_waits_behind_it_later_joins_in_silence_and_is_named_at_the_end() -> None:
    phone = Listener(first=WELL)
    phone.hear(HANGS, 60)
    phone.messages.clear()

    assert phone.hear({**LATER, "job backrest/prune/b2": "missed behind:q"}, 60) == []
    assert phone.hear(WELL, 60) == ["recovery: 4 are well again: vault, files, photos and 1 more"]
    assert "Upkeep backrest/prune/b2: ok again. It was missed from today 08:01" in phone.messages[-1].body


def test_the_end_comes_once_when_all_of_it_is_well() -> None:
    phone = Listener(first=WELL)
    phone.hear(LATER, 60)
    phone.messages.clear()
    still_waits = {**WELL, "service files": "running", "service photos": "late"}

    assert phone.hear(still_waits, 10) == []
    assert phone.hear({**WELL, "service photos": "running"}, 120) == []
    assert phone.hear(WELL, 60) == ["recovery: 3 are well again: vault, files and photos"]


def test_what_joined_in_silence_and_stays_bad_is_told_when_what_brought_it_is_over() -> None:
    phone = Listener(first=WELL)
    phone.hear(HANGS, 60)
    phone.hear(LATER, 60)
    phone.messages.clear()

    assert phone.hear({**WELL, "service photos": "missed"}, 60) == [
        "update: 2 are well again; still missed: photos",
    ]
    assert phone.hear({**WELL, "service photos": "missed"}, 600) == []
    assert phone.hear(WELL, 60) == ["recovery: photos: ok again"]
    assert incidents(phone) == [{Kind.UPDATE, Kind.RECOVERY}]


def test_so_is_what_fails_then_in_the_message_that_the_rest_is_well() -> None:
    phone = Listener(first=WELL)
    phone.hear(HANGS, 60)
    phone.hear(LATER, 60)
    phone.messages.clear()
    phone.hear({**WELL, "service photos": "running"}, 10)

    assert phone.hear({**WELL, "service photos": "failed"}, 600) == ["update: 2 are well again; still failed: photos"]


def test_what_was_named_and_stays_bad_is_named_once_more_when_the_rest_is_well_for_an_hour() -> None:
    phone = Listener(first=WELL)
    phone.hear(LATER, 60)
    phone.messages.clear()

    assert phone.hear({**WELL, "service photos": "missed"}, 59) == []
    assert phone.hear({**WELL, "service photos": "missed"}, 600) == ["update: 2 are well again; still missed: photos"]
    assert phone.hear(WELL, 60) == ["recovery: photos: ok again"]


def test_what_is_worse_than_all_that_was_told_is_an_update_of_the_same_incident() -> None:
    phone = Listener(EVERYTHING, first=WELL)

    assert phone.hear({**WELL, "service vault": "warning holds:q"}, 10) == ["problem: vault: warning"]
    assert phone.hear({**WELL, "service vault": "warning holds:q", "service web": "unknown behind:q"}, 10) == [
        "update: web: unknown"
    ]
    assert phone.hear(WELL, 10) == ["recovery: 2 are well again: vault and web"]
    assert incidents(phone) == [{Kind.PROBLEM, Kind.UPDATE, Kind.RECOVERY}]


def test_what_fails_by_itself_meanwhile_is_another_incident() -> None:
    phone = Listener(first=WELL)
    phone.hear(HANGS, 60)

    assert phone.hear({**LATER, "service web": "failed"}, 60) == ["problem: web: failed"]
    assert phone.hear({**WELL, "service web": "failed"}, 60) == ["recovery: 3 are well again: vault, files and photos"]
    assert phone.hear(WELL, 60) == ["recovery: web: ok again"]
    assert incidents(phone) == [{Kind.PROBLEM, Kind.RECOVERY}] * 2


def test_so_is_what_fails_by_itself_in_the_very_same_minute() -> None:
    phone = Listener(first=WELL)

    assert phone.hear({**HANGS, "service web": "failed"}, 60) == [
        "problem: vault: missed, and with it files",
        "problem: web: failed",
    ]


def test_two_queues_that_are_held_up_are_two_incidents() -> None:
    phone = Listener(first=WELL)
    both = {**HANGS, "service photos": "missed holds:r", "service web": "missed behind:r"}

    assert phone.hear(both, 10) == [
        "problem: vault: missed, and with it files",
        "problem: photos: missed, and with it web",
    ]
    assert phone.hear({**both, "service vault": "ok", "service files": "ok"}, 10) == [
        "recovery: 2 are well again: vault and files"
    ]


def test_what_hangs_is_told_also_where_something_was_bad_before_that_waits_for_it_now() -> None:
    phone = Listener(first=WELL)
    phone.hear({**WELL, "service files": "failed"}, 60)

    assert phone.hear({**WELL, "service files": "missed behind:q"}, 60) == []
    assert phone.hear(HANGS, 60) == ["problem: vault: missed"]
    assert phone.hear({**HANGS, "service files": "ok"}, 60) == ["recovery: files: ok again"]


def test_the_next_thing_that_hangs_is_another_incident() -> None:
    phone = Listener(first=WELL)
    phone.hear(HANGS, 60)
    phone.messages.clear()
    other = {**WELL, "service photos": "missed holds:r", "service files": "missed behind:r"}

    assert phone.hear(other, 60) == ["problem: photos: missed"]
    assert "files" not in phone.messages[-1].body, "it was named before, and is as bad as it was"
    assert phone.hear({**WELL, "service files": "missed"}, 300) == [
        "update: vault: ok again; still missed: files",
        "recovery: photos: ok again",
    ]


def test_what_waits_behind_something_muted_is_told() -> None:
    phone = Listener(first=WELL)
    phone.hear({**WELL, "service vault": "missed holds:q"}, 10)
    phone.hear({**WELL, "service vault": "missed holds:q", "service files": "missed behind:q"}, 10)
    assert len(phone.messages) == 1
    phone.settings = settings(mutes=[Mute("vault", date(2026, 12, 1))])

    assert phone.hear(HANGS, 30) == ["update: files: missed"]
    assert phone.hear(WELL, 30) == ["recovery: files: ok again"]


def test_what_holds_it_up_is_told_when_its_mute_ends_though_others_were_told_because_of_it() -> None:
    phone = Listener(first=WELL)
    phone.hear(HANGS, 10)
    phone.settings = settings(mutes=[Mute("vault", date(2026, 12, 1))])
    phone.hear(LATER, 30)
    phone.settings = settings()

    assert phone.hear(LATER, 30) == ["update: vault: missed"]
    assert phone.hear(WELL, 30) == ["recovery: 3 are well again: vault, files and photos"]


def test_who_joined_in_silence_again_and_again_is_told_as_soon_as_others_when_it_fails() -> None:
    phone = Listener(first=WELL)
    phone.hear(HANGS, 10)
    for _ in range(4):
        phone.hear(LATER, 10)
        phone.hear(HANGS, 10)
    phone.messages.clear()

    assert phone.hear({**HANGS, "service photos": "failed"}, 4) == ["problem: photos: failed"]


def test_who_was_well_and_is_bad_again_for_another_reason_is_told() -> None:
    phone = Listener(first=WELL)
    phone.hear(LATER, 60)
    phone.messages.clear()
    phone.hear({**LATER, "service files": "ok"}, 10)

    assert phone.hear({**LATER, "service files": "missed"}, 200) == ["problem: files: missed"]
    assert phone.hear({**WELL, "service files": "missed"}, 10) == ["recovery: 2 are well again: vault and photos"]
    assert phone.hear(WELL, 30) == ["recovery: files: ok again"]


def test_who_was_well_and_waits_again_joins_again() -> None:
    phone = Listener(first=WELL)
    phone.hear(LATER, 60)
    phone.messages.clear()
    phone.hear({**LATER, "service files": "ok"}, 10)

    assert phone.hear(LATER, 200) == []
    assert phone.hear(WELL, 60) == ["recovery: 3 are well again: vault, files and photos"]


def test_what_lasts_is_one_reminder() -> None:
    phone = Listener(replace(PHONE, remind_after=timedelta(hours=24)), first=WELL)
    phone.hear(HANGS, 60)
    phone.messages.clear()

    assert phone.hear(LATER, 48 * 60, every=5) == ["reminder: Still: vault: missed, and with it files and photos"] * 2
    assert len({message.incident for message in phone.messages}) == 1


def test_what_one_job_missed_and_what_it_never_did_is_one_message() -> None:
    phone = Listener(first=WELL)

    assert phone.hear({**WELL, "service web": "missed", "service photos": "never"}, 60) == [
        "problem: pve/backup/critical: 1 missed and 1 never: photos and web"
    ]
    assert phone.hear({**WELL, "service photos": "running"}, 45) == []
    assert phone.hear(WELL, 60) == ["recovery: 2 are well again: photos and web"]


def test_what_two_jobs_of_one_title_missed_are_two_incidents() -> None:
    phone = Listener(first=WELL)
    made = board({**WELL, "service vault": "missed", "service web": "missed"}, phone.now)
    rows = [
        replace(row, parts=(replace(row.parts[0], job="away/backup/critical"),)) if row.name == "web" else row
        for row in made.services
    ]
    jobs = [
        replace(made.jobs[0], name=f"{source}/backup/critical", title="Nightly", members=1)
        for source in ("pve", "away")
    ]
    for minute in range(10):
        now = replace(made, at=phone.now + timedelta(minutes=minute), services=tuple(rows), jobs=(*made.jobs, *jobs))
        phone.memory, new = told(phone.receiver, phone.memory, situation(now, phone.settings))
        phone.messages += new

    assert [message.title for message in phone.messages] == ["vault: missed", "web: missed"]
    assert len({message.incident for message in phone.messages}) == 2


def test_a_recovery_says_of_each_incident_that_it_is_over() -> None:
    phone = Listener(first=WELL)
    phone.hear(HANGS, 10)
    phone.hear({**HANGS, "service web": "failed"}, 10)

    assert phone.hear(WELL, 10) == ["recovery: 3 are well again: vault, files and web"]
    first, second, recovery = phone.messages
    assert recovery.incidents == (first.incident, second.incident)
    assert (first.others, second.others) == ((), ())


def test_a_datastore_in_maintenance_is_one_message_with_the_upkeep_that_it_stops() -> None:
    well = {"datastore pbs/main": "ok", "datastore pbs/usb": "ok", "job pbs/gc/main": "ok", "job pbs/gc/usb": "ok"}
    phone = Listener(EVERYTHING, first=well)
    closed = {**well, "datastore pbs/main": "warning behind:main", "job pbs/gc/main": "unknown behind:main"}
    both = {**closed, "datastore pbs/usb": "warning behind:usb", "job pbs/gc/usb": "unknown behind:usb"}

    assert phone.hear(closed, 10) == ["problem: datastore pbs/main: warning, and with it Upkeep pbs/gc/main"]
    assert phone.hear(both, 10) == ["problem: datastore pbs/usb: warning, and with it Upkeep pbs/gc/usb"]
    assert phone.hear(well, 10) == [
        "recovery: 4 are well again: Upkeep pbs/gc/main, Upkeep pbs/gc/usb, datastore pbs/main and 1 more"
    ]


# --- whose fault a service is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "lines"),
    [
        (Verdict(state=State.OK), []),
        (Verdict(state=State.WARNING), []),
        (Verdict(state=State.UNKNOWN, cause=Cause.CANNOT_TELL), ["problem: photos: missed"]),
        (Verdict(state=State.MISSED, cause=Cause.NOTHING_STARTED), ["problem: photos: missed"]),
        (Verdict(state=State.MISSED, origin=Origin("queue:r", "backup r")), ["problem: photos: missed"]),
        (Verdict(state=State.FAILED, cause=Cause.RUN_FAILED), ["problem: photos: failed"]),
    ],
    ids=["well", "a warning", "unknown", "missed", "behind another queue", "failed"],
)
def test_a_service_that_is_bad_in_another_way_too_does_not_join_in_silence(other: Verdict, lines: list[str]) -> None:
    phone = Listener(first=WELL)
    phone.hear(HANGS, 10)
    phone.messages.clear()
    made = board(LATER, phone.now)
    for minute in range(10):
        rows = []
        for row in made.services:
            guest = replace(row.parts[0], kind=PartKind.GUEST, verdict=other)
            worst = min(row.verdict, other, key=lambda each: each.state.rank)
            both = replace(row, verdict=worst, parts=(*row.parts, guest))
            rows.append(both if row.name == "photos" else row)
        now = replace(made, at=phone.now + timedelta(minutes=minute), services=tuple(rows))
        phone.memory, new = told(phone.receiver, phone.memory, situation(now, phone.settings))
        phone.messages += new

    assert [f"{message.kind}: {message.title}" for message in phone.messages] == lines


# --- quiet hours ----------------------------------------------------------------------------------------------------------


def test_what_joined_in_quiet_hours_is_in_their_summary_and_what_was_over_by_then_is_not_told_again() -> None:
    phone = Listener(replace(PHONE, quiet=QuietHours(time(8), time(9), BERLIN)), first=WELL)
    phone.hear(WELL, 60)
    phone.hear(HANGS, 10)
    phone.hear(LATER, 10)
    phone.hear({**LATER, "service files": "ok"}, 20)

    assert phone.hear({**LATER, "service files": "ok"}, 60) == [
        "summary: Since today 08:03: 2 need you, 1 came and went"
    ]
    assert "photos: missed" in phone.messages[-1].body
    assert phone.hear(WELL, 60) == ["recovery: 2 are well again: vault and photos"]


@pytest.mark.parametrize("number", [20, 300], ids=["more than are listed", "more than are kept"])
def test_what_joined_in_quiet_hours_leaves_room_for_what_fails_by_itself(number: int) -> None:
    names = [f"service app{place:03}" for place in range(number)]
    well = {"service vault": "ok", "service web": "ok", **dict.fromkeys(names, "ok")}
    hangs = {**well, "service vault": "missed holds:q"}
    phone = Listener(replace(PHONE, quiet=QuietHours(time(8), time(9), BERLIN)), first=well)
    phone.hear(hangs, 60, every=4)
    phone.hear({**hangs, **dict.fromkeys(names, "missed behind:q")}, 12, every=4)
    phone.hear({**hangs, **dict.fromkeys(names, "missed behind:q"), "service web": "failed"}, 60, every=4)

    assert phone.messages[-1].kind is Kind.SUMMARY
    assert "web: failed" in phone.messages[-1].body.splitlines()[0]


# --- in the order of messages -------------------------------------------------------------------------------------------


def test_one_message_is_made_of_many_that_hang_together() -> None:
    names = [f"service app{number}" for number in range(40)]
    phone = Listener(first={"service vault": "ok", **dict.fromkeys(names, "ok")})

    phone.hear({"service vault": "missed holds:q", **dict.fromkeys(names, "missed behind:q")}, 60)
    phone.hear({"service vault": "ok", **dict.fromkeys(names, "ok")}, 60)

    assert kinds(phone.messages) == {Kind.PROBLEM: 1, Kind.RECOVERY: 1}
    assert all(len(message.body) <= 2_000 for message in phone.messages)


def kinds(messages: list[Message]) -> Counter[Kind]:
    return Counter(message.kind for message in messages)
