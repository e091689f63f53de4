"""A source whose rounds and calls are counted."""

from __future__ import annotations

from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Report
from sidecar.upstream.traffic import Traffic, counting

from . import Clock, Look, Source


class CountedSource:
    """Does what ``source`` does, and counts that in ``traffic``."""

    def __init__(self, source: Source, traffic: Traffic) -> None:
        self._source = source
        self._traffic = traffic

    @property
    def name(self) -> str:
        """See Source."""
        return self._source.name

    @property
    def kind(self) -> SourceKind:
        """See Source."""
        return self._source.kind

    @property
    def confirms(self) -> bool:
        """See Source."""
        return self._source.confirms

    def adopt(self, report: Report) -> None:
        """See Source."""
        self._source.adopt(report)

    async def read(self, clock: Clock, *, whole: bool = True) -> Report:
        """See Source."""
        self._traffic.full_rounds += 1
        with counting(self._traffic):
            return await self._source.read(clock, whole=whole)

    async def look(self, clock: Clock, *, wide: bool = False) -> Look:
        """See Source."""
        self._traffic.light_rounds += 1
        with counting(self._traffic):
            return await self._source.look(clock, wide=wide)

    async def close(self) -> None:
        """See Source."""
        await self._source.close()
