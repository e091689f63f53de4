"""Runs on a target: asks through Caddy, evenly and on loopback, while the sidecar restarts; prints what was sent and what failed.

``under_load.py URL RESTARTS SCRIPT``. After the restarts the script exchanges the key as docs/deploy.md tells, under the same
load. Bounded: 30 requests a second, two seconds for each restart and ten for the script.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PER_SECOND = 30
SECONDS_EACH = 2.0
SECONDS_FOR_THE_SCRIPT = 10.0
KEY = Path("/etc/backup-glance/caddy/key")


def main() -> None:
    """Exits with 1 when a request failed."""
    url, restarts, script = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    key, count = KEY.read_text(), int(PER_SECOND * (SECONDS_EACH * (restarts + 1) + SECONDS_FOR_THE_SCRIPT))
    begun = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        restarting = pool.submit(_restart, restarts, script)
        asked = [pool.submit(_ask, url, begun + number / PER_SECOND) for number in range(count)]
        answers = [one.result() for one in asked]
        restarting.result()
    assert KEY.read_text() != key, "the script did not exchange the key"
    took = time.monotonic() - begun
    failed = [trouble for trouble, _ in answers if trouble]
    slowest = max(seconds for _, seconds in answers)
    result = {
        "sent": len(answers),
        "per_second": round(len(answers) / took, 1),
        "failed": len(failed),
        "restarts": restarts,
        "slowest_seconds": round(slowest, 2),
        "failures": failed[:5],
    }
    print(json.dumps(result))
    sys.exit(1 if failed or len(answers) / took < 20 else 0)


def _restart(times: int, script: str) -> None:
    for _ in range(times):
        time.sleep(SECONDS_EACH)
        subprocess.run(["systemctl", "restart", "backup-glance.service"], check=True)
    time.sleep(SECONDS_EACH)
    subprocess.run(["/bin/bash", "-eu", script], check=True)


def _ask(url: str, at: float) -> tuple[str, float]:
    time.sleep(max(0.0, at - time.monotonic()))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
    )
    begun = time.monotonic()
    try:
        with opener.open(url, timeout=20) as answer:
            answer.read()
            trouble = "" if answer.status == 200 else str(answer.status)
    except OSError as error:
        trouble = str(error)
    return trouble, time.monotonic() - begun


if __name__ == "__main__":
    main()
