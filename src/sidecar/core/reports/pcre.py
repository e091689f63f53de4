"""Which names a pattern of Databasement takes: as PCRE would say, but in bounded time (DB-13).

Databasement matches ``/PATTERN/i`` with PHP's PCRE, byte by byte, anywhere in the name. A backtracking matcher may take for
ever on a pattern that somebody else wrote. Here all ways through a name are followed at once, as a set of positions in it:
that gives the same yes or no for every construct that is understood here. The others (backreferences, atomic groups,
recursion …) give None, which means: it can't be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

#: Databasement takes no longer pattern.
LONGEST_PATTERN = 500

#: Characters of a name that is matched; answers are remembered by pattern and name.
_LONGEST_NAME = 1024
#: Groups within groups.
_DEEPEST = 30
#: Positions looked at for one name; a real pattern needs some hundred.
_MOST_STEPS = 20_000

Positions = frozenset[int]


class _UntoldError(Exception):
    """The pattern has a construct that is not understood here, or needs too many steps."""


class _InvalidError(Exception):
    """PCRE refuses the pattern; Databasement then takes no database."""


class _Name:
    """A name that is being matched, with the steps that are left for it."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.steps = _MOST_STEPS

    def count(self, positions: Positions) -> None:
        self.steps -= len(positions) + 1
        if self.steps < 0:
            raise _UntoldError


#: From positions in a name to those where the match may go on.
_Matcher = Callable[[_Name, Positions], Positions]


class _Pattern:
    """A pattern that was read. One that needed too many steps once is not tried again, whatever the name."""

    def __init__(self, matcher: _Matcher | None) -> None:
        self._matcher = matcher

    def takes(self, name: str) -> bool | None:
        if self._matcher is None:
            return None
        text = name.encode()
        try:
            return bool(self._matcher(_Name(text), frozenset(range(len(text) + 1))))
        except _UntoldError:
            self._matcher = None
            return None


def takes(pattern: str, name: str) -> bool | None:
    """Whether the pattern takes a database of this name; None where that can't be told, of very long ones neither."""
    if len(pattern) > LONGEST_PATTERN or len(name) > _LONGEST_NAME:
        return None
    return _takes(pattern, name)


@lru_cache(maxsize=4096)
def _takes(pattern: str, name: str) -> bool | None:
    return _read(pattern).takes(name)


@lru_cache(maxsize=512)
def _read(pattern: str) -> _Pattern:
    try:
        invalid = not pattern or _ends_its_delimiter(pattern)
        return _Pattern(_nothing if invalid else _Parser(pattern.encode()).parse())
    except _InvalidError:
        return _Pattern(_nothing)
    except _UntoldError:
        return _Pattern(None)


def _ends_its_delimiter(pattern: str) -> bool:
    """It is written between two slashes: one of its own, or a backslash before the last one, makes it invalid."""
    without_escapes = re.sub(r"\\.", "", pattern, flags=re.DOTALL)
    return "/" in without_escapes or "\\" in without_escapes


# --- matching ---------------------------------------------------------------------------------------------------------


def _nothing(_name: _Name, _positions: Positions) -> Positions:
    return frozenset()


def _byte(allowed: frozenset[int]) -> _Matcher:
    def match(name: _Name, positions: Positions) -> Positions:
        name.count(positions)
        text = name.text
        return frozenset(at + 1 for at in positions if at < len(text) and text[at] in allowed)

    return match


def _where(holds: Callable[[bytes, int], bool]) -> _Matcher:
    def match(name: _Name, positions: Positions) -> Positions:
        name.count(positions)
        return frozenset(at for at in positions if holds(name.text, at))

    return match


def _in_turn(matchers: tuple[_Matcher, ...]) -> _Matcher:
    def match(name: _Name, positions: Positions) -> Positions:
        for matcher in matchers:
            if not positions:
                break
            positions = matcher(name, positions)
        return positions

    return match


def _any_of(matchers: tuple[_Matcher, ...]) -> _Matcher:
    def match(name: _Name, positions: Positions) -> Positions:
        return frozenset().union(*(matcher(name, positions) for matcher in matchers))

    return match


def _repeated(matcher: _Matcher, least: int, most: int | None) -> _Matcher:
    """Greedy or not makes no difference to yes or no."""

    def match(name: _Name, positions: Positions) -> Positions:
        for _ in range(least):
            name.count(positions)
            if not positions:
                return positions
            positions = matcher(name, positions)
        reached = newly = positions
        times = least
        while newly and (most is None or times < most):
            newly = matcher(name, newly) - reached
            reached |= newly
            times += 1
        return reached

    return match


