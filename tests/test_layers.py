"""The rooms of the house, read off the imports themselves: which may know which, and what none of them does."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePath

import pytest

TESTS = Path(__file__).parent
SRC = TESTS.parent / "src" / "sidecar"
FILES = sorted(path.relative_to(SRC) for path in SRC.rglob("*.py"))
MODULES = {".".join(("sidecar", *path.with_suffix("").parts)).removesuffix(".__init__"): path for path in FILES}
CORE = [path for path in FILES if path.parts[0] == "core"]
CRON_LIBRARY = "croniter"
UPSTREAMS = {"pbs", "pve", "databasement", "backrest"}

#: Imports point down this list. A room is a folder, or a file that stands beside the folders; so it is inside core.
ROOMS = (
    "__main__",
    "cli",
    "commands",
    "doctor",
    "suggestion",
    "terminal",
    "running_sidecar",
    "one_round",
    "runtime",
    "alerting",
    "turn_taking",
    "renewal",
    "worker",
    "board_keeper",
    "wiring",
    "web",
    "notify",
    "sources",
    "proxy",
    "tokens",
    "vault",
    "credentials",
    "change_history",
    "remembered_days",
    "ledger",
    "upstream",
    "config",
    "poller",
    "memory",
    "logs",
    "service_manager",
    "errors",
    "files",
    "texts",
    "core/alerts",
    "core/past",
    "core/timeline",
    "core/board",
    "core/judgement",
    "core/parts",
    "core/history",
    "core/reports",
    "core/schedules",
    "core/words",
    "core/settings",
    "core/model",
    "core/ids",
    "core/value",
)
#: Two views of the same verdicts, which would disagree if one were made from the other.
SEPARATE = ("core/timeline", "core/board")
#: Rooms on the longest chain of imports within core.
MOST_FLOORS = 8

#: From the parser of an upstream's answer to what a person sees, room by room: somebody who looks for a fault goes this way.
WALKS = {
    "a PBS snapshot to its row of the table": (
        "sources",
        "core/reports",
        "core/parts",
        "core/judgement",
        "core/board",
        "core/model",
        "web",
    ),
    "a PVE schedule to its cell of the calendar": (
        "sources",
        "core/reports",
        "core/parts",
        "core/judgement",
        "core/timeline",
        "web",
    ),
}
MOST_ROOMS_OF_A_WALK = 7

DATACLASSES = {"dataclass", "value"}
DECORATOR = re.compile(rf"@[\w.]*\b({'|'.join(sorted(DATACLASSES))})\b")
MOST_FIELDS_BY_POSITION = 5

#: Folders of tests/ that mirror none of src/: what tests need, and tests of the whole.
ONLY_TESTS = {
    "browser",
    "browser/firefox",
    "cases",
    "demo",
    "failures",
    "faults",
    "glance",
    "fuzz",
    "hostile",
    "prometheus",
    "replay",
    "simulators",
    "soak",
}


# --- what imports what ----------------------------------------------------------------------------------------------------


def tree(path: Path) -> ast.Module:
    return ast.parse((SRC / path).read_text())


@cache
def imports(path: Path) -> frozenset[str]:
    """Absolute dotted names of everything that a file imports."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    package = ("sidecar", *path.parent.parts)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module or "").split(".") if node.module else ())))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def sidecar_imports(path: Path) -> set[str]:
    return {name for name in imports(path) if name.startswith("sidecar.")}


def room(path: PurePath) -> str:
    """ "core/board" for core/board/headline.py, "core/model" for core/model.py, "web" for web/page.py."""
    depth = 2 if path.parts[0] == "core" else 1
    return "/".join(path.with_suffix("").parts[:depth])


@cache
def arrows() -> dict[tuple[str, str], list[str]]:
    """Which room imports which, and the files that do."""
    files_by_arrow: dict[tuple[str, str], list[str]] = {}
    for path in FILES:
        for module in sorted(sidecar_imports(path) & MODULES.keys()):
            target = MODULES[module]
            # A package's own __init__ holds nothing but a docstring.
            if room(path) != room(target) and target.name != "__init__.py":
                files_by_arrow.setdefault((room(path), room(target)), []).append(f"{path} imports {target}")
    return files_by_arrow


