"""A copy of a ledger to try something with: complete even while the running sidecar writes the original."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from . import migrations


def copy_ledger(ledger: Path, copy: Path) -> None:
    """Copies the file ``ledger`` to ``copy``, with its copies from before migrations: an older release uses one of them.

    Run it as the user who owns the ledger.

    Raises:
        sqlite3.Error, OSError: it can't be read, or the copy can't be written.
    """
    with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        migrations.copied(connection, copy)
    for older in ledger.parent.glob(f"{ledger.name}.v*"):
        shutil.copyfile(older, copy.with_name(older.name.replace(ledger.name, copy.name)))
