"""``python -m tests.soak``: the sweeps and the endurance that take too long for every day. Ends with 1 when anything is wrong.

- ``ledger``: bytes of every page of a ledger are flipped, and the service starts with each.
- ``refreshes``: thousands of refreshes with random troubles; the curve of memory, files, threads, tasks and ledger.
- ``hostile``: every case of too much of everything, with the real sidecar.
- ``faults``: every source with every fault, as in docs/faults.md.
- ``load``: what a day of 50,000 snapshots takes from a backup server, beside reading everything every five minutes.
- ``fuzz``: every property test with thousands of examples.
"""

from __future__ import annotations

import argparse
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sidecar.ledger.ledger import FILE
from tests import large_day
from tests.hostile.sweep import excess, sweep
from tests.ledger.damage import every_page, flipped, house
from tests.soak.endurance import endured

ROOT = Path(__file__).parent.parent.parent


def main() -> int:
    """Runs what was asked for; 1 when anything was wrong."""
    options = _options()
    parts: dict[str, Callable[[argparse.Namespace], list[str]]] = {
        "ledger": _ledger,
        "refreshes": _refreshes,
        "hostile": _hostile,
        "faults": _faults,
        "load": _load,
        "fuzz": _fuzz,
    }
    wrong: list[str] = []
    for name in options.only or parts:
        began = time.monotonic()
        _say(f"== {name}")
        found = parts[name](options)
        _say(f"== {name}: {'; '.join(found) or 'as it should be'} ({time.monotonic() - began:.0f} s)")
        wrong += found
    return 1 if wrong else 0


def _ledger(options: argparse.Namespace) -> list[str]:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="soak-ledger-") as folder:
        there = house(Path(folder))
        tally = flipped(there, every_page(there.directory / FILE, random.Random(options.seed), options.each))
    logging.disable(logging.NOTSET)
    _say(str(tally))
    return tally.stopped


def _refreshes(options: argparse.Namespace) -> list[str]:
    curve = endured(options.refreshes, options.seed, _say)
    _say(curve.table())
    _say(f"the ledger's file was, one after the other: {', '.join(curve.harms) or 'left alone'}")
    return curve.excess()


def _hostile(_options: argparse.Namespace) -> list[str]:
    wrong = []
    for case, figures, _rows in sweep():
        _say(f"{case.name:<45} {figures.memory:4.0f} MiB {figures.step * 1000:4.0f} ms {figures.ended:.1f} s")
        wrong += [f"{case.name}: {text}" for text in excess(figures)]
    return wrong


def _faults(_options: argparse.Namespace) -> list[str]:
    return _tested("a fault is not told as docs/faults.md says", "tests/faults")


def _load(_options: argparse.Namespace) -> list[str]:
    wrong = []
    for name, ordinary, most in (("an idle day", False, 0.03), ("an ordinary day", True, 0.15)):
        day = large_day.lived(groups=1_000, ordinary=ordinary)
        _say(
            f"{name}: {day.calls} calls, {day.sent / 1e6:.0f} MB, {day.share:.1%} of {day.whole / 1e6:.1f} MB every 5 min"
        )
        wrong += [f"{name} takes {day.share:.1%} of the bytes"] if day.share > most else []
    return wrong


def _fuzz(_options: argparse.Namespace) -> list[str]:
    return _tested("a property test failed", "-m", "hypothesis", "--hypothesis-profile=soak", "tests")


def _tested(wrong: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *arguments]
    return [wrong] if subprocess.run(command, cwd=ROOT, check=False).returncode else []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=("ledger", "refreshes", "hostile", "faults", "load", "fuzz"),
        help="only these parts",
    )
    parser.add_argument("--refreshes", type=int, default=2_000, metavar="N", help="so many (default: %(default)s)")
    parser.add_argument(
        "--each", type=int, default=40, metavar="N", help="places of each page of the ledger (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all that is chosen by chance")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
