"""A real Prometheus on loopback, and what it says about itself."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.processes import free_port, running

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs" / "prometheus"


@cache
def programs() -> Path:
    """The folder with Debian's prometheus and promtool, which ``scripts/need-prometheus`` has fetched, or fetches now."""
    made = subprocess.run([ROOT / "scripts/need-prometheus"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(made.stdout.strip())


#: So often it scrapes and evaluates.
_OFTEN = "500ms"

#: The labels of an alert or a sample, in an order.
Labels = tuple[tuple[str, str], ...]


class Prometheus:
    """A running one."""

    def __init__(self, port: int) -> None:
        self.target = f"127.0.0.1:{port}"
        self._client = httpx.Client(base_url=f"http://{self.target}/api/v1", trust_env=False, timeout=10)

    def close(self) -> None:
        """Nothing more will be asked."""
        self._client.close()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now."""
        answer = self._client.get("/query", params={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        assert answer["data"]["resultType"] in ("vector", "scalar"), expression
        samples: list[dict[str, Any]] = answer["data"]["result"]
        return samples

    def firing(self, *labels: str) -> set[Labels]:
        """The alerts that fire now, by name and these labels, where they have them."""
        alerts = self._client.get("/alerts").json()["data"]["alerts"]
        firing = [alert["labels"] for alert in alerts if alert["state"] == "firing"]
        return {tuple((name, found[name]) for name in ("alertname", *labels) if name in found) for found in firing}

    def pending(self) -> int:
        """How many alerts wait."""
        alerts = self._client.get("/alerts").json()["data"]["alerts"]
        return sum(alert["state"] == "pending" for alert in alerts)

    def states(self) -> dict[str, str]:
        """Each service with its state."""
        samples = self.query("backup_glance_service_state == 1")
        assert len({sample["metric"]["service"] for sample in samples}) == len(samples)
        return {sample["metric"]["service"]: sample["metric"]["state"] for sample in samples}


@contextmanager
def prometheus(folder: Path, scrape: Mapping[str, Any], rules: Sequence[Path] = ()) -> Iterator[Prometheus]:
    """Prometheus with one scrape configuration and rules, until the block ends."""
    port = free_port()
    folder.mkdir()
    config = {
        "global": {
            "scrape_interval": _OFTEN,
            "evaluation_interval": _OFTEN,
            "external_labels": {"site": "home"},
        },
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [scrape],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command: list[str | Path] = [
        programs() / "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running("prometheus", command, port=port, folder=folder):
        server = Prometheus(port)
        try:
            yield server
        finally:
            server.close()


def documented(name: str, target: str) -> dict[str, Any]:
    """The scrape configuration of a file in docs/prometheus/, for this target."""
    (scrape,) = yaml.safe_load((DOCS / name).read_text())["scrape_configs"]
    adapted = {"scheme": "http", "scrape_interval": _OFTEN, "static_configs": [{"targets": [target]}]}
    return {key: value for key, value in {**scrape, **adapted}.items() if key != "tls_config"}


def impatient_rules(folder: Path) -> Path:
    """The rules of docs/prometheus/ that wait for nothing."""
    document = yaml.safe_load((DOCS / "rules.yml").read_text())
    for rule in (rule for group in document["groups"] for rule in group["rules"]):
        if "for" in rule:
            rule["for"] = "0s"
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump(document))
    return path


def eventually(what: str, is_so: Callable[[], object], seconds: float = 30) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
