"""Mutation testing: every line of a room is changed a little, and some test must notice. ``make mutants`` prints who did not.

mutmut makes the changes in a copy of the tree and forks a pytest for each, with the tests that reach the changed function.
It leaves decorated functions alone, which would spare everything that is cached or a property: in the copy,
``@property def f`` is written as ``def f__plain`` and ``f = property(f__plain)``, and caches are left out. Constants outside of
functions are not changed.

Survivors that change nothing anybody could see are explained in ``tests/mutants.toml``.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORK = ROOT / ".cache" / "mutants"
EXPLAINED = ROOT / "tests" / "mutants.toml"

#: By room of core: the tests that hold it. What a test never reaches it is never asked about.
ROOMS = {
    "schedules": ("tests/core/schedules",),
    "judgement": ("tests/core/judgement", "tests/core/parts", "tests/core/board", "tests/core/timeline"),
}
#: Too slow to be asked about every mutant, and what they find are differences of opinion.
_PASSED_OVER = "tests/core/schedules/test_oracles.py"
#: The share of mutants that may survive, explained or not.
MOST_SURVIVORS = 0.05

_NOT_UNDECORATED = {"staticmethod", "classmethod"}  # mutmut reads these
_PLAIN = "__plain"
#: mutmut sees which tests reach a function: not those that a cache answers.
_CACHE = re.compile(r"(functools\.)?(lru_)?cache\b")
#: What mutmut adds to a function's name.
_OWN_NAME = re.compile(r"__mutmut_(?:orig|[0-9]+)\b")
#: Exit codes of a mutant's pytest, as mutmut keeps them: the tests passed, or there were none.
_SURVIVED, _NO_TESTS = {0}, {5, 33}
_NOT_RUN = {None, 2, 34}

#: Tests draw the same examples in every run, and a failing one is not made smaller: nobody reads it.
_PROFILE = """

import hypothesis

