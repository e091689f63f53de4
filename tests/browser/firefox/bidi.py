"""WebDriver BiDi, as much of it as we need: a command and its answer, and the events that come in between.

The protocol: https://www.w3.org/TR/webdriver-bidi/.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

#: For a browser on a machine that is busy with other things.
_SECONDS = 120.0


class BidiError(Exception):
    """The browser refused a command; the message is its own."""


class Connection:
    """A session with a browser. Not for two threads."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sent = 0
        self._events: list[dict[str, Any]] = []

    def call(self, method: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the browser answers to a command.

        Raises:
            BidiError: it refused.
            TimeoutError: it said nothing.
        """
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters or {}}))
        while True:
            message = self._receive()
            if message is None or message["id"] != self._sent:
                continue  # an event, or an answer that came too late
            if message["type"] == "error":
                raise BidiError(f"{method}: {message['error']}: {message['message']}")
            answer: dict[str, Any] = message["result"]
            return answer

    def forget(self, method: str) -> None:
        """What came of these events so far is of no interest."""
        self._events = [event for event in self._events if event["method"] != method]

    def take_until(self, method: str, is_last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """The parameters of these events that nobody has taken yet, oldest first, up to one that is the last.

        Raises:
            TimeoutError: the browser said nothing at all for two minutes.
        """
        taken: list[dict[str, Any]] = []
        while not (taken and is_last(taken[-1])):
            event = next((event for event in self._events if event["method"] == method), None)
            if event:
                self._events.remove(event)
                taken.append(event["params"])
            else:
                self._receive()
        return taken

    def _receive(self) -> dict[str, Any] | None:
        """The next answer; None when it is an event, which is kept."""
        message: dict[str, Any] = json.loads(self._socket.recv(_SECONDS))
        if message["type"] != "event":
            return message
        self._events.append(message)
        return None


@contextmanager
def session(port: int) -> Iterator[Connection]:
    """A session with the browser that listens on this port of loopback; the browser ends with it."""
    with connect(f"ws://127.0.0.1:{port}/session", max_size=None, proxy=None, open_timeout=_SECONDS) as socket:
        connection = Connection(socket)
        connection.call("session.new", {"capabilities": {}})
        yield connection
        connection.call("browser.close")
