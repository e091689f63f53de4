"""The parts of the demo: simulated upstreams in a thread, the sidecar in this process, Caddy as its own process."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sidecar import credentials, logs, runtime
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.core.model import SourceKind
from sidecar.credentials import Credentials
from tests.caddyfile import assert_version, find_caddy, render_caddyfile
from tests.demo.front_pages import FrontPage
from tests.demo.glance_clock import at_another_time
from tests.demo.night import REFRESH, HurryingClock, report
from tests.demo.options import DemoError, Options
from tests.demo.past import write_months
from tests.evening_before import EARLIER
from tests.glance.site import DOCUMENTED, glance_site
from tests.processes import running
from tests.simulators import Rack, demo_faults, demo_homelab
from tests.simulators.upstream_site import SOURCES


class Show:
    """Everything the demo runs; stopped and removed at the end. ``url`` is the widget's address."""

    def __init__(self, options: Options) -> None:
        self.url = f"http://127.0.0.1:{options.port}/widget"
        self._glance_port = options.port + 1 if options.glance else None
        self.directory = Path(tempfile.mkdtemp(prefix="backup-glance-demo-"))
        # Its sleepers: one poller per source, and the task that judges again every minute.
        self._night = HurryingClock(options.now, len(SOURCES) + 1) if options.night else None
        self._clock = self._night or ticking_from(options.now)
        self._evening: datetime | None = None
        self._port = options.port
        self._faults = demo_faults() if options.faults else ()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        try:
            for port in filter(None, (self._port, self._glance_port)):
                _need_free_port(port)
            logs.set_up()
            self._rack = self._stack.enter_context(
                Rack(demo_homelab(), self._upstream_clock, self.directory / "upstreams", faults=self._faults)
            )
            for source in SOURCES:
                self._rack.stand_before(source, partial(FrontPage, product=SourceKind(source).product))
            self._rack.settle()
            self._listener = self._stack.enter_context(_listening(self.directory / "sidecar.sock"))
            self._start_caddy(self._write_key())
            if self._glance_port:
                self._start_glance(self._glance_port)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _upstream_clock(self) -> datetime:
        return self._evening or self._clock()

    async def _remember_the_evening_before(self, config: Config, credentials: Credentials, state: Path) -> None:
        """The sidecar has been there for months; a dump which never was made is expected since the evening before, so that
        it is missing and not new."""
        self._evening = self._clock() - EARLIER
        self._rack.settle()
        await write_months(config, credentials, self._evening, state)
        self._evening = None
        self._rack.settle()

    async def run(self) -> None:
        """Runs the sidecar until it is interrupted."""
        pace = {"poll_interval": "5m", "widget": {"refresh": REFRESH}} if self._night else {}
        path = self._rack.write_config(self.directory / "config.yaml", pace)
        source_secrets = Credentials(self.directory / "credentials")
        state = self.directory / "state"
        state.mkdir()
        self._print_addresses()
        keys = credentials.sidecar_keys(source_secrets)
        config = load.load(path)
        await self._remember_the_evening_before(config, source_secrets, state)
        if self._night is None:
            await runtime.serve(config, source_secrets, keys, self._listener, self._clock, state)
            return
        status = f"http://127.0.0.1:{self._port}/api/v1/status"
        loops = [self._night.run(), report(status, demo_homelab().zone, self._night.morning, _write)]
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            await runtime.serve(config, source_secrets, keys, self._listener, self._clock, state, self._night.sleep)
        finally:
            for task in tasks:
                task.cancel()

    def _write_key(self) -> Path:
        """The sidecar's key, once for the sidecar and once for Caddy."""
        key = secrets.token_urlsafe(32)
        for name in ("credentials/sidecar_keys", "caddy/key"):
            path = self.directory / name
            path.parent.mkdir()
            path.touch(0o600)
            path.write_text(f"{key}\n")
        return self.directory / "caddy" / "key"

    def _start_caddy(self, key: Path) -> None:
        binary = find_caddy()
        assert_version(binary)
        caddyfile = self.directory / "caddy" / "Caddyfile"
        caddyfile.write_text(
            render_caddyfile(site=f"http://:{self._port}", key_file=key, upstream=self.directory / "sidecar.sock")
        )
        command: list[str | Path] = [binary, "run", "--adapter", "caddyfile", "--config", caddyfile]
        self._stack.enter_context(running("Caddy", command, port=self._port, folder=self.directory))

    def _start_glance(self, port: int) -> None:
        folder = self.directory / "glance"
        folder.mkdir()
        address = f"http://127.0.0.1:{self._port}"
        if self._night:
            self._stack.enter_context(glance_site(port, address, folder))
            return
        pages = at_another_time(DOCUMENTED.read_text("utf-8"), self._clock() - runtime.utc_now())
        self._stack.enter_context(glance_site(port, address, folder, pages=pages))

    def _print_addresses(self) -> None:
        now = self._clock().astimezone(demo_homelab().zone)
        story = "after a night with failures" if self._faults else "after a good night"
        if self._night:
            story = "the night is played in three minutes"
        clock = _REAL_CLOCK if self._night else _SAME_CLOCK
        glance = f"Glance: http://127.0.0.1:{self._glance_port}/\n{clock}" if self._glance_port else ""
        _write(
            f"{glance}Widget: {self.url}\n"
            f"  The sidecar and Caddy are real; PBS, Proxmox VE, Databasement and Backrest are simulated.\n"
            f"  Its clock shows {now:%A %H:%M}, {story}. Ctrl-C stops everything.\n"
        )


_SAME_CLOCK = "  Its second page shows the extension. Its clock and the ages on it are those of the demo.\n"
_REAL_CLOCK = (
    "  Its second page shows the extension, with ages by the real clock: the demo's runs too fast for Glance.\n"
)


def ticking_from(now: datetime) -> Callable[[], datetime]:
    """A clock that starts at ``now`` and runs at normal speed."""
    begun = time.monotonic()
    return lambda: now.astimezone(UTC) + timedelta(seconds=time.monotonic() - begun)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _need_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "there is no such port"
            raise DemoError(f"Port {port} can't be used: {reason}. Choose another one: make demo PORT=8580") from None


def _listening(path: Path) -> socket.socket:
    """The sidecar's socket, open before the sidecar runs, as systemd would pass it on."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o660)
    listener.listen(128)
    return listener
