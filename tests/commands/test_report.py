"""`backup-glance report`: a month from the running sidecar, as one file; and in one line why there is none."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import pytest

from sidecar.cli import main
from tests.blocks import the_block
from tests.commands.test_cli import KEY, command, running
from tests.commands.test_status import answering

PROBLEM = json.dumps(
    {"type": "about:blank", "title": "", "status": 0, "detail": "There is none: make \x1b[31m room."}
).encode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "sidecar_keys"
    path.write_text(f"{KEY}\n")
    return path


def test_it_prints_the_month_in_each_format(tmp_path: Path, key_file: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "timezone: Europe/Berlin\nsources:\n"
        '  pbs: {kind: pbs, url: "https://127.0.0.1:1", token_id: "a@pbs!b", secret: {file: /nonexistent}}\n'
    )
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "sidecar_keys").write_text(f"{KEY}\n")
    with running(config, credentials, tmp_path, "--state", str(tmp_path)) as sidecar:
        sidecar.wait_until_ready()
        asked = ("--socket", str(sidecar.path), "--key-file", str(key_file))
        page = command("report", *asked)
        as_json = command("report", "--month", "2026-01", "--format", "json", *asked)
        as_csv = command("report", "--month", "2026-01", "--format", "csv", *asked)
        never = command("report", "--month", "2099-01", *asked)

    assert (page.returncode, as_json.returncode, as_csv.returncode) == (0, 0, 0), page.stderr
    assert page.stdout.startswith("<!doctype html>")
    assert "<style>" in page.stdout
    report = json.loads(as_json.stdout)
    assert (report["month"], report["backups"]["promised"]) == ("2026-01", None)
    assert [line["name"] for line in csv.DictReader(StringIO(as_csv.stdout))] == ["pbs"]
    assert (never.returncode, never.stdout) == (2, "")
    assert never.stderr == "report: There is no report of 2099-01: that month has not begun.\n"


@pytest.mark.parametrize(
    ("body", "code", "ends", "says"),
    [
        (PROBLEM, 422, 2, "report: There is none: make"),
        (PROBLEM, 404, 2, "report: There is none: make"),
        (PROBLEM, 503, 3, "report: There is none: make"),
        (b"<html>", 500, 3, "answers with HTTP 500: read its log"),
        (b"[" * 100_000, 502, 3, "answers with HTTP 502"),
        (b'"text"', 500, 3, "answers with HTTP 500"),
        (b"", 401, 3, "refuses the key"),
    ],
)
def test_why_there_is_none_is_told_in_one_line(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str], body: bytes, code: int, ends: int, says: str
) -> None:
    with answering(tmp_path / "s", body, code):
        ended = main(["report", "--socket", str(tmp_path / "s"), "--key-file", str(key_file)])
    printed = capsys.readouterr()

    assert (ended, printed.out, printed.err.count("\n")) == (ends, "", 1)
    assert says in printed.err
    assert KEY not in printed.err
    assert "\x1b" not in printed.err


def test_without_a_sidecar_or_a_key_it_says_what_to_do(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--socket", str(tmp_path / "s"), "--key-file", str(key_file)]) == 3
    assert "start backup-glance, or give its socket with --socket" in capsys.readouterr().err
    assert main(["report", "--socket", str(tmp_path / "s"), "--key-file", str(tmp_path / "no")]) == 3
    assert "give the file of the sidecar's keys with --key-file" in capsys.readouterr().err


def test_a_month_that_is_no_text_is_refused_by_the_sidecar(tmp_path: Path, key_file: Path) -> None:
    with answering(tmp_path / "s", PROBLEM, 422):
        ended = [
            main(["report", "--month", month, "--socket", str(tmp_path / "s"), "--key-file", str(key_file)])
            for month in ("\udcff", "a\r\nb: c")
        ]

    assert ended == [2, 2]


def test_the_documented_line_is_understood(tmp_path: Path, key_file: Path) -> None:
    """What it says after ``>`` is the shell's."""
    line = the_block("docs/commands.md", "backup-glance report").text.partition(">")[0].split()[1:]
    with answering(tmp_path / "s", b"<!doctype html>"):
        done = command(*line, "--socket", str(tmp_path / "s"), "--key-file", str(key_file))

    assert (done.returncode, done.stdout, done.stderr) == (0, "<!doctype html>", "")
