"""Copies the ledger while the running sidecar writes it: ``copy_ledger.py FROM TO``, with a release's Python.

Runs as the sidecar's user: root would leave files beside the ledger that the sidecar can't write.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from sidecar.ledger.trial_copy import copy_ledger


def main() -> int:
    """Runs the command; returns its exit code."""
    source, target = map(Path, sys.argv[1:])
    try:
        copy_ledger(source, target)
    except (sqlite3.Error, OSError) as error:
        print(f"the ledger {source} can't be copied to {target}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
