"""What was drawn leaves nothing behind that only Python's garbage collector finds: it stops everybody while it looks."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from sidecar.web.extension import ExtensionTemplate
from sidecar.web.page import page
from sidecar.web.query import ExtensionQuery
from sidecar.web.rows import Details, Row
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


def test_what_opens_below_a_row_is_there_only_while_that_row_is_drawn() -> None:
    """That of 1,000 services is as large as all that was judged of them."""
    shown, there = page(many(40)), []

    def counted(make: Callable[[], Details]) -> Details:
        there.append(sum(isinstance(each, Details) for each in gc.get_objects()))
        return make()

    rows = tuple(replace(row, detailed=partial(counted, row.detailed)) for row in shown.rows)
    drawn = b"".join(ExtensionTemplate().render(ExtensionQuery(), replace(shown, rows=rows), None, None, None))

    assert drawn.count(b"last runs") == len(there) == 40
    assert max(there) <= 1
