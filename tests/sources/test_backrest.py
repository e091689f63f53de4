"""Backrest's summary becomes facts, its session is kept, and whatever goes wrong becomes words."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import BackrestPlan, Repo, UpkeepJob
from sidecar.core.reports.report import Limit, ProblemKind, Report
from sidecar.sources.backrest import ALLOWED, BackrestOptions, BackrestSource
from sidecar.sources.backrest_log import parse_operations, upkeep_jobs, with_log
from sidecar.sources.backrest_parse import parse_dashboard
from sidecar.sources.fields import UnreadableError
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Upstream
from tests.replies import Replies
from tests.simulators import HOMELAB, Rack
from tests.simulators.faults import PlanFails, UpkeepFails
from tests.sources.recorded import Kept, texts

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
"""Monday 07:30 in the homelab."""

SAMPLES = Path(__file__).parent / "samples_backrest"
DASHBOARD, LOGIN = "/v1.Backrest/GetSummaryDashboard", "/v1.Authentication/Login"
OPERATIONS = "/v1.Backrest/GetOperations"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.integers().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def summary(**recent: list[Any]) -> dict[str, Any]:
    """A dashboard with one plan and these columns."""
    return {"planSummaries": [{"id": "vault", "recentBackups": recent}], "dataPath": "/data"}


def ms(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


# --- the summary ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1.13", "v1.14"])
def test_plans_have_their_runs_and_the_next_one_that_is_announced(version: str) -> None:
    dashboard = parse_dashboard(sample(f"dashboard_{version}"))
    docs, photos, etc, images = dashboard.plans

    assert [plan.id for plan in dashboard.plans] == ["home-docs", "photos", "etc-4h", "vm-images"]
    assert dashboard.repos == (Repo("b2-main"), Repo("local-usb"))
    assert texts(dashboard.limits) == ()
    assert docs.next_run == datetime(2026, 11, 24, 1, 0, 4, tzinfo=UTC)
    assert docs.runs[0].start == datetime(2026, 11, 23, 1, 0, 4, tzinfo=UTC)
    assert docs.runs[0].end == docs.runs[0].start + timedelta(seconds=212)
    assert {run.outcome for run in docs.runs} == {Outcome.OK, Outcome.WARNING, Outcome.FAILED}
    assert photos.runs[0].outcome is Outcome.FAILED
    assert (etc.runs[0].outcome, etc.runs[0].end) == (Outcome.RUNNING, None)
    assert images == BackrestPlan("vm-images", None, ())
    assert all(run.size is None for plan in dashboard.plans for run in plan.runs)


def test_a_backrest_without_plans_is_legal() -> None:
    dashboard = parse_dashboard({"configPath": "/config/config.json", "dataPath": "/data"})

    assert (dashboard.plans, dashboard.repos) == ((), ())


@pytest.mark.parametrize("answer", [{}, {"message": "hello"}, [], None, "ok", {"planSummaries": "none"}])
def test_an_answer_that_is_no_summary_is_unreadable(answer: Any) -> None:
    with pytest.raises(UnreadableError):
        parse_dashboard(answer)


@pytest.mark.parametrize(
    ("status", "outcome", "ended"),
    [
        ("STATUS_SUCCESS", Outcome.OK, True),
        ("STATUS_WARNING", Outcome.WARNING, True),
        ("STATUS_ERROR", Outcome.FAILED, True),
        ("STATUS_INPROGRESS", Outcome.RUNNING, False),
    ],
)
def test_a_status_is_an_outcome(status: str, outcome: Outcome, ended: bool) -> None:
    body = summary(timestampMs=[ms(NOW)], durationMs=["1000"], status=[status])
    (run,) = parse_dashboard(body).plans[0].runs

    assert (run.start, run.outcome, run.end is not None) == (NOW, outcome, ended)


@pytest.mark.parametrize("status", ["STATUS_PENDING", "STATUS_SYSTEM_CANCELLED", "STATUS_USER_CANCELLED"])
def test_what_waits_or_was_taken_out_of_the_queue_did_not_run(status: str) -> None:
    dashboard = parse_dashboard(summary(timestampMs=[ms(NOW)], durationMs=["1000"], status=[status]))

    assert (dashboard.plans[0].runs, texts(dashboard.limits)) == ((), ())


def test_runs_of_an_unknown_status_failed_and_those_of_none_are_left_out_and_counted() -> None:
    statuses = ["STATUS_UNKNOWN", 9, "STATUS_DREAMING", {}]
    dashboard = parse_dashboard(summary(timestampMs=[ms(NOW)] * 4, durationMs=["1000"] * 4, status=statuses))

    assert [run.outcome for run in dashboard.plans[0].runs] == [Outcome.FAILED] * 3
    assert texts(dashboard.limits) == ("1 of 4 runs of plan vault could not be read",)


def test_columns_of_unequal_length_are_read_as_far_as_they_go_together() -> None:
    dashboard = parse_dashboard(
        summary(timestampMs=[ms(NOW)] * 3, durationMs=["1000"] * 2, status=["STATUS_ERROR"] * 3)
    )

    assert len(dashboard.plans[0].runs) == 2
    assert texts(dashboard.limits) == ("the runs of plan vault are listed incompletely: 2 of 3 were read",)


def test_a_plan_that_cannot_be_read_is_counted_and_spoils_nothing() -> None:
    body = summary()
    body["planSummaries"] += [{"id": 7}, {"id": "late", "nextBackupTimeMs": "soon"}]
    dashboard = parse_dashboard(body)

    assert [plan.id for plan in dashboard.plans] == ["vault"]
    assert texts(dashboard.limits) == ("2 of 3 plans could not be read",)


@given(JSON)
def test_any_json_is_parsed_or_unreadable(value: Any) -> None:
    for body in (value, {"planSummaries": value}, {"planSummaries": [{"id": "a", "recentBackups": value}]}):
        try:
            parse_dashboard(body)
        except UnreadableError:
            continue


@given(st.lists(JSON, max_size=3), st.lists(JSON, max_size=3), st.lists(JSON, max_size=3), JSON)
def test_any_columns_give_runs_or_limits(starts: Any, durations: Any, statuses: Any, upcoming: Any) -> None:
    body = summary(timestampMs=starts, durationMs=durations, status=statuses or ["STATUS_SUCCESS"] * 3)
    body["planSummaries"][0]["nextBackupTimeMs"] = upcoming
    try:
        parse_dashboard(body)
    except UnreadableError:
        return


# --- a whole refresh --------------------------------------------------------------------------------------------------


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def source_for(
    transport: httpx.AsyncBaseTransport, username: str | None = "glance", password: Kept | None = None
) -> BackrestSource:
    options = BackrestOptions(
        name="backrest", url="https://backrest.lan", trust=Trust(), username=username, password=password
    )
    return BackrestSource(options, connect=partial(Upstream, transport=transport))


def read(source: BackrestSource, clock: Clock | None = None) -> Report:
    return asyncio.run(source.read(clock or Clock()))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rack(clock: Clock, tmp_path: Path) -> Rack:
    """The homelab in process, without ports."""
    return Rack(HOMELAB, clock, tmp_path)


@pytest.fixture
def password(rack: Rack) -> Kept:
    return Kept(lambda: rack.token("backrest"))


@pytest.fixture
def source(rack: Rack, password: Kept) -> BackrestSource:
    return source_for(rack.transport("backrest"), rack.token_id("backrest"), password)


def asked(rack: Rack) -> list[str]:
    return [request.path for request in rack.requests]


def test_everything_is_read_with_one_login_the_summary_and_one_log_per_plan(rack: Rack, source: BackrestSource) -> None:
    report = read(source)

    assert (report.problem, texts(report.limits)) == (None, ())
    assert {reading.as_of for reading in report.readings} == {NOW}
    assert [reading.scope for reading in report.readings] == [
        ("plans",),
        ("repos",),
        ("operations", "vault"),
        ("operations", "app-configs"),
        ("operations", "databasement-dumps"),
        ("upkeep",),
    ]
    assert [plan.id for plan in report.facts(BackrestPlan)] == ["vault", "app-configs", "databasement-dumps"]
    assert list(report.facts(Repo)) == [Repo("b2")]
    assert all(plan.next_run and plan.next_run > NOW and plan.runs for plan in report.facts(BackrestPlan))
    assert {plan.repo for plan in report.facts(BackrestPlan)} == {"b2"}
    assert asked(rack) == [LOGIN, DASHBOARD, *[OPERATIONS] * 4]


def test_a_run_that_failed_or_was_partial_is_in_the_facts(rack: Rack, source: BackrestSource) -> None:
    rack.faults = (
        PlanFails("vault", NOW.date(), "repository is locked"),
        PlanFails("app-configs", NOW.date(), "1 file could not be read", partial=True),
    )
    newest = {plan.id: plan.runs[0] for plan in read(source).facts(BackrestPlan)}

    assert {name: (run.outcome, run.text) for name, run in newest.items()} == {
        "vault": (Outcome.FAILED, "repository is locked"),
        "app-configs": (Outcome.WARNING, "1 file could not be read"),
        "databasement-dumps": (Outcome.OK, None),
    }
    assert newest["databasement-dumps"].size == 90 * 2**30


def test_the_configuration_with_its_passwords_cannot_be_asked_for() -> None:
    assert {call.path.rpartition("/")[2] for call in ALLOWED} == {"Login", "GetSummaryDashboard", "GetOperations"}


def test_a_session_is_kept_for_six_days(rack: Rack, source: BackrestSource, clock: Clock) -> None:
    for days, logins in ((0, 1), (3, 1), (5.9, 1), (6.1, 2), (7.5, 2)):
        clock.now = NOW + timedelta(days=days)
        assert read(source, clock).problem is None
        assert asked(rack).count(LOGIN) == logins


def test_without_a_user_nobody_logs_in() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=sample("dashboard_v1.14"))

    assert read(source_for(Replies(answer), None)).problem is None
    assert (requests[0].method, requests[0].url.path, requests[0].content) == ("POST", DASHBOARD, b"{}")
    assert {request.url.path for request in requests[1:]} == {OPERATIONS}
    assert not any("authorization" in request.headers for request in requests)


# --- the operation log ------------------------------------------------------------------------------------------------


def operation(kind: str = "operationBackup", status: str = "STATUS_SUCCESS", **more: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "repoId": "b2",
        "planId": "vault",
        "status": status,
        "unixTimeStartMs": ms(NOW),
        "unixTimeEndMs": ms(NOW + timedelta(minutes=3)),
        kind: {},
        **more,
    }


def upkeep(*operations: dict[str, Any]) -> dict[str, UpkeepJob]:
    limits: list[Limit] = []
    jobs = {job.kind: job for job in upkeep_jobs(parse_operations({"operations": [*operations]}), limits)}
    assert limits == []
    return jobs


def test_the_repositories_upkeep_is_read_with_its_runs_and_what_is_announced(
    rack: Rack, source: BackrestSource
) -> None:
    rack.faults = (UpkeepFails("backrest", "prune", NOW.date() - timedelta(days=1), "repository is locked"),)
    jobs = {job.kind: job for job in read(source).facts(UpkeepJob)}

    assert {(job.id, job.datastore, job.schedule, job.running) for job in jobs.values()} == {("b2", "b2", None, False)}
    assert jobs["prune"].next_run == datetime(2026, 11, 29, 5, 0, tzinfo=UTC)
    assert [(run.outcome, run.text) for run in jobs["prune"].runs[:2]] == [
        (Outcome.FAILED, "repository is locked"),
        (Outcome.OK, None),
    ]
    assert jobs["check"].next_run == datetime(2026, 12, 1, 6, 0, tzinfo=UTC)
    assert jobs["check"].last is not None
    assert (jobs["check"].last.start, jobs["check"].last.outcome) == (
        datetime(2026, 11, 1, 6, 0, 4, tzinfo=UTC),
        Outcome.OK,
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("STATUS_SUCCESS", Outcome.OK), ("STATUS_WARNING", Outcome.WARNING), ("STATUS_ERROR", Outcome.FAILED)],
)
def test_upkeep_ends_as_its_operation_did(status: str, outcome: Outcome) -> None:
    job = upkeep(operation("operationPrune", status))["prune"]

    assert (job.runs, job.running) == ((Run(start=NOW, end=NOW + timedelta(minutes=3), outcome=outcome),), False)


def test_upkeep_that_runs_has_no_end_yet() -> None:
    job = upkeep(operation("operationCheck", "STATUS_INPROGRESS", unixTimeEndMs=None))["check"]

    assert (job.runs, job.running) == ((Run(start=NOW, end=None, outcome=Outcome.RUNNING),), True)


def test_upkeep_that_only_waits_never_ran() -> None:
    job = upkeep(operation("operationPrune", "STATUS_PENDING"))["prune"]

    assert (job.next_run, job.runs) == (NOW, ())


@pytest.mark.parametrize(
    "other",
    [
        operation("operationForget"),
        operation("operationStats"),
        operation(operationBackup={"dryRun": True}),
        operation(originalInstanceKeyid="ed25519.other"),
        operation(status="STATUS_PENDING"),
        operation(status="STATUS_USER_CANCELLED", unixTimeEndMs=ms(NOW - timedelta(minutes=1))),
        operation(status="STATUS_SYSTEM_CANCELLED"),
    ],
)
def test_operations_that_are_no_run_of_the_plan_add_none(other: dict[str, Any]) -> None:
    plan, limits = BackrestPlan("vault", None, ()), list[Limit]()

    assert with_log(plan, parse_operations({"operations": [other]}), limits).runs == ()
    assert limits == []


def test_the_log_adds_the_error_to_the_run_of_the_summary() -> None:
    (plan,) = parse_dashboard(summary(timestampMs=[ms(NOW)], durationMs=["180000"], status=["STATUS_ERROR"])).plans
    long = "error: " + "x" * 5000
    logged = with_log(
        plan, parse_operations({"operations": [operation(status="STATUS_ERROR", displayMessage=long)]}), []
    )

    assert [(run.start, run.outcome) for run in logged.runs] == [(NOW, Outcome.FAILED)]
    assert logged.runs[0].text == long[:500]


def test_operations_that_cannot_be_read_are_counted_and_spoil_nothing() -> None:
    limits: list[Limit] = []
    rows = parse_operations(
        {"operations": [operation(), operation(unixTimeStartMs="soon"), {**operation(), "status": {}}]}
    )

    assert len(with_log(BackrestPlan("vault", None, ()), rows, limits).runs) == 1
    assert texts(limits) == ("2 operations of plan vault could not be read",)


@given(JSON)
def test_any_json_is_a_log_or_unreadable(value: Any) -> None:
    for body in (
        value,
        {"operations": value},
        {"operations": [operation(), {**operation(), "operationBackup": value}]},
    ):
        try:
            rows = parse_operations(body)
        except UnreadableError:
            continue
        with_log(BackrestPlan("vault", None, ()), rows, [])
        list(upkeep_jobs(rows, []))


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("garbage", "not valid JSON"),
        ("truncated", "cut off"),
        ("wrong-type", "not a list of operations"),
        (500, "HTTP 500"),
    ],
)
def test_a_log_that_cannot_be_read_keeps_what_the_summary_reports(
    rack: Rack, source: BackrestSource, how: Any, cause: str
) -> None:
    rack.break_answer("backrest", OPERATIONS, how)
    report = read(source)

    assert report.problem is None
    assert all(plan.runs and plan.next_run for plan in report.facts(BackrestPlan))
    broken = [reading for reading in report.readings if reading.problem]
    assert [reading.scope[0] for reading in broken] == ["operations"] * 3 + ["upkeep"]
    assert all(reading.problem and cause in reading.problem.cause and not reading.as_of for reading in broken)


# --- when it can't be read --------------------------------------------------------------------------------------------


def test_a_changed_password_costs_one_fresh_read(rack: Rack, source: BackrestSource, password: Kept) -> None:
    assert read(source).problem is None
    rack.rotate_token("backrest")

    assert read(source).problem is None
    assert password.fresh_reads == 1


def test_a_password_that_changed_before_the_first_login_costs_one_fresh_read(
    rack: Rack, source: BackrestSource, password: Kept
) -> None:
    rack.rotate_token("backrest")

    assert read(source).problem is None
    assert password.fresh_reads == 1


def test_a_refused_login_is_denied_in_words_and_shown_nowhere(
    rack: Rack, source: BackrestSource, password: Kept
) -> None:
    rack.refuse_token("backrest")
    report = read(source)

    assert report.problem is not None
    assert report.problem.denied
    assert report.problem.cause == "the login of glance was refused (HTTP 401: invalid password)"
    assert "username and password" in (report.problem.action or "")
    assert report.readings == ()
    assert password.fresh_reads == 1
    assert password.known not in repr(report)


def test_a_session_that_is_refused_later_is_denied_too(rack: Rack, source: BackrestSource) -> None:
    assert read(source).problem is None
    rack.refuse_token("backrest")
    problem = read(source).problem

    assert problem is not None
    assert problem.denied


def test_without_a_user_the_action_is_to_configure_one(rack: Rack) -> None:
    problem = read(source_for(rack.transport("backrest"), None)).problem

    assert problem is not None
    assert (problem.cause, problem.denied) == ("it requires a login", True)
    assert "username" in (problem.action or "")


@pytest.mark.parametrize("token", [None, "", 7, "a.b", "a.b.c\r\nX-Evil: 1", "ä.b.c"])
def test_a_login_that_gives_no_token_is_no_login(token: Any) -> None:
    transport = Replies(lambda _: httpx.Response(200, json={"token": token}))
    problem = read(source_for(transport)).problem

    assert problem is not None
    assert problem.cause == "its login returned no token"


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("garbage", "not valid JSON"),
        ("truncated", "cut off"),
        ("wrong-type", "not a summary"),
        ("redirect", "HTTP 302"),
        (500, "HTTP 500"),
        (503, "HTTP 503"),
    ],
)
def test_a_broken_answer_is_a_problem_in_words(rack: Rack, source: BackrestSource, how: Any, cause: str) -> None:
    rack.break_answer("backrest", DASHBOARD, how)
    problem = read(source).problem

    assert problem is not None
    assert cause in problem.cause
    assert not problem.denied


@pytest.mark.parametrize("how", ["garbage", "truncated", "wrong-type", 500])
def test_a_broken_login_is_a_problem_in_words(rack: Rack, source: BackrestSource, how: Any) -> None:
    rack.break_answer("backrest", LOGIN, how)
    problem = read(source).problem

    assert problem is not None
    assert not problem.denied


def test_a_server_that_is_not_backrest_is_reported() -> None:
    problem = read(source_for(Replies(lambda _: httpx.Response(405)), None)).problem

    assert problem is not None
    assert "url" in (problem.action or "")


def test_it_is_read_again_when_it_comes_back(rack: Rack, source: BackrestSource) -> None:
    rack.close("backrest")
    assert read(source).problem is not None
    rack.open("backrest")
    assert read(source).problem is None


# --- a login that is off, and one of a proxy --------------------------------------------------------------------------


def refused_login() -> httpx.Response:
    """What Backrest answers to every login while its authentication is switched off (BR-2)."""
    return httpx.Response(401, json={"code": "unauthenticated", "message": "invalid password"})


def test_a_backrest_whose_login_is_switched_off_is_read_without(password: Kept) -> None:
    calls: list[tuple[str, bool]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append((request.url.path, "authorization" in request.headers))
        if request.url.path == LOGIN:
            return refused_login()
        return httpx.Response(200, json=sample("dashboard_v1.14") if request.url.path == DASHBOARD else {})

    source = source_for(Replies(answer), password=password)
    assert read(source).problem is None
    assert calls[:3] == [(LOGIN, False), (LOGIN, False), (DASHBOARD, False)]
    assert not any(authenticated for _, authenticated in calls)
    calls.clear()
    assert read(source).problem is None
    assert LOGIN not in {path for path, _ in calls}


def test_a_login_that_is_switched_on_again_is_used_again(rack: Rack) -> None:
    real, off = rack.transport("backrest"), [True]

    async def answer(request: httpx.Request) -> httpx.Response:
        if not off[0]:
            return await real.handle_async_request(request)
        if request.url.path == LOGIN:
            return refused_login()
        return httpx.Response(200, json=sample("dashboard_v1.14") if request.url.path == DASHBOARD else {})

    kept = Kept(lambda: rack.token("backrest"))
    source = source_for(Replies(answer), rack.token_id("backrest"), kept)
    assert next(plan.id for plan in read(source).facts(BackrestPlan)) == "home-docs"
    off[0] = False
    report = read(source)

    assert report.problem is None
    assert next(plan.id for plan in report.facts(BackrestPlan)) == "vault"


PAGE = "<html><head><title>401 Authorization Required</title></head></html>"


@pytest.mark.parametrize(
    ("headers", "text"),
    [({"WWW-Authenticate": 'Basic realm="lan"'}, ""), ({}, PAGE), ({"WWW-Authenticate": "Basic"}, PAGE)],
)
@pytest.mark.parametrize(("username", "cure"), [(None, "basic_auth"), ("glance", "Let the proxy pass")])
def test_a_proxy_in_front_that_asks_for_a_login_is_said_to_be_one(
    headers: dict[str, str], text: str, username: str | None, cure: str, password: Kept
) -> None:
    transport = Replies(lambda _: httpx.Response(401, headers=headers, text=text))
    problem = read(source_for(transport, username, password)).problem

    assert problem is not None
    assert (problem.kind, problem.denied) == (ProblemKind.LOGIN_IN_FRONT, False)
    assert problem.cause == "a proxy in front of Backrest asks for a login of its own (HTTP 401)"
    assert cure in (problem.action or "")
    assert "username" not in (problem.action or "")


def behind_a_proxy(stored: str) -> tuple[BackrestSource, list[httpx.Request]]:
    """A Backrest without a login behind a proxy that lets caddy:s3cret-word pass."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if request.headers.get("authorization") != "Basic Y2FkZHk6czNjcmV0LXdvcmQ=":
            said = f"no: {request.headers.get('authorization')} {stored}"
            return httpx.Response(401, headers={"WWW-Authenticate": "Basic"}, text=said)
        return httpx.Response(200, json=sample("dashboard_v1.14") if request.url.path == DASHBOARD else {})

    options = BackrestOptions(
        name="backrest", url="https://backrest.lan", trust=Trust(), basic_auth=Kept(lambda: stored)
    )
    return BackrestSource(options, connect=partial(Upstream, transport=Replies(answer))), requests


def test_the_login_at_a_proxy_in_front_goes_with_every_call() -> None:
    source, requests = behind_a_proxy("caddy:s3cret-word")

    assert read(source).problem is None
    assert {request.url.path for request in requests} == {DASHBOARD, OPERATIONS}


def test_a_refused_login_at_a_proxy_is_told_and_shown_nowhere() -> None:
    source, _ = behind_a_proxy("caddy:old-s3cret")
    report = read(source)

    assert report.problem is not None
    assert report.problem.cause == "a proxy in front of Backrest refused basic_auth (HTTP 401)"
    assert "s3cret" not in repr(report)
