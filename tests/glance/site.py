"""A real Glance and a proxy in front of it, from the files that users copy: docs/glance.yml and docs/glance.Caddyfile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.caddyfile import find_caddy
from tests.processes import NotStartedError, free_port, running

_ROOT = Path(__file__).parent.parent.parent

#: The pages that users copy.
DOCUMENTED = _ROOT / "docs" / "glance.yml"


@contextmanager
def glance_site(
    port: int,
    backup_glance: str,
    folder: Path,
    *,
    settings: str = "",
    pages: str = f"$include: {DOCUMENTED}",
) -> Iterator[str]:
    """The address of a page where Glance is at ``/`` and ``backup_glance`` (its own address) below ``/backup/``.

    ``folder`` receives what the programs write; ``settings`` are more lines of YAML for Glance, and ``pages`` are other ones
    than those of docs/glance.yml. Raises NotStartedError.
    """
    glance, behind = find_glance(), free_port()
    config = folder / "glance.yml"
    config.write_text(_config(behind, settings, pages))
    front = folder / "Caddyfile"
    front.write_text(_FRONT)
    variables = {"BACKUP_GLANCE": backup_glance}
    caddy = {**variables, "GLANCE_SITE": f"http://127.0.0.1:{port}", "GLANCE": f"127.0.0.1:{behind}"}
    serve: list[str | Path] = [find_caddy(), "run", "--adapter", "caddyfile", "--config", front]
    with (
        running("Glance", [glance, "--config", config], port=behind, folder=folder, environment=variables),
        running("the proxy of Glance", serve, port=port, folder=folder, environment=caddy),
    ):
        yield caddy["GLANCE_SITE"]


def find_glance() -> Path:
    """The Glance that ``scripts/need-glance`` has built, or builds now. Raises NotStartedError."""
    made = subprocess.run([_ROOT / "scripts/need-glance", sys.executable], stdout=subprocess.PIPE, text=True)
    if made.returncode:
        raise NotStartedError("Glance could not be built; what is missing is said above.")
    return Path(made.stdout.strip())


def _config(port: int, settings: str, pages: str) -> str:
    server = f"server:\n  host: 127.0.0.1\n  port: {port}\n"
    return f"{server}{settings}\n{pages}\n"


#: On loopback only, and not to be talked to by others; the rest is the user's.
_FRONT = f"""{{
	admin off
	persist_config off
	auto_https off
	default_bind 127.0.0.1
}}
import {_ROOT / "docs/glance.Caddyfile"}
"""
