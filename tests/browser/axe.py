"""What axe-core finds on an opened page."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

#: Of all that is in order axe would send each element, several megabytes for a page.
_TOLD = {"resultTypes": ["violations"]}


def violations(page: Page, *, rules: str | None = None, context: str | None = None) -> list[str]:
    """The rule of each violation, and the first element that has it.

    ``rules``: only these. ``context``: only within what this selector matches.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options = _TOLD | ({"runOnly": rules} if rules else {})
    found = page.evaluate("([context, options]) => axe.run(context || document, options)", [context, options])
    return [f"{violation['id']}: {violation['nodes'][0]['html'][:200]}" for violation in found["violations"]]
