"""``python -m tests.proxy``: writes docs/proxy.md."""

from __future__ import annotations

from tests.proxy.document import DOCUMENT, document

DOCUMENT.write_text(document(), encoding="utf-8")
