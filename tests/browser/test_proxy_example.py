"""The example page of docs/proxy-example/ as it is: behind the reader's own Caddy, which adds the token."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request, expect

from tests.caddy import BINARY
from tests.processes import free_port, running
from tests.whole_house import WholeHouse, whole_house

pytestmark = pytest.mark.browser

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "proxy-example"


@contextmanager
def reader_s_site(house: WholeHouse, folder: Path) -> Iterator[str]:
    """The address of the page, on the reader's own Caddy."""
    port = free_port()
    folder.mkdir()
    front = folder / "Caddyfile"
    options = "{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\n"
    front.write_text(f"{options}import {EXAMPLE / 'Caddyfile'}\n")
    variables = {
        "EXAMPLE_SITE": f"http://127.0.0.1:{port}",
        "EXAMPLE_FILES": str(EXAMPLE),
        "BACKUP_GLANCE": f"http://127.0.0.1:{house.caddy.port}",
        "TOKEN_FILE": str(house.folder / "page"),
    }
    command: list[str | Path] = [BINARY, "run", "--adapter", "caddyfile", "--config", front]
    with running("the reader's Caddy", command, port=port, folder=folder, environment=variables):
        yield variables["EXAMPLE_SITE"]


def test_the_page_shows_what_the_upstreams_say_and_no_token_is_in_the_browser(browser: Browser, tmp_path: Path) -> None:
    programs = {"page": ["api", "proxy"]}
    with (
        whole_house(tmp_path, programs, caddy={"users": [NOBODY]}, proxy={"enabled": True}) as house,
        reader_s_site(house, tmp_path / "site") as site,
    ):
        asked: list[Request] = []
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: asked.append(request))
        page.goto(f"{site}/")

        lists = page.locator("section")
        expect(lists).to_have_count(3)
        expect(lists.nth(0).locator("li")).to_have_text(["main: 62 % of 4.0 TB"])
        expect(lists.nth(1).locator("li").first).to_contain_text("PBS critical LXC: next 2026-11-24T03:00:00")
        expect(lists.nth(2).locator("li")).to_have_count(5)
        expect(page.locator("h1")).not_to_have_text("…")
        seen = json.dumps([[request.url, request.all_headers()] for request in asked]) + page.content()
        stored = page.evaluate("JSON.stringify([document.cookie, localStorage, sessionStorage])")
        page.close()

    assert len(asked) == 6
    assert house.tokens["page"] not in seen + stored
    assert "x-backup-glance-token" not in seen.lower()
    assert [text for text in complaints if "404" not in text] == [], "there is no icon"


def test_the_page_says_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    with (
        whole_house(tmp_path, {"page": ["proxy"]}) as house,
        reader_s_site(house, tmp_path / "site") as site,
    ):
        page = browser.new_page()
        page.goto(f"{site}/")

        expect(page.locator("section p").first).to_contain_text("The proxy is off.")
        expect(page.locator("h1")).to_contain_text("This token lacks the scope api")
        page.close()


#: Nobody knows this password: the page gets in by its token alone.
NOBODY = {"name": "nobody", "password_hash": "$2a$04$qxFC/c7j.aj0CADcv5AcV.hBAIQFLeL8KPaxrvEgh2H3rt498RR02"}


def test_the_reader_s_caddyfile_is_formatted_as_caddy_formats() -> None:
    formatted = subprocess.run([BINARY, "fmt", EXAMPLE / "Caddyfile"], capture_output=True, text=True, check=False)

    assert (formatted.returncode, formatted.stdout) == (0, (EXAMPLE / "Caddyfile").read_text())