def longest_chain(needs: Mapping[str, set[str]]) -> list[str]:
    """The longest way down from room to room.

    Raises:
        ValueError: the imports go round in a circle.
    """

    def down(start: str, above: tuple[str, ...]) -> list[str]:
        if start in above:
            raise ValueError(f"a circle: {' → '.join((*above, start))}")
        below = [down(target, (*above, start)) for target in sorted(needs.get(start, ()))]
        return [start, *max(below, key=len, default=[])]

    return max((down(start, ()) for start in sorted(needs)), key=len, default=[])


def test_there_is_something_to_look_at() -> None:
    assert len(CORE) > 10
    assert {path.stem for path in FILES if path.parts[0] == "sources"} >= UPSTREAMS


# --- rooms ----------------------------------------------------------------------------------------------------------------


def test_every_room_has_its_place_in_the_order() -> None:
    files = [path for path in FILES if path.name != "__init__.py"]
    assert {room(path) for path in files} <= set(ROOMS)
    assert len(ROOMS) == len(set(ROOMS))


def test_no_room_imports_upward() -> None:
    upward = [files for (low, high), files in arrows().items() if ROOMS.index(high) < ROOMS.index(low)]
    assert not upward


def test_board_and_timeline_do_not_know_each_other() -> None:
    between = [arrow for arrow in arrows() if set(arrow) == set(SEPARATE)]
    assert not between, [arrows()[arrow] for arrow in between]


def test_core_has_few_floors_and_no_circle() -> None:
    needs: dict[str, set[str]] = {}
    for importer, imported in arrows():
        if importer.startswith("core/"):
            needs.setdefault(importer, set()).add(imported)
    chain = longest_chain(needs)
    assert len(chain) <= MOST_FLOORS, " → ".join(chain)


def test_floors_are_counted_in_rooms_on_the_longest_way_down() -> None:
    assert longest_chain({"a": {"b", "d"}, "b": {"c"}, "c": {"d"}}) == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="a → b → a"):
        longest_chain({"a": {"b"}, "b": {"a"}})


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS.keys())
def test_what_an_upstream_says_reaches_the_page_through_few_rooms(walk: tuple[str, ...]) -> None:
    assert len(walk) <= MOST_ROOMS_OF_A_WALK
    known = arrows().keys()
    for step in pairwise(walk):
        assert step in known or step[::-1] in known, f"no import leads from {' to '.join(step)}"


def test_files_import_each_other_in_no_circle() -> None:
    graph = {module: (sidecar_imports(path) & MODULES.keys()) - {module} for module, path in MODULES.items()}
    while leaves := {module for module, needs in graph.items() if not needs & graph.keys()}:
        graph = {module: needs for module, needs in graph.items() if module not in leaves}
    assert not graph, f"these import each other: {sorted(graph)}"


def test_modules_say_what_they_are_about() -> None:
    names = {path.stem for path in FILES} | {path.name for path in SRC.rglob("*") if path.is_dir()}
    assert not names & {"utils", "helpers", "common", "misc"}
    assert not {name for name in names if not name.startswith("__")} & sys.stdlib_module_names


