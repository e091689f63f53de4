"""What axe-core finds on an opened page."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

#: Of all that is in order axe would send each element, several megabytes for a page.
_TOLD = {"resultTypes": ["violations"]}


def violations(page: Page, *, rules: str | None = None, context: str | None = None) -> list[str]:
    """The rule of each violation, and the first element that has it.

    ``rules``: only these. ``context``: only within what this selector matches.
    """
    options = _TOLD | ({"runOnly": rules} if rules else {})
    found = Axe().run(page, context=context, options=options).response["violations"]
    return [f"{violation['id']}: {violation['nodes'][0]['html'][:200]}" for violation in found]
