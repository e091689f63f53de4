"""docs/recipes.md and what it lists, executed: what can't be tried out is not there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import jinja2.sandbox
import jsonschema
import pytest
import yaml
from starlette.types import ASGIApp

from sidecar.change_history import ChangeHistory
from sidecar.core.history.verdict_log import VerdictChange
from sidecar.core.model import Board, State
from sidecar.web import openapi, views
from sidecar.web.app import create_app
from tests import n8n
from tests.caddy import Caddy, running_caddy, sidecar
from tests.uptime_kuma import Beat, push_monitor
from tests.web import boards
from tests.web.asking import nothing_due
from tests.web.boards import NOW
from tests.whole_house import WholeHouse, whole_house

DOCS = Path(__file__).parent.parent / "docs"
BEGAN = NOW - timedelta(hours=12)


@contextmanager
def served(folder: Path, board: Board, changes: ChangeHistory | None = None) -> Iterator[Caddy]:
    """backup-glance behind its Caddy."""
    app: ASGIApp = create_app(
        board=lambda: board,
        timeline=nothing_due,
        ready=lambda: True,
        keys=["right"],
        clock=lambda: board.at,
        changes=changes,
    )
    with running_caddy(folder) as caddy, sidecar(app, caddy.upstream):
        yield caddy


def sh(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with this environment only."""
    own = {"PATH": os.environ["PATH"], "no_proxy": "*", **environment}
    return subprocess.run([*command], env=own, capture_output=True, text=True, check=False)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.05)


# --- the shell ------------------------------------------------------------------------------------------------------------


@pytest.mark.fortnight  # curl is none of the things that `make check` needs
@pytest.mark.parametrize(
    ("made", "headline", "code"),
    [(boards.good_morning, "All 12 backed up", 0), (boards.bad_morning, "3 of 12 need you", 1)],
)
def test_the_line_for_the_shell_prints_the_headline_and_fails_when_somebody_is_needed(
    tmp_path: Path, made: Callable[[], Board], headline: str, code: int
) -> None:
    (line,) = re.findall(r"^curl .*$", (DOCS / "recipes.md").read_text(), re.MULTILINE)
    with served(tmp_path, made()) as caddy:
        done = sh("sh", "-c", line.replace("https://backup.lan", str(caddy.client.base_url).rstrip("/")))

    assert (done.stdout, done.returncode, done.stderr) == (f"{headline}\n", code, "")


def change(minutes: int, number: int, state: State = State.MISSED) -> VerdictChange:
    return VerdictChange(
        member=f"guest:pve:{number}",
        job="pve/backup/a",
        destination="",
        at=BEGAN + timedelta(minutes=minutes),
        state_from=None,
        state_to=state,
        cause="nothing_started",
        reason="Due today 04:00.",
    )


@pytest.mark.fortnight
def test_changes_since_prints_each_change_once(tmp_path: Path) -> None:
    history = ChangeHistory(None, BEGAN)
    history.add([change(5, number) for number in range(100, 350)])
    script, state = DOCS / "recipes" / "changes-since.sh", tmp_path / "state" / "changes"
    state.parent.mkdir()
    state.write_text("since=2026-11-01T00:00:00Z")
    with served(tmp_path, boards.good_morning(), history) as caddy:
        environment = {"BACKUP": str(caddy.client.base_url).rstrip("/"), "STATE": str(state)}
        first = sh("sh", script, **environment)
        nothing = sh("sh", script, **environment)
        history.add([change(9, 101, State.OK)])
        again = sh("sh", script, **environment)

    assert [done.returncode for done in (first, nothing, again)] == [0, 0, 0]
    assert len(first.stdout.splitlines()) == 250
    assert first.stdout.splitlines()[1] == "2026-11-22T18:31:00Z vaultwarden - -> missed Due today 04:00."
    assert nothing.stdout == ""
    assert again.stdout == "2026-11-22T18:35:00Z vaultwarden - -> ok Due today 04:00.\n"


@pytest.mark.fortnight
def test_changes_since_begins_with_the_present_and_keeps_its_place_when_nobody_answers(tmp_path: Path) -> None:
    script, state = DOCS / "recipes" / "changes-since.sh", tmp_path / "new" / "changes"
    done = sh("sh", script, BACKUP="http://127.0.0.1:9", STATE=str(state))

    assert done.returncode != 0
    assert re.fullmatch(r"since=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", state.read_text().strip())


# --- Home Assistant -------------------------------------------------------------------------------------------------------


def sensors() -> dict[str, dict[str, Any]]:
    (rest,) = yaml.safe_load((DOCS / "recipes" / "home-assistant.yaml").read_text())["rest"]
    return {sensor["name"]: sensor for sensor in rest["sensor"]}


