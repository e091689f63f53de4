"""What is said where something is unknown, closed, refused or late: the true reason, and the cure word for word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.model import Board, State
from tests.answers import Answers, backup_server, cluster, nights, refused, snapshot, upid, upkeep_job, vzdump, when
from tests.house import House, job, service, source_row

NIGHTS = nights("27 22:00")
WEB = [snapshot(night) for night in NIGHTS]
TASKS = [vzdump(night) for night in NIGHTS]
AUDIT = {"Datastore.Audit": 1}

GRANT = "proxmox-backup-manager acl update {0} DatastoreAudit --auth-id 'monitor@pbs!glance'"
GRANTS = f"{GRANT} && proxmox-backup-manager acl update {{0}} DatastoreAudit --auth-id 'monitor@pbs'."
ON_CLUSTER = (
    "pveum acl modify {0} --roles PVEAuditor --tokens 'monitor@pve!glance'"
    " && pveum acl modify {0} --roles PVEAuditor --users 'monitor@pve'."
)

Look = Callable[..., Board]


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Look]:
    houses: list[House] = []

    def at(pbs: Answers, pve: Answers | None = None, now: str = "28 08:00", **configured: Any) -> Board:
        answers = {"pbs": pbs} if pve is None else {"pve": pve, "pbs": pbs}
        directory = tmp_path / str(len(houses))
        directory.mkdir(mode=0o700)
        houses.append(House(directory, answers, **configured))
        return houses[-1].look(now)

    yield at
    for house in houses:
        house.close()


# --- the exact grant --------------------------------------------------------------------------------------------------


def test_a_datastore_that_the_token_may_not_see_is_named_with_its_grant_for_token_and_user(look: Look) -> None:
    seen = backup_server(
        {("other", ""): [snapshot("27 20:00", "nas", "host")]},
        stores=[{"store": "other"}],
        permissions={"/datastore/other": AUDIT},
    )
    board = look(seen, cluster(TASKS))

    assert service(board, "web").verdict.state is State.UNKNOWN
    assert GRANTS.format("/datastore/main") in (service(board, "web").verdict.action or "")


def test_a_namespace_whose_own_entry_takes_the_audit_away_is_not_called_empty(look: Look) -> None:
    """The server leaves it out of its list; what is not listed for that reason may well be there."""
    own = {"/datastore": AUDIT, "/datastore/main/clusterA": {"Datastore.Verify": 1}}
    storage = {"storage": "pbs", "type": "pbs", "server": "lab.invalid", "datastore": "main", "namespace": "clusterA"}
    board = look(backup_server({("main", ""): WEB}, permissions=own), cluster(TASKS, storage=[storage]))
    verdict = service(board, "web").verdict

    assert verdict.state is State.UNKNOWN
    assert "may not see /datastore/main/clusterA" in (verdict.reason or "")
    assert GRANTS.format("/datastore/main/clusterA") in (verdict.action or "")


def test_a_path_in_a_command_is_quoted(look: Look) -> None:
    storage = {"storage": "pbs", "type": "pbs", "server": "lab.invalid", "datastore": "x; reboot", "content": "backup"}
    board = look(
        backup_server({("other", ""): []}, stores=[{"store": "other"}], permissions={"/datastore/other": AUDIT}),
        cluster(TASKS, storage=[storage]),
    )

    assert "acl update '/datastore/x; reboot' DatastoreAudit" in (service(board, "web").verdict.action or "")


@pytest.mark.parametrize("odd", ["maybe", [], {}, None])
def test_one_privilege_with_an_odd_value_hides_only_what_it_opens(look: Look, odd: Any) -> None:
    whole = {"Datastore.Audit": 1, "Remote.Audit": 1}
    seen = {"/datastore": whole, "/remote": whole, "/system": {"Sys.Audit": odd}, "/new": odd}
    board = look(backup_server({("main", ""): WEB}, permissions=seen), cluster(TASKS))

    assert service(board, "web").verdict.state is State.OK
    assert any("Sys.Audit" in limit for limit in source_row(board, "pbs").limits)


# --- jobs and storages of the cluster ---------------------------------------------------------------------------------


def test_a_storage_that_the_token_may_not_see_is_named_with_its_grant(look: Look) -> None:
    audit: dict[str, dict[str, int]] = {path: {"Sys.Audit": 1, "VM.Audit": 1} for path in ("/", "/nodes", "/vms")}
    seen = {**audit, "/storage/other": AUDIT}
    other = {"storage": "other", "type": "dir", "content": "backup"}
    board = look(backup_server({("main", ""): WEB}), cluster(TASKS, storage=[other]) | {"/access/permissions": seen})
    verdict = service(board, "web").verdict

    assert (verdict.state, verdict.reason) == (
        State.UNKNOWN,
        "The storage of job a is not visible: the token needs Datastore.Audit on /storage/pbs.",
    )
    assert ON_CLUSTER.format("/storage/pbs") in (verdict.action or "")


@pytest.mark.parametrize(
    ("changed", "reason", "action"),
    [
        (
            {"storage": refused(500, "oops")},
            "Storage pbs of job a can't be seen: storages: HTTP 500: oops.",
            "Check that Proxmox VE answers at https://lab.invalid.",
        ),
        (
            {"storage": []},
            "Storage pbs, which job a writes to, is not in the list of the cluster's storages.",
            "Correct the storage of job a.",
        ),
        (
            {"cluster__backup__a__included_volumes": refused(500, "oops")},
            "Can't tell whether job a covers it: the guests of job a could not be read: HTTP 500: oops.",
            None,
        ),
    ],
    ids=["storages", "no storage", "guests of a job"],
)
def test_what_can_not_be_seen_of_a_cluster_is_called_what_it_is(
    look: Look, changed: dict[str, Any], reason: str, action: str | None
) -> None:
    verdict = service(look(backup_server({("main", ""): WEB}), cluster(TASKS, **changed)), "web").verdict

    assert (verdict.state, verdict.reason, verdict.action) == (State.UNKNOWN, reason, action)


def test_a_job_whose_guests_could_not_be_read_does_not_cover_nothing(look: Look) -> None:
    closed = {"cluster__backup__a__included_volumes": refused(403, "Permission check failed")}
    verdict = job(look(backup_server({("main", ""): WEB}), cluster(TASKS, **closed)), "pve/backup/a").verdict

    assert verdict.state is State.UNKNOWN
    assert verdict.reason == "The guests of job a could not be read: HTTP 403: Permission check failed."


# --- upkeep -----------------------------------------------------------------------------------------------------------


def prune(**fields: Any) -> dict[str, Any]:
    """It ran last on Friday, and the server says that it was to run again today at five."""
    last = upkeep_job("27 05:00", "27 05:01", "prunejob:main", id="p1", schedule="05:00")
    return {**last, "keep-last": 3, "next-run": int(when("28 05:00").timestamp()), **fields}


@pytest.mark.parametrize(
    ("fields", "state", "expected"),
    [
        ({}, State.MISSED, "29 05:00"),
        ({"disable": True}, State.MISSED, None),
        ({"keep-last": None}, State.DISABLED, None),
        ({"next-run": int(when("30 05:00").timestamp())}, State.OK, "30 05:00"),
    ],
    ids=["not started", "switched off", "keeps everything", "told"],
)
def test_the_next_run_of_upkeep_is_never_in_the_past(
    look: Look, fields: dict[str, Any], state: State, expected: str | None
) -> None:
    row = job(look(backup_server({("main", ""): WEB}, upkeep={"prune": [prune(**fields)]})), "pbs/prune/p1")

    assert (row.verdict.state, row.next_run) == (state, when(expected) if expected else None)


@pytest.mark.parametrize(
    ("maintenance", "reason", "action"),
    [
        ("offline", "Datastore main is in maintenance: offline.", "End the maintenance mode of main."),
        ("delete", "Datastore main is being deleted.", "Delete this job too, once datastore main is gone."),
    ],
)
def test_a_datastore_that_is_being_deleted_is_not_to_be_taken_out_of_maintenance(
    look: Look, maintenance: str, reason: str, action: str | None
) -> None:
    stores = [{"store": "main", "maintenance": maintenance}]
    board = look(backup_server({}, stores=stores, upkeep={"prune": [prune()]}))
    verdict = job(board, "pbs/prune/p1").verdict

    assert (verdict.state, verdict.reason, verdict.action) == (State.UNKNOWN, reason, action)


def test_upkeep_of_a_server_that_does_not_answer_has_nothing_to_do_with_maintenance(tmp_path: Path) -> None:
    house = House(tmp_path, {"pbs": backup_server({("main", ""): WEB}, upkeep={"prune": [prune()]})})
    house.look("28 04:00")
    broken = backup_server({}, admin__prune=refused(500, "oops"))
    verdict = job(house.look("28 05:00", pbs=broken), "pbs/prune/p1").verdict
    house.close()

    assert verdict.state is State.UNKNOWN
    assert "maintenance" not in f"{verdict.reason} {verdict.action}"


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("connection refused", "Has no schedule; the run of Fri 27 Nov 10:00 failed: connection refused."),
        ("WARNINGS: 3", "Has no schedule; the run of Fri 27 Nov 10:00 finished with warnings: WARNINGS: 3."),
        (
            "unknown",
            "Has no schedule; the run of Fri 27 Nov 10:00 finished with warnings: the server does not know how it ended.",
        ),
    ],
)
def test_rule_8_what_has_no_schedule_tells_how_its_last_run_ended(look: Look, state: str, says: str) -> None:
    sync = upkeep_job("27 10:00", "27 10:10", r"syncjob:r\x3ax\x3amain\x3a\x3as1", state, id="s1", remote="r")
    verdict = job(look(backup_server({("main", ""): WEB}, upkeep={"sync": [sync]})), "pbs/sync/s1").verdict

    assert (verdict.state, verdict.reason) == (State.WARNING, says)


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "says"),
    [
        (timedelta(days=-2), "the clock of pbs is 2 days behind"),
        (timedelta(hours=3), "the clock of pbs is 3 hours ahead"),
        (timedelta(minutes=-20), "the clock of pbs is 20 minutes behind"),
    ],
)
def test_a_wrong_clock_is_named_where_something_did_not_come_in_time(look: Look, off: timedelta, says: str) -> None:
    board = look(backup_server({("main", ""): WEB}, upkeep={"prune": [prune()]}, clock=when("28 08:00") + off))
    verdict = job(board, "pbs/prune/p1").verdict

    assert verdict.state is State.MISSED
    assert says in (verdict.reason or "")
    assert (verdict.action or "").startswith("Correct the clock first")
    assert says in source_row(board, "pbs").limits


@pytest.mark.parametrize("off", [timedelta(0), timedelta(minutes=4)])
def test_a_clock_that_differs_a_little_is_right(look: Look, off: timedelta) -> None:
    board = look(backup_server({("main", ""): WEB}, upkeep={"prune": [prune()]}, clock=when("28 08:00") + off))

    assert "clock" not in f"{job(board, 'pbs/prune/p1').verdict} {source_row(board, 'pbs').limits}"


def test_the_clock_of_a_node_is_named_too(look: Look) -> None:
    behind = {"timezone": "Europe/Berlin", "time": int(when("26 08:00").timestamp()), "localtime": 0}
    board = look(backup_server({("main", ""): WEB[:-2]}), cluster(TASKS[:-2], nodes__pve1__time=behind))
    verdict = service(board, "web").verdict

    assert verdict.state is State.MISSED
    assert "the clock of node pve1 of pve is 2 days behind" in (verdict.reason or "")


def test_a_wrong_clock_says_nothing_against_what_came_in_time(look: Look) -> None:
    board = look(backup_server({("main", ""): WEB}, clock=when("26 08:00")), cluster(TASKS))

    assert (service(board, "web").verdict.state, service(board, "web").verdict.reason) == (
        State.OK,
        "Newest backup Fri 27 Nov 22:00.",
    )


# --- how old readings may be -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("took", "later", "state"),
    [
        (180.0, "28 08:59", State.OK),
        (180.0, "28 09:01", State.UNKNOWN),
        (1.0, "28 08:19", State.OK),
        (1.0, "28 08:21", State.UNKNOWN),
    ],
)
def test_rule_6_after_a_slow_refresh_a_reading_counts_until_the_next_but_one(
    tmp_path: Path, took: float, later: str, state: State
) -> None:
    """A refresh of three minutes is followed by half an hour in which the server is left alone."""
    house = House(tmp_path, {"pve": cluster(TASKS), "pbs": backup_server({("main", ""): WEB})})
    house.look("28 08:00", took)
    verdict = service(house.wait(later), "web").verdict
    house.close()

    assert verdict.state is state
    assert "did not answer" not in (verdict.reason or "")


def test_rule_6_a_server_that_times_out_slowly_is_not_trusted_any_longer(tmp_path: Path) -> None:
    house = House(tmp_path, {"pve": cluster(TASKS), "pbs": backup_server({("main", ""): WEB})})
    house.look("28 08:00")
    house.look("28 08:05", 180.0, pbs={"/access/permissions": refused(500, "oops")})
    verdict = service(house.wait("28 08:21"), "web").verdict
    house.close()

    assert (verdict.state, verdict.reason) == (
        State.UNKNOWN,
        "Can't read pbs since today 08:00: HTTP 500: oops; newest backup Fri 27 Nov 22:00.",
    )


def test_a_reading_from_the_future_says_that_our_own_clock_was_set_back(tmp_path: Path) -> None:
    house = House(tmp_path, {"pve": cluster(TASKS), "pbs": backup_server({("main", ""): WEB})})
    house.look("28 08:00")
    reason = service(house.wait("28 05:00"), "web").verdict.reason
    house.close()

    assert reason is not None
    assert "today 08:00, lies in the future: the clock of this machine was set back" in reason


# --- what is not there ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("pbs:main/attic/host/nas", "Datastore main of pbs has no namespace attic."),
        ("pbs:tape/host/nas", "There is no datastore tape on pbs."),
    ],
)
def test_a_reference_that_finds_nothing_says_what_there_is_not(look: Look, ref: str, says: str) -> None:
    board = look(backup_server({("main", ""): WEB}), services=[{"name": "nas", "guests": [ref]}])

    assert (service(board, "nas").verdict.state, service(board, "nas").verdict.reason) == (State.UNKNOWN, says)


def test_upkeep_of_a_datastore_that_is_gone_says_so(look: Look) -> None:
    jobs = {"prune": [prune()]}
    verdict = job(look(backup_server({}, stores=[{"store": "tape"}], upkeep=jobs)), "pbs/prune/p1").verdict

    assert (verdict.state, verdict.reason) == (State.UNKNOWN, "There is no datastore main on pbs.")


# --- a verification that failed although no data is bad ---------------------------------------------------------------

VERIFY = upkeep_job(
    "27 23:00",
    "27 23:40",
    r"verificationjob:main\x3av1",
    "verification failed - please check the log for details",
    id="v1",
    schedule="23:00",
)
LOST = snapshot("27 12:00", "102", size=None)
LOST_ONLY = "no backup is bad, it failed over lost uploads only: main/vm/102 of Fri 27 Nov 12:00"


def bad(store: str) -> dict[str, Any]:
    return {"state": "failed", "upid": upid("27 23:00", "verificationjob", rf"{store}\x3av1")}


@pytest.mark.parametrize(
    ("content", "job_fields", "says"),
    [
        ({("main", ""): [*WEB, LOST]}, {}, True),
        ({("main", ""): WEB, ("main", "a"): [], ("main", "a/b"): [LOST]}, {"ns": "a"}, True),
        ({("main", ""): [snapshot("26 22:00", verification=bad("main")), LOST]}, {}, False),
        ({("main", ""): [snapshot("26 22:00", verification=bad("copied")), LOST]}, {}, True),
        ({("main", ""): [snapshot("26 22:00", verification=bad("main"))], ("main", "a"): [LOST]}, {"ns": "a"}, True),
        ({("main", ""): [LOST, {**LOST, "backup-id": "103", "files": [{"filename": "index.json.blob"}]}]}, {}, False),
        ({("main", ""): [*WEB, snapshot("28 07:00", "102", size=None)]}, {}, False),
        ({("main", ""): WEB}, {}, False),
    ],
    ids=["lost", "within", "bad too", "a copy's", "bad elsewhere", "a cut manifest", "an upload since", "nothing"],
)
def test_a_verification_that_failed_over_lost_uploads_only_says_so(
    look: Look, content: dict[tuple[str, str], list[Any]], job_fields: dict[str, Any], says: bool
) -> None:
    board = look(backup_server(content, upkeep={"verify": [{**VERIFY, **job_fields}]}))
    verdict = job(board, "pbs/verify/v1").verdict

    assert verdict.state is State.FAILED
    assert ("lost uploads only" in (verdict.reason or "")) is says


def test_what_was_lost_is_named(look: Look) -> None:
    board = look(backup_server({("main", ""): [*WEB, LOST]}, upkeep={"verify": [VERIFY]}))

    assert LOST_ONLY in (job(board, "pbs/verify/v1").verdict.reason or "")


def test_where_not_all_could_be_read_nothing_is_said_of_lost_uploads(look: Look) -> None:
    closed: dict[str, Any] = {"admin__datastore__main__snapshots?ns=a": refused(500, "oops")}
    answers = backup_server({("main", ""): [*WEB, LOST], ("main", "a"): []}, upkeep={"verify": [VERIFY]}, **closed)

    assert "lost uploads" not in (job(look(answers), "pbs/verify/v1").verdict.reason or "")


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "after a restart"])
def test_rule_1_while_the_guests_of_a_job_can_not_be_read_it_covers_whom_it_covered(
    tmp_path: Path, restarted: bool
) -> None:
    house = House(tmp_path, {"pve": cluster(TASKS), "pbs": backup_server({("main", ""): WEB})})
    house.look("28 08:00")
    if restarted:
        house.restart()
    late = "cluster__backup__a__included_volumes"
    fine = service(house.look("28 08:05", pve=cluster(TASKS, **{late: refused(500, "oops")})), "web").verdict
    closed = service(house.look("28 08:10", pve=cluster(TASKS, **{late: refused(403, "denied")})), "web").verdict
    house.close()

    assert (fine.state, closed.state) == (State.OK, State.UNKNOWN)


def test_a_job_whose_cluster_shows_no_guests_does_not_cover_nothing(look: Look) -> None:
    unseen = cluster(TASKS) | {"/cluster/resources?type=vm": refused(500, "oops")}
    verdict = job(look(backup_server({("main", ""): WEB}), unseen), "pve/backup/a").verdict

    assert (verdict.state, verdict.reason) == (State.UNKNOWN, "Can't read the guests of pve: HTTP 500: oops.")


@pytest.mark.parametrize("before", ["at start", "after good data", "after a restart"])
def test_while_the_datastores_can_not_be_listed_that_is_the_reason(tmp_path: Path, before: str) -> None:
    services = [{"name": "web", "guests": [101]}, {"name": "group", "guests": ["pbs:main/clusterA/vm/101"]}]
    storage = {"storage": "pbs", "type": "pbs", "server": "lab.invalid", "datastore": "main", "namespace": "clusterA"}
    answers = backup_server({("main", "clusterA"): WEB})
    house = House(tmp_path, {"pve": cluster(TASKS, storage=[storage]), "pbs": answers}, services=services)
    unlisted = answers | {"/admin/datastore": refused(500, "oops")}
    if before != "at start":
        house.look("28 08:00")
    if before == "after a restart":
        house.restart()
    board = house.look("28 08:05", pbs=unlisted)
    later = house.look("28 08:25")
    house.close()

    for name in ("web", "group"):
        assert service(board, name).verdict.state is (State.UNKNOWN if before == "at start" else State.OK)
        assert service(later, name).verdict.state is State.UNKNOWN
        assert "HTTP 500: oops" in (service(later, name).verdict.reason or "")


# --- a guest that is named by its group -------------------------------------------------------------------------------

BY_GROUP = [{"name": "by group", "guests": ["pbs:main/vm/101"]}]


@pytest.mark.parametrize(
    ("now", "task", "state", "says"),
    [
        ("28 08:00", None, State.OK, "Newest backup Fri 27 Nov 22:00"),
        ("28 22:20", None, State.LATE, "nothing has started yet"),
        ("28 22:40", None, State.MISSED, "nothing had started by 22:30"),
        ("28 22:40", vzdump(when("28 22:01"), "job errors", 5), State.FAILED, "got no snapshot, job errors"),
    ],
)
def test_rule_2_a_guest_that_is_named_by_its_group_is_judged_as_the_guest(
    look: Look, now: str, task: Any, state: State, says: str
) -> None:
    """Its own row is left out then: what the job's tasks tell must not be lost with it."""
    tasks = [*TASKS, task] if task else TASKS
    board = look(backup_server({("main", ""): WEB}), cluster(tasks), now, services=BY_GROUP)

    assert [row.name for row in board.services] == ["by group"]
    assert service(board, "by group").verdict.state is state
    assert says in (service(board, "by group").verdict.reason or "")


def test_a_group_that_its_job_never_filled_failed_as_its_job_says(look: Look) -> None:
    empty = backup_server({("main", ""): [snapshot(night, "999") for night in NIGHTS]})
    naming_it = [{**task, "id": "101"} for task in TASKS]
    verdict = service(look(empty, cluster(naming_it), services=BY_GROUP), "by group").verdict

    assert verdict.state is State.FAILED
    assert "got no snapshot" in (verdict.reason or "")
