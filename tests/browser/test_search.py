"""Finding a service in a browser: by keyboard, without script, with the theme of the address; and the line of 80 px."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.serving import Sidecar
from tests.web import boards

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("script", [True, False])
def test_a_service_is_found_by_keyboard_with_and_without_script(
    browser: Browser, sidecar: Sidecar, complaints: list[str], *, script: bool
) -> None:
    sidecar.show(lambda: boards.crowded(100, 2))
    page = browser.new_context(viewport={"width": 300, "height": 640}, java_script_enabled=script).new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{sidecar.address}/widget?light=true&background-color=220+23+95")

    page.get_by_label("find a service").fill("E-07")
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(10)
    asked = parse_qs(urlsplit(page.url).query)
    assert asked == {"q": ["E-07"], "light": ["true"], "background-color": ["220 23 95"]}
    assert page.get_by_label("find a service").input_value() == "E-07"
    page.get_by_role("link", name="show all").click()
    expect(page.get_by_label("find a service")).to_have_value("")
    assert complaints == []
    page.context.close()


@pytest.mark.parametrize("width", [300, 604, 924])
@pytest.mark.parametrize("name", ["good_morning", "bad_morning", "stale", "first_reading"])
def test_a_line_fits_a_frame_of_80_pixels(browser: Browser, sidecar: Sidecar, name: str, width: int) -> None:
    sidecar.show(boards.ALL[name])
    page = browser.new_page(viewport={"width": width, "height": 80})
    page.goto(f"{sidecar.address}/widget?view=line")

    assert page.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]") == [80, width]
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport(ratio=1)
    page.close()
