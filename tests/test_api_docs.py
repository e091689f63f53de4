"""docs/api.md is tried out: each request that it shows is sent to the board of the demo, and the answers have the shown shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from sidecar.board_keeper import BoardKeeper
from sidecar.change_history import ChangeHistory
from sidecar.config import load
from sidecar.core.model import State
from sidecar.ledger.ledger import Ledger
from sidecar.web import openapi
from sidecar.web.app import create_app
from tests.ledgers import written
from tests.product import Product
from tests.simulators import demo_faults
from tests.web.asking import KEY, ask

PAGE = (Path(__file__).parent.parent / "docs" / "api.md").read_text()

#: A request, and the JSON that is shown below it, if any.
EXAMPLES = re.findall(r'curl [^\n]*"\$BACKUP(/[^"]*)"\n```(?:\n+```json\n(.*?)```)?', PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def demo(open_product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ASGIApp]:
    """The application with the board of the demo, on the morning after a bad night, as the running sidecar has it."""
    open_product.remember_the_evening_before()
    open_product.rack.faults = demo_faults()
    open_product.rack.settle()
    open_product.rack.write_config(open_product.config)
    changes = ChangeHistory(None, open_product.now)
    settings = load.load(open_product.config).to_settings()
    ledger = Ledger(tmp_path_factory.mktemp("ledger"), open_product.now)
    keeper = BoardKeeper(settings, lambda: open_product.now, ledger, changes)
    for report in open_product._reports().values():
        keeper.record(report)
    written(ledger)
    yield create_app(
        board=lambda: keeper.board,
        timeline=keeper.timeline,
        ready=keeper.ready,
        keys=[KEY],
        clock=lambda: open_product.now,
        changes=changes,
        records=keeper.records,
        present=lambda records: keeper.shown.present(records),
    )
    ledger.close()
    open_product.as_good_as_new()


def differences(shown: Any, got: Any, where: str = "") -> list[str]:
    """Where the shape of an answer is another one than is shown. Of lists the items are alike, so one may stand for all."""
    if isinstance(shown, dict) and isinstance(got, dict):
        own = [f"{where}: {sorted(shown.keys() ^ got.keys())}"] if shown.keys() != got.keys() else []
        return own + [
            each for key in shown.keys() & got.keys() for each in differences(shown[key], got[key], f"{where}/{key}")
        ]
    if isinstance(shown, list) and isinstance(got, list):
        return differences(shown[0], got[0], f"{where}[0]") if shown and got else []
    return [] if shown is None or got is None or type(shown) is type(got) else [f"{where}: {shown!r} is {got!r}"]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_each_request_is_answered_as_it_is_shown(demo: ASGIApp, number: int) -> None:
    path, shown = EXAMPLES[number]
    answer = ask(demo, path)

    assert answer.status_code == 200
    if shown:
        assert differences(json.loads(shown), answer.json()) == []


def test_there_are_examples_of_each_path_of_the_api() -> None:
    asked = {path.split("?")[0].replace("vaultwarden", "{name}") for path, _ in EXAMPLES}

    assert asked == {path for path in openapi.document()["paths"] if path.startswith("/api/")}


def test_another_shape_is_noticed() -> None:
    assert differences({"a": [{"b": 1}]}, {"a": [{"c": 1}]}) == ["/a[0]: ['b', 'c']"]
    assert differences({"a": 1}, {"a": "1"}) == ["/a: 1 is '1'"]
    assert differences({"a": [], "b": None}, {"a": [1], "b": 2}) == []


def test_the_problem_that_is_shown_is_the_answer_to_a_question_without_since(demo: ASGIApp) -> None:
    (shown,) = [
        text for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if '"title"' in text and '"status"' in text
    ]

    assert ask(demo, "/api/v1/changes").json() == json.loads(shown)


def test_it_lists_the_states_in_their_order_and_all_paths() -> None:
    listed = re.findall(r"`(\w+)`", PAGE.split("worst first: ")[1].split("[verdicts.md]")[0])
    paths = {path.replace("{name}", "…") for path in openapi.document()["paths"] if path.startswith("/static")}

    assert listed == [state.value for state in State]
    for path in {*openapi.document()["paths"]} - {"/static/{name}"} | paths:
        assert f"`{path}" in PAGE
