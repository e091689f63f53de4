"""One Firefox for a file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.firefox.browser import Firefox, firefox
from tests.browser.firefox.tab import Tab


@pytest.fixture(scope="module")
def running_firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with firefox(tmp_path_factory.mktemp("firefox")) as started:
        yield started


@pytest.fixture
def tab(running_firefox: Firefox) -> Iterator[Tab]:
    """As wide as Glance's full column. Whatever is written to the console is a fault, unless a test asks for it."""
    running_firefox.tab.resize(924)
    yield running_firefox.tab
    assert running_firefox.tab.complaints() == []
