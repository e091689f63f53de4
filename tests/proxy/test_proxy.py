"""What is passed on of the simulated upstreams, and what not; whatever these answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from sidecar.config import load
from sidecar.credentials import Credentials
from sidecar.proxy.refusals import NotPassedOnError
from sidecar.proxy.shared_answers import KEPT_FOR
from sidecar.wiring import make_proxy, make_sources
from tests.event_loop import longest_step
from tests.product import MORNING, Product
from tests.proxy.asking import API, Asked, answer, asked
from tests.simulators import Rack, hostile
from tests.simulators.acl import Acl
from tests.simulators.wire import How
from tests.web.asking import KEY, app_for, ask

SNAPSHOTS = f"pbs{API}/admin/datastore/main/snapshots"

#: Of each source calls that are passed on.
CALLS = [
    f"pbs{API}/version",
    f"pbs{API}/nodes/localhost/time",
    f"pbs{API}/nodes/localhost/tasks?limit=50&since=1790000000",
    f"pbs{API}/admin/datastore",
    f"pbs{API}/status/datastore-usage",
    f"pbs{API}/admin/prune",
    f"pbs{API}/admin/verify",
    f"pbs{API}/admin/sync",
    f"pbs{API}/admin/gc",
    f"pbs{API}/admin/datastore/main/namespace",
    f"{SNAPSHOTS}?ns=archive",
    f"{SNAPSHOTS}?backup-type=ct&backup-id=101",
    f"pve{API}/version",
    f"pve{API}/cluster/resources?type=vm",
    f"pve{API}/cluster/backup",
    f"pve{API}/cluster/backup/backup-critical/included_volumes",
    f"pve{API}/storage",
    f"pve{API}/nodes",
    f"pve{API}/nodes/pve1/time",
    f"pve{API}/nodes/pve1/tasks?typefilter=vzdump&source=all&limit=20",
    f"pve{API}/nodes/pve1/storage/pbs-main/content?content=backup",
    f"pve{API}/nodes/pve1/storage/pbs-main/prunebackups?prune-backups=keep-all%3D1",
    "databasement/health",
    "databasement/api/v1/database-servers",
    "databasement/api/v1/volumes",
    "databasement/api/v1/jobs?filter[type]=backup&sort=-created_at&per_page=50",
    "databasement/api/v1/snapshots?page=2",
]

#: What nobody may learn through it, as the simulated upstreams say it.
NEVER = [
    "root@pam:",
    "pbs.lan",
    "10.0.10.2",
    "username",
    "password",
    "metadata",
    "fingerprint",
    "encryption-key",
    "access_key",
    "bucket",
    "triggered_by",
    "error_message",
    "host",
    "links",
    "ssl_",
    "digest",
    'user"',
    "tokenid",
]


def test_each_listed_call_is_passed_on_with_its_own_fields_only(rack: Rack, tmp_path: Path) -> None:
    async def asking(it: Asked) -> None:
        for path in CALLS:
            rack.requests.clear()
            check(path, await it.get(path))

    def check(path: str, got: httpx.Response) -> None:
        assert got.status_code == 200, (path, got.text)
        assert got.headers["content-type"] == "application/json"
        assert got.json().get("data", True) not in (None, {}), path
        assert [(request.source, request.method) for request in rack.requests] == [(path.split("/")[0], "GET")]
        known = got.text.replace('"localhost', "")
        assert [word for word in NEVER if word in known] == [], path
        assert {"set-cookie", "server", "date", "x-powered-by", "etag"}.isdisjoint(got.headers)

    asked(rack, tmp_path, asking)


def test_what_is_passed_on_is_what_the_upstream_said(rack: Rack, tmp_path: Path) -> None:
    got = answer(rack, tmp_path, SNAPSHOTS).json()["data"]
    newest = max((row for row in got if row["backup-id"] == "101"), key=lambda row: row["backup-time"])

    assert newest["backup-type"] == "ct"
    assert newest["comment"] == "vaultwarden"
    assert newest["size"] > 0
    assert {file["filename"] for file in newest["files"]} >= {"index.json.blob"}


#: Everything that is not on the list: nothing of it may leave.
OTHERS = [
    "pbs",
    "pbs/",
    f"pbs{API}",
    f"pbs{API}/",
    f"pbs{API}/access/permissions",
    f"pve{API}/access/permissions",
    f"pbs{API}/access/users",
    f"pbs{API}/ping",
    f"pbs{API}/admin/datastore/main/groups",
    f"pbs{API}/admin/datastore/main/status",
    f"pbs{API}/nodes/localhost/tasks/UPID:pbs:0:0:0:0:backup:x:root@pam:/log",
    f"pve{API}/nodes/pve1/tasks/UPID:pve1:0:0:0:vzdump::root@pam:/log",
    f"pbs{API}/nodes/other/time",
    f"pbs{API}/version/",
    f"pbs{API}//version",
    "pbs//api2/json/version",
    f"pbs{API}/admin/%2e%2e/version",
    f"pbs{API}%2fversion",
    f"pbs%2f{API[1:]}/version",
    f"%70bs{API}/version",
    f"pbs{API}/VERSION",
    f"pbs{API}/version%00",
    f"pbs{API}/version;x=1",
    f"pbs{API}/admin/datastore/../snapshots",
    f"pbs{API}/admin/datastore/%2e%2e/snapshots",
    f"pbs{API}/admin/datastore/%252e%252e/snapshots",
    f"pbs{API}/admin/datastore/main%2fnamespace/snapshots",
    f"pbs{API}/admin/datastore/main%252fnamespace/snapshots",
    f"pbs{API}/admin/datastore/ma%0ain/snapshots",
    f"pbs{API}/admin/datastore/ma%20in/snapshots",
    f"pbs{API}/admin/datastore/ma%3fin/snapshots",
    f"pbs{API}/admin/datastore/ma%23in/snapshots",
    f"pbs{API}/admin/datastore/ma%5cin/snapshots",
    f"pbs{API}/admin/datastore/ma%ff/snapshots",
    f"pbs{API}/admin/datastore/%E2%80%AEmain/snapshots",
    f"pbs{API}/admin/datastore//snapshots",
    f"pbs{API}/admin/datastore/{'a' * 129}/snapshots",
    f"pve{API}/nodes/pve1/qemu/106/config",
    f"pve{API}/nodes/pve1/storage/pbs-main/content/pbs-main:backup",
    f"pve{API}/cluster/backup-info/not-backed-up",
    "databasement/api/v1/database-servers/1/test-connection",
    "databasement/api/v1/volumes/1/test-connection",
    "databasement/api/v1/user/organizations",
    "databasement/login",
    "backrest/v1.Backrest/GetConfig",
    "backrest/v1.Backrest/GetOperations",
    f"nobody{API}/version",
    "@127.0.0.1/version",
    "http:%2f%2f127.0.0.1/version",
]


def test_everything_else_is_not_found_and_nobody_is_asked(rack: Rack, tmp_path: Path) -> None:
    async def asking(it: Asked) -> dict[str, tuple[int, str]]:
        answers = {path: await it.get(path) for path in OTHERS}
        return {path: (got.status_code, got.headers["content-type"]) for path, got in answers.items()}

    assert asked(rack, tmp_path, asking) == dict.fromkeys(OTHERS, (404, "application/problem+json"))
    assert rack.requests == []


@pytest.mark.parametrize(
    "path", [f"{API}/./version", f"{API}/x/../version", f"{API}/version/.", "..", f"/..{API}/version"]
)
def test_dots_are_no_steps(rack: Rack, tmp_path: Path, path: str) -> None:
    """As they are sent: the client of other tests would leave them out."""

    async def asking(it: Asked) -> int:
        with pytest.raises(NotPassedOnError) as refused:
            await it.proxy.answer("pbs", path.removeprefix("/").encode(), [])
        return refused.value.status

    assert asked(rack, tmp_path, asking) == 404
    assert rack.requests == []


def test_what_is_not_passed_on_says_so(rack: Rack, tmp_path: Path) -> None:
    details = [answer(rack, tmp_path, path).json()["detail"] for path in ("backrest/x", "nobody/x", "pbs/x")]

    assert details == [
        "Source backrest is of kind backrest: nothing of that is passed on.",
        "No source has this name.",
        "This call is not passed on. docs/proxy.md lists the calls that are.",
    ]


@pytest.mark.parametrize(
    "query",
    [
        "token=x",
        "ns=a&ns=b",
        "ns=a&max-depth=1",
        "NS=a",
        "ns[]=a",
        "ns=a%00b",
        "ns=a%0ab",
        "ns=%E2%80%AE",
        f"ns={'a' * 257}",
        "ns=a%26limit%3D0",
        "ns=%2e%2e%2f%3f",
    ],
)
def test_only_its_own_query_keys_are_passed_on_with_plain_values(rack: Rack, tmp_path: Path, query: str) -> None:
    got = answer(rack, tmp_path, f"{SNAPSHOTS}?{query}")

    assert got.status_code == 422
    assert rack.requests == []
    assert "token" not in got.json()["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nobody_writes(rack: Rack, tmp_path: Path, method: str) -> None:
    got = asked(rack, tmp_path, lambda it: it.client.request(method, f"/proxy/{SNAPSHOTS}"))

    assert got.status_code == 405
    assert rack.requests == []


def test_readers_behind_caddy_may_ask_too_and_a_head_is_answered(rack: Rack, tmp_path: Path) -> None:
    async def asking(it: Asked) -> list[httpx.Response]:
        it.client.headers = httpx.Headers({"Authorization": f"Bearer {KEY}"})
        path = f"/proxy/pbs{API}/version"
        return [
            await it.client.get(path),
            await it.client.head(path),
            await it.client.get(path, headers={"Cookie": "a=b"}),
        ]

    whole, head, with_cookie = asked(rack, tmp_path, asking)

    assert whole.json() == {"data": {"version": "3.2", "release": "4"}}
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole.content)))
    assert with_cookie.status_code == 200
    assert all("cookie" not in request.headers for request in rack.requests)


def test_without_the_key_or_a_token_nobody_may(rack: Rack, tmp_path: Path) -> None:
    async def asking(it: Asked) -> httpx.Response:
        it.client.headers = httpx.Headers()
        return await it.get(f"pbs{API}/version")

    assert asked(rack, tmp_path, asking).status_code == 401
    assert rack.requests == []


def test_it_is_off_unless_enabled(rack: Rack, tmp_path: Path) -> None:
    proxy = make_proxy(load.load(rack.write_config(tmp_path / "config.yaml")), Credentials(None))

    with pytest.raises(NotPassedOnError, match=r"The proxy is off\. Set proxy: \{enabled: true\}") as refused:
        asyncio.run(proxy.answer("pbs", b"api2/json/version", []))
    assert refused.value.status == 404
    without = ask(app_for(), f"/proxy/pbs{API}/version")
    assert (without.status_code, without.json()["detail"]) == (404, refused.value.detail)
    assert rack.requests == []


# --- answers that are no good -----------------------------------------------------------------------------------------


QUICK: dict[str, tuple[How, int, str]] = {
    "garbage": ("garbage", 502, "not the JSON"),
    "oversized": ("oversized", 502, "larger than 4 MiB"),
    "redirect": ("redirect", 502, "redirects elsewhere"),
    "403": (403, 403, "may not ask for this"),
    "401": (401, 502, "refused the credential"),
    "429": (429, 503, "left alone"),
}
SLOWER: dict[str, tuple[How, int, str]] = {
    "truncated": ("truncated", 502, "not the JSON"),
    "cut": ("cut", 502, "not the JSON"),
    "login page": ("login-page", 502, "asks for a login"),
    "500": (500, 502, "an error of its own"),
    "502": (502, 502, "an error of its own"),
    "418": (418, 422, "rejected this call"),
    "404": (404, 404, "rejected this call"),
    "503": (503, 503, "left alone"),
    "busy": ("busy", 503, "left alone"),
    "a bomb": (hostile.gzipped(64 * 2**20), 502, "larger than 4 MiB"),
    "lists": (hostile.filled("[]"), 502, "larger than 4 MiB"),
    "numbers": (hostile.filled("1"), 502, "larger than 4 MiB"),
    "deep": (hostile.sends(b"[" * 100_000), 502, "not the JSON"),
    "a list": (hostile.sends(b"[1,2]"), 502, "not the JSON"),
    "null": (hostile.sends(b"null"), 502, "not the JSON"),
    "a huge number": (hostile.sends(b'{"data":[{"size":' + b"9" * 5000 + b"}]}"), 502, "not the JSON"),
    "nothing": (hostile.sends(b""), 502, "not the JSON"),
}


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.fortnight) for name in SLOWER)])
def test_an_answer_that_is_no_good_is_a_problem_of_ours(rack: Rack, tmp_path: Path, name: str) -> None:
    how, status, says = {**QUICK, **SLOWER}[name]
    rack.break_answer("pbs", f"{API}/admin", how)
    got = answer(rack, tmp_path, SNAPSHOTS)

    assert got.status_code == status, got.text
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json().keys() == {"type", "title", "status", "detail"}
    assert says in got.json()["detail"]
    assert got.json()["detail"].startswith("Source pbs: ")
    assert "elsewhere.invalid" not in got.text
    assert ("retry-after" in got.headers) == (status == 503)
    assert rack.token("pbs") not in got.text


HANGING: dict[str, How] = {"slow": "slow", "silent": hostile.silent(), "endless": hostile.endless(b" ", every=0.01)}


@pytest.mark.fortnight
@pytest.mark.parametrize("name", HANGING)
def test_one_that_hangs_is_given_up(rack: Rack, tmp_path: Path, name: str) -> None:
    rack.break_answer("pbs", API, HANGING[name])
    got = answer(rack, tmp_path, f"pbs{API}/version", timeout="1s")

    assert (got.status_code, got.json()["detail"]) == (504, "Source pbs: It did not answer in time.")


@pytest.mark.fortnight
def test_a_closed_port_and_a_stranger_s_certificate_are_told_apart(rack: Rack, tmp_path: Path) -> None:
    rack.close("pbs")
    try:
        away = answer(rack, tmp_path, f"pbs{API}/version")
    finally:
        rack.open("pbs")
    rack.swap_certificate("pbs")
    try:
        stranger = answer(rack, tmp_path, f"pbs{API}/version")
    finally:
        rack.swap_certificate_back("pbs")

    assert (away.status_code, "can't be reached" in away.text) == (502, True)
    assert (stranger.status_code, "certificate is not trusted" in stranger.text) == (502, True)
    assert rack.requests == []


def test_values_of_another_type_are_left_out(rack: Rack, tmp_path: Path) -> None:
    rack.break_answer("pbs", API, "wrong-type")
    rows = answer(rack, tmp_path, SNAPSHOTS).json()["data"]

    assert rows
    assert all(set(row) <= {"files", "verification"} for row in rows)


def test_hostile_texts_are_escaped_bounded_and_lose_our_secrets(rack: Rack, tmp_path: Path) -> None:
    secret = rack.token("pbs")
    row = {
        "backup-id": "a\u202eb\u0000c\td",
        "backup-type": f"ct{secret}",
        "comment": f"first\nsecond \u2066 postgres://me:hunter2@db.lan/x password=swordfish {secret} " + "x" * 5_000,
        "owner": "x" * 5_000,
        "size": 10**40,
        "backup-time": float("nan"),
        "protected": True,
        "fingerprint": "aa:bb",
        "files": [{"filename": "</script>", "size": 1.5, "evil": 1}, "x", None],
        "verification": {"state": "ok", "upid": "UPID:pbs:1:2:3:6A:verify:main:root@pam!secret-agent:"},
    }
    rack.break_answer("pbs", API, hostile.sends(json.dumps({"data": [row], "evil": 1}).encode()))
    got = answer(rack, tmp_path, SNAPSHOTS)
    (shown,) = got.json()["data"]

    assert got.json().keys() == {"data"}
    assert shown["backup-id"] == "a\\u202eb\\u0000c\\u0009d"
    assert secret not in got.text
    assert shown["backup-type"] == "ct[withheld]"
    assert len(shown["comment"]) <= 201
    assert "\n" not in shown["comment"]
    assert not any(word in got.text for word in ("hunter2", "swordfish", "agent", "evil", "fingerprint", "NaN"))
    assert shown["files"] == [{"filename": "</script>", "size": 1.5}, None]
    assert shown["verification"] == {"state": "ok", "upid": "UPID:pbs:1:2:3:6A:verify:main::"}
    assert shown["backup-time"] is None
    assert {"owner", "size", "fingerprint"}.isdisjoint(shown)


def test_headers_of_the_upstream_stay_there(rack: Rack, tmp_path: Path) -> None:
    evil = {"set-cookie": "a=b", "x-evil": "1", "content-security-policy": "default-src *", "location": "/x"}
    rack.break_answer(
        "pbs", API, hostile.sends(b'{"data":{"version":"3"}}', headers={"content-type": "text/html", **evil})
    )
    got = answer(rack, tmp_path, f"pbs{API}/version")

    assert got.json() == {"data": {"version": "3"}}
    assert got.headers["content-type"] == "application/json"
    assert {"set-cookie", "x-evil", "location"}.isdisjoint(got.headers)
    assert "*" not in got.headers["content-security-policy"]


def test_what_an_upstream_says_of_a_rejected_call_is_bounded_and_has_no_secret(rack: Rack, tmp_path: Path) -> None:
    text = f"no such store \u202e {rack.token('pbs')} password=swordfish ".encode() + b"x" * 10_000
    rack.break_answer("pbs", API, hostile.sends(text, status=400))
    detail = answer(rack, tmp_path, f"pbs{API}/version").json()["detail"]

    assert len(detail) < 300
    assert "no such store" in detail
    assert not any(word in detail for word in (rack.token("pbs"), "swordfish", "\u202e"))


def test_what_the_source_s_token_may_not_is_403(rack: Rack, tmp_path: Path) -> None:
    rack.set_permissions("pbs", Acl({}))
    got = answer(rack, tmp_path, SNAPSHOTS)

    assert got.status_code == 403
    assert "Its token of backup-glance may not ask for this" in got.json()["detail"]


# --- how often an upstream is asked -----------------------------------------------------------------------------------


class Counting:
    """Counts how many requests are at an upstream at the same time; holds each until ``go``."""

    def __init__(self, rack: Rack, source: str, path: str) -> None:
        self.now = self.most = 0
        self.go = False  # The upstream has an event loop of its own.
        rack.break_answer(source, path, self._answer)

    async def _answer(self, upstream: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        while not self.go:  # noqa: ASYNC110 (set by a test, in another event loop)
            await anyio.sleep(0.005)
        await upstream(scope, receive, send)
        self.now -= 1


async def until(true: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it does not come to that")


def test_many_who_ask_the_same_at_once_cause_one_call_and_so_does_who_asks_soon(rack: Rack, tmp_path: Path) -> None:
    async def asking(it: Asked) -> list[int]:
        counting = Counting(rack, "pbs", API)
        tasks = [asyncio.create_task(it.get(f"{SNAPSHOTS}?ns=archive")) for _ in range(20)]
        await until(lambda: counting.now == 1)
        tasks.pop().cancel()
        counting.go = True
        answers = await asyncio.gather(*tasks)
        return [answer.status_code for answer in (*answers, await it.get(f"{SNAPSHOTS}?ns=archive"))]

    assert asked(rack, tmp_path, asking) == [200] * 20
    assert len(rack.requests) == 1


def test_an_answer_is_kept_for_15_seconds_and_then_asked_for_again(rack: Rack, tmp_path: Path) -> None:
    seconds = [0.0]

    async def asking(it: Asked) -> list[int]:
        it.proxy._answers._seconds = lambda: seconds[0]
        counts = []
        for moment in (0.0, KEPT_FOR - 0.1, KEPT_FOR, KEPT_FOR + 1):
            seconds[0] = moment
            assert (await it.get(f"pbs{API}/version")).status_code == 200
            counts.append(len(rack.requests))
        return counts

    assert asked(rack, tmp_path, asking) == [1, 1, 2, 2]


@pytest.mark.fortnight
def test_no_more_than_two_connections_to_a_source_and_who_waits_too_long_is_told(rack: Rack, tmp_path: Path) -> None:
    async def asking(it: Asked) -> tuple[Counter[int], int, int]:
        counting, other = Counting(rack, "pbs", API), Counting(rack, "pve", API)
        other.go = True
        tasks = [asyncio.create_task(it.get(f"{SNAPSHOTS}?ns=n{number}")) for number in range(14)]
        await until(lambda: counting.now == 2)
        elsewhere = await it.get(f"pve{API}/version")
        await until(lambda: sum(task.done() for task in tasks) >= 4)
        told = Counter(task.result().status_code for task in tasks if task.done())
        counting.go = True
        await asyncio.gather(*tasks)
        return told, counting.most, elsewhere.status_code

    told, most, elsewhere = asked(rack, tmp_path, asking)

    assert told.keys() == {503}
    assert most == 2
    assert elsewhere == 200, "another source does not wait"


@pytest.mark.fortnight
def test_after_429_it_is_left_alone_by_the_proxy_only(product: Product, tmp_path: Path) -> None:
    rack = product.rack
    rack.break_answer("pbs", f"{API}/admin/prune", 429)

    async def asking(it: Asked) -> list[tuple[int, str | None]]:
        paths = (f"pbs{API}/admin/prune", f"pbs{API}/admin/prune", f"pbs{API}/version", f"pve{API}/version")
        answers = [await it.get(path) for path in paths]
        return [(answer.status_code, answer.headers.get("retry-after")) for answer in answers]

    async def reading() -> list[bool]:
        """Whether the rounds could read everything: while it refuses, and after it refused the proxy only."""
        async with make_sources(load.load(rack.write_config(tmp_path / "rounds.yaml")), Credentials(None)) as sources:
            pbs = next(source for source in sources if source.name == "pbs")
            reports = [await pbs.read(lambda: MORNING)]
            rack.repair("pbs")
            rack.break_answer("pbs", f"{API}/admin/verify", 429)
            await asyncio.to_thread(asked, rack, tmp_path, asking_again)
        async with make_sources(load.load(tmp_path / "rounds.yaml"), Credentials(None)) as sources:
            pbs = next(source for source in sources if source.name == "pbs")
            await asyncio.to_thread(asked, rack, tmp_path, asking_again)
            rack.repair("pbs")
            reports.append(await pbs.read(lambda: MORNING))
        return [all(each.problem is None for each in report.readings) for report in reports]

    async def asking_again(it: Asked) -> None:
        assert (await it.get(f"pbs{API}/admin/prune")).status_code == 200, (
            "it knows nothing of what the rounds were told"
        )
        assert (await it.get(f"pbs{API}/admin/verify")).status_code == 503

    results = asked(rack, tmp_path, asking)
    assert [status for status, _ in results] == [503, 503, 503, 200]
    assert {retry_after for status, retry_after in results if status == 503} <= {"6", "7"}
    assert [request.path for request in rack.requests] == [f"{API}/admin/prune", f"{API}/version"]
    assert asyncio.run(reading()) == [False, True]


def test_a_retry_after_that_is_far_away_is_capped(rack: Rack, tmp_path: Path) -> None:
    rack.break_answer("pbs", API, hostile.sends(b"", status=429, headers={"retry-after": "99999999"}))
    got = answer(rack, tmp_path, f"pbs{API}/version")

    assert got.status_code == 503
    assert 590 <= int(got.headers["retry-after"]) <= 600


def test_a_refused_token_is_read_anew_once_and_then_the_source_is_left_alone(rack: Rack, tmp_path: Path) -> None:
    rack.refuse_token("pbs")

    async def asking(it: Asked) -> list[tuple[int, int]]:
        results = []
        for path in (f"pbs{API}/version", f"pbs{API}/admin/gc", f"pbs{API}/admin/prune"):
            status = (await it.get(path)).status_code
            results.append((status, len(rack.requests)))
        return results

    assert asked(rack, tmp_path, asking) == [(502, 2), (503, 2), (503, 2)]


@pytest.mark.fortnight
def test_a_token_that_was_replaced_is_read_anew(rack: Rack, tmp_path: Path) -> None:
    async def asking(it: Asked) -> list[int]:
        first = await it.get(f"pbs{API}/version")
        rack.rotate_token("pbs")
        return [first.status_code, (await it.get(f"pbs{API}/admin/gc")).status_code]

    assert asked(rack, tmp_path, asking) == [200, 200]


@pytest.mark.fortnight
def test_what_is_kept_is_bounded(rack: Rack, tmp_path: Path) -> None:
    async def asking(it: Asked) -> tuple[int, int]:
        for number in range(80):
            await it.get(f"{SNAPSHOTS}?ns=n{number}")
        answers = it.proxy._answers
        few = len(answers._kept)
        rack.break_answer("pbs", API, hostile.filled(json.dumps({"backup-id": "x" * 200}), 3_000_000))
        for number in range(6):
            assert (await it.get(f"{SNAPSHOTS}?ns=large{number}")).status_code == 200
        return few, answers._bytes()

    few, size = asked(rack, tmp_path, asking)
    assert few == 64
    assert size <= 8 * 2**20


@pytest.mark.fortnight
def test_a_refusal_that_is_kept_holds_nothing_of_the_answer(rack: Rack, tmp_path: Path) -> None:
    rack.break_answer("pbs", API, hostile.filled('{"backup-id":"' + "\u202e" * 100 + '"}', 1_000_000))

    async def asking(it: Asked) -> Exception:
        assert (await it.get(SNAPSHOTS)).status_code == 502
        (kept,) = it.proxy._answers._kept.values()
        assert isinstance(kept.answer, NotPassedOnError)
        return kept.answer

    kept = asked(rack, tmp_path, asking)
    assert (kept.__traceback__, kept.__context__, kept.__cause__) == (None, None, None)


@pytest.mark.fortnight
def test_no_large_answer_holds_up_others(rack: Rack, tmp_path: Path) -> None:
    """They are parsed in steps, and written in a thread."""
    rows = [
        {"backup-id": "x" * 20, "comment": "y" * 10, "files": [{"filename": "z"}]},
        {"comment": "a-" * 500},
        {"backup-id": "\u202e\\" * 100},
        {"evil": [[[1]]]},
    ]

    answers = [hostile.filled(json.dumps(row), 3_900_000) for row in rows]

    async def asking(it: Asked) -> float:
        async def ask(attempt: int) -> None:
            for number, broken in enumerate(answers):
                rack.break_answer("pbs", API, broken)
                assert (await it.get(f"{SNAPSHOTS}?ns=n{attempt}-{number}")).status_code in (200, 502)

        return await longest_step(ask, 0.05)

    assert asked(rack, tmp_path, asking) < 0.05


def test_what_waits_ends_with_the_proxy(rack: Rack, tmp_path: Path) -> None:
    async def asking(it: Asked) -> None:
        Counting(rack, "pbs", API)
        waiting = asyncio.create_task(it.get(f"pbs{API}/version"))
        await until(lambda: len(rack.requests) == 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await it.proxy.aclose()
        assert it.proxy._answers.under_way == 0

    asked(rack, tmp_path, asking)


@pytest.mark.fortnight
def test_the_board_is_the_same_before_and_after(product: Product, tmp_path: Path) -> None:
    before = product.board()

    async def asking(it: Asked) -> list[int]:
        return [(await it.get(path)).status_code for path in CALLS]

    assert set(asked(product.rack, tmp_path, asking)) == {200}
    product.rack.break_answer("pbs", f"{API}/access", "garbage")
    asked(product.rack, tmp_path, lambda it: it.get(f"pbs{API}/version"))
    product.rack.repair("pbs")
    assert product.board() == before
