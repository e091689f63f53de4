"""Glance's first page as a reader finds it: our two frames on it, and the theme picker above."""

from __future__ import annotations

from playwright.sync_api import Frame, Page

#: Our frames on docs/glance.yml's first page: the services in the full column, the calendar in a small one.
FRAMES = ".widget-type-iframe iframe"


def frames(page: Page) -> tuple[Frame, Frame]:
    """The pages in both frames, once they are there."""
    page.locator(FRAMES).nth(1).wait_for(state="attached")
    inner = [element.content_frame() for element in page.locator(FRAMES).element_handles()]
    services, calendar = (frame for frame in inner if frame)
    for frame in (services, calendar):
        frame.locator("h1").wait_for(state="attached")
    return services, calendar


def choose_theme(page: Page, name: str) -> None:
    """Picks one of Glance's themes as a person does: the picker opens under the pointer, and closes when that leaves."""
    choice = page.locator(f".popover-container [data-key={name}]")
    page.locator(".theme-picker:visible").hover()
    choice.click()
    page.wait_for_function(f"document.documentElement.dataset.theme === '{name}'")
    page.mouse.move(0, 0)
    choice.wait_for(state="hidden")


def wait_until_frames_follow(page: Page) -> None:
    """Returns once both frames stand on the same ground as the page around them."""
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    for frame in frames(page):
        frame.wait_for_function(
            "ground => getComputedStyle(document.documentElement).backgroundColor === ground", arg=ground
        )
