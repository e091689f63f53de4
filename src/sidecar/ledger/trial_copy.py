"""A copy of a ledger to try something with: complete even while the running sidecar writes the original."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from . import migrations


def copy_ledger(ledger: Path, copy: Path) -> None:
    """Copies the file ``ledger`` to ``copy``, with its copies from before migrations: an older release uses one of them.

    Nothing is written beside the original: where no program has it open there is no write-ahead log, and SQLite would make
    one to read it.

    Raises:
        sqlite3.Error, OSError: it can't be read, or the copy can't be written.
    """
    if ledger.with_name(f"{ledger.name}-wal").exists():
        _copy_open(ledger, copy)
    else:
        shutil.copyfile(ledger, copy)
    for older in ledger.parent.glob(f"{ledger.name}.v*"):
        shutil.copyfile(older, copy.with_name(older.name.replace(ledger.name, copy.name)))


def _copy_open(ledger: Path, copy: Path) -> None:
    with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        migrations.copied(connection, copy)
