"""The documentation says what the code passes on."""

from __future__ import annotations

from tests.proxy.document import DOCUMENT, document


def test_the_document_is_what_the_lists_say() -> None:
    """``python -m tests.proxy`` writes it anew."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_it_names_each_call_and_marks_texts_for_people() -> None:
    text = document()

    assert "| `api2/json/admin/datastore/{store}/snapshots` | `backup-id`, `backup-type`, `ns` | `data[]` (" in text
    assert "*`comment`*" in text
    assert "permissions`" not in text
    assert "/log`" not in text
