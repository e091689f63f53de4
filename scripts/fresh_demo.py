"""Runs ``make demo`` as a newcomer: looks at the page that it names, and ends it with Ctrl-C. Needs the standard library only."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

#: Seconds until there are data, after the packages are installed.
_PATIENCE = 120


def main() -> int:
    """Returns an exit code."""
    began = time.monotonic()
    demo = subprocess.Popen(
        ["/usr/bin/make", "demo", "PORT=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = ""
    for line in demo.stdout or ():
        sys.stdout.write(line)
        said += line
        if "Ctrl-C" in line:
            break
    named = re.search(r"^Widget: (http://\S+)$", said, re.MULTILINE)
    found = named is not None and _has_data(named[1])
    os.killpg(demo.pid, signal.SIGINT)
    rest, _ = demo.communicate(timeout=60)
    sys.stdout.write(rest)
    sys.stdout.write(f"From make demo to its end: {time.monotonic() - began:.0f} s\n")
    return 0 if found and "Everything is stopped." in rest else 1


def _has_data(address: str) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 # the demo's own
                if "need you" in answer.read().decode("utf-8"):
                    return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.5)
    return False


if __name__ == "__main__":
    sys.exit(main())
