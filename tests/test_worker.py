"""The worker: Python's garbage collector rests while it works, and only then."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from threading import get_ident

import pytest

from sidecar.worker import Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


def test_the_collector_rests_while_it_works(worker: Worker) -> None:
    assert gc.isenabled()
    assert worker.submit(gc.isenabled).result() is False
    assert worker.submit(gc.isenabled).result() is False
    assert gc.isenabled()


def test_the_collector_is_back_after_an_error(worker: Worker) -> None:
    def fails() -> None:
        raise LookupError("no board")

    with pytest.raises(LookupError, match="no board"):
        worker.submit(fails).result()
    assert gc.isenabled()


def test_it_is_one_thread(worker: Worker) -> None:
    threads = {future.result() for future in [worker.submit(get_ident) for _ in range(20)]}
    assert len(threads) == 1
    assert threads != {get_ident()}
