"""The pages of Glance at the demo's time."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml

from tests.demo.glance_clock import at_another_time
from tests.glance.site import DOCUMENTED


def test_only_the_head_is_another_one() -> None:
    text = DOCUMENTED.read_text("utf-8")
    real, changed = yaml.safe_load(text), yaml.safe_load(at_another_time(text, timedelta(days=-6)))

    assert changed["document"]["head"].startswith(real["document"]["head"] + "<script>")
    assert "const ahead = -518400000;" in changed["document"]["head"]
    assert changed["pages"] == real["pages"]


def test_a_page_without_a_head_is_not_shown_at_a_wrong_time() -> None:
    with pytest.raises(ValueError, match=r"no document\.head"):
        at_another_time("pages: []\n", timedelta())