def fields_by_position(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Each dataclass that may be made by position, and how many fields it has."""
    for node in ast.walk(module):
        if not isinstance(node, ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            made, settings = (
                (decorator.func, decorator.keywords) if isinstance(decorator, ast.Call) else (decorator, [])
            )
            name = made.id if isinstance(made, ast.Name) else made.attr if isinstance(made, ast.Attribute) else ""
            if name in DATACLASSES and "kw_only=True" not in map(ast.unparse, settings):
                fields = [ast.unparse(line.target) for line in node.body if isinstance(line, ast.AnnAssign)]
                # "_" holds no value: the fields after it are given by name.
                yield node.name, len({*fields} - {"_"})


@pytest.mark.parametrize(
    ("decorator", "by_position"),
    [
        ("@dataclass", True),
        ("@dataclass(frozen=True)", True),
        ("@dataclasses.dataclass()", True),
        ("@value()", True),
        ("@dataclass(frozen=True, kw_only=True)", False),
        ("@value(kw_only=True)", False),
        ("@enum.unique", False),
    ],
)
def test_fields_by_position_are_counted(decorator: str, by_position: bool) -> None:
    code = "class Row:\n    a: int\n    _: KW_ONLY\n    b: int = 0\n    def c(self) -> None: ..."
    found = list(fields_by_position(ast.parse(f"{decorator}\n{code}")))
    assert found == ([("Row", 2)] if by_position else [])


def test_what_has_many_fields_is_made_by_name() -> None:
    files = [path for top in (SRC, TESTS, TESTS.parent / "bench") for path in top.rglob("*.py")]
    many = [
        f"{path.name}: {name}"
        for path in files
        if DECORATOR.search(text := path.read_text())
        for name, fields in fields_by_position(ast.parse(text))
        if fields > MOST_FIELDS_BY_POSITION
    ]
    assert not many


def test_tests_mirror_the_rooms() -> None:
    def folders(top: Path) -> set[str]:
        return {str(path.parent.relative_to(top)) for path in top.rglob("*.py")}

    assert folders(TESTS) - folders(SRC) == ONLY_TESTS
    assert folders(SRC) - folders(TESTS) == set()


# --- core is pure ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CORE, ids=str)
def test_core_imports_only_itself_the_standard_library_and_the_cron_library(path: Path) -> None:
    for name in imports(path):
        top = name.split(".")[0]
        allowed = name.startswith("sidecar.core") or top in sys.stdlib_module_names
        assert allowed or (top == CRON_LIBRARY and path.stem == "cron"), f"{path} imports {name}"


CLOCKS = {"datetime", "date", "time"}
READINGS = {"now", "utcnow", "today", "time"}


def clock_readings(module: ast.Module) -> list[int]:
    """The lines that read a clock, with whatever arguments, or hand on the function that does.

    ``now``, ``utcnow`` and ``today`` are called on nothing else; ``moment.time()`` only takes a moment apart.
    """
    lines = []
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr in READINGS:
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if name in CLOCKS:
                lines.append(node.lineno)
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in READINGS - {"time"}
        ):
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    "code",
    [
        "datetime.now()",
        "datetime.now(UTC)",
        "datetime.now(tz=zone)",
        "datetime.datetime.now(UTC)",
        "dt.now(UTC)",
        "datetime.utcnow()",
        "date.today()",
        "time.time()",
        "field(default_factory=datetime.now)",
    ],
)
def test_a_clock_is_found_whatever_it_is_asked(code: str) -> None:
    assert clock_readings(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["moment.time()", "inputs.now", "schedule.next_after(now)", "datetime.combine(day, at)"]
)
def test_a_moment_that_was_handed_in_is_no_clock(code: str) -> None:
    assert not clock_readings(ast.parse(code))


@pytest.mark.parametrize("path", CORE, ids=str)
def test_core_reads_no_clock_and_does_no_io(path: Path) -> None:
    forbidden = {"os", "time", "asyncio", "logging", "pathlib", "socket", "subprocess", "sqlite3", "random", "io"}
    assert not {name.split(".")[0] for name in imports(path)} & forbidden
    assert not clock_readings(tree(path))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}, f"{path}:{node.lineno}"


# --- who knows whom -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[0] == "web"], ids=str)
def test_web_never_imports_sources(path: Path) -> None:
    assert not any(name.startswith("sidecar.sources") for name in sidecar_imports(path))


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[0] == "sources"], ids=str)
def test_sources_never_import_each_other(path: Path) -> None:
    own = path.stem.split("_")[0]
    for name in sidecar_imports(path):
        parts = name.split(".")
        other = parts[2].split("_")[0] if len(parts) > 2 and parts[1] == "sources" else own
        assert other == own or other not in UPSTREAMS, f"{path} imports {name}"


def test_the_poller_knows_neither_ledger_nor_core_nor_sources() -> None:
    assert sidecar_imports(Path("poller.py")) == set()


WAYS_OUT = {Path("upstream/upstream.py"), Path("upstream/ping.py")}


@pytest.mark.parametrize("path", [path for path in FILES if path not in WAYS_OUT], ids=str)
def test_only_the_one_way_out_knows_the_http_client(path: Path) -> None:
    assert "httpx" not in {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", [path for path in FILES if path != Path("notify/sending.py")], ids=str)
def test_only_the_process_that_sends_knows_apprise(path: Path) -> None:
    names = set(imports(path))
    assert "apprise" not in {name.split(".")[0] for name in names}
    assert "sidecar.notify.sending" not in names or path == Path("notify/child.py")


@pytest.mark.parametrize("path", [path for path in FILES if path != Path("vault/client.py")], ids=str)
def test_only_vault_knows_its_client(path: Path) -> None:
    assert "hvac" not in {name.split(".")[0] for name in imports(path)}