def value(sensor: str, board: Board) -> str:
    """What Home Assistant makes of the board: its templates are those of Jinja, in a sandbox."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    status = json.loads(json.dumps(views.status(board)))
    return environment.from_string(sensors()[sensor]["value_template"]).render(value_json=status).strip()


def test_the_sensors_of_home_assistant_have_the_values_of_the_board() -> None:
    assert {name: value(name, boards.bad_morning()) for name in sensors()} == {
        "Backups": "failed",
        "Backups that need you": "paperless, vaultwarden, n8n",
        "Next backup": "2026-11-24T01:00:00Z",
    }
    assert value("Backups that need you", boards.good_morning()) == "none"
    assert {name: value(name, boards.empty()) for name in sensors()} == {
        "Backups": str(boards.empty().overall.state),
        "Backups that need you": "none",
        "Next backup": "None",
    }


def test_no_state_of_a_sensor_is_longer_than_home_assistant_takes() -> None:
    board = boards.crowded(300, 300)

    assert len(value("Backups that need you", board)) <= 255


def test_the_sensors_of_home_assistant_ask_for_what_there_is() -> None:
    (rest,) = yaml.safe_load((DOCS / "recipes" / "home-assistant.yaml").read_text())["rest"]
    overall = openapi.document()["components"]["schemas"]["Overall"]["properties"]

    assert rest["resource"] == "https://backup.lan/api/v1/status"
    assert set(sensors()["Backups"]["json_attributes"]) <= overall.keys()
    assert sensors()["Backups"]["json_attributes_path"] == "$.overall"
    assert len({sensor["unique_id"] for sensor in sensors().values()}) == 3


# --- n8n (tests/browser/test_n8n_workflow.py executes it) ------------------------------------------------------------------


def test_n8n_can_import_the_workflow() -> None:
    jsonschema.validate(n8n.workflow(), n8n.schema(), format_checker=jsonschema.FormatChecker())
    nodes = {node["name"]: node for node in n8n.workflow()["nodes"]}
    connections = n8n.workflow()["connections"]
    led_to = {name for each in connections.values() for output in each["main"] for name in n8n.targets(output)}

    assert len(nodes) == len(n8n.workflow()["nodes"]) == len({node["id"] for node in nodes.values()})
    assert connections.keys() | led_to == nodes.keys(), "each node is connected, and each connection has its nodes"
    assert {name for name, node in nodes.items() if node["type"].endswith("Trigger")} == nodes.keys() - led_to


def test_the_workflow_asks_for_what_there_is_with_a_credential_of_n8n() -> None:
    (ask,) = [node for node in n8n.workflow()["nodes"] if node["type"] == "n8n-nodes-base.httpRequest"]

    assert ask["parameters"]["url"] == "https://backup.lan/api/v1/status"
    assert ask["credentials"] == {"httpHeaderAuth": {"id": None, "name": "backup-glance"}}
    assert ask["parameters"]["options"]["redirect"] == {"redirect": {"followRedirects": False}}
    assert ask["parameters"].keys() == {"method", "url", "authentication", "genericAuthType", "options"}


# --- Uptime Kuma ----------------------------------------------------------------------------------------------------------


def block(language: str, holds: str) -> str:
    """The block of recipes.md in this language that holds this."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", (DOCS / "recipes.md").read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [text for text in blocks if holds in text]
    return str(found)


def notes(house: WholeHouse) -> list[str]:
    return [str(note) for note in house.caddy.client.get("/api/v1/status").json()["notes"]]


@pytest.mark.fortnight
def test_the_push_monitor_of_uptime_kuma_is_told_that_all_runs(tmp_path: Path) -> None:
    alerts = yaml.safe_load(block("yaml", "heartbeat_url"))["alerts"]
    url = tmp_path / "kuma.url"
    assert alerts == {"heartbeat_url": {"file": "/etc/backup-glance/kuma.url"}}
    alerts["heartbeat_url"]["file"] = str(url)
    with push_monitor("fake-push-token") as kuma:
        url.write_text(f"{kuma.push_url}\n")
        with whole_house(tmp_path, {}, alerts=alerts) as house:
            until(lambda: bool(kuma.beats))
            told = notes(house)
            house.sidecar.process.terminate()
            _, log = house.sidecar.process.communicate(timeout=20)

    assert kuma.beats == [Beat("up", "OK", "")], "one a minute"
    assert not any("heartbeat" in note for note in told)
    assert "fake-push-token" not in log + house.caddy.log.read_text()


@pytest.mark.fortnight
def test_a_monitor_that_was_deleted_is_a_note_on_the_page(tmp_path: Path) -> None:
    url = tmp_path / "kuma.url"
    with push_monitor("fake-push-token") as kuma:
        url.write_text(kuma.push_url.replace("fake-push-token", "another-fake-token"))
        with whole_house(tmp_path, {}, alerts={"heartbeat_url": {"file": str(url)}}) as house:
            until(lambda: any("The heartbeat can't be sent" in note for note in notes(house)))
            told = "\n".join(notes(house))

    assert (kuma.beats, kuma.refused) == ([], 1)
    assert "it answered 404" in told
    assert "another-fake-token" not in told


def test_each_recipe_is_listed() -> None:
    page = (DOCS / "recipes.md").read_text()

    assert {f"recipes/{path.name}" for path in (DOCS / "recipes").iterdir()} <= set(re.findall(r"\]\(([^)#]+)", page))
