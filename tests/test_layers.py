"""The three rules of the house (design §3), read off the imports themselves."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "sidecar"
FILES = sorted(path.relative_to(SRC) for path in SRC.rglob("*.py"))
CORE = [path for path in FILES if path.parts[0] == "core"]
CRON_LIBRARY = "croniter"
UPSTREAMS = {"pbs", "pve", "databasement", "backrest"}


def imports(path: Path) -> Iterator[str]:
    """Absolute dotted names of everything that a file imports."""
    package = ("sidecar", *path.parent.parts)
    for node in ast.walk(ast.parse((SRC / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module or "").split(".") if node.module else ())))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def sidecar_imports(path: Path) -> set[str]:
    return {name for name in imports(path) if name.startswith("sidecar.")}


def test_there_is_something_to_look_at() -> None:
    assert len(CORE) > 10
    assert {path.stem for path in FILES if path.parts[0] == "sources"} >= UPSTREAMS


@pytest.mark.parametrize("path", CORE, ids=str)
def test_core_imports_only_itself_the_standard_library_and_the_cron_library(path: Path) -> None:
    for name in imports(path):
        top = name.split(".")[0]
        allowed = name.startswith("sidecar.core") or top in sys.stdlib_module_names
        assert allowed or (top == CRON_LIBRARY and path.stem == "cron"), f"{path} imports {name}"


@pytest.mark.parametrize("path", CORE, ids=str)
def test_core_reads_no_clock_and_does_no_io(path: Path) -> None:
    forbidden = {"os", "time", "asyncio", "logging", "pathlib", "socket", "subprocess", "sqlite3", "random", "io"}
    assert not {name.split(".")[0] for name in imports(path)} & forbidden
    for node in ast.walk(ast.parse((SRC / path).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in {"now", "utcnow", "today", "time"} or node.args, f"{path}:{node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}, f"{path}:{node.lineno}"


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


@pytest.mark.parametrize("path", [path for path in FILES if path != Path("upstream/upstream.py")], ids=str)
def test_only_the_one_way_out_knows_the_http_client(path: Path) -> None:
    assert "httpx" not in {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", [path for path in FILES if path != Path("vault/client.py")], ids=str)
def test_only_vault_knows_its_client(path: Path) -> None:
    assert "hvac" not in {name.split(".")[0] for name in imports(path)}


def test_modules_say_what_they_are_about() -> None:
    names = {path.stem for path in FILES} | {path.name for path in SRC.rglob("*") if path.is_dir()}
    assert not names & {"utils", "helpers", "common", "misc"}
    assert not {name for name in names if not name.startswith("__")} & sys.stdlib_module_names


def test_imports_go_round_in_no_circle() -> None:
    modules = {".".join(("sidecar", *path.with_suffix("").parts)).removesuffix(".__init__"): path for path in FILES}
    graph = {
        module: {name for name in sidecar_imports(path) if name in modules} - {module}
        for module, path in modules.items()
    }
    while leaves := {module for module, needs in graph.items() if not needs & graph.keys()}:
        graph = {module: needs for module, needs in graph.items() if module not in leaves}
    assert not graph, f"these import each other: {sorted(graph)}"
