"""What the product concludes from recorded answers, over real HTTPS: at first contact, after good data, and after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from sidecar.board_keeper import BoardKeeper
from sidecar.config.model import Config
from sidecar.core.model import Board
from sidecar.core.reports.report import Report
from sidecar.credentials import Credentials
from sidecar.doctor import looked_up
from sidecar.doctor.findings import Finding
from sidecar.doctor.of_vault import Record
from sidecar.ledger.ledger import Ledger
from sidecar.sources import Source
from sidecar.upstream.upstream import Limits
from sidecar.wiring import make_sources
from tests.cases.case import Answers
from tests.cases.lived import configured
from tests.cases.upstreams import CaseRack

#: How long it waits for an upstream that does not answer, in real seconds.
HURRIED = Limits(connect=5.0, read=1.5, total=3.0)


class Lived:
    """A rack of upstreams that answer what they are told, with the product's configuration. Use it as a context."""

    def __init__(self, config: dict[str, Any], directory: Path) -> None:
        self._directory = directory
        self._rack = CaseRack(config, directory)
        self._open = ExitStack()
        secrets = directory / "credentials"
        secrets.mkdir()
        (secrets / "x").write_text("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\n", encoding="utf-8")
        self._config: Config = configured(self._rack.config, directory)
        self._lives = 0
        self._once: dict[str, Report] = {}

    def __enter__(self) -> Self:
        self._open.enter_context(self._rack.opened())
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def unanswered(self) -> set[str]:
        """Requests for which there was no answer, but for logs of tasks: few were recorded, and nothing depends on them."""
        asked = (request for upstream in self._rack.upstreams.values() for request in upstream.unanswered)
        return {request for request in asked if not urlsplit(request).path.endswith("/log")}

    def boards(
        self, *steps: tuple[datetime, Answers | None], limits: Limits | None = None, asked: str | None = None
    ) -> list[Board]:
        """The board at each step of one life; a step without answers is a restart.

        Args:
            asked: only this source is asked at each step; what the others said once is told again as said now.
        """
        self._lives += 1
        state = self._directory / f"state-{self._lives}"
        state.mkdir(mode=0o700)
        for upstream in self._rack.upstreams.values():
            upstream.unanswered.clear()
        return asyncio.run(self._boards(state, steps, limits, asked))

    def diagnosed(self, now: datetime, answers: Answers) -> tuple[list[Finding], Board]:
        """What ``doctor`` finds, and the board of the same answers."""
        clock, credentials = _Clock(now), Credentials(self._directory / "credentials")
        self._rack.answer(answers)
        found = looked_up.findings(self._config, credentials, clock, path="config.yaml", secret_id_ends=Record.MISSING)
        return asyncio.run(found), self.boards((now, answers))[-1]

    async def _boards(
        self, state: Path, steps: Sequence[tuple[datetime, Answers | None]], limits: Limits | None, asked: str | None
    ) -> list[Board]:
        clock, boards = _Clock(steps[0][0]), []
        for life in _lives(steps):
            clock.now = life[0][0]
            ledger = Ledger(state, clock(), self._config.remember_for)
            try:
                async with make_sources(self._config, Credentials(self._directory / "credentials")) as sources:
                    if limits:
                        for source in sources:
                            source._upstream._limits = limits  # type: ignore[attr-defined]
                    keeper = BoardKeeper(self._config.to_settings(), clock, ledger)
                    for clock.now, answers in life:
                        if answers is not None:
                            self._rack.answer(answers)
                            for source in sources:
                                keeper.record(await self._report(source, clock, asked))
                        keeper.rejudge()
                        boards.append(keeper.board)
            finally:
                ledger.close()
        return boards

    async def _report(self, source: Source, clock: _Clock, asked: str | None) -> Report:
        if asked in (None, source.name):
            return await source.read(clock)
        if source.name not in self._once:
            self._once[source.name] = await source.read(clock)
        return _told_again(self._once[source.name], clock())


def _lives(
    steps: Sequence[tuple[datetime, Answers | None]],
) -> Iterator[Sequence[tuple[datetime, Answers | None]]]:
    """Between restarts."""
    starts = [0, *(place for place, (_, answers) in enumerate(steps) if answers is None and place)]
    yield from (steps[start:end] for start, end in pairwise([*starts, len(steps)]))


def _told_again(report: Report, now: datetime) -> Report:
    readings = (replace(each, as_of=now) if each.as_of else each for each in report.readings)
    return replace(report, at=now, readings=tuple(readings))


class _Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now
