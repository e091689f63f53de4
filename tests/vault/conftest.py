"""One OpenBao server for all tests of this package; each test makes an AppRole of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.server import Bao, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They wait for real leases to end, so they are part of ``make test``, not of ``make check``."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.vault)


@pytest.fixture(scope="package")
def shared_bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with running(tmp_path_factory.mktemp("bao")) as bao:
        bao.write("backup-glance/pbs", token_id="monitor@pbs!glance", secret="first-secret-of-pbs")
        yield bao


@pytest.fixture
def bao(shared_bao: Bao) -> Bao:
    """The shared server, unsealed whatever the test before did."""
    shared_bao.unseal()
    return shared_bao
