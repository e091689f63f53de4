"""An open page: refreshed in place, its times growing older, and true when nobody answers any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from sidecar.core.model import Board
from sidecar.web.words import TimeFormat
from tests.browser.serving import Sidecar
from tests.web import boards

pytestmark = pytest.mark.browser

MINUTE = 60_000


@pytest.fixture
def page(browser: Browser, sidecar: Sidecar, complaints: list[str]) -> Iterator[Page]:
    """A page on a good morning. Its browser's clock is decades off, and only goes on when the test advances it."""
    sidecar.show(boards.good_morning)
    opened = browser.new_page(viewport={"width": 604, "height": 640})
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.clock.install(time="2001-02-03T04:05:06")
    opened.clock.pause_at("2001-02-03T04:05:10")
    opened.goto(f"{sidecar.address}/widget")
    yield opened
    opened.close()
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


def after(page: Page, seconds: int) -> None:
    """Time goes on, and what is asked for meanwhile gets its answer."""
    for _ in range(-(-seconds // 5)):
        page.clock.run_for(min(seconds, 5) * 1000)
        page.wait_for_timeout(30)


def until_headline(page: Page, words: str) -> None:
    for _ in range(30):
        if page.locator("h1").text_content() == words:
            return
        after(page, 5)
    raise AssertionError(page.locator("h1").text_content())


def names(page: Page) -> list[str]:
    return page.locator(".row .name").all_text_contents()


def hide(page: Page, *, hidden: bool = True) -> None:
    """The event that the browser sends when its tab goes to the background, or comes back."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def silence(page: Page) -> None:
    page.route("**/widget*", lambda route: route.abort())


def test_news_appear_without_loading_the_page_again(page: Page, sidecar: Sidecar) -> None:
    page.evaluate("window.mine = true")
    sidecar.show(boards.bad_morning)
    until_headline(page, "3 of 12 need you")
    expect(page).to_have_title("Backups: 3 of 12 need you")
    expect(page.locator(".row:has-text('paperless') .reason")).to_be_visible()
    assert page.evaluate("window.mine")


def test_a_changed_headline_is_logged_once_and_an_unchanged_headline_not_at_all(page: Page, sidecar: Sidecar) -> None:
    status = page.get_by_role("status")
    after(page, 130)
    assert status.text_content() == ""
    sidecar.show(boards.bad_morning)
    until_headline(page, "3 of 12 need you")
    expect(status).to_have_text("3 of 12 need you")


def test_open_rows_focus_and_scroll_position_stay_although_rows_move(page: Page, sidecar: Sidecar) -> None:
    page.set_viewport_size({"width": 604, "height": 300})
    page.locator(".row:has(.name:text-is('n8n')) summary").focus()
    page.keyboard.press("Enter")
    page.evaluate("scrollTo(0, 150)")
    before = names(page)
    sidecar.show(boards.bad_morning)
    until_headline(page, "3 of 12 need you")
    assert names(page) != before
    expect(page.locator(".row:has(details[open]) .name")).to_have_text(["n8n"])
    assert page.evaluate("document.activeElement.textContent.trim()") == "n8n"
    assert page.evaluate("scrollY") > 0


def test_what_did_not_change_is_not_touched(page: Page, sidecar: Sidecar) -> None:
    page.evaluate("document.querySelectorAll('main *').forEach(one => { one.mine = true; })")
    sidecar.show(lambda: replace(boards.good_morning(), at=boards.NOW + timedelta(minutes=1)))
    after(page, 65)
    expect(page.locator("main")).to_have_attribute("data-clock", "07:27")
    assert page.evaluate("[...document.querySelectorAll('main *')].every(one => one.mine)")


def test_an_unchanged_board_is_not_sent_again(page: Page) -> None:
    sizes: list[int] = []
    with page.expect_response("**/widget"):
        after(page, 65)
    page.on("response", lambda answer: sizes.append(answer.request.sizes()["responseBodySize"]))
    after(page, 120)
    assert sizes == [0, 0]


def test_other_files_after_an_update_load_the_page_anew(page: Page) -> None:
    page.evaluate("window.mine = true")
    page.evaluate("document.querySelector('script[defer]').setAttribute('src', 'static/live.0123456789ab.js')")
    after(page, 65)
    page.wait_for_function("window.mine === undefined")


def test_a_hidden_page_asks_nothing_and_asks_at_once_when_it_is_shown(page: Page) -> None:
    """The browser itself may still fetch the icon."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/widget" in request.url else None)
    hide(page)
    after(page, 300)
    assert asked == []
    with page.expect_request("**/widget*"):
        hide(page, hidden=False)
    assert len(asked) == 1


#: Seconds between a moment and the page's own, at both sides of every change of words.
AGES = [0, 59, 60, 119, 3599, 3600, 86_399, 86_400, 2_591_999, 2_592_000, 31_535_999, 31_536_000, 70_000_000]


def test_times_grow_older_in_the_words_of_the_server(page: Page) -> None:
    page.evaluate(
        """ages => document.querySelector("main").append(...ages.map(age => {
            const time = document.createElement("time");
            time.dateTime = new Date(Date.parse("2026-11-23T06:26:10Z") - age * 1000).toISOString();
            time.textContent = age < 0 ? "in 1m" : "1m";
            time.className = "aged";
            return time;
        }))""",
        [*AGES, *[-age for age in AGES[1:]], -0.5],
    )
    page.clock.run_for(10_000)
    times = TimeFormat(boards.NOW + timedelta(seconds=10), ZoneInfo("Europe/Berlin"))
    past = [times.age(times.now - timedelta(seconds=age)) for age in AGES]
    coming = [times.ahead(times.now + timedelta(seconds=age)) for age in [*AGES[1:], 0.5]]
    assert page.locator(".aged").all_text_contents() == [*past, *coming]


def test_what_has_come_is_now(page: Page) -> None:
    page.goto(page.url + "?view=calendar")
    entry = page.locator(".entry.future").first
    moment = datetime.fromisoformat(entry.locator("time").get_attribute("datetime") or "")
    left = int((moment - boards.NOW).total_seconds())
    silence(page)
    page.clock.fast_forward(left * 1000)
    page.clock.run_for(10_000)
    expect(entry.locator(".result")).to_have_text("now")


def test_silence_is_reported_with_the_time_of_the_shown_board(page: Page) -> None:
    silence(page)
    after(page, 60)
    assert page.locator(".banner").count() == 0, "one lost request is no news"
    after(page, 10)
    assert page.locator(".banner").text_content() == (
        "backup-glance hasn't answered since 07:26, 1m ago. What you see is from then."
    )
    expect(page.get_by_role("status")).to_have_text("backup-glance hasn't answered since 07:26")
    expect(page.locator("h1")).to_have_text("All 12 backed up")


@pytest.mark.parametrize("made", [boards.good_morning, boards.bad_morning])
def test_lasting_silence_leaves_nothing_ok_until_there_is_an_answer(
    page: Page, sidecar: Sidecar, made: Callable[[], Board]
) -> None:
    sidecar.show(made)
    after(page, 65)
    before = page.locator("main").inner_html()
    headline = page.locator("h1").inner_text()
    silence(page)
    after(page, 400)
    expect(page.locator("h1")).to_have_text("Can't tell any more")
    expect(page.locator("main :is(.mark, .word, .row, .part).is-ok:not(.runs *, .ran *)")).to_have_count(0)
    expect(page.locator(":is(.state, .vh):text-is('ok'):not(.runs *, .ran *)")).to_have_count(0)
    assert set(page.locator(".row .state").all_text_contents()) <= {"unknown", "failed", "missed", "never"}
    page.unroute("**/widget*")
    until_headline(page, headline)
    assert page.locator("main").inner_html() == before


def test_a_page_shown_again_after_hours_claims_nothing_without_an_answer(page: Page) -> None:
    hide(page)
    silence(page)
    page.clock.fast_forward("08:00:00")
    hide(page, hidden=False)
    page.wait_for_timeout(100)
    expect(page.locator("h1")).to_have_text("Can't tell any more")
    assert "8h ago" in (page.locator(".banner").text_content() or "")


def test_it_asks_less_often_while_nobody_answers(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("**/widget*", lambda route: route.fulfill(status=502))
    after(page, 60)
    counts = []
    for _ in range(6):
        counts.append(len(asked))
        after(page, 60)
    assert counts[1] - counts[0] > counts[-1] - counts[-2]
    assert counts[-1] < 12


def test_an_answer_that_is_no_page_of_ours_is_shown_as_it_is(page: Page) -> None:
    """For example a reverse proxy that asks for a password again."""
    page.route("**/widget*", lambda route: route.fulfill(status=403, content_type="text/html", body="<h1>Log in</h1>"))
    until_headline(page, "Log in")


def test_without_script_the_page_is_whole_and_loaded_anew(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.show(boards.bad_morning)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{sidecar.address}/widget")
    expect(page.locator("h1")).to_have_text("3 of 12 need you", use_inner_text=True)
    assert page.locator("noscript").inner_html() == '<meta http-equiv="refresh" content="60">'
    page.locator(".row:has-text('n8n') summary").click()
    expect(page.locator(".row:has-text('n8n') .opened")).to_be_visible()
    context.close()


def test_words_are_in_the_font_of_glance(page: Page) -> None:
    page.evaluate("document.fonts.ready.then(() => null)")
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    for selector in ("h1", ".name", ".state", ".last time", ".datastore b"):
        node = session.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        assert {font["familyName"] for font in fonts} == {"JetBrains Mono"}, selector
        assert all(font["isCustomFont"] for font in fonts)


def test_opened_groups_and_focus_stay_and_a_group_in_which_nothing_was_opened_stays_closed(
    page: Page, sidecar: Sidecar
) -> None:
    sidecar.show(lambda: boards.crowded(200, 1))
    page.reload()
    groups = page.locator("details.group[open]")
    page.locator(".group > summary", has_text="199 ok").click()
    page.locator("[data-group='ok 2'] > summary").focus()
    page.keyboard.press("Enter")
    page.locator(".row:has-text('service-060') summary").click()
    page.locator("[data-group='ok 2'] > summary").focus()
    sidecar.show(lambda: boards.crowded(200, 2))
    until_headline(page, "2 of 200 need you")

    assert groups.evaluate_all("all => all.map(e => e.dataset.group)") == ["ok", "ok 2"]
    expect(page.locator(".group > summary", has_text="198 ok")).to_be_visible()
    expect(page.locator(".row:has-text('service-060') .opened")).to_be_visible()
    assert page.evaluate("document.activeElement.parentElement.dataset.group") == "ok 2"


def test_without_an_answer_no_group_says_ok_any_more(page: Page, sidecar: Sidecar) -> None:
    sidecar.show(lambda: boards.crowded(200, 1))
    page.reload()
    silence(page)
    after(page, 400)
    expect(page.locator("h1")).to_have_text("Can't tell any more")
    assert page.locator(".group > summary .word").all_text_contents() == ["unknown"] * 5
    expect(page.locator(".group > summary .mark.is-unknown")).to_have_count(1)
