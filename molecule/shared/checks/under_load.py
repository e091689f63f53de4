"""Runs on a target: sends requests through Caddy at a steady rate while the sidecar restarts; prints how many failed.

``under_load.py URL RESTARTS HEADERS``: 30 requests per second, for two seconds per restart; HEADERS are the reader's, as JSON.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

PER_SECOND = 30
SECONDS_EACH = 2.0


def main() -> None:
    """Exits with 1 when a request failed."""
    restarts, page = int(sys.argv[2]), urllib.request.Request(sys.argv[1], headers=json.loads(sys.argv[3]))
    count = int(PER_SECOND * SECONDS_EACH * (restarts + 1))
    begun = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        restarting = pool.submit(_restart, restarts)
        requests = [pool.submit(_request, page, begun + number / PER_SECOND) for number in range(count)]
        answers = [request.result() for request in requests]
        restarting.result()
    # Sent in this time; the last answers come later.
    took = max(sent for _, sent, _ in answers) - begun
    failed = [problem for problem, _, _ in answers if problem]
    slowest = max(seconds for _, _, seconds in answers)
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


def _restart(times: int) -> None:
    for _ in range(times):
        time.sleep(SECONDS_EACH)
        subprocess.run(["systemctl", "restart", "backup-glance.service"], check=True)


def _request(page: urllib.request.Request, at: float) -> tuple[str, float, float]:
    """Sends one request at that time. Returns what went wrong ("" for nothing), when it was sent and the seconds it took."""
    time.sleep(max(0.0, at - time.monotonic()))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
    )
    begun = time.monotonic()
    try:
        with opener.open(page, timeout=20) as answer:
            answer.read()
            problem = "" if answer.status == 200 else str(answer.status)
    except OSError as error:
        problem = str(error)
    return problem, begun, time.monotonic() - begun


if __name__ == "__main__":
    main()
