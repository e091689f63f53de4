"""One product that lives through all steps of a case: its own sources, history, ledger and judgement, by a simulated clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from sidecar.board_keeper import BoardKeeper
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.core.model import Board
from sidecar.core.reports.report import Report
from sidecar.credentials import Credentials
from sidecar.ledger.ledger import Ledger
from sidecar.sources import Source
from sidecar.upstream.upstream import Limits
from sidecar.wiring import make_sources

from .case import FieldCase, Step
from .upstreams import CaseRack

#: How long it waits for an upstream that does not answer, in real seconds.
_HURRIED = Limits(connect=1.0, read=0.3, total=0.6)

#: Between two steps it is told something every minute near them, and in between often enough that nothing gets too old.
_NEAR, _NEAR_EVERY, _FAR_EVERY = timedelta(minutes=3), timedelta(minutes=1), timedelta(minutes=18)

#: A source whose interval is not longer than the product's default may be asked at any time.
_USUAL_INTERVAL = timedelta(minutes=5)


def configured(config: dict[str, object], directory: Path) -> Config:
    """The configuration as the product reads it from a file. Raises ConfigError."""
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return load.load(path)


async def boards(case: FieldCase, config: Config, rack: CaseRack, directory: Path) -> list[Board]:
    """The board at the moment of each step."""
    secrets = directory / "credentials"
    secrets.mkdir()
    for name in _credentials(config):
        (secrets / name).write_text("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\n", encoding="utf-8")
    state = directory / "state"
    state.mkdir(mode=0o700)
    life = _Life(case.steps[0].now)
    ledger = Ledger(state, life.clock(), config.remember_for)
    try:
        async with make_sources(config, Credentials(secrets)) as sources:
            _hurry(case, sources)
            life.begin(config, sources, BoardKeeper(config.to_settings(), life.clock, ledger))
            return [await life.until(step, rack) for step in case.steps]
    finally:
        ledger.close()


class _Life:
    """The clock, and the loops that the product would run. Between two steps no answer changes: what lies far from both is
    told again with its new time instead of asking for it, which would take minutes.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._reports: dict[str, Report] = {}

    def clock(self) -> datetime:
        return self.now

    def begin(self, config: Config, sources: Sequence[Source], keeper: BoardKeeper) -> None:
        self._sources, self._keeper = sources, keeper
        self._every = {
            source.name: config.sources[source.name].poll_interval or config.poll_interval for source in sources
        }

    async def until(self, step: Step, rack: CaseRack) -> Board:
        """Lives on with the answers of the step before, then takes this step's."""
        start = self.now
        for moment in _moments(start, step.now):
            self.now = moment
            await self._poll(again=min(moment - start, step.now - moment) >= _NEAR)
        rack.answer(step.answers)
        self.now = step.now
        await self._poll(again=False)
        return self._keeper.board

    async def _poll(self, *, again: bool) -> None:
        """Asks each source whose interval has passed; ``again``: takes what it said last as said now."""
        for source in self._sources:
            last, every = self._reports.get(source.name), self._every[source.name]
            if last is None or every <= _USUAL_INTERVAL or self.now - last.at >= every:
                report = _told_again(last, self.now) if again and last else await source.read(self.clock)
                self._reports[source.name] = report
                self._keeper.record(report)
        self._keeper.rejudge()


def _told_again(report: Report, now: datetime) -> Report:
    readings = (replace(each, as_of=now) if each.as_of else each for each in report.readings)
    return replace(report, at=now, readings=tuple(readings))


def _moments(start: datetime, end: datetime) -> Iterator[datetime]:
    """When something is done between two steps, without both."""
    moment = start
    while True:
        near = min(moment - start, end - moment) < _NEAR
        moment += _NEAR_EVERY if near else min(_FAR_EVERY, max(end - moment - _NEAR, _NEAR_EVERY))
        if moment >= end:
            return
        yield moment


def _credentials(config: Config) -> Iterator[str]:
    for _, secret in config.secrets():
        if name := getattr(secret, "credential", None):
            yield name


def _hurry(case: FieldCase, sources: Sequence[Source]) -> None:
    """Where a case has an upstream that does not answer, nobody waits a minute for it."""
    answers = (answer for step in case.steps for known in step.answers.values() for answer in known.values())
    if any(isinstance(answer, dict) and answer.get("!") == "timeout" for answer in answers):
        for source in sources:
            source._upstream._limits = _HURRIED  # type: ignore[attr-defined]
