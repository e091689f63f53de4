"""How templates are read: everything is escaped, and a name that is not there is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from jinja2.environment import TemplateStream

#: Macros of marks.html that every template may call. What they draw depends on few words, and each of these drawings
#: stands on a page many times, so they are kept. ``run_mark`` is not among them: it holds the time of a run.
_KEPT = ("mark", "word", "kind_mark", "icon")

#: Pieces of a template that are handed on together: half a millisecond of a page of 1,000 services, so that an answer that
#: goes first (readers_first.py) does not wait longer.
_PIECES = 4


@cache
def environment() -> Environment:
    """The environment of all templates of the web side: they are compiled once in a process."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["unix"] = _unix
    marks = templates.get_template("marks.html").module
    for name in _KEPT:
        templates.globals[name] = lru_cache(maxsize=256)(getattr(marks, name))
    templates.globals["run_mark"] = marks.run_mark  # type: ignore[attr-defined]
    return templates


def drawn(template: Template, **values: Any) -> Iterator[bytes]:
    """The template with its values, as UTF-8, piece by piece: a page of 1,000 services is several megabytes.

    Upstreams may send halves of characters, which UTF-8 does not know.
    """
    stream = TemplateStream(_pieces(template, values))
    stream.enable_buffering(_PIECES)
    return (piece.encode(errors="replace") for piece in stream)


def _pieces(template: Template, values: Mapping[str, Any]) -> Iterator[str]:
    """The template's own macros and its context hold each other, and with it the page: let go of at the end (memory.py)."""
    context = template.new_context(dict(values))
    try:
        yield from template.root_render_func(context)
    finally:
        context.vars.clear()
        context.parent.clear()


def _unix(iso: str) -> int:
    """Seconds since 1970, from which Glance writes "3h" and keeps it true."""
    return int(datetime.fromisoformat(iso).timestamp())
