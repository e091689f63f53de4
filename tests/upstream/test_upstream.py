"""Calls to upstreams, against real servers on loopback: the simulated rack with every kind of broken answer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from datetime import datetime
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, TypeVar

import pytest

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SecretError, SourceError
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Limits, Upstream
from tests.simulators.rack import Rack

T = TypeVar("T")

NOW = datetime.fromisoformat("2026-11-23T07:30:00+01:00")
VERSION = Call("GET", "/api2/json/version")
SNAPSHOTS = Call("GET", "/api2/json/admin/datastore/{store}/snapshots", frozenset({"ns"}))
OTHER = Call("GET", "/api2/json/nodes")
FINGERPRINT_OF_NOBODY = ":".join(["ab"] * 32)


class Token:
    """The rack's credential for PBS, and for which calls a fresh one was requested."""

    def __init__(self, rack: Rack) -> None:
        self.rack = rack
        self.calls: list[bool] = []
        self.secret = rack.token("pbs")

    async def headers(self, fresh: bool) -> dict[str, str]:
        self.calls.append(fresh)
        if fresh:
            self.secret = self.rack.token("pbs")
        return {"Authorization": f"PBSAPIToken={self.rack.token_id('pbs')}:{self.secret}"}


def pbs(
    rack: Rack, *, trust: Trust | None = None, limits: Limits | None = None, token: Token | None = None
) -> Upstream:
    trust = trust or Trust(fingerprint=rack.pbs_fingerprint)
    return Upstream("pbs", rack.url("pbs"), trust, (VERSION, SNAPSHOTS), (token or Token(rack)).headers, limits)


def run(upstream: Upstream, call: Coroutine[Any, Any, T]) -> T:
    async def and_close() -> T:
        try:
            return await call
        finally:
            await upstream.close()

    return asyncio.run(and_close())


