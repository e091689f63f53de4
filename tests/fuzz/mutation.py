"""Changes real examples in a few places, so that what comes out is nearly right: that finds more than what is all noise."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

_LONG = "x" * 5_000

#: Values that were somewhere once what nobody expected.
NASTY: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**31,
        2**53 + 1,
        2**63,
        -(2**63) - 1,
        10**400,
        0.5,
        1e308,
        float("nan"),
        float("inf"),
    ),
    *(
        "",
        " ",
        "0",
        "-1",
        "1e9",
        "null",
        "OK",
        "unknown",
        "\x00",
        "\ud800",
        "a\u202eb",
        "../..",
        "<script>",
        "a/b/c",
        ":::",
        _LONG,
    ),
    *("9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z", "2026-02-30T00:00:00+99:99", "UPID:", "STATUS_"),
    *([], {}, [[]], [None], {"": None}, [{}]),
)


@st.composite
def mutated(draw: st.DrawFn, seed: Any) -> Any:
    """The JSON value with one to three changes: another value, a member left out, doubled, or under another name."""
    value = copy.deepcopy(seed)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(value))
        if not places:
            return copy.deepcopy(draw(st.sampled_from(NASTY)))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        _change(draw, holder, key)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where something stands: what holds it, and the key or index."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield value, key
        yield from _places(member)


def _change(draw: st.DrawFn, holder: Any, key: Any) -> None:
    match draw(st.integers(0, 5)):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[draw(st.sampled_from(("", "id", "data", "time", f"{key}s")))] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.append(holder[key])
        case 3:
            holder[key] = [holder[key]]
        case 4 if isinstance(holder[key], str):
            holder[key] = draw(mutated_text(holder[key]))
        case _:
            holder[key] = copy.deepcopy(draw(st.sampled_from(NASTY)))


@st.composite
def mutated_text(draw: st.DrawFn, seed: str) -> str:
    """The text with one to three stretches left out, doubled or replaced."""
    text = seed
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(text)))
        end = min(len(text), begin + draw(st.integers(0, 12)))
        instead = draw(st.sampled_from(("", text[begin:end] * 2, *_PIECES)) | st.text(max_size=6))
        text = text[:begin] + instead + text[end:]
    return text


_PIECES = (
    *(
        "\x00",
        "\n",
        "\t",
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "&a ",
        "*a",
        "<<: ",
        "!!python/name:os.system ",
        "%",
        "&",
        "=",
        "+",
    ),
    *(
        "\ud800",
        "\u202e",
        "\ufeff",
        "é",
        "0",
        "-1",
        "9" * 400,
        "null",
        "~",
        "1e999",
        ".nan",
        "2026-13-45",
        "../",
        "\\u0000",
        "#",
    ),
)
