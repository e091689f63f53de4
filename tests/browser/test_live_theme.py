"""The page follows the theme of a Glance on its own origin, and keeps the configured one everywhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Frame, Page, Route, expect

from sidecar.web.theme import colours, parse_theme
from tests.browser.serving import Sidecar
from tests.web import boards, themes

pytestmark = pytest.mark.browser

#: Glance's theme variables as its own page declares them (GL-3), and a theme-style with nothing in it.
GLANCE = """<!doctype html>
<html data-theme="default" data-scheme="dark">
<head><meta name="color-scheme" content="dark">
<style>
:root { --bgh: 240; --bgs: 8%; --bgl: 9%; --cm: 1; --tsm: 1; --color-primary: hsl(43, 50%, 70%);
  --color-positive: var(--color-primary); --color-negative: hsl(0, 70%, 70%); }
</style>
<style id="theme-style"></style></head>
<body><iframe src="SOURCE" width="924" height="500" frameborder="0"></iframe></body></html>"""

PICK = """([scheme, css]) => {
    document.getElementById("theme-style").outerHTML = `<style id="theme-style">:root {${css}}</style>`;
    document.documentElement.dataset.theme = "picked";
    document.documentElement.dataset.scheme = scheme;
}"""


@pytest.fixture
def page(browser: Browser, sidecar: Sidecar, complaints: list[str]) -> Iterator[Page]:
    """An empty page; nothing may be written to its console."""
    sidecar.show(boards.good_morning)
    opened = browser.new_page(viewport={"width": 1000, "height": 640})
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    opened.close()
    assert complaints == []


def open_glance(page: Page, sidecar: Sidecar, *, at: str = "", html: str = GLANCE) -> Frame:
    """A stand-in for Glance; on the page's own origin unless ``at`` another."""
    dashboard = f"{at or sidecar.address}/dashboard"
    content = html.replace("SOURCE", f"{sidecar.address}/widget")
    page.route(dashboard, lambda route: route.fulfill(content_type="text/html", body=content))
    page.goto(dashboard)
    return page.frames[1]


def variables(parameters: themes.Parameters) -> tuple[str, str]:
    """(scheme, style sheet) as Glance's picker puts them in place for a theme of glance.yml."""
    named = {
        "primary-color": "--color-primary",
        "positive-color": "--color-positive",
        "negative-color": "--color-negative",
        "contrast-multiplier": "--cm",
        "text-saturation-multiplier": "--tsm",
    }
    css = ""
    if "background-color" in parameters:
        hue, saturation, lightness = parameters["background-color"].split()
        css = f"--bgh: {hue}; --bgs: {saturation}%; --bgl: {lightness}%;"
    for name, variable in named.items():
        if name in parameters:
            value = parameters[name]
            triple = value.split()
            css += (
                f"{variable}: {f'hsl({triple[0]}.0, {triple[1]}.0%, {triple[2]}.0%)' if len(triple) == 3 else value};"
            )
    return "light" if "light" in parameters else "dark", css


def assert_theme(frame: Frame, parameters: themes.Parameters) -> None:
    """All colours of the page are those that the server makes of the numbers."""
    expected = {name: f"rgb({r} {g} {b})" for name, (r, g, b) in colours(parse_theme(parameters)).items()}
    expect(frame.locator("link[href^='theme.css']")).to_have_count(1)
    styles = frame.evaluate(
        "names => Object.fromEntries(names.map(name => "
        "[name, getComputedStyle(document.documentElement).getPropertyValue('--' + name)]))",
        list(expected),
    )
    assert styles == expected


def test_a_picked_theme_is_followed_at_once_in_all_its_colours(page: Page, sidecar: Sidecar) -> None:
    frame = open_glance(page, sidecar)
    assert_theme(frame, {})
    for parameters in themes.ALL.values():
        page.evaluate(PICK, variables(parameters))
        assert_theme(frame, parameters)


def test_a_theme_picked_before_is_there_before_anything_is_painted(page: Page, sidecar: Sidecar) -> None:
    peachy = themes.ALL["peachy"]
    scheme, css = variables(peachy)
    html = GLANCE.replace('data-scheme="dark"', f'data-scheme="{scheme}"')
    html = html.replace('<style id="theme-style">', f'<style id="theme-style">:root {{{css}}}')
    frame = open_glance(page, sidecar, html=html)
    assert_theme(frame, peachy)
    painted, coloured = frame.evaluate("""async () => {
        while (!performance.getEntriesByType("paint").length) await new Promise(requestAnimationFrame);
        const theme = performance.getEntriesByType("resource").find(one => one.name.includes("light=true"));
        return [performance.getEntriesByType("paint")[0].startTime, theme.responseEnd];
    }""")
    assert painted > coloured


def test_a_dashboard_of_another_origin_leaves_the_configured_theme(page: Page, sidecar: Sidecar) -> None:
    """Another port is another origin; the page may be framed by it because the test takes away that part of the policy."""
    page.route("**/widget", _frameable)
    frame = open_glance(page, sidecar, at="http://127.0.0.1:9", html=GLANCE.replace("--bgh: 240", "--bgh: 10"))
    assert_theme(frame, {})


def _frameable(route: Route) -> None:
    answer = route.fetch()
    headers = answer.headers
    headers["content-security-policy"] = headers["content-security-policy"].replace("frame-ancestors 'self'", "")
    route.fulfill(response=answer, headers=headers)


def test_a_frame_in_a_page_that_is_no_glance_keeps_the_configured_theme(page: Page, sidecar: Sidecar) -> None:
    frame = open_glance(page, sidecar, html='<!doctype html><title>x</title><iframe src="SOURCE"></iframe>')
    assert_theme(frame, {})


def test_colours_written_by_hand_in_another_way_stay_as_configured(page: Page, sidecar: Sidecar) -> None:
    frame = open_glance(page, sidecar)
    page.evaluate(PICK, ["dark", "--color-primary: #abcdef; --cm: calc(1 + 1); --tsm: 99; --bgh: 400;"])
    assert_theme(frame, {"background-color": "360 8 9", "text-saturation-multiplier": "10"})
