"""Asks Caddy as a reader does, by each name of the page, and prints as JSON at which of them it does not come, and why.

``front_door.py --port PORT [--tls] [--seconds SECONDS] [--bind ADDRESS ...] [--name NAME ...]`` runs on the target and prints
``{"asked": [names], "wrong": [sentences]}``. A name that leads elsewhere than to this machine is not asked for: the certificate
of a DNS name is asked for at an address of this machine, that of an address only if this machine has it.

A reader who is kept out (401, 403) was answered, so nothing is wrong. It waits so long until nothing is: an authority takes some
seconds to give a certificate.
"""

from __future__ import annotations

import argparse
import http.client
import ipaddress
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

UNIT = "backup-glance-caddy.service"
LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared, not listened on)

#: Seconds for one connection.
PATIENCE = 10

#: Bytes of an answer, and characters of somebody else's words.
LONGEST_ANSWER, LONGEST_TEXT = 10_000, 300


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--bind", action="append", default=[])
    parser.add_argument("--name", action="append", default=[])
    options = parser.parse_args()
    # Without a certificate all names are the same, and this one is always answered.
    names = options.name if options.tls else ["localhost"]
    places = {name: place for name in names if (place := _place(name, [_plain(each) for each in options.bind]))}
    wrong = _still_wrong(places, options.port, options.seconds, tls=options.tls)
    print(json.dumps({"asked": list(places), "wrong": wrong}))
    return 0


def _still_wrong(places: dict[str, str], port: int, seconds: float, *, tls: bool) -> list[str]:
    deadline = time.monotonic() + seconds
    while True:
        wrong = {name: problem for name, place in places.items() if (problem := _problem(name, place, port, tls=tls))}
        if not wrong or time.monotonic() > deadline:
            return [f"{name}: {problem}" for name, problem in wrong.items()]
        time.sleep(1)


def _place(name: str, bind: list[str]) -> str | None:
    """The address of this machine at which to ask for the name; None if there is none."""
    own = _plain(name)
    if "*" in name:
        return None
    if not _is_address(own):
        addresses = [each for each in bind if _is_address(each)]
        return LOOPBACK if not bind else next(iter(addresses), None)
    if bind and own not in bind and not set(bind) & set(EVERYWHERE):
        return None
    return own if _is_of_this_machine(own) else None


def _plain(host: str) -> str:
    """An address in one form, without brackets; a name as it is."""
    host = host.strip("[]")
    return str(ipaddress.ip_address(host)) if _is_address(host) else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_of_this_machine(address: str) -> bool:
    try:
        with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET):
            return True
    except OSError:
        return False


def _problem(name: str, place: str, port: int, *, tls: bool) -> str:
    """What is wrong, as a clause; "" for nothing."""
    try:
        with socket.create_connection((place, port), PATIENCE) as plain:
            try:
                stream = _encrypted(plain, name) if tls else plain
            except ssl.SSLError as error:
                return f"Caddy has no certificate for it ({error.reason}).{_reason(name)}"
            with stream:
                status, body = _asked(stream, name, port)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer at {place}, port {port}: {error}."
    return "" if status < 500 and status != 421 else f"HTTP {status}: {_detail(body)}."


def _encrypted(plain: socket.socket, name: str) -> ssl.SSLSocket:
    """Whoever signed it: readers may know authorities that this machine does not."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=_plain(name))


def _asked(stream: socket.socket, name: str, port: int) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(_plain(name), port, timeout=PATIENCE)
    connection.sock = stream
    connection.request("GET", "/healthz", headers={"Accept": "application/json", "Connection": "close"})
    answer = connection.getresponse()
    return answer.status, answer.read(LONGEST_ANSWER)


def _detail(body: bytes) -> str:
    """Caddy's own words for it (caddy/Caddyfile.j2)."""
    try:
        return _shortened(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return "without a reason"


def _reason(name: str) -> str:
    """A sentence with what Caddy last wrote in its log about a certificate that it could not get for the name; "" for nothing."""
    errors = [entry["error"] for entry in _log() if entry.get("identifier") == _plain(name) and "error" in entry]
    return f" Its log: {_shortened(errors[-1])}." if errors else ""


def _log() -> Iterator[dict[str, object]]:
    done = subprocess.run(
        ["/usr/bin/env", "journalctl", f"--unit={UNIT}", "--lines=500", "--output=cat", "--no-pager"],
        capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    for line in done.stdout.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def _shortened(text: object) -> str:
    """The words of somebody else, as a part of a sentence."""
    shown = "".join(character if character.isprintable() else " " for character in str(text))
    return shown[:LONGEST_TEXT].strip().rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
