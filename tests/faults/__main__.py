"""``python -m tests.faults``: measures all cells and writes docs/faults.md."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.faults.cells import Laboratory
from tests.faults.table import DOCUMENT, document
from tests.simulators.outages import OUTAGES
from tests.simulators.upstream_site import SOURCES

argparse.ArgumentParser(
    prog="python -m tests.faults", description=f"Measures all cells and writes {DOCUMENT.name}."
).parse_args()
with tempfile.TemporaryDirectory() as scratch, Laboratory(Path(scratch)) as laboratory:
    measured = {(source, name): laboratory.cell(source, OUTAGES[name]) for source in SOURCES for name in OUTAGES}
DOCUMENT.write_text(document(measured), encoding="utf-8")
