"""The real service tells a real receiver and beats; over a restart it says nothing twice; a candidate says nothing at all."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.commands.test_cli import KEY, Sidecar, running
from tests.ledgers import rows
from tests.notify.receivers import WebServer, web_server
from tests.notify.test_delivery import processes_that_send
from tests.simulators import Rack, demo_homelab
from tests.simulators.homelab import Homelab

pytestmark = pytest.mark.fortnight

HIDDEN = "pbs can't be read"


def small_homelab() -> Homelab:
    """A reading of it takes no time, so that the next one comes soon."""
    homelab = demo_homelab()
    return replace(
        homelab,
        datastore=replace(homelab.datastore, keep_last=2),
        dumps=replace(homelab.dumps, keep_days=2),
        repository=replace(homelab.repository, keep_daily=2),
    )


class House:
    """A simulated homelab in real time, and the service that watches it, with a receiver and a heartbeat."""

    def __init__(self, folder: Path, rack: Rack, receiver: WebServer, monitor: WebServer) -> None:
        self.rack, self.receiver, self.monitor, self._folder = rack, receiver, monitor, folder
        self.state = folder / "state"
        self.state.mkdir()
        self.credentials = folder / "credentials"
        self.credentials.mkdir()
        (self.credentials / "sidecar_keys").write_text(f"{KEY}\n")
        (self.credentials / "phone").write_text(f"json://127.0.0.1:{receiver.port}/hook\n")
        (self.credentials / "heartbeat").write_text(f"http://127.0.0.1:{monitor.port}/beat\n")
        alerts = {
            "receivers": [{"name": "phone", "url": {"credential": "phone"}, "hold": "off"}],
            "heartbeat_url": {"credential": "heartbeat"},
        }
        changed = {"poll_interval": "1s", "light_interval": "off", "alerts": alerts}
        self.config = rack.write_config(folder / "config.yaml", changed)

    @contextmanager
    def running(self, **environment: str) -> Iterator[Sidecar]:
        with running(self.config, self.credentials, self._folder, "--state", str(self.state), **environment) as sidecar:
            sidecar.wait_until_ready()
            yield sidecar

    @property
    def titles(self) -> list[str]:
        return [call.json["title"] for call in self.receiver.calls]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with (
        Rack(small_homelab(), lambda: datetime.now(UTC), tmp_path / "rack") as rack,
        web_server() as receiver,
        web_server() as monitor,
    ):
        yield House(tmp_path, rack, receiver, monitor)


def wait(until: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def stopped(sidecar: Sidecar) -> str:
    sidecar.process.send_signal(signal.SIGTERM)
    return sidecar.process.communicate(timeout=20)[1]


def test_one_incident_one_recovery_and_an_upgrade_in_between_says_nothing(house: House) -> None:
    with house.running() as sidecar:
        wait(lambda: house.monitor.calls)
        assert house.titles == []
        house.rack.refuse_token("pbs")
        wait(lambda: house.titles)
        # Until it is marked as sent: what ends in between is sent again.
        wait(lambda: rows(house.state, "SELECT number FROM alert_outbox") == [])
        log = stopped(sidecar)
    (title,) = house.titles
    assert title.startswith(HIDDEN)
    with house.running() as sidecar:
        time.sleep(3)
        assert house.titles == [title]
        house.rack.refuse_token("pbs", refused=False)
        wait(lambda: len(house.titles) > 1)
        time.sleep(2)
        log += stopped(sidecar)

    assert house.titles == [title, "pbs can be read again"]
    assert len({call.json["incident"] for call in house.receiver.calls}) == 1
    # One at each start; neither process lasted a minute.
    assert [(call.method, call.path) for call in house.monitor.calls] == [("GET", "/beat")] * 2
    assert str(house.receiver.port) not in log
    assert str(house.monitor.port) not in log
    assert "Traceback" not in log


def test_a_candidate_sends_nothing_and_does_not_beat(house: House) -> None:
    with house.running(BACKUP_GLANCE_CANDIDATE="1") as sidecar:
        house.rack.refuse_token("pbs")
        wait(lambda: _state_of_pbs(sidecar) == "unknown")
        time.sleep(3)
        stopped(sidecar)

    assert (house.receiver.calls, house.monitor.calls) == ([], [])


def _state_of_pbs(sidecar: Sidecar) -> object:
    sources: object = sidecar.board()["sources"]
    assert isinstance(sources, list)
    return next(source["state"] for source in sources if source["name"] == "pbs")


def test_the_end_of_the_service_does_not_wait_for_a_receiver_that_hangs(house: House) -> None:
    house.receiver.answers = ["hang"]
    with house.running() as sidecar:
        house.rack.refuse_token("pbs")
        assert house.receiver.waiting.wait(60)
        assert processes_that_send() != []
        log = stopped(sidecar)
        wait(lambda: processes_that_send() == [])
    assert "Traceback" not in log

    house.receiver.answers = [200]
    with house.running() as sidecar:
        wait(lambda: len(house.titles) == 2)
        stopped(sidecar)
    assert len({call.json["incident"] for call in house.receiver.calls}) == 1
