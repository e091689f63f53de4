"""The report of a month on loopback, for tests and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sidecar.web.app import create_app
from tests.test_contract import on_loopback
from tests.web import boards, months
from tests.web.asking import KEY, nothing_due

HEADERS = {"Authorization": f"Bearer {KEY}"}


@contextmanager
def reporting(past: months.Past) -> Iterator[str]:
    """The address of the report of a month."""
    board = boards.bad_morning()
    app = create_app(
        board=lambda: board,
        timeline=nothing_due,
        ready=lambda: True,
        keys=(KEY,),
        clock=lambda: board.at,
        records=past.records,
        present=past.present,
    )
    with on_loopback(app) as address:
        yield f"{address}/report?month=2026-11"
