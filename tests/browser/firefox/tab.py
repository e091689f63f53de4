"""A tab: goes to an address, is looked at, typed into and printed."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from tests.browser.firefox.bidi import Connection

#: Keys that write nothing, as WebDriver encodes them.
TAB, ENTER, SPACE, SHIFT = "\ue004", "\ue007", " ", "\ue008"

#: A sheet of A4, in centimetres.
_A4 = {"width": 21.0, "height": 29.7}

#: The error that ends a question for complaints.
_OURS = "these are all complaints"


class ScriptError(Exception):
    """What a test evaluates in the page threw this."""


class Tab:
    """One browsing context. Selectors name the first element that is visible."""

    def __init__(self, connection: Connection, context: str) -> None:
        self._connection = connection
        self._context = context

    # --- where it is ---------------------------------------------------------------------------------------------------

    def resize(self, width: int, height: int = 640, *, density: float = 1) -> None:
        """The size of the page in CSS pixels. ``density``: device pixels for each; 2 is also what a zoom of 200 % is."""
        viewport = {"width": width, "height": height}
        self._call("browsingContext.setViewport", {"viewport": viewport, "devicePixelRatio": density})

    def open(self, address: str) -> None:
        """Goes there; returns when all of it is loaded, its fonts as well."""
        self._call("browsingContext.navigate", {"url": address, "wait": "complete"})
        self.evaluate("document.fonts.ready.then(() => null)")

    def to_front(self) -> None:
        self._call("browsingContext.activate", {})

    def close(self) -> None:
        self._call("browsingContext.close", {})

    # --- what is there --------------------------------------------------------------------------------------------------

    def evaluate(self, expression: str) -> Any:
        """What an expression in JavaScript is, as JSON tells it; a promise is awaited.

        Raises:
            ScriptError: it threw.
        """
        call = {
            "expression": f"(async () => JSON.stringify(await ({expression})))()",
            "target": {"context": self._context},
            "awaitPromise": True,
        }
        answer = self._connection.call("script.evaluate", call)
        if answer["type"] == "exception":
            raise ScriptError(f"{answer['exceptionDetails']['text']}: {expression}")
        return json.loads(answer["result"].get("value", "null"))

    def text(self, selector: str) -> str:
        """The words of an element, as one line."""
        return str(self.evaluate(f"{_shown(selector)}.innerText.trim().replace(/\\s+/g, ' ')"))

    def texts(self, selector: str) -> list[str]:
        """The words of all that are visible."""
        words: list[str] = self.evaluate(f"{_all(selector)}.map(e => e.innerText.trim().replace(/\\s+/g, ' '))")
        return words

    def wait_until(self, expression: str) -> None:
        """Returns when this is true of the page that is open; it must not be left meanwhile.

        Raises:
            TimeoutError: it never was.
        """
        self.evaluate(f"new Promise(done => (function look() {{ ({expression}) ? done() : setTimeout(look, 20); }})())")

    def complaints(self) -> list[str]:
        """What Firefox wrote to the console since the last question: what pages said, errors, and what a policy blocked.

        It comes when it comes, but in its order: what was written before an error of our own has come with that.
        """
        self.evaluate(f"void setTimeout(() => {{ throw new Error({_OURS!r}); }})")
        entries = self._connection.take_until("log.entryAdded", lambda entry: _OURS in entry["text"])
        return [entry["text"] for entry in entries[:-1]]

    # --- what a person does ---------------------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def hover(self, selector: str) -> None:
        """Moves the mouse to the middle of an element."""
        self._act({"type": "pointer", "id": "mouse", "actions": [self._move(selector)]})

    def click(self, selector: str) -> None:
        """Clicks into the middle of an element."""
        click = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._act({"type": "pointer", "id": "mouse", "actions": [self._move(selector), *click]})

    def follow(self, selector: str) -> None:
        """Clicks on a link; returns when all of the page that it leads to is loaded."""
        self._connection.forget("browsingContext.load")
        self.click(selector)
        self._connection.take_until("browsingContext.load", lambda event: event["context"] == self._context)

    # --- what comes out -------------------------------------------------------------------------------------------------

    def picture(self) -> bytes:
        """All of the page as a PNG."""
        return b64decode(self._call("browsingContext.captureScreenshot", {"origin": "document"})["data"])

    def printed(self) -> bytes:
        """The page on A4 as a PDF, as Firefox prints when nobody changes a setting: without grounds."""
        return b64decode(self._call("browsingContext.print", {"page": _A4, "background": False})["data"])

    def _move(self, selector: str) -> dict[str, Any]:
        box = self.evaluate(
            f"(e => (e.scrollIntoView({{block: 'nearest'}}), e.getBoundingClientRect()))({_shown(selector)})"
        )
        return {
            "type": "pointerMove",
            "x": round(box["x"] + box["width"] / 2),
            "y": round(box["y"] + box["height"] / 2),
        }

    def _act(self, source: dict[str, Any]) -> None:
        self._call("input.performActions", {"actions": [source]})

    def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._connection.call(method, {"context": self._context, **parameters})


def _all(selector: str) -> str:
    return f"[...document.querySelectorAll({json.dumps(selector)})].filter(e => e.checkVisibility())"


def _shown(selector: str) -> str:
    return f"{_all(selector)}[0]"
