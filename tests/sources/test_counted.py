"""A source whose rounds are counted does what it does otherwise, and its calls are those that arrive at the upstream."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from sidecar.config import load
from sidecar.core.reports.report import Report
from sidecar.credentials import Credentials
from sidecar.sources import Look
from sidecar.sources.counted import CountedSource
from sidecar.upstream.traffic import Traffic
from sidecar.wiring import make_sources
from tests.product import MORNING, Product


def clock() -> datetime:
    return MORNING


async def rounds(product: Product, name: str, traffic: Traffic) -> tuple[Report, Look]:
    """A full round and a light one."""
    config = load.load(product.rack.write_config(product.config))
    async with make_sources(config, Credentials(None)) as sources:
        (source,) = [CountedSource(each, traffic) for each in sources if each.name == name]
        return await source.read(clock), await source.look(clock)


@pytest.mark.parametrize("name", ["pbs", "pve", "databasement", "backrest"])
def test_rounds_and_calls_are_counted(product: Product, name: str) -> None:
    product.rack.requests.clear()
    traffic = Traffic()
    report, _ = asyncio.run(rounds(product, name, traffic))
    arrived = sum(request.source == name for request in product.rack.requests)

    assert report.source == name
    assert report.problem is None
    assert (traffic.full_rounds, traffic.light_rounds) == (1, 1)
    assert traffic.calls == arrived > 0
    assert traffic.failed_calls == 0
    assert traffic.received_bytes > 0


def test_a_source_that_is_away_costs_failed_calls(product: Product) -> None:
    product.rack.close("pve")
    traffic = Traffic()
    try:
        report, look = asyncio.run(rounds(product, "pve", traffic))
    finally:
        product.rack.open("pve")

    assert report.problem is not None
    assert look.report is None or look.report.problem is not None
    assert traffic.calls == traffic.failed_calls > 0
