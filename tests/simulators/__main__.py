"""``python -m tests.simulators --port-base 18000 --now 2026-11-23T07:30``: the demo's upstreams, to look at by hand."""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path

from tests.simulators import Rack, demo_faults, demo_homelab
from tests.simulators.upstream_site import SOURCES


def main() -> None:
    """Serve until interrupted; the clock ticks from ``--now`` on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-base", type=int, default=18000)
    parser.add_argument("--now", type=datetime.fromisoformat, default=datetime(2026, 11, 23, 7, 30))
    options = parser.parse_args()
    homelab = demo_homelab()
    ahead = options.now.replace(tzinfo=homelab.zone) - datetime.now(homelab.zone)
    with tempfile.TemporaryDirectory() as scratch:
        clock = lambda: datetime.now(homelab.zone) + ahead  # noqa: E731 (one line says it best)
        with Rack(homelab, clock, Path(scratch), demo_faults(), port_base=options.port_base) as rack:
            config = rack.write_config(Path(scratch) / "config.yaml")
            lines = [
                f"{source:13} {rack.url(source)}  {rack.token_id(source)}  {rack.token(source)}" for source in SOURCES
            ]
            print("\n".join([*lines, f"configuration {config}"]), flush=True)  # noqa: T201 (for people)
            while True:
                time.sleep(3600)


if __name__ == "__main__":
    main()
