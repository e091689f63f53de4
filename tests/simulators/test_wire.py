"""The rack: real HTTPS, ports that close, answers that break, a log without secrets."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.simulators import HOMELAB, Rack
from tests.simulators.conftest import MONDAY, Clock
from tests.simulators.faults import SourceAway
from tests.simulators.visitor import ask, visitor

STORE = "/api2/json/admin/datastore/main"


def test_snapshots_and_tasks_come_in_chunks_and_in_no_order(demo: Rack) -> None:
    answer = ask(demo, "pbs", f"{STORE}/snapshots")
    times = [row["backup-time"] for row in answer.json()["data"]]

    assert answer.headers["transfer-encoding"] == "chunked"
    assert times != sorted(times)
    assert times != sorted(times, reverse=True)
    assert "content-length" in ask(demo, "pbs", f"{STORE}/groups").headers


def test_a_closed_port_refuses_and_the_same_one_opens_again(rack: Rack) -> None:
    url = rack.url("backrest")
    rack.close("backrest")
    with pytest.raises(ConnectionRefusedError):
        _connect(url)
    rack.open("backrest")
    assert rack.url("backrest") == url
    _connect(url)


def test_a_source_that_is_away_follows_the_clock(rack: Rack, clock: Clock) -> None:
    rack.faults = (SourceAway("pbs", MONDAY.replace(hour=7, minute=0), MONDAY.replace(hour=8, minute=0)),)
    seen = []
    for hour in (6, 7, 8):
        clock.now = MONDAY.replace(hour=hour, minute=1)
        rack.settle()
        seen.append(_is_open(rack.url("pbs")))
    assert seen == [True, False, True]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("garbage", UnicodeDecodeError),
        ("truncated", json.JSONDecodeError),
        ("cut", httpx.RemoteProtocolError),
    ],
)
def test_answers_can_be_broken_and_restored(rack: Rack, how: Any, error: type[Exception]) -> None:
    path = f"{STORE}/snapshots"
    rack.break_answer("pbs", path, how)
    with pytest.raises(error):
        ask(rack, "pbs", path).json()
    assert ask(rack, "pbs", "/api2/json/version").status_code == 200
    rack.repair("pbs")
    assert ask(rack, "pbs", path).json()["data"]


def test_answers_can_be_busy_elsewhere_endless_slow_or_of_the_wrong_type(rack: Rack) -> None:
    rack.break_answer("pve", "/", 429)
    busy = ask(rack, "pve", "/api2/json/version")
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
    rack.break_answer("pve", "/", "redirect")
    assert ask(rack, "pve", "/api2/json/version").headers["location"] == "https://elsewhere.invalid/"
    rack.break_answer("pve", "/", "wrong-type")
    assert ask(rack, "pve", "/api2/json/version").json()["data"]["version"] == {"unexpected": True}
    rack.break_answer("pve", "/", "oversized")
    assert _read(rack, "pve", at_most=3_000_000) > 3_000_000
    rack.break_answer("pve", "/", "slow")
    with pytest.raises(httpx.ReadTimeout):
        _read(rack, "pve", at_most=100, timeout=0.3)


def test_latency_delays_an_answer(rack: Rack) -> None:
    rack.set_latency("pve", 0.2)
    before = time.monotonic()
    ask(rack, "pve", "/api2/json/version")
    assert time.monotonic() - before >= 0.2


def test_the_log_names_every_request_and_no_secret(rack: Rack) -> None:
    ask(rack, "databasement", "/api/v1/jobs?filter[status]=failed")

    logged = rack.requests[-1]
    assert (logged.source, logged.method, logged.path) == ("databasement", "GET", "/api/v1/jobs")
    assert (logged.query, logged.time) == ("filter[status]=failed", MONDAY)
    assert rack.token("databasement") not in str(rack.requests)


def test_the_certificates_are_those_of_the_real_upstreams(rack: Rack) -> None:
    """PBS's fits its fingerprint and no address; PVE's CA has no key usage, which Python 3.13's strict flag refuses."""
    pbs = ssl.PEM_cert_to_DER_cert(rack.ca_file("pbs").read_text(encoding="ascii"))
    strict = ssl.create_default_context(cafile=rack.ca_file("pve"))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    plain = ssl.create_default_context(cafile=rack.ca_file("pbs"))

    assert rack.pbs_fingerprint == _fingerprint(pbs)
    for source, context, reason in (("pve", strict, "key usage"), ("pbs", plain, "not valid for '127.0.0.1'")):
        with pytest.raises(httpx.ConnectError, match=reason), httpx.Client(verify=context) as client:
            client.get(rack.url(source))


def test_everything_listens_once_it_is_entered(tmp_path: Path) -> None:
    with Rack(HOMELAB, lambda: MONDAY, tmp_path) as rack:
        assert all(_is_open(rack.url(source)) for source in ("pbs", "pve", "databasement", "backrest"))


def _connect(url: str) -> None:
    target = httpx.URL(url)
    socket.create_connection((target.host, target.port or 443), timeout=2).close()


def _is_open(url: str) -> bool:
    try:
        _connect(url)
    except ConnectionRefusedError:
        return False
    return True


def _read(rack: Rack, source: str, *, at_most: int, timeout: float = 5) -> int:
    read = 0
    with visitor(rack, source) as client, client.stream("GET", "/api2/json/version", timeout=timeout) as answer:
        for chunk in answer.iter_raw():
            read += len(chunk)
            if read > at_most:
                break
    return read


def _fingerprint(certificate: bytes) -> str:
    digest = hashlib.sha256(certificate).hexdigest()
    return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))


def test_the_configuration_names_everything_and_keeps_secrets_in_private_files(rack: Rack, tmp_path: Path) -> None:
    path = rack.write_config(tmp_path / "config.yaml")
    config = yaml.safe_load(path.read_text(encoding="utf-8"))

    assert [service["name"] for service in config["services"]] == [service.name for service in HOMELAB.services]
    assert config["sources"]["pbs"]["fingerprint"] == rack.pbs_fingerprint
    for source, key in (("pbs", "secret"), ("pve", "secret"), ("databasement", "token"), ("backrest", "password")):
        secret = Path(config["sources"][source][key]["file"])
        assert secret.read_text(encoding="utf-8") == f"{rack.token(source)}\n"
        assert secret.stat().st_mode & 0o777 == 0o600
        assert rack.token(source) not in path.read_text(encoding="utf-8")
    assert "services" not in yaml.safe_load(rack.write_config(path, services=False).read_text(encoding="utf-8"))


def test_a_rack_answers_in_process_too(tmp_path: Path) -> None:
    rack = Rack(HOMELAB, lambda: MONDAY, tmp_path)

    async def visit(path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=rack.transport("pbs"), base_url="https://pbs.lan") as client:
            return await client.get(path)

    assert asyncio.run(visit("/api2/json/ping")).json() == {"data": {"pong": True}}
    rack.faults = (SourceAway("pbs", MONDAY),)
    with pytest.raises(httpx.ConnectError):
        asyncio.run(visit("/api2/json/ping"))
