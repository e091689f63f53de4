"""Static files under names that change with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served: ``name`` is "widget.3f2a91bc.css"."""

    name: str
    content: bytes
    media_type: str


def load_assets() -> Mapping[str, Asset]:
    """All files of static/ by their plain name ("widget.css"), read once."""
    return {path.name: _asset(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _MEDIA_TYPES}


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    fingerprint = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"{path.stem}.{fingerprint}{path.suffix}", content, _MEDIA_TYPES[path.suffix])
