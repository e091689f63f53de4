"""Static files under names that change with their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
    ".js": "text/javascript",
    ".css": "text/css",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served: ``name`` is "widget.3f2a91bc.css"."""

    name: str
    content: bytes
    media_type: str


def load_assets() -> Mapping[str, Asset]:
    """All files of static/ by their plain name ("widget.css"), read once.

    A style sheet that names another file, ``url(name)``, gets the name under which that is served.
    """
    assets: dict[str, Asset] = {}
    for suffix, media_type in _MEDIA_TYPES.items():  # style sheets come last
        for path in sorted(_FOLDER.glob(f"*{suffix}")):
            content = path.read_bytes() if suffix != ".css" else _with_served_names(path.read_text("utf-8"), assets)
            assets[path.name] = _asset(path, content, media_type)
    return assets


def _with_served_names(style_sheet: str, files: Mapping[str, Asset]) -> bytes:
    return re.sub(r"url\(([\w.-]+)\)", lambda match: f"url({files[match[1]].name})", style_sheet).encode()


def _asset(path: Path, content: bytes, media_type: str) -> Asset:
    fingerprint = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"{path.stem}.{fingerprint}{path.suffix}", content, media_type)
