"""Programs with tokens, from Caddy to the upstreams and back: the real processes, and what they write into their logs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.caddy import Caddy
from tests.whole_house import WholeHouse, whole_house

pytestmark = pytest.mark.fortnight

SCOPES = ["api", "calendar", "metrics", "proxy"]


def get(caddy: Caddy, path: str, token: str | None = None) -> httpx.Response:
    return caddy.client.get(path, headers={"X-Backup-Glance-Token": token} if token else {})


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.05)


def refusals(house: WholeHouse, token: str) -> list[str]:
    """What the board says of tokens that are not accepted."""
    return [note for note in get(house.caddy, "/api/v1/status", token).json()["notes"] if "not accepted" in note]


def test_a_program_gets_in_by_its_token_alone_and_no_log_holds_it(tmp_path: Path) -> None:
    user = {"name": "reader", "password_hash": "$2a$04$qxFC/c7j.aj0CADcv5AcV.hBAIQFLeL8KPaxrvEgh2H3rt498RR02"}
    programs = {"everything": SCOPES, "proxy-only": ["proxy"], "short": ["api"]}
    tokens = {"short": "too-short-for-a-token"}
    with whole_house(tmp_path, programs, tokens=tokens, caddy={"users": [user]}, proxy={"enabled": True}) as house:
        caddy, known, narrow = house.caddy, house.tokens["everything"], house.tokens["proxy-only"]

        assert get(caddy, "/api/v1/status", known).status_code == 200
        assert get(caddy, "/metrics", known).text.startswith("# HELP backup_glance")
        assert get(caddy, "/metrics", narrow).status_code == 403
        assert get(caddy, "/widget").status_code == 401
        assert get(caddy, "/api/v1/status", "too-short-for-a-token").status_code == 401
        assert get(caddy, "/api/v1/status", narrow).status_code == 403
        assert get(caddy, "/healthz", known).status_code == 401, "readers need a password for that"
        proxied = get(caddy, "/proxy/pbs/api2/json/version", narrow)
        assert (proxied.status_code, proxied.json()) == (200, {"data": {"version": "3.2", "release": "4"}})
        assert get(caddy, "/proxy/pbs/api2/json/access/permissions", narrow).status_code == 404
        assert get(caddy, f"/calendar/{known}.ics").text.startswith("BEGIN:VCALENDAR")
        assert get(caddy, f"/calendar/{narrow}.ics").status_code == 403
        for path in (f"/calendar/{quote(known)}x.ics", f"/nowhere/{known}"):
            get(caddy, path)
        for path in (
            f"/api/v1/calendar?from={known}",
            f"/widget?token={known}",
            f"/proxy/{known}/x",
            "/api/v1/services/x",
        ):
            get(caddy, path, known)
        until(lambda: bool(refusals(house, known)))
        (note,) = refusals(house, known)

        house.sidecar.process.terminate()
        _, log = house.sidecar.process.communicate(timeout=10)

    assert note.startswith(
        "The token of program short (tokens.2.token) is not accepted: it is shorter than 32 characters."
    )
    assert note in log
    assert "Traceback" not in log
    for text in (log, caddy.log.read_text(), note):
        assert not any(token[:16] in text for token in house.tokens.values())


def test_a_token_opens_its_own_scope_only(tmp_path: Path) -> None:
    with whole_house(tmp_path, {"script": ["api"]}) as house:
        token = house.tokens["script"]

        assert get(house.caddy, "/api/v1/status", token).status_code == 200
        assert get(house.caddy, "/api/v1/status", token[:-1] + "x").status_code == 401
        assert get(house.caddy, "/proxy/pbs/api2/json/version", token).status_code == 403
        assert get(house.caddy, "/openapi.json", token).json()["openapi"] == "3.1.0"


def test_tokens_change_nothing_for_readers(tmp_path: Path) -> None:
    with whole_house(tmp_path, {"script": ["api"]}) as house:
        assert get(house.caddy, "/api/v1/status").status_code == 200
        assert get(house.caddy, "/widget").status_code == 200
        assert get(house.caddy, "/proxy/pbs/api2/json/version").json()["detail"].startswith("The proxy is off.")
