"""``make dist``: the wheel, the lock of what it needs, a list of all of it as an SBOM, and their checksums, in ``dist/``.

The same checkout gives the same bytes. uv writes the SBOM (CycloneDX 1.5); here it is given the versions of requirements.txt, and
what differs from run to run is taken out of it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import uuid
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent

#: A pinned package at the start of a line of a lock, with its marker.
_PINNED = re.compile(r"^[a-z0-9][^ ]*==[^ ]+(?: ; [^\\]+)?", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

#: A fixed moment, as the wheel's own files have it.
_EPOCH, _MOMENT = "315532800", "1980-01-01T00:00:00Z"


class DistError(Exception):
    """The files can't be made; the message says why."""


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.dist", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=_ROOT / "dist")
    try:
        for path in make(parser.parse_args().folder):
            sys.stdout.write(f"{path}\n")
    except DistError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def make(folder: Path) -> list[Path]:
    """Makes all files anew in ``folder``; returns their paths. Raises DistError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wheel = _wheel(folder)
    lock = folder / "requirements.txt"
    lock.write_bytes((_ROOT / "requirements.txt").read_bytes())
    sbom = folder / f"{wheel.name.removesuffix('-py3-none-any.whl')}.cdx.json"
    sbom.write_text(json.dumps(_sbom(lock.read_text("utf-8"), wheel), indent=2) + "\n", "utf-8")
    made = [wheel, lock, sbom]
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in made), "utf-8")
    return [*made, sums]


def _wheel(folder: Path) -> Path:
    _run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-index", "--no-deps",
          "--no-build-isolation", "--wheel-dir", str(folder), str(_ROOT)], _ROOT)  # fmt: skip
    return next(folder.glob("*.whl"))


def _sbom(lock: str, wheel: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="backup-glance-dist-") as scratch:
        (Path(scratch) / "pyproject.toml").write_text(_pinned_project(lock), "utf-8")
        _run(["uv", "lock", "--quiet"], Path(scratch))
        document: dict[str, Any] = json.loads(
            _run(["uv", "export", "--quiet", "--frozen", "--format", "cyclonedx1.5"], Path(scratch))
        )
    _check_hashes(document, lock)
    document["metadata"]["timestamp"] = _MOMENT
    document["metadata"]["component"]["hashes"] = [{"alg": "SHA-256", "content": _sha256(wheel)}]
    document.pop("serialNumber", None)
    name = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    return {**document, "serialNumber": f"urn:uuid:{name}"}


def _pinned_project(lock: str) -> str:
    """A project that needs what the product needs, in the versions of the lock."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    kept = {key: project[key] for key in ("name", "version", "requires-python", "dependencies")}
    lines = [f"{key} = {json.dumps(value)}" for key, value in kept.items()]
    pins = [match.strip() for match in _PINNED.findall(lock)]
    return "\n".join(["[project]", *lines, "[tool.uv]", f"constraint-dependencies = {json.dumps(pins)}", ""])


def _check_hashes(document: dict[str, Any], lock: str) -> None:
    """What the SBOM lists is what the lock lets in."""
    allowed = set(_HASH.findall(lock))
    for component in document["components"]:
        files = [file for file in component.get("externalReferences", ()) if file["type"] == "distribution"]
        if not any(entry["content"] in allowed for file in files for entry in file.get("hashes", ())):
            raise DistError(f"{component['name']} {component['version']} is not in requirements.txt; run make lock")


def _run(command: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "SOURCE_DATE_EPOCH": _EPOCH},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DistError(f"{' '.join(command[:3])} failed:\n{done.stderr.strip()}")
    return done.stdout


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
