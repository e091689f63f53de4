"""What was drawn leaves nothing behind that only Python's garbage collector finds: it stops everybody while it looks."""

from __future__ import annotations

import gc

import pytest

from sidecar.web.rows import Row
from tests.web.asking import app_for, ask
from tests.web.boards import many


@pytest.mark.parametrize("path", ["/widget", "/extension"])
def test_a_page_is_let_go_of_as_soon_as_it_is_drawn(path: str) -> None:
    gc.collect()
    gc.disable()
    try:
        assert ask(app_for(lambda: many(15)), path).status_code == 200
        left = [each for each in gc.get_objects() if isinstance(each, Row)]
    finally:
        gc.enable()

    assert left == []
