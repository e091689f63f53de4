"""Debian's Firefox without a window: its process, its preferences, its tabs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.firefox.bidi import Connection, session
from tests.browser.firefox.preferences import QUIET, Value, user_js
from tests.browser.firefox.tab import Tab
from tests.processes import free_port, running


class Firefox:
    """A running Firefox with a profile of its own and a window of one tab, which has the keyboard."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.call("session.subscribe", {"events": ["log.entryAdded", "browsingContext.load"]})
        self.tab = Tab(connection, _contexts(connection, "content")[0])
        self._in_window("gBrowser.selectedBrowser.focus()")  # at first the address bar has it

    def new_tab(self) -> Tab:
        """Another tab, in front of the others."""
        return Tab(self._connection, self._connection.call("browsingContext.create", {"type": "tab"})["context"])

    def prefer(self, name: str, value: Value) -> None:
        """Changes a preference while it runs: what a person would do in about:config."""
        kind = {bool: "Bool", int: "Int", str: "String"}[type(value)]
        self._in_window(f"Services.prefs.set{kind}Pref({json.dumps(name)}, {json.dumps(value)})")

    def _in_window(self, expression: str) -> None:
        """Executes JavaScript in the window around the tabs, which may do what Firefox itself may do."""
        target = {"context": _contexts(self._connection, "chrome")[0]}
        self._connection.call("script.evaluate", {"expression": expression, "target": target, "awaitPromise": False})


def _contexts(connection: Connection, scope: str) -> list[str]:
    """The tabs ("content") or the windows around them ("chrome")."""
    tree = connection.call("browsingContext.getTree", {"moz:scope": scope})
    return [context["context"] for context in tree["contexts"]]


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """Runs until the block ends. Profile and log are in ``folder``."""
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(user_js(QUIET))
    port = free_port()
    command: list[str | Path] = ["/usr/bin/firefox-esr", "--headless", "--no-remote", "--profile", profile]
    command += ["--remote-debugging-port", str(port), "--remote-allow-system-access"]
    with running("firefox", command, port=port, folder=folder), session(port) as connection:
        yield Firefox(connection)
