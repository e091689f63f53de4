"""What a Firefox for tests is told before it starts, and how it is written down for it."""

from __future__ import annotations

import json
from collections.abc import Mapping

Value = bool | int | str

#: It shows nothing of its own, asks its maker nothing, and starts no process that no page needs.
QUIET: Mapping[str, Value] = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.ipc.processCount": 1,
    "dom.ipc.processPrelaunch.enabled": False,
    "extensions.enabledScopes": 0,
    "messaging-system.rsexperimentloader.enabled": False,
    "nimbus.rollouts.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}

#: The colours of a page are replaced by the reader's own; 0 is the browser's default.
FORCED_COLOURS = "browser.display.document_color_use"
ALWAYS, AS_THE_SYSTEM = 2, 0

#: Whether things may move on a page.
REDUCED_MOTION = "ui.prefersReducedMotion"
REST, NO_PREFERENCE = 1, 0


def user_js(preferences: Mapping[str, Value]) -> str:
    """The file user.js of a profile."""
    return "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items())
