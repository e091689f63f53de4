"""This tree against another revision, side by side on one machine: ``python -m bench --compare REV``.

Each revision builds its own workload and runs its own code, in a process of its own; only the number of services and the
clock are ours. The two take turns, so that a machine that slows down slows down both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
TURNS = 5

#: Runs inside a revision: its ``bench`` package knows how its modules are called. Before the figures became multiples of a
#: calibration, its functions had other names. What they measure has stayed the same.
_DRIVER = """
import json, time
from datetime import timedelta
from dataclasses import replace
time.perf_counter = time.process_time  # the older ones measured the clock on the wall
import bench.__main__ as bench
board = getattr(bench, "board_seconds", None) or bench._board
month = getattr(bench, "month_seconds", None) or bench._month
mixed, guests = bench.mixed(1000), bench.guests_only(1000)
moments = [bench.NOW + timedelta(minutes=number) for number in range(9)]
def fresh(source):
    return replace(mixed, reports={**mixed.reports, source: replace(mixed.reports[source])})
board(mixed, bench.NOW)
print(json.dumps({
    "board, just read": max(min(board(fresh(source), at) for at in moments) for source in mixed.reports),
    "board, again": min(board(mixed, at) for at in moments),
    "month": min(month(guests, at) for at in moments),
}))
"""


def compare(revision: str, say: Callable[[str], None]) -> None:
    """Prints the medians of both, and how much longer this tree takes."""
    with tempfile.TemporaryDirectory(prefix="backup-glance-bench.") as folder:
        other = Path(folder) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(other), revision)
        try:
            theirs, ours = [], []
            for turn in range(1, TURNS + 1):
                theirs.append(_measured(other))
                ours.append(_measured(ROOT))
                say(
                    f"turn {turn} of {TURNS}: {revision} {_milliseconds(theirs[-1])}; this tree {_milliseconds(ours[-1])}"
                )
        finally:
            _git("worktree", "remove", "--force", str(other))
    for name in ours[0]:
        before = statistics.median(times[name] for times in theirs)
        now = statistics.median(times[name] for times in ours)
        say(
            f"{name:<17} {revision} {before * 1000:6.1f} ms   this tree {now * 1000:6.1f} ms   ratio {now / before:.2f}"
        )


def _milliseconds(times: dict[str, float]) -> str:
    return " / ".join(f"{seconds * 1000:.0f}" for seconds in times.values()) + " ms"


def _measured(tree: Path) -> dict[str, float]:
    """CPU seconds by what was measured."""
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{tree} can't be measured:\n{done.stderr}")
    times: dict[str, float] = json.loads(done.stdout)
    return times


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(ROOT), *arguments], check=True)
