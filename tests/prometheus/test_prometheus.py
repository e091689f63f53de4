"""docs/prometheus/ with a real Prometheus: it scrapes the demo's homelab through Caddy, and alerts for what is bad there."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.core.model import State
from sidecar.web.counts import Counts
from sidecar.web.exposition import exposition
from sidecar.web.known import Known
from sidecar.web.metric_table import DATASTORES, EXPECTATIONS, JOBS, PARTS, SERVICES, SOURCES, Level
from tests.prometheus.homelab import bad_morning
from tests.prometheus.server import (
    DOCS,
    Labels,
    Prometheus,
    documented,
    eventually,
    impatient_rules,
    programs,
    prometheus,
)
from tests.web import boards
from tests.web.asking import nothing_due

pytestmark = pytest.mark.fortnight

SERVICE_ALERTS = {
    "failed": "BackupFailed",
    "missed": "BackupMissed",
    "never": "BackupNever",
    "unknown": "BackupUnknown",
    "warning": "BackupWarning",
}
JOB_ALERTS = {
    "failed": "BackupJobFailed",
    "missed": "BackupJobFailed",
    "never": "BackupJobFailed",
    "unknown": "BackupJobDoubtful",
    "warning": "BackupJobDoubtful",
}
SOURCE_ALERTS = {"unknown": "BackupSourceUnreadable", "warning": "BackupSourcePartlyRead"}
DATASTORE_ALERTS = {
    "failed": "BackupDatastoreFull",
    "warning": "BackupDatastoreFilling",
    "unknown": "BackupDatastoreUnknown",
}
LABELS = ("service", "backup_job", "source", "datastore")

#: Said by a panel of the dashboard that shows nothing when nothing is wrong.
MAY_BE_EMPTY = "Empty on a good day."


def wanted(board: dict[str, Any]) -> set[Labels]:
    """The alerts that the rows of a board call for: each bad row one, but jobs whose members are rows themselves."""
    alerts: list[tuple[str | None, dict[str, str]]] = [
        (SERVICE_ALERTS.get(row["state"]), {"service": row["name"]}) for row in board["services"]
    ]
    alerts += [
        (JOB_ALERTS.get(row["state"]), {"backup_job": row["name"], "source": row["source"]})
        for row in board["jobs"]
        if not row["members"]
    ]
    alerts += [(SOURCE_ALERTS.get(row["state"]), {"source": row["name"]}) for row in board["sources"]]
    alerts += [
        (DATASTORE_ALERTS.get(row["state"]), {"source": row["source"], "datastore": row["name"]})
        for row in board["datastores"]
    ]
    return {
        (("alertname", name), *((label, labels[label]) for label in LABELS if label in labels))
        for name, labels in alerts
        if name is not None
    }


def states(board: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["state"] for row in board["services"]}


@contextmanager
def both(folder: Path, target: str) -> Iterator[tuple[Prometheus, Prometheus]]:
    """A Prometheus with our rules, and one that collects from it."""
    rules = impatient_rules(folder)
    with (
        prometheus(folder / "site", documented("scrape.yml", target), [rules]) as site,
        prometheus(folder / "fleet", documented("federate.yml", site.target)) as fleet,
    ):
        yield site, fleet


def test_every_bad_row_has_its_alert_until_it_is_healed_and_a_second_prometheus_knows_the_same(tmp_path: Path) -> None:
    with bad_morning(tmp_path) as homelab, both(tmp_path, homelab.target) as (site, fleet):
        board = homelab.board()
        alerts = wanted(board)
        eventually("the alerts of the bad morning", lambda: site.firing(*LABELS) == alerts)
        assert len(alerts) == 8
        assert site.pending() == 0
        assert site.states() == states(board)
        eventually("the fleet knows the same", lambda: fleet.states() == states(board))
        eventually("the whole dashboard has data", lambda: not queries_without_data(site))
        assert_counted(site, homelab.rack.requests)

        homelab.heal()

        eventually("no alert is left", lambda: site.states().values() and not site.firing(*LABELS))
        healed = homelab.board()
        assert set(states(healed).values()) == {"ok"}
        assert site.states() == states(healed)
        eventually("the fleet knows the same", lambda: fleet.states() == states(healed))
        assert queries_without_data(site) == [title for title, _ in queries() if title in MAY_BE_EMPTY_PANELS]
        ok = f'instance_state:backup_glance_services:sum{{site="home", state="ok"}} == {len(healed["services"])}'
        eventually("the fleet counts them", lambda: fleet.query(ok))
        assert len(fleet_queries()) == 5
        answers = {query: fleet.query(query) for query in fleet_queries()}
        assert [query for query, answer in answers.items() if "age_seconds" in query and not answer] == []


def assert_counted(site: Prometheus, requests: list[Any]) -> None:
    """No more calls are counted than arrived: Backrest, which is away, gets none."""
    counted = {
        sample["metric"]["source"]: float(sample["value"][1])
        for sample in site.query("backup_glance_source_calls_total")
    }
    failed = {
        sample["metric"]["source"]: float(sample["value"][1])
        for sample in site.query("backup_glance_source_failed_calls_total")
    }
    for source in ("pbs", "pve", "databasement"):
        assert 0 < counted[source] <= sum(request.source == source for request in requests)
        assert failed[source] == 0
    assert failed["backrest"] == counted["backrest"] > 0


# --- the dashboard ------------------------------------------------------------------------------------------------------


def panels() -> list[dict[str, Any]]:
    every: list[dict[str, Any]] = json.loads((DOCS / "dashboard.json").read_text())["panels"]
    return every


MAY_BE_EMPTY_PANELS = [panel["title"] for panel in panels() if MAY_BE_EMPTY in panel.get("description", "")]


def queries() -> list[tuple[str, str]]:
    """Every query of the dashboard for all instances, with the title of its panel."""
    return [
        (panel["title"], target["expr"].replace('"$instance"', '".+"'))
        for panel in panels()
        for target in panel["targets"]
    ]


def queries_without_data(site: Prometheus) -> list[str]:
    """Whose panel would be empty."""
    return [title for title, expression in queries() if not site.query(expression)]


def test_the_dashboard_names_what_it_asks_for() -> None:
    document = json.loads((DOCS / "dashboard.json").read_text())
    variables = {variable["name"] for variable in document["templating"]["list"]}

    assert set(re.findall(r"\$\{?(\w+)", json.dumps(document))) - {"__all"} == variables
    assert len(queries()) > 15
    assert all("$" not in expression for _, expression in queries())
    assert len({panel["id"] for panel in document["panels"]}) == len(document["panels"])
    assert len(MAY_BE_EMPTY_PANELS) == 2


# --- rules by themselves ------------------------------------------------------------------------------------------------


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([programs() / "promtool", *arguments], cwd=DOCS, capture_output=True, text=True, check=False)


def test_the_rules_fire_after_their_patience_and_not_before() -> None:
    run = promtool("test", "rules", "rules_test.yml")

    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("what", "file"), [("rules", "rules.yml"), ("config", "scrape.yml"), ("config", "federate.yml")]
)
def test_prometheus_accepts_what_is_in_the_documentation(what: str, file: str) -> None:
    only_syntax = ["--syntax-only"] if what == "config" else []
    run = promtool("check", what, *only_syntax, file)

    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_is_tested() -> None:
    rules = [rule for group in yaml.safe_load((DOCS / "rules.yml").read_text())["groups"] for rule in group["rules"]]
    tests = (DOCS / "rules_test.yml").read_text()
    alerts = [rule["alert"] for rule in rules if "alert" in rule]

    assert [alert for alert in alerts if alert not in tests] == []
    assert len(alerts) == len(set(alerts))
    assert all(rule["for"] and rule["labels"]["severity"] for rule in rules if "alert" in rule)
    every = {*SERVICE_ALERTS.values(), *JOB_ALERTS.values(), *SOURCE_ALERTS.values(), *DATASTORE_ALERTS.values()}
    assert {*alerts} - every == {"BackupGlanceStale", "BackupGlanceAbsent", "BackupSeriesLeftOut"}


def test_the_text_format_is_what_promtool_expects() -> None:
    text = b"".join(exposition(Known(board=boards.hostile(), timeline=nothing_due), Counts()))
    run = subprocess.run([programs() / "promtool", "check", "metrics"], input=text, capture_output=True, check=False)

    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


# --- docs/fleet.md ------------------------------------------------------------------------------------------------------

FLEET = (DOCS.parent / "fleet.md").read_text()


def test_the_configuration_in_the_page_about_fleets_is_accepted(tmp_path: Path) -> None:
    pieces = re.findall(r"```yaml\n(.*?)```", FLEET, re.DOTALL)
    (tmp_path / "prometheus.yml").write_text("".join(pieces))
    run = promtool("check", "config", "--syntax-only", str(tmp_path / "prometheus.yml"))

    assert len(pieces) == 2
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    "level", [SERVICES, JOBS, SOURCES, DATASTORES, PARTS, EXPECTATIONS], ids=lambda level: level.title
)
def test_the_page_about_fleets_knows_how_many_series_a_row_takes(level: Level[Any]) -> None:
    most = len(level.metrics) + (len(State) if level.states else 0)
    row = {"Expectations of parts that have several": "expectation, only of parts with several"}.get(
        level.title, level.title.lower().removesuffix("s")
    )

    assert re.search(rf"^\| {row} \| {most}\b", FLEET, re.MULTILINE)


def fleet_queries() -> list[str]:
    """The questions for all sites at once."""
    return [row.replace(r"\|", "|") for row in re.findall(r"^\| [^|`]+ \| `([^`]+)`", FLEET, re.MULTILINE)]