def failure(upstream: Upstream, call: Coroutine[Any, Any, Any]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        run(upstream, call)
    return caught.value


def test_a_call_gives_the_parsed_answer_and_the_fingerprint_that_answered(rack: Rack) -> None:
    upstream = pbs(rack)

    answer = run(upstream, upstream.get(VERSION))

    assert "version" in answer["data"]
    assert upstream.fingerprint == rack.pbs_fingerprint


class Searches(MetaPathFinder):
    """Notes which modules Python searches for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        self.names.append(fullname)


def test_no_module_is_searched_for_at_a_request(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx and its parts would, for what is not installed here, and that takes a tenth of a request."""
    upstream, searches = pbs(rack), Searches()

    async def twice() -> None:
        await upstream.get(VERSION)
        monkeypatch.setattr("sys.meta_path", [searches, *sys.meta_path])
        await upstream.get(VERSION)

    run(upstream, twice())

    assert searches.names == []


def test_rows_come_one_by_one_and_path_parts_are_encoded(rack: Rack) -> None:
    upstream = pbs(rack)

    rows: list[dict[str, Any]] = run(upstream, upstream.rows(SNAPSHOTS, store="main"))

    assert len(rows) > 100
    assert {"backup-type", "backup-id", "backup-time"} <= set(rows[0])


def test_a_call_that_is_not_on_the_list_never_leaves(rack: Rack) -> None:
    upstream = pbs(rack)

    with pytest.raises(ValueError, match="may not call GET /api2/json/nodes"):
        run(upstream, upstream.get(OTHER))
    with pytest.raises(ValueError, match=r"does not allow the parameter verbose"):
        run(upstream, upstream.get(VERSION, {"verbose": 1}))

    assert rack.requests == []


@pytest.mark.parametrize("part", ["", ".", ".."])
def test_a_name_that_would_change_the_path_is_refused(rack: Rack, part: str) -> None:
    upstream = pbs(rack)

    assert "can't be part of a path" in failure(upstream, upstream.rows(SNAPSHOTS, store=part)).cause
    assert rack.requests == []


def test_a_wrong_fingerprint_names_both_and_sends_nothing(rack: Rack) -> None:
    upstream = pbs(rack, trust=Trust(fingerprint=FINGERPRINT_OF_NOBODY))

    error = failure(upstream, upstream.get(VERSION))

    assert rack.pbs_fingerprint in error.cause
    assert FINGERPRINT_OF_NOBODY in error.cause
    assert "update fingerprint" in (error.action or "")
    assert rack.requests == []


def test_the_ca_of_proxmox_ve_is_accepted_although_it_lacks_key_usage(rack: Rack) -> None:
    async def headers(_fresh: bool) -> dict[str, str]:
        return {"Authorization": f"PVEAPIToken={rack.token_id('pve')}={rack.token('pve')}"}

    upstream = Upstream("pve", rack.url("pve"), Trust(ca_file=rack.ca_file("pve")), (VERSION,), headers)

    assert run(upstream, upstream.get(VERSION))["data"]["version"]


def test_another_ca_is_refused(rack: Rack) -> None:
    upstream = pbs(rack, trust=Trust(ca_file=rack.ca_file("pve")))

    refused = failure(upstream, upstream.get(VERSION))
    assert "certificate is not trusted" in refused.cause
    assert "Give its fingerprint or ca_file" in (refused.action or "")


def test_a_ca_file_that_is_not_there_is_named(rack: Rack, tmp_path: Path) -> None:
    upstream = pbs(rack, trust=Trust(ca_file=tmp_path / "ca.pem"))

    assert str(tmp_path / "ca.pem") in failure(upstream, upstream.get(VERSION)).cause


def test_nobody_listening_is_connection_refused(rack: Rack) -> None:
    upstream = Upstream(
        "pbs", "https://127.0.0.1:1", Trust(fingerprint=rack.pbs_fingerprint), (VERSION,), Token(rack).headers
    )

    error = failure(upstream, upstream.get(VERSION))
    assert (error.cause, error.kind, error.culprit) == ("connection refused", ProblemKind.UNREACHABLE, "127.0.0.1")


def test_nobody_listening_is_connection_refused_with_a_ca_too(rack: Rack) -> None:
    trust = Trust(ca_file=rack.ca_file("pve"))
    upstream = Upstream("pve", "https://127.0.0.1:1", trust, (VERSION,), Token(rack).headers)

    assert failure(upstream, upstream.get(VERSION)).cause == "connection refused"


def test_a_refused_token_is_read_once_more_and_then_denied(rack: Rack) -> None:
    rack.refuse_token("pbs")
    token = Token(rack)
    upstream = pbs(rack, token=token)

    error = failure(upstream, upstream.get(VERSION))

    assert token.calls == [False, True]
    assert (error.status, error.denied) == (401, True)
    assert token.secret not in f"{error.cause} {error.action}"


def test_a_renewed_token_is_read_afresh_and_works(rack: Rack) -> None:
    token = Token(rack)
    rack.rotate_token("pbs")
    upstream = pbs(rack, token=token)

    assert run(upstream, upstream.get(VERSION))["data"]
    assert token.calls == [False, True]


def test_a_credential_that_cannot_be_read_says_which(rack: Rack) -> None:
    async def headers(_fresh: bool) -> dict[str, str]:
        raise SecretError("file /run/token: No such file or directory")

    upstream = Upstream("pbs", rack.url("pbs"), Trust(fingerprint=rack.pbs_fingerprint), (VERSION,), headers)

    assert failure(upstream, upstream.get(VERSION)).cause == (
        "its credential can't be read: file /run/token: No such file or directory"
    )


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("garbage", "not valid JSON"),
        ("truncated", "cut off"),
        ("redirect", "HTTP 30"),
        (503, "HTTP 503"),
        (429, "HTTP 429"),
    ],
)
def test_a_broken_answer_is_named(rack: Rack, how: Any, cause: str) -> None:
    rack.break_answer("pbs", "/", how)
    upstream = pbs(rack)

    assert cause in failure(upstream, upstream.get(VERSION)).cause


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("garbage", ProblemKind.NOT_UNDERSTOOD),
        ("truncated", ProblemKind.NOT_UNDERSTOOD),
        ("redirect", ProblemKind.REDIRECTED),
        (400, ProblemKind.REJECTED),
        (401, ProblemKind.REFUSED_CREDENTIALS),
        (403, ProblemKind.NO_PERMISSION),
        (429, ProblemKind.RATE_LIMITED),
        (500, ProblemKind.SERVER_ERROR),
        (503, ProblemKind.SERVER_ERROR),
    ],
)
def test_a_failed_call_has_a_kind_that_code_can_go_by(rack: Rack, how: Any, kind: ProblemKind) -> None:
    rack.break_answer("pbs", "/", how)
    upstream = pbs(rack)
    error = failure(upstream, upstream.get(VERSION))

    assert error.kind is kind
    assert error.denied is (kind in (ProblemKind.REFUSED_CREDENTIALS, ProblemKind.NO_PERMISSION))


@pytest.mark.parametrize("how", ["garbage", "truncated"])
def test_a_broken_list_is_named(rack: Rack, how: Any) -> None:
    rack.break_answer("pbs", "/", how)
    upstream = pbs(rack)

    cause = failure(upstream, upstream.rows(SNAPSHOTS, store="main")).cause

    assert "cut off" in cause if how == "truncated" else "not the requested list" in cause


def test_an_answer_larger_than_the_limit_is_not_read_to_its_end(rack: Rack) -> None:
    upstream = pbs(rack, limits=Limits(body=1024))

    assert "larger than" in failure(upstream, upstream.rows(SNAPSHOTS, store="main")).cause


def test_a_slow_answer_ends_with_the_total_time(rack: Rack) -> None:
    rack.set_latency("pbs", 2)
    upstream = pbs(rack, limits=Limits(total=0.3))
    try:
        error = failure(upstream, upstream.get(VERSION))
        assert (error.cause, error.kind) == ("timed out after 0.3 s", ProblemKind.TIMED_OUT)
    finally:
        rack.set_latency("pbs", 0)


def test_an_upstream_that_limits_the_rate_is_left_alone(rack: Rack) -> None:
    rack.break_answer("pbs", "/", 503)
    upstream = pbs(rack)

    async def twice() -> None:
        with pytest.raises(SourceError, match="HTTP 503"):
            await upstream.get(VERSION)
        with pytest.raises(SourceError, match=r"^rate-limited; retrying in \d+ s$"):
            await upstream.get(VERSION)

    run(upstream, twice())

    assert len(rack.requests) == 1
