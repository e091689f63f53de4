"""``python -m tests.hostile.sweep [WORD]``: all cases (whose name has the word), as a table of memory and longest step.

``sweep()`` is the same for a program.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.hostile.cases import Case, cases
from tests.hostile.victim import Figures, started
from tests.simulators import HOMELAB, Rack

#: What must hold in every case: MiB of resident memory, seconds of CPU time of a step, seconds until it has ended.
MOST_MEMORY, LONGEST_STEP, LONGEST_END = 256, 0.05, 5

#: Seconds that all sources may take to be tried, and that one is watched which never ends.
_PATIENCE, _WATCHED = 150, 3


def measured(case: Case, folder: Path) -> tuple[Figures, list[dict[str, Any]]]:
    """What the case costs, and the rows of its sources on the board; none where they were not read in time."""
    with Rack(HOMELAB, lambda: datetime.now(UTC), folder / "rack") as rack:
        config = rack.write_config(folder / "config.yaml")
        document = yaml.safe_load(config.read_text())
        document["sources"] = {name: document["sources"][name] for name in case.broken()}
        for key in ("jobs", "services", "offsite"):
            document.pop(key, None)
        config.write_text(yaml.safe_dump({**document, "poll_interval": "5s"}))
        for source, broken in case.broken().items():
            for path, how in broken.items():
                rack.break_answer(source, path, how)
        with started(config, folder) as victim:
            tried = victim.wait_until_tried(_PATIENCE if case.ends else _WATCHED)
            rows = victim.board()["sources"] if tried else []
            if tried:
                victim.get("/widget")
                victim.get("/extension")
                victim.get("/metrics")
            return victim.end(), rows


def sweep(word: str = "") -> Iterator[tuple[Case, Figures, list[dict[str, Any]]]]:
    """All cases whose name has the word."""
    for case in cases():
        if word in case.name:
            with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
                yield case, *measured(case, Path(folder))


def excess(figures: Figures) -> list[str]:
    """What a case takes too much of."""
    return [
        text
        for text, is_too_much in (
            (f"{figures.memory:.0f} MiB", figures.memory > MOST_MEMORY),
            (f"a step of {figures.step * 1000:.0f} ms at {figures.place}", figures.step > LONGEST_STEP),
            (f"{figures.ended:.1f} s to end", figures.ended > LONGEST_END),
            ("an internal error", "Traceback" in figures.log),
        )
        if is_too_much
    ]


def main() -> int:
    """Prints the table; 1 when any case takes too much."""
    wrong = 0
    for case, figures, rows in sweep(*sys.argv[1:2]):
        said = "; ".join(f"{row['state']}: {row['reason']}" for row in rows) or "still reading"
        sys.stdout.write(
            f"{case.name:<45} {figures.memory:4.0f} MiB {figures.step * 1000:4.0f} ms "
            f" {figures.ended:.1f} s  {said[:110]}\n"
        )
        for text in excess(figures):
            wrong += 1
            sys.stdout.write(f"    TOO MUCH: {text}\n")
        if "Traceback" in figures.log:
            sys.stdout.write(figures.log[-1500:])
        sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
