"""Copies the ledger while the running sidecar writes it: ``copy_ledger.py FROM TO``, with a release's Python.

Runs as the sidecar's user: root would leave files beside the ledger that the sidecar may not write.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from sidecar.ledger import migrations


def main() -> int:
    """Runs the command; returns its exit code."""
    source, target = map(Path, sys.argv[1:])
    try:
        with closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            migrations.copied(connection, target)
        # From before migrations: an older release on trial takes one of them up.
        for before in source.parent.glob(f"{source.name}.v*"):
            shutil.copyfile(before, target.with_name(before.name.replace(source.name, target.name)))
    except (sqlite3.Error, OSError) as error:
        print(f"the ledger {source} can't be copied to {target}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
