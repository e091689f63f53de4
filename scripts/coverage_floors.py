"""A pytest plugin: lines and branches of src/ that the tests reach, and the floors in pyproject.toml under which a run fails.

slipcover writes its counters into the code and takes them out again once a line was reached: it costs a tenth, where tracing
doubles the time. Child processes are not measured, so commands and the web server look less tested than they are; what
runs nowhere else is not counted (``elsewhere`` in pyproject.toml).

Each xdist worker leaves its counts in .cache/coverage; the session that started them adds them up.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from slipcover import Slipcover

ROOT = Path(__file__).parent.parent
DATA = ROOT / ".cache" / "coverage"
PRODUCT = ROOT / "src" / "sidecar"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before anything of the product is imported."""
    import slipcover  # not earlier: pytest wants to see its plugins first

    counter = slipcover.Slipcover(branch=True, source=[str(PRODUCT)])
    slipcover.ImportManager(counter, slipcover.FileMatcher(sources=[str(PRODUCT)])).__enter__()
    early_config.pluginmanager.register(CoverageFloors(counter), "coverage-floors")


class CoverageFloors:
    """What one process has reached; in the first of them, whether all together have reached enough."""

    def __init__(self, counter: Slipcover) -> None:
        self._counter = counter
        self._worker = os.environ.get("PYTEST_XDIST_WORKER")

    def pytest_sessionstart(self) -> None:
        if self._worker is None:
            DATA.mkdir(parents=True, exist_ok=True)
            for old in DATA.glob("*.json"):
                old.unlink()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        (DATA / f"{self._worker or 'all'}.json").write_text(json.dumps(self._counter.get_coverage()))
        if (
            self._worker is None
            and exitstatus == pytest.ExitCode.OK
            and any(share < floor for _, _, share, floor in _shares())
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._worker is not None:
            return
        terminalreporter.section("coverage")
        for folder, what, share, floor in _shares():
            verdict = "" if share >= floor else ": TOO FEW"
            terminalreporter.line(f"{folder}: {share:.1%} of its {what} reached (at least {floor:.0%}){verdict}")
        terminalreporter.line(f"What was missed: {(DATA / 'all.json').relative_to(ROOT)}")


def _shares() -> list[tuple[str, str, float, float]]:
    """Each floor: its folder, "lines" or "branches", the share that was reached, the share that must be."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage-floors"]
    elsewhere = {ROOT / path for path in settings["elsewhere"]}
    files = {ROOT / path: file for path, file in _everything().items() if ROOT / path not in elsewhere}
    shares = []
    for folder, wanted in settings["floors"].items():
        mine = [file["summary"] for path, file in files.items() if path.is_relative_to(ROOT / folder)]
        for what, percent in wanted.items():
            covered = sum(summary[f"covered_{what}"] for summary in mine)
            missing = sum(summary[f"missing_{what}"] for summary in mine)
            shares.append((folder, what, covered / max(1, covered + missing), percent / 100))
    return shares


def _everything() -> Mapping[str, Any]:
    """The counts of all processes, by file; written down together, for whoever looks for what was missed."""
    import slipcover

    together = json.loads((DATA / "all.json").read_text())
    for path in sorted(DATA.glob("gw*.json")):
        slipcover.merge_coverage(together, json.loads(path.read_text()))
        path.unlink()
    (DATA / "all.json").write_text(json.dumps(together))
    files: Mapping[str, Any] = together["files"]
    return files