def _ahead(matcher: _Matcher, *, wanted: bool) -> _Matcher:
    def match(name: _Name, positions: Positions) -> Positions:
        name.count(positions)
        return frozenset(at for at in positions if bool(matcher(name, frozenset((at,)))) is wanted)

    return match


def _behind(matcher: _Matcher, *, wanted: bool) -> _Matcher:
    def match(name: _Name, positions: Positions) -> Positions:
        def ends_at(at: int) -> bool:
            name.count(positions)
            return any(at in matcher(name, frozenset((start,))) for start in range(at + 1))

        return frozenset(at for at in positions if ends_at(at) is wanted)

    return match


# --- bytes and places -------------------------------------------------------------------------------------------------

_DIGITS = frozenset(b"0123456789")
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WORD = _DIGITS | _LETTERS | frozenset(b"_")
_SPACE = frozenset(b" \t\n\r\f\v")
_EVERY = frozenset(range(256))

_KINDS = {
    "d": _DIGITS,
    "D": _EVERY - _DIGITS,
    "w": _WORD,
    "W": _EVERY - _WORD,
    "s": _SPACE,
    "S": _EVERY - _SPACE,
    "t": frozenset(b"\t"),
    "n": frozenset(b"\n"),
    "r": frozenset(b"\r"),
}
_PRINTED = frozenset(range(0x20, 0x7F))
_POSIX = {
    "alpha": _LETTERS,
    "lower": _LETTERS,
    "upper": _LETTERS,
    "digit": _DIGITS,
    "alnum": _LETTERS | _DIGITS,
    "word": _WORD,
    "space": _SPACE,
    "xdigit": frozenset(b"0123456789abcdefABCDEF"),
    "punct": _PRINTED - _LETTERS - _DIGITS - frozenset(b" "),
}


def _in_both_cases(values: Iterable[int]) -> frozenset[int]:
    """Without regard to case, which counts for ASCII letters only."""
    given = frozenset(values)
    return given | {value ^ 0x20 for value in given & _LETTERS}


def _at_end(text: bytes, at: int) -> bool:
    return at == len(text) or (at == len(text) - 1 and text[at:] == b"\n")


def _at_word_edge(text: bytes, at: int) -> bool:
    before = at > 0 and text[at - 1] in _WORD
    return before is not (at < len(text) and text[at] in _WORD)


_PLACES: dict[str, Callable[[bytes, int], bool]] = {
    "^": lambda _text, at: at == 0,
    "$": _at_end,
    "\\A": lambda _text, at: at == 0,
    "\\Z": _at_end,
    "\\z": lambda text, at: at == len(text),
    "\\b": _at_word_edge,
    "\\B": lambda text, at: not _at_word_edge(text, at),
}

# --- reading a pattern ------------------------------------------------------------------------------------------------

_COUNT = re.compile(rb"\{(\d{1,5})(?:(,)(\d{1,5})?)?\}")
_GROUP = re.compile(rb"\?(?:(:|i:|=|!|<=|<!)|(?:P?<|')[A-Za-z_]\w{0,31}[>'])")
_POSIX_NAME = re.compile(rb"\[:([a-z]+):\]")


