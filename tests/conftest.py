"""Fixtures that several test files share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import hypothesis
import pytest

from tests.product import MORNING, Product, opened
from tests.simulators import HOMELAB, Rack

# Each run draws other examples, and few of them; `make soak` draws thousands.
hypothesis.settings.register_profile("check", max_examples=25, deadline=None)
hypothesis.settings.register_profile(
    "soak", max_examples=1_500, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("check")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that nobody waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("fortnight") is None)


# Whatever is imported and collected lives to the end.
gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Python's garbage collector need not go through what was collected; what is new is often dropped soon."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(2_000, 10, 50)


@pytest.fixture(scope="module")
def open_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The simulated homelab, open for one test file."""
    with opened(tmp_path_factory.mktemp("homelab")) as product:
        yield product


@pytest.fixture(scope="module")
def open_rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    """The homelab's four upstreams on a Monday morning at 07:30, open for one test file."""
    with Rack(HOMELAB, lambda: MORNING, tmp_path_factory.mktemp("rack")) as opened_rack:
        yield opened_rack


@pytest.fixture
def rack(open_rack: Rack) -> Iterator[Rack]:
    """The upstreams with nothing wrong in them."""
    yield open_rack
    open_rack.as_good_as_new()


@pytest.fixture
def product(open_product: Product) -> Iterator[Product]:
    """The homelab with nothing wrong in it."""
    yield open_product
    open_product.as_good_as_new()
