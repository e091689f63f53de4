"""`backup-glance status`: from the running sidecar, or read anew; and in one line why there is no board."""

from __future__ import annotations

import http.server
import json
import os
import pty
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main, parser
from sidecar.commands import status
from sidecar.terminal.style import prepared, style_of
from tests.commands.test_cli import ENVIRONMENT, KEY, command, running
from tests.product import MORNING, Product
from tests.simulators import demo_faults

OTHER = "o" * 43


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "sidecar_keys"
    path.write_text(f"{KEY}\n")
    return path


@contextmanager
def answering(path: Path, answer: bytes, code: int = 200) -> Iterator[list[str]]:
    """Something that is not the sidecar on a socket; yields the keys that it was asked with."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(code if not self.headers["Authorization"].endswith(OTHER) else 401)
            self.end_headers()
            self.wfile.write(answer)

        def address_string(self) -> str:
            return "socket"

        def log_message(self, *_: object) -> None:
            pass

    class Server(socketserver.UnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield asked
        server.shutdown()


def shown(
    capsys: pytest.CaptureFixture[str], *arguments: str | Path, now: datetime = MORNING
) -> tuple[int, list[str], str]:
    options = parser().parse_args(["status", *map(str, arguments)])
    code = status.run(options, lambda: now)
    printed = capsys.readouterr()
    return code, printed.out.splitlines(), printed.err


def test_it_shows_the_board_of_the_running_sidecar(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "timezone: Europe/Berlin\nsources:\n"
        '  pbs: {kind: pbs, url: "https://127.0.0.1:1", token_id: "a@pbs!b", secret: {file: /nonexistent}}\n'
    )
    key_file.write_text(f"{KEY}\n{OTHER}  # added, not loaded yet\n")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "sidecar_keys").write_text(f"{KEY}\n")
    with running(config, credentials, tmp_path) as sidecar:
        sidecar.wait_until_ready()
        asked = ("--socket", str(sidecar.path), "--key-file", str(key_file), "--config", str(config))
        done = command("status", *asked)
        code, as_json, _ = shown(capsys, "--json", *asked, now=datetime.now(UTC))
        board = sidecar.board()

    assert (done.returncode, code, done.stderr) == (3, 3, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "unknown: Can't tell: pbs can't be read"
    assert lines[1].endswith("Europe/Berlin")
    assert "? source pbs  unknown" in lines
    assert "\x1b" not in done.stdout
    assert {**json.loads("\n".join(as_json)), "generated_at": ""} == {**board, "generated_at": ""}


@pytest.mark.fortnight
def test_fresh_reads_every_source_once_and_says_what_the_page_would(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    product.rack.faults = demo_faults()
    product.rack.settle()
    config = product.rack.write_config(product.config)
    product.rack.requests.clear()

    code, lines, _ = shown(capsys, "--fresh", "--config", config, now=product.now)
    listed = [request for request in product.rack.requests if request.path.endswith("/admin/datastore")]
    as_json, board, _ = shown(capsys, "--fresh", "--json", "--config", config, now=product.now)

    assert (code, as_json) == (2, 2)
    assert lines[0].startswith("failed: ")
    assert len(listed) == 1
    given = json.loads("\n".join(board))
    assert {row["name"] for row in given["services"]} == {row.name for row in product.board().services}
    paperless = next(line for line in lines if line.startswith("✗ paperless"))
    assert paperless.split()[2] == "failed"


def test_a_good_morning_ends_with_zero(product: Product, capsys: pytest.CaptureFixture[str]) -> None:
    config = product.rack.write_config(product.config)

    code, lines, _ = shown(capsys, "--fresh", "--config", config, now=product.now)

    assert (code, lines[0].split(":")[0]) == (0, "ok")


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"<html>", 200, "is not backup-glance: give its socket with --socket"),
        (b"[" * 100_000, 200, "is not backup-glance"),
        (b'{"version": 3}', 200, "the board has another version than 1"),
        (b"", 500, "answers with HTTP 500"),
        (b"", 401, "refuses the key"),
    ],
)
def test_what_gives_no_board_is_told_in_one_line(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str], body: bytes, code: int, says: str
) -> None:
    with answering(tmp_path / "s", body, code):
        ended, lines, err = shown(capsys, "--socket", tmp_path / "s", "--key-file", key_file)

    assert (ended, len(lines), err) == (3, 1, "")
    assert lines[0].startswith("unknown: ")
    assert says in lines[0]
    assert KEY not in lines[0]


def board_of(moment: datetime) -> bytes:
    board: dict[str, Any] = {"version": 1, "generated_at": moment.isoformat(), "notes": [], "left_out": 0}
    board |= {key: [] for key in ("services", "jobs", "sources", "datastores")}
    return json.dumps(board | {"overall": {"state": "ok", "headline": "All 3 backed up"}}).encode()


@pytest.mark.parametrize("off", [timedelta(minutes=6), -timedelta(minutes=6)])
def test_a_board_that_is_not_renewed_is_never_good(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str], off: timedelta
) -> None:
    with answering(tmp_path / "s", board_of(MORNING - off)):
        code, lines, _ = shown(capsys, "--socket", tmp_path / "s", "--key-file", key_file)
        assert (code, len(lines)) == (3, 1)
        assert "backup-glance stopped judging, or a clock is wrong" in lines[0]
        code, lines, err = shown(capsys, "--socket", tmp_path / "s", "--key-file", key_file, "--json")
        assert (code, lines) == (3, [])
        assert "stopped judging" in err
        code, lines, _ = shown(capsys, "--socket", tmp_path / "s", "--key-file", key_file, now=MORNING - off)
        assert (code, lines[0]) == (0, "ok: All 3 backed up")


def test_a_key_that_was_added_and_not_loaded_yet_is_no_error(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file.write_text(f"# two keys\n{KEY}\n{OTHER}\n")
    with answering(tmp_path / "s", board_of(MORNING)) as asked:
        code, _, _ = shown(capsys, "--socket", tmp_path / "s", "--key-file", key_file)

    assert (code, asked) == (0, [f"Bearer {OTHER}", f"Bearer {KEY}"])


@pytest.mark.parametrize("there", ["nothing", "closed", "a file"])
def test_a_socket_on_which_nothing_listens(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str], there: str
) -> None:
    path = tmp_path / "s"
    if there == "closed":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    elif there == "a file":
        path.write_text("")
    code, lines, _ = shown(capsys, "--socket", path, "--key-file", key_file)

    assert (code, len(lines)) == (3, 1)
    assert "start backup-glance, or give its socket with --socket" in lines[0]


@pytest.mark.parametrize("keys", [None, "", "short\n", f"{KEY} {OTHER}\n"])
def test_a_file_without_a_key(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str], keys: str | None
) -> None:
    key_file.unlink() if keys is None else key_file.write_text(keys)
    code, lines, _ = shown(capsys, "--socket", tmp_path / "s", "--key-file", key_file)

    assert (code, len(lines)) == (3, 1)
    assert "give the file of the sidecar's keys with --key-file, and run it as root" in lines[0]
    assert KEY not in lines[0]


def test_fresh_with_a_configuration_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("tmezone: UTC\n")
    code, lines, _ = shown(capsys, "--fresh", "--config", tmp_path / "config.yaml")

    assert (code, len(lines)) == (3, 1)
    assert "tmezone: is an unknown key" in lines[0]


@pytest.mark.fortnight
def test_a_watch_shows_it_again_until_it_is_interrupted_and_ends_as_the_last_one(
    tmp_path: Path, key_file: Path
) -> None:
    with answering(tmp_path / "s", board_of(datetime.now(UTC))) as asked:
        arguments = ["status", "--watch", "1", "--socket", str(tmp_path / "s"), "--key-file", str(key_file)]
        process = subprocess.Popen(
            [sys.executable, "-m", "sidecar", *arguments], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)

    assert len(asked) >= 2
    assert [line for line in lines if line.startswith("ok: ")] == ["ok: All 3 backed up\n"] * 2
    assert (process.returncode, "Traceback" in rest) == (0, False)


def test_a_watch_needs_a_second_at_least() -> None:
    assert main(["status", "--watch", "0"]) == 2


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colour_in_a_terminal_only_and_where_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], colour: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, (tmp_path / "file").open("w", encoding="utf-8") as file:
        assert style_of(terminal).colour is colour
        assert not style_of(file).colour
        assert not style_of(terminal).plain
    os.close(ours)


def test_a_terminal_that_has_only_ascii_gets_only_that(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w", encoding="ascii") as file:
        print("ö", file=prepared(file))
        assert style_of(file).plain
    assert (tmp_path / "file").read_text() == "\\xf6\n"
