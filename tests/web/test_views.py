"""The public JSON: exactly the fields of the description, and the description has all paths."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from sidecar.core.model import Board
from sidecar.web import openapi, views
from sidecar.web.app import Handlers, WidgetOptions, routes
from sidecar.web.known import Known
from tests.web import boards
from tests.web.asking import app_for, ask, nothing_due


def validate(document: object, schema: str) -> None:
    """Holds ``document`` against a schema of the OpenAPI description."""
    reference = {"$ref": f"#/components/schemas/{schema}", "components": openapi.document()["components"]}
    Draft202012Validator(reference, format_checker=FormatChecker()).validate(document)


@pytest.mark.parametrize("made", boards.ALL.values(), ids=boards.ALL)
def test_the_board_is_as_described(made: Callable[[], Board]) -> None:
    validate(json.loads(json.dumps(views.status(made()))), "Board")


@pytest.mark.parametrize("made", boards.ALL.values(), ids=boards.ALL)
def test_a_service_with_its_runs_is_as_described(made: Callable[[], Board]) -> None:
    for row in made().services:
        validate(views.service_with_runs(row), "ServiceWithRuns")


def test_the_fields_are_those_that_programs_rely_on() -> None:
    status: dict[str, Any] = views.status(boards.bad_morning())
    service = "name state reason since action link last_backup count next_run verified_at last_run parts copies posture"
    part = (
        "kind ref source job state reason since action link last_backup count next_run verified_at size schedule timezone"
        " expectations left_out_volumes owner encrypted protected restore_tests"
    )
    job = "name title kind source state reason since action link schedule timezone last_run next_run members members_ok"
    expected = {
        "services": service,
        "jobs": job,
        "sources": "name kind state reason action as_of version limits",
        "datastores": "source name total used avail full_at state reason action",
    }
    assert " ".join(status) == "version generated_at overall services jobs sources datastores left_out notes"
    assert " ".join(status["overall"]) == "state headline counts"
    assert {name: " ".join(status[name][0]) for name in expected} == expected
    assert " ".join(status["services"][0]["parts"][0]) == part
    assert " ".join(status["services"][1]["copies"][0]) == "job state last_run"
    assert " ".join(status["services"][0]["last_run"]) == "start end outcome"


def test_values_are_written_as_documented() -> None:
    status = views.status(boards.bad_morning())
    paperless = next(row for row in status["services"] if row["name"] == "paperless")
    assert status["generated_at"] == "2026-11-23T06:26:00Z"
    assert status["overall"]["counts"]["unknown"] == 3
    assert paperless["link"] == "https://pve.lan:8006/#v1:0:=node%2Fpve1:4:=tasks"
    assert paperless["since"] == "2026-11-23T03:11:00Z"
    assert paperless["last_run"] == {
        "start": "2026-11-23T03:09:00Z",
        "end": "2026-11-23T03:12:00Z",
        "outcome": "failed",
    }
    assert paperless["parts"][0]["size"] == 9_000_000_000


def test_the_description_lists_the_paths_that_exist() -> None:
    handlers = Handlers(
        known=lambda: Known(board=boards.good_morning(), timeline=nothing_due),
        ready=lambda: True,
        clock=lambda: boards.NOW,
        options=WidgetOptions(),
    )
    served = {route.path.replace(":path", "") for route in routes(handlers)}
    assert served == set(openapi.document()["paths"])


def test_every_reference_of_the_description_leads_somewhere() -> None:
    document = openapi.document()
    text = json.dumps(document)
    for kind in ("schemas", "responses"):
        prefix = f'"#/components/{kind}/'
        used = {piece.split('"')[0] for piece in text.split(prefix)[1:]}
        assert used <= set(document["components"][kind])
    Draft202012Validator.check_schema(document["components"]["schemas"]["Board"])


def test_problems_are_as_described() -> None:
    validate(ask(app_for(), "/nowhere").json(), "Problem")
    validate(ask(app_for(), "/widget", key=None).json(), "Problem")


def test_the_description_is_served() -> None:
    served = ask(app_for(), "/openapi.json").json()
    assert served == json.loads(json.dumps(openapi.document()))
    assert served["openapi"] == "3.1.0"
