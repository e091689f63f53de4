"""One server and one browser for each file of browser tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.serving import Sidecar, chromium, serving


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def complaints() -> list[str]:
    """What the browser wrote to its console, where a test listens."""
    return []
