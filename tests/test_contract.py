"""The API keeps what /openapi.json says: schemathesis asks whatever may be asked, directly and through Caddy."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
import uvicorn
from starlette.types import ASGIApp

from sidecar.change_history import ChangeHistory
from sidecar.core.model import Board
from sidecar.core.timeline.timeline import Timeline
from sidecar.web import openapi
from sidecar.web.app import create_app
from tests.caddy import running_caddy, sidecar
from tests.product import Product
from tests.simulators import demo_faults
from tests.simulators.servers import bound
from tests.web import boards, calendars, months

CONFIG = Path(__file__).parent / "schemathesis.toml"
KEY = "right"


def app_of(board: Board, timeline: Timeline, past: months.Past | None = None) -> ASGIApp:
    past = past or months.homelab()
    return create_app(
        board=lambda: board,
        timeline=lambda: timeline,
        ready=lambda: True,
        keys=[KEY],
        clock=lambda: board.at,
        changes=ChangeHistory(None, board.at),
        records=past.records,
        present=past.present,
    )


described = schemathesis.openapi.from_dict(openapi.document(), config=schemathesis.Config.from_path(CONFIG))
described.config.phases.coverage.enabled = False
described.app = app_of(boards.bad_morning(), calendars.month(boards.NOW))


@described.parametrize()
@hypothesis.settings(max_examples=4, deadline=None)
def test_each_answer_is_as_described(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"})


@contextmanager
def on_loopback(app: ASGIApp) -> Iterator[str]:
    """The address at which ``app`` answers, as uvicorn serves it, until the block ends."""
    with bound("127.0.0.1") as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=[[listener]], daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def schemathesis_run(address: str, folder: Path, *options: str) -> None:
    """The whole of it, as its own command: examples, every edge of each parameter, and whatever else comes to its mind."""
    program = Path(sys.executable).with_name("st")
    command = [str(program), "--config-file", str(CONFIG), "run", f"{address}/openapi.json", "--url", address]
    phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--no-color"]
    environment = {**os.environ, "no_proxy": "*"}
    done = subprocess.run(
        [*command, *phases, *options], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.fortnight
def test_nothing_is_found_at_the_sidecar_itself_even_on_a_hostile_board(tmp_path: Path) -> None:
    with on_loopback(app_of(boards.hostile(), calendars.hostile(boards.NOW), months.hostile())) as address:
        schemathesis_run(address, tmp_path, "--header", f"Authorization: Bearer {KEY}")


@pytest.mark.fortnight
def test_nothing_is_found_through_caddy_on_the_board_of_the_demo(tmp_path: Path, product: Product) -> None:
    product.remember_the_evening_before()
    product.rack.faults = demo_faults()
    product.rack.settle()
    board, timeline = product.board_and_timeline()
    with running_caddy(tmp_path) as caddy, sidecar(app_of(board, timeline), caddy.upstream):
        schemathesis_run(str(caddy.client.base_url).rstrip("/"), tmp_path)
