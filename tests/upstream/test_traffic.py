"""What a source was asked is counted where the calls are made: each call, each failure, and the bytes as they arrive."""

from __future__ import annotations

import asyncio
import gzip

import httpx
import pytest

from sidecar.upstream.tls import Trust
from sidecar.upstream.traffic import Traffic, counting
from sidecar.upstream.upstream import Upstream
from tests.simulators.rack import Rack
from tests.simulators.wire import How
from tests.upstream.test_upstream import SNAPSHOTS, VERSION, Token


def asked(rack: Rack, *, again: bool = False) -> Traffic:
    """The traffic of two calls at once: the version, and a long list."""
    traffic = Traffic()

    async def ask() -> None:
        trust = Trust(fingerprint=rack.pbs_fingerprint)
        upstream = Upstream("pbs", rack.url("pbs"), trust, (VERSION, SNAPSHOTS), Token(rack).headers)
        try:
            with counting(traffic):
                await asyncio.gather(
                    upstream.get(VERSION), upstream.rows(SNAPSHOTS, store="main"), return_exceptions=True
                )
            if again:
                await upstream.get(VERSION)
        finally:
            await upstream.close()

    asyncio.run(ask())
    return traffic


def test_calls_and_the_bytes_of_their_answers_are_counted(rack: Rack) -> None:
    traffic = asked(rack)

    assert (traffic.calls, traffic.failed_calls) == (2, 0)
    assert traffic.received_bytes > 1000


def test_bytes_are_counted_as_they_arrive() -> None:
    packed = gzip.compress(b'{"data": {"version": "4.0.1"}}' + b" " * 10_000)
    answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(packed))
    traffic = Traffic()

    async def ask() -> None:
        transport = httpx.MockTransport(lambda _: answer)
        upstream = Upstream("pbs", "https://pbs.lan", Trust(), (VERSION,), _no_token, transport=transport)
        with counting(traffic):
            await upstream.get(VERSION)
        await upstream.close()

    asyncio.run(ask())

    assert traffic.received_bytes == len(packed)


async def _no_token(_fresh: bool) -> dict[str, str]:
    return {}


def test_what_is_called_outside_of_a_round_counts_nowhere(rack: Rack) -> None:
    assert asked(rack, again=True).calls == 2


@pytest.mark.parametrize("how", ["garbage", "truncated", "redirect", 500])
def test_an_answer_that_can_not_be_used_is_a_failed_call(rack: Rack, how: How) -> None:
    rack.break_answer("pbs", "/api2/json/version", how)
    traffic = asked(rack)

    assert (traffic.calls, traffic.failed_calls) == (2, 1)


def test_a_server_that_is_away_fails_all_calls(rack: Rack) -> None:
    rack.close("pbs")
    try:
        traffic = asked(rack)
    finally:
        rack.open("pbs")

    assert (traffic.calls, traffic.failed_calls, traffic.received_bytes) == (2, 2, 0)
