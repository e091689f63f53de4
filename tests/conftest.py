"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from tests.product import Product, opened

# `make check` draws other examples each time, and few; `make test` draws more of them.
hypothesis.settings.register_profile("check", max_examples=50, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=150, deadline=None)
hypothesis.settings.load_profile("check")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that nobody waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("fortnight") is None)


@pytest.fixture(scope="module")
def open_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The simulated homelab, open for one test file."""
    with opened(tmp_path_factory.mktemp("homelab")) as product:
        yield product


@pytest.fixture
def product(open_product: Product) -> Iterator[Product]:
    """The homelab with nothing wrong in it."""
    yield open_product
    open_product.as_good_as_new()
