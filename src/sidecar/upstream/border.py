"""Where an upstream's answer comes in: every text in it loses our own secrets and shows its hidden characters.

Behind this line no other place has to think of either: names in the ledger, reasons, pages, JSON and logs are made of these
texts. A call that names something asks for it as the upstream wrote it.
"""

from __future__ import annotations

import re
from typing import Any

from sidecar.texts.hidden_characters import visible
from sidecar.texts.known_secrets import WITHHELD, KnownSecrets, is_encoded

from .turns import Turns

#: Texts that were found harmless are not looked at again. So many are remembered, of so many characters each: the names of a
#: house come again and again, the ids of tasks never do.
_MOST_SAFE, _LONGEST_SAFE = 4_000, 256

#: Characters of a text. A list of names in one text may have so many; nothing else is as long.
_LONGEST = 64 * 1024

#: Texts that are shown otherwise than they came, for calls that name them.
_MOST_CHANGED = 10_000

#: Characters of one row that are decoded or searched for parts of secrets: that takes a microsecond for each. Texts that
#: need it are withheld after that. No row that means anything has so many.
_LOOKED_AT_CLOSELY = 16_000

#: Keys of the upstreams' protocols. Other keys, the paths of permissions, are texts.
_PROTOCOL_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Border:
    """Makes the texts of one upstream's answers harmless. ``known`` are all secrets; those of its own calls are added."""

    def __init__(self, known: KnownSecrets | None = None) -> None:
        self.known = KnownSecrets() if known is None else known
        self._safe: set[str] = set()
        self._version = 0
        self._as_sent: dict[str, str] = {}
        self._left = _LOOKED_AT_CLOSELY

    def row(self, value: Any) -> Any:
        """A row of a list; what it contains is changed in place."""
        self._begin()
        if isinstance(value, str):
            return self._text(value)
        waiting = [value]
        while waiting:
            self._take(waiting.pop(), waiting)
        return value

    async def document(self, value: Any) -> Any:
        """A whole answer, with turns for other tasks."""
        self._begin()
        whole, turns = [value], Turns()
        waiting: list[Any] = [whole]
        while waiting:
            self._take(waiting.pop(), waiting)
            if turns.is_over:
                await turns.pass_on()
                self._begin()
        return whole[0]

    def text(self, text: str) -> str:
        """Any other text of this upstream, or about it."""
        self._begin()
        return self._text(text)

    def as_sent(self, value: Any) -> Any:
        """What is sent for a text that came from this upstream: what it wrote itself; in lists and mappings too."""
        if not self._as_sent:
            return value
        if isinstance(value, dict):
            return {key: self.as_sent(item) for key, item in value.items()}
        return self._as_sent.get(value, value) if isinstance(value, str) else value

    # --- inside ---

    def _begin(self) -> None:
        version = self.known.version
        if version != self._version or len(self._safe) > _MOST_SAFE:
            self._version, self._safe = version, set()
        self._left = _LOOKED_AT_CLOSELY

    def _take(self, value: Any, waiting: list[Any]) -> None:
        """Changes the texts in one list or mapping; what is nested in it waits."""
        safe = self._safe
        if type(value) is dict:
            if not safe.issuperset(value):
                self._rename(value)
            for key, item in value.items():
                if type(item) is str:
                    if item not in safe:
                        value[key] = self._text(item)
                elif type(item) is dict or type(item) is list:
                    waiting.append(item)
        elif type(value) is list:
            for place, item in enumerate(value):
                if type(item) is str:
                    if item not in safe:
                        value[place] = self._text(item)
                elif type(item) is dict or type(item) is list:
                    waiting.append(item)

    def _rename(self, mapping: dict[str, Any]) -> None:
        for key in [key for key in mapping if key not in self._safe]:
            if _PROTOCOL_KEY.fullmatch(key):
                self._safe.add(key)
                continue
            shown = self._text(key)
            if shown != key:
                # Of two keys that are shown alike neither is believed.
                value = mapping.pop(key)
                mapping[shown] = value if shown not in mapping else None

    def _text(self, text: str) -> str:
        shown = visible(self._without_secrets(text))
        if shown == text:
            if len(text) <= _LONGEST_SAFE:
                self._safe.add(text)
        elif len(text) <= _LONGEST_SAFE:
            # Two that are shown alike can't be told apart any more: then nothing is asked for by this name.
            known = self._as_sent.pop(shown, text)
            self._as_sent[shown] = text if known == text else shown
            if len(self._as_sent) > _MOST_CHANGED:
                del self._as_sent[next(iter(self._as_sent))]
        return shown

    def _without_secrets(self, text: str) -> str:
        text = text[:_LONGEST]
        if is_encoded(text) or self.known.suspects(text):
            if self._left <= 0:
                return WITHHELD
            self._left -= len(text)
            return self.known.withheld(text)
        return text