class _Parser:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: bytes) -> None:
        # Every pattern is matched without regard to case already.
        self._pattern = pattern.removeprefix(b"(?i)")
        self._at = 0
        self._depth = 0
        self._looks_behind_at = 0

    def parse(self) -> _Matcher:
        """Raises _InvalidError and _UntoldError."""
        matcher = self._alternatives()
        if self._at < len(self._pattern):
            raise _InvalidError  # a bracket closes what nothing opened
        return matcher

    def _next(self) -> str:
        """The next byte as a text; "" at the end."""
        return self._pattern[self._at : self._at + 1].decode("latin-1")

    def _taken(self) -> str:
        byte = self._next()
        self._at += 1
        return byte

    def _alternatives(self) -> _Matcher:
        branches = [self._branch()]
        while self._next() == "|":
            self._at += 1
            branches.append(self._branch())
        if len(branches) > 1 and 0 < self._looks_behind_at < self._depth:
            raise _UntoldError  # how long it may be differs between versions of PCRE
        return _any_of(tuple(branches)) if len(branches) > 1 else branches[0]

    def _branch(self) -> _Matcher:
        matchers = []
        while self._next() not in ("", "|", ")"):
            place = self._place()
            matchers.append(place or self._counted(self._atom()))
        return _in_turn(tuple(matchers))

    def _place(self) -> _Matcher | None:
        """A place in the name, which PCRE does not let be counted."""
        text = self._next()
        text = self._pattern[self._at : self._at + 2].decode("latin-1") if text == "\\" else text
        if text not in _PLACES:
            return None
        self._at += len(text)
        if _COUNT.match(self._pattern, self._at) or (self._next() and self._next() in "*+?"):
            raise _InvalidError
        return _where(_PLACES[text])

    def _counted(self, matcher: _Matcher) -> _Matcher:
        least, most = 0, None
        if count := _COUNT.match(self._pattern, self._at):
            least = int(count[1])
            most = int(count[3]) if count[3] else None if count[2] else least
            if most is not None and most < least:
                raise _InvalidError
            self._at = count.end()
        elif self._next() in ("*", "+", "?") and self._next():
            sign = self._taken()
            least, most = int(sign == "+"), 1 if sign == "?" else None
        else:
            return matcher
        if self._looks_behind_at and least != most:
            raise _UntoldError  # as above
        if self._next() == "?":
            self._at += 1
        if self._next() in ("+", "*", "?") and self._next():
            raise _UntoldError  # possessive, or a count of a count
        return _repeated(matcher, least, most)

    def _atom(self) -> _Matcher:
        if _COUNT.match(self._pattern, self._at) or self._pattern[self._at : self._at + 2] == b"{,":
            raise _UntoldError
        byte = self._taken()
        match byte:
            case "(":
                return self._group()
            case "[":
                return _byte(self._class())
            case ".":
                return _byte(_EVERY - frozenset(b"\n"))
            case "*" | "+" | "?":
                raise _InvalidError
            case "\\":
                return self._escape()
        return _byte(_in_both_cases(byte.encode("latin-1")))

    def _escape(self) -> _Matcher:
        return _byte(_in_both_cases(_of_escape(self._taken())))

    def _group(self) -> _Matcher:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _UntoldError
        kind = b""
        if self._next() in ("?", "*"):
            opening = _GROUP.match(self._pattern, self._at)
            if opening is None:
                raise _UntoldError
            kind = opening[1] or b""
            self._at = opening.end()
        outside = self._looks_behind_at
        if kind in (b"<=", b"<!"):
            self._looks_behind_at = self._depth
        matcher = self._alternatives()
        self._looks_behind_at = outside
        if self._taken() != ")":
            raise _InvalidError
        self._depth -= 1
        if kind in (b"=", b"!"):
            return _ahead(matcher, wanted=kind == b"=")
        if kind in (b"<=", b"<!"):
            return _behind(matcher, wanted=kind == b"<=")
        return matcher

    def _class(self) -> frozenset[int]:
        negated = self._next() == "^"
        self._at += negated
        allowed: set[int] = set()
        first = True
        while self._next() != "]" or first:
            first = False
            allowed |= self._class_item()
        self._at += 1
        values = _in_both_cases(allowed)
        return _EVERY - values if negated else values

    def _class_item(self) -> frozenset[int]:
        if posix := _POSIX_NAME.match(self._pattern, self._at):
            self._at = posix.end()
            return self._known_posix(posix[1].decode())
        start = self._class_byte()
        is_range = self._next() == "-" and self._pattern[self._at + 1 : self._at + 2] != b"]"
        if not is_range:
            return start
        self._at += 1
        end = self._class_byte()
        if len(start) != 1 or len(end) != 1:
            raise _UntoldError
        if min(end) < min(start):
            raise _InvalidError
        return frozenset(range(min(start), min(end) + 1))

    def _class_byte(self) -> frozenset[int]:
        if self._pattern[self._at : self._at + 2] in (b"[:", b"[.", b"[="):
            raise _UntoldError
        byte = self._taken()
        if not byte:
            raise _InvalidError  # nothing closes it
        return _of_escape(self._taken()) if byte == "\\" else frozenset(byte.encode("latin-1"))

    @staticmethod
    def _known_posix(name: str) -> frozenset[int]:
        if name not in _POSIX:
            raise _UntoldError
        return _POSIX[name]


def _of_escape(byte: str) -> frozenset[int]:
    """The bytes that a backslash and a letter stand for; before anything else it takes away every meaning."""
    if byte in _KINDS:
        return _KINDS[byte]
    if not byte or (byte.isascii() and byte.isalnum()):
        raise _UntoldError
    return frozenset(byte.encode("latin-1"))
