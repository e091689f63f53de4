"""Our own secrets, and texts without them: whoever is told a secret may repeat it, in an error, a log or a name.

Found are the whole secret in any encoding (secret_forms.py), and any 12 characters in a row of one that has 16 or more.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .hidden_characters import without_hidden
from .secret_forms import base64_cores, decoded, normal

#: What stands for a secret.
WITHHELD = "[withheld]"

#: Characters in a row that are too many, of a secret that has at least so many.
_PART, _LONG = 12, 16

#: The same 12 characters in base64 (of which those at the ends are shared with what stands beside them) and in hex.
_PART_IN_BASE64, _PART_IN_HEX = 15, 2 * _PART

#: Shorter secrets are looked for as whole words: they would match parts of ordinary ones.
SHORT = 8

#: Letters of base64 by which a short secret is known; fewer stand in ordinary words.
_SHORT_CORE = 7

#: A quick look takes five characters at every fourth place: eight in a row contain such five, wherever they begin.
_GRAM, _STEP = 5, 4

#: Characters of a text that are looked at, and how often it is looked at again once something was found in it.
_LOOKED_AT, _ROUNDS = 16_000, 5

#: Characters that the end of a text is shortened by, when it was cut: the secret that was cut there may be written as
#: ``\uXXXX``, six for each.
_MARGIN = 2_000

#: A value is added each time it is read, so the oldest are no longer used and can be dropped, about half of them at once.
#: Those that are read only once, at the start, are the very first and stay.
_MOST, _NEVER_FORGOTTEN = 200, 32

#: Characters of a secret that are looked for in parts. No token is longer; a longer file is no secret.
_LONGEST = 4096

#: Words of the upstreams' own protocols. What is part of one can't be withheld without taking away what they say.
_PROTOCOL = """
all auth backup btrfs cancelled ceph cephfs cifs client completed content ct datastore deletion_failed dir disabled dump
encrypt enabled error esxi failed false full garbage_collection gc glacier glusterfs host id image images info internal iscsi
key kind lvm lvmthin lxc maintenance manual mounted name namespace nfs node nodes none notmounted null offline ok online
openvz operation partial pbs pending plan plans pool prune prunejob pull push pve qemu ready repo restore root rootfs running
s3 scheduled snapshot snapshots source status status_error status_inprogress status_pending status_success
status_system_cancelled status_unknown status_user_cancelled status_warning stopped storage store success sync syncjob task
tasks template true type unknown verificationjob verify verify_snapshots version vm volume vzdump warning warnings zfspool
"""

_PROTOCOL_WORDS = frozenset(normal(word) for word in _PROTOCOL.split())


class _Forms(NamedTuple):
    """How one secret is looked for: so many characters in a row of a text, whole texts, or the patterns of a short one.

    The texts are in their normal form.
    """

    windows: tuple[tuple[int, str], ...] = ()
    wholes: tuple[str, ...] = ()
    short: tuple[str, ...] = ()


@dataclass(slots=True)
class _Index:
    """All forms of all secrets, made for searching. Nobody goes through its sets while another thread adds to them."""

    grams: set[str] = field(default_factory=set)
    windows: dict[int, set[str]] = field(default_factory=dict)
    wholes: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    short: re.Pattern[str] | None = None

    def add(self, forms: _Forms) -> None:
        for length, text in forms.windows:
            pieces = {piece for piece in _pieces(text, length) if not _is_of_the_protocols(piece)}
            self.windows = {**self.windows, length: self.windows.get(length, set()) | pieces}
        for text in (*forms.wholes, *(text for _, text in forms.windows)):
            self.grams.update(_pieces(text, _GRAM))
        self.wholes |= frozenset(forms.wholes)
        if forms.short:
            self.patterns |= frozenset(forms.short)
            self.short = re.compile("|".join(sorted(self.patterns, key=len, reverse=True)))


class KnownSecrets:
    """The secrets that were read. Worker threads add to it while others look."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: dict[str, _Forms] = {}
        self._index = _Index()
        self._lock = threading.Lock()
        #: Changes with every new secret: what was found harmless before may not be any more.
        self.version = 0
        for secret in secrets:
            self.add(secret)

    def __len__(self) -> int:
        return len(self._forms)

    @staticmethod
    def of(secrets: Iterable[str] | KnownSecrets) -> KnownSecrets:
        """These, whatever holds them."""
        return secrets if isinstance(secrets, KnownSecrets) else KnownSecrets(secrets)

    def add(self, secret: str, *, whole: bool = False) -> None:
        """From now on it is withheld. ``whole``: parts of it tell nothing, from now on (the id of a token)."""
        with self._lock:
            known = self._forms.pop(secret, None)
            if known is None:
                forms = self._forms[secret] = _forms(secret, whole=whole)
                self._index.add(forms)
                self.version += 1
            elif whole and known.windows:
                self._forms[secret] = _forms(secret, whole=True)
                self._index = _indexed(self._forms.values())
            else:
                self._forms[secret] = known
            if len(self._forms) > _MOST:
                self._forget()

    def _forget(self) -> None:
        every = list(self._forms.items())
        self._forms = dict([*every[:_NEVER_FORGOTTEN], *every[_MOST // 2 :]])
        self._index = _indexed(self._forms.values())

    def __contains__(self, secret: str) -> bool:
        return secret in self._forms

    def withheld(self, text: str) -> str:
        """The text with WITHHELD for each secret in it. Of a longer text only the first 16,000 characters are left.

        Where something is found in what the text stands for ("%41" for "A"), the result is that.
        """
        index = self._index
        text, was_cut = text[: _LOOKED_AT + _MARGIN], len(text) > _LOOKED_AT
        for _ in range(_ROUNDS):
            found = _found(text, index)
            if found is None:
                return _shortened(text) if was_cut else text
            text = found
        return WITHHELD

    def suspects(self, text: str) -> bool:
        """A quick look at the text as it stands; where it may stand for another one, ``is_encoded``."""
        return _suspicious(text, self._index)


def is_short(secret: str) -> bool:
    """It is withheld only where it stands as a whole word."""
    return len(secret) < SHORT


def is_of_the_protocols(secret: str) -> bool:
    """It is such a word that the upstreams' answers consist of, or the part of one that would be found in it."""
    return normal(secret) in _PROTOCOL_WORDS if is_short(secret) else _is_of_the_protocols(normal(secret))


def is_encoded(text: str) -> bool:
    """The text may stand for another one."""
    return "%" in text or "&" in text or "\\" in text or not text.isprintable()


# --- what is looked for -----------------------------------------------------------------------------------------------


def _forms(secret: str, *, whole: bool) -> _Forms:
    secret = secret[:_LONGEST]
    plain = normal(secret)
    if not secret.strip() or is_of_the_protocols(secret):
        return _Forms()
    cores = tuple(base64_cores(secret))
    data = secret.encode("utf-8", "surrogatepass")
    in_hex = data.hex()
    if is_short(secret):
        whole_base64 = _either_base64(base64.b64encode(data).decode().rstrip("="))
        patterns = [rf"(?<!\w)(?i:{re.escape(secret)})(?!\w)", rf"(?<![\w+/-]){whole_base64}(?![\w+/-])"]
        return _Forms(short=(*patterns, *(_either_base64(core) for core in cores if len(core) >= _SHORT_CORE)))
    if whole or len(secret) < _LONG:
        return _Forms(wholes=(plain, *map(normal, cores), in_hex))
    windows = [(_PART, plain), *((_PART_IN_BASE64, normal(core)) for core in cores), (_PART_IN_HEX, in_hex)]
    return _Forms(windows=tuple(windows))


def _indexed(every: Iterable[_Forms]) -> _Index:
    index = _Index()
    for forms in every:
        index.add(forms)
    return index


def _is_of_the_protocols(compared: str) -> bool:
    return any(compared in word for word in _PROTOCOL_WORDS)


def _either_base64(core: str) -> str:
    return re.escape(core).replace(r"\+", "[+-]").replace("/", "[/_]")


def _pieces(text: str, length: int) -> Iterator[str]:
    return (text[start : start + length] for start in range(len(text) - length + 1))


# --- the search -------------------------------------------------------------------------------------------------------


def _readings(text: str) -> Iterator[str]:
    """The text and what it may stand for, in the order in which they are searched.

    What is decoded most comes first: there a secret is whole that is written in two ways. What remains without the
    characters that nobody sees comes last, for they are gone from the result.
    """
    readings = [text, *decoded(text)] if is_encoded(text) else [text]
    yield from reversed(readings)
    if not text.isprintable():
        yield without_hidden(readings[-1])


def _found(text: str, index: _Index) -> str | None:
    """The text, or what it stands for, without what was found; None if nothing was."""
    for form in _readings(text):
        if _suspicious(form, index):
            spans = _spans(form, index)
            if spans:
                return _replaced(form, spans)
    return None


def _suspicious(text: str, index: _Index) -> bool:
    if index.short is not None and index.short.search(text):
        return True
    compared = normal(text)
    return not index.grams.isdisjoint(
        [compared[start : start + _GRAM] for start in range(0, len(compared) - _GRAM + 1, _STEP)]
    )


def _spans(text: str, index: _Index) -> list[tuple[int, int]]:
    compared = normal(text)
    spans = [match.span() for match in index.short.finditer(text)] if index.short is not None else []
    for length, known in index.windows.items():
        # One letter of base64 more on either side: it holds some bits of the secret.
        more = 0 if length == _PART else 1
        spans += [
            (start - more, start + length + more)
            for start, piece in enumerate(_pieces(compared, length))
            if piece in known
        ]
    for whole in index.wholes:
        start = compared.find(whole)
        while start >= 0:
            spans.append((start, start + len(whole)))
            start = compared.find(whole, start + len(whole))
    return sorted(spans)


def _shortened(text: str) -> str:
    """A text that was cut, without its last characters: part of a secret may be left there."""
    kept = text if text.endswith(WITHHELD) else text[: max(len(text) - _MARGIN, 0)]
    return f"{kept[:_LOOKED_AT]}…"


def _replaced(text: str, spans: list[tuple[int, int]]) -> str:
    pieces, end, begun = [], 0, False
    for start, stop in spans:
        if start > end or not begun:
            pieces += [text[end : max(start, end)], WITHHELD]
            begun = True
        end = max(end, stop)
    return "".join([*pieces, text[end:]])
