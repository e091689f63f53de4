"""Reads the page and the board through Caddy, as a user does, and compares them with what the upstreams report.

``as_user.py URL RACK_JSON RACK_ADDRESS HEADERS``; HEADERS are the reader's own, as JSON. The upstreams accept only the tokens in
Vault: numbers that agree were read with them.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

#: Certificates are tested elsewhere.
ANY = ssl._create_unverified_context()

#: How often board and upstreams are compared, half a minute apart.
_ROUNDS = 4


def main() -> None:
    """Exits with a message when something differs."""
    base, described, address, own = sys.argv[1:]
    reader = json.loads(own)
    rack = json.loads(Path(described).read_text("utf-8"))
    board = _compared(base, reader, rack, address)
    page = _get(f"{base}/widget", reader).decode()
    names = [service["name"] for service in rack["config"]["services"]]
    assert all(name in page for name in names), [name for name in names if name not in page]
    assert board["overall"]["headline"] in page, board["overall"]
    counts = {service["name"]: service["count"] for service in board["services"]}
    print(
        f"{base}: {board['overall']['headline']}; {len(names)} services, the same number of snapshots as PBS: {counts}"
    )


def _compared(base: str, reader: dict[str, str], rack: dict[str, Any], address: str) -> dict[str, Any]:
    """The board that agrees with the upstreams. One that is older than a backup or a prune is read again: a round is a minute."""
    for attempt in range(_ROUNDS):
        board = _settled(base, reader)
        assert board["overall"]["state"] == "ok", board["overall"]
        try:
            _compare_guests(board, rack, _snapshots(rack, address))
            _compare_datastore(board, _pbs(rack, address, "/status/datastore-usage"))
            break
        except AssertionError:
            if attempt == _ROUNDS - 1:
                raise
            time.sleep(30)
    return board


def _settled(base: str, reader: dict[str, str]) -> dict[str, Any]:
    """The board once every source was read."""
    for _ in range(60):
        board: dict[str, Any] = json.loads(_get(f"{base}/api/v1/status", reader))
        if all(source["state"] == "ok" for source in board["sources"]):
            return board
        time.sleep(0.5)
    raise SystemExit(f"not all sources were read within 30 s: {board['sources']}")


def _compare_guests(board: dict[str, Any], rack: dict[str, Any], snapshots: list[dict[str, Any]]) -> None:
    parts = {part["ref"]: part for service in board["services"] for part in service["parts"] if part["kind"] == "guest"}
    guests = [str(guest) for service in rack["config"]["services"] for guest in service["guests"]]
    assert len(guests) > 5, guests
    for guest in guests:
        times = [snapshot["backup-time"] for snapshot in snapshots if snapshot["backup-id"] == guest]
        assert parts[guest]["count"] == len(times), (guest, parts[guest], len(times))
        newest = datetime.fromisoformat(parts[guest]["last_backup"]).astimezone(UTC).timestamp()
        assert newest == max(times), (guest, newest, max(times))


def _compare_datastore(board: dict[str, Any], usage: list[dict[str, Any]]) -> None:
    shown = {store["name"]: (store["total"], store["used"]) for store in board["datastores"]}
    held = {store["store"]: (store["total"], store["used"]) for store in usage}
    assert shown.keys() == held.keys(), (shown, held)
    for name, (total, used) in held.items():
        # It grows between the two requests.
        assert shown[name][0] == total and abs(shown[name][1] - used) < total / 10_000, (shown, held)


def _snapshots(rack: dict[str, Any], address: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _pbs(rack, address, "/admin/datastore/main/snapshots")
    return [row for row in rows if row.get("size") is not None]


def _pbs(rack: dict[str, Any], address: str, path: str) -> Any:
    token = rack["entries"]["backup-glance/pbs"]
    headers = {"Authorization": f"PBSAPIToken={token['token_id']}:{token['secret']}"}
    return json.loads(_get(f"https://{address}:8100/api2/json{path}", headers))["data"]


def _get(url: str, headers: dict[str, str] | None = None) -> bytes:
    request = urllib.request.Request(url, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ANY))
    with opener.open(request, timeout=20) as answer:
        body: bytes = answer.read()
    return body


if __name__ == "__main__":
    main()