hypothesis.settings.register_profile(
    "mutants",
    derandomize=True,
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("mutants")

# A mutant that never ends is noticed by the time that one test computes, however busy the machine is.
import os
import signal

signal.signal(signal.SIGVTALRM, lambda *_: os._exit(1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    signal.setitimer(signal.ITIMER_VIRTUAL, 5.0)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
"""

_SETTINGS = """[mutmut]
source_paths=
    src
only_mutate=
    src/sidecar/core/{files}
pytest_add_cli_args=
    -p
    no:cacheprovider
    --ignore={passed_over}
pytest_add_cli_args_test_selection=
    {tests}
process_isolation=forkserver
use_git_change_detection=false
track_dependencies=false
timeout_multiplier=10
timeout_constant=30
"""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change, and whether a test noticed.

    Attributes:
        place: the function, "core/schedules/cron.py: CronRule.next_after".
        was: the lines before the change, without indentation.
        becomes: the lines after it.
    """

    place: str
    was: str
    becomes: str
    state: str


def main() -> None:
    """Exits with 1 when more survive than may, or one survives that is not explained.

    Arguments: rooms ("schedules") or single files ("schedules/cron.py"); without any, all rooms.
    """
    targets = sys.argv[1:] or list(ROOMS)
    reasons = explanations()
    bad = False
    for target in targets:
        began = time.monotonic()
        mutants = list(run(target))
        bad |= report(target, mutants, reasons, time.monotonic() - began)
    sys.exit(bad)


def explanations() -> dict[tuple[str, str, str], str]:
    """Why a mutant may survive, by its place and its change."""
    entries = tomllib.loads(EXPLAINED.read_text())["survivor"]
    return {(entry["place"], entry["was"], entry["becomes"]): entry["because"] for entry in entries}


def run(target: str) -> Iterator[Mutant]:
    """Makes the mutants of one room, or one file of it, and tests them all.

    Raises:
        SystemExit: the tests don't even pass without a mutant.
    """
    tree = prepared_tree(target)
    log = tree / "log"
    # A machine whose own zone is UTC would not notice a zone that went missing.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TZ": "Asia/Kathmandu"}
    with log.open("w") as output:
        done = subprocess.run(
            [Path(sys.executable).parent / "mutmut", "run", "--max-children", str(os.cpu_count() or 1)],
            cwd=tree, env=environment, stdout=output, stderr=output, check=False,
        )  # fmt: skip
    if done.returncode:
        sys.exit(f"mutmut ended with {done.returncode}; the end of {log}:\n{log.read_text()[-3000:]}")
    for meta in sorted((tree / "mutants" / "src").rglob("*.py.meta")):
        yield from results(meta)


def prepared_tree(target: str) -> Path:
    """A fresh copy of what the tests need, with undecorated functions."""
    room, _, file = target.partition("/")
    tree = WORK / target.replace("/", "-")
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    (tree / "setup.cfg").write_text(
        _SETTINGS.format(files=f"{room}/{file or '*'}", passed_over=_PASSED_OVER, tests="\n    ".join(ROOMS[room]))
    )
    with (tree / "tests" / "conftest.py").open("a") as conftest:
        conftest.write(_PROFILE)
    for path in (tree / "src" / "sidecar" / "core" / room).glob("*.py"):
        path.write_text(undecorated(path.read_text()))
    return tree


def undecorated(source: str) -> str:
    """The same module with every decorator applied below its function instead of above it."""
    module = ast.parse(source)
    lines = source.splitlines()
    methods = [function for part in module.body if isinstance(part, ast.ClassDef) for function in part.body]
    for function in sorted([*module.body, *methods], key=lambda part: part.lineno, reverse=True):
        if not isinstance(function, ast.FunctionDef) or not function.decorator_list:
            continue
        decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
        if set(decorators) & _NOT_UNDECORATED or any(decorator.endswith(".setter") for decorator in decorators):
            continue
        plain = function.name + _PLAIN
        applied = plain
        for decorator in reversed([name for name in decorators if not _CACHE.match(name)]):
            applied = f"{decorator}({applied})"
        head, end = function.lineno - 1, function.end_lineno or 0
        lines.insert(end, f"{' ' * function.col_offset}{function.name} = {applied}")
        lines[head] = lines[head].replace(f"def {function.name}(", f"def {plain}(", 1)
        del lines[function.decorator_list[0].lineno - 1 : head]
    return "\n".join(lines) + "\n"


def results(meta: Path) -> Iterator[Mutant]:
    """The mutants of one file, as mutmut has written down what became of them."""
    path = meta.with_suffix("")
    spans = json.loads(path.with_suffix(".py.spans").read_text())["spans"]
    lines = path.read_text().splitlines()
    for name, code in json.loads(meta.read_text())["exit_code_by_key"].items():
        function = name.rpartition(".")[2]
        original, _, _ = function.rpartition("__mutmut_")
        was, becomes = (
            [_OWN_NAME.sub("", line).strip() for line in lines[spans[key][0] - 1 : spans[key][1]]]
            for key in (f"{original}__mutmut_orig", function)
        )
        state = (
            "survived"
            if code in _SURVIVED
            else "no test"
            if code in _NO_TESTS
            else "not run"
            if code in _NOT_RUN
            else "killed"
        )
        yield Mutant(_place(path, original), *_change(was, becomes), state)


def _place(path: Path, function: str) -> str:
    parts = function.removeprefix("x").removeprefix("_").split("ǁ")
    return f"core/{path.parent.name}/{path.name}: {'.'.join(part for part in parts if part).removesuffix(_PLAIN)}"


def _change(was: list[str], becomes: list[str]) -> tuple[str, str]:
    changed = [
        (" ".join(was[i:j]), " ".join(becomes[k:m]))
        for kind, i, j, k, m in difflib.SequenceMatcher(None, was, becomes, autojunk=False).get_opcodes()
        if kind != "equal"
    ]
    return changed[0]


def report(target: str, mutants: list[Mutant], reasons: dict[tuple[str, str, str], str], seconds: float) -> bool:
    """Prints what became of the mutants of one room or file; whether that is too bad."""
    states = Counter(mutant.state for mutant in mutants)
    alive = [mutant for mutant in mutants if mutant.state != "killed"]
    unexplained = [mutant for mutant in alive if (mutant.place, mutant.was, mutant.becomes) not in reasons]
    for mutant in unexplained:
        _say(f"{mutant.state}: {mutant.place}\n    - {mutant.was}\n    + {mutant.becomes}")
    there = {(mutant.place, mutant.was, mutant.becomes) for mutant in alive}
    for gone in sorted(key for key in reasons if key[0].startswith(f"core/{target}") and key not in there):
        _say(f"explained in {EXPLAINED.name}, but no survivor: {gone[0]}: {gone[1]} → {gone[2]}")
    share = len(alive) / max(1, len(mutants))
    _say(
        f"core/{target}: {len(mutants)} mutants in {seconds / 60:.1f} min: {states['killed']} killed, {len(alive)} left "
        f"({share:.1%}; at most {MOST_SURVIVORS:.0%}), {len(alive) - len(unexplained)} of them explained"
    )
    return not mutants or share > MOST_SURVIVORS or bool(unexplained)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
