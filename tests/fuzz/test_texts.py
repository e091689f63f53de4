"""Lists, queries and configurations, changed in a few places: understood, or refused with the error that says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config import load
from sidecar.errors import ConfigError
from sidecar.upstream import json_rows
from sidecar.web import query
from sidecar.web.problem_page import prefers_html
from sidecar.web.theme import Theme
from tests.config.test_load import WHOLE
from tests.fuzz.mutation import mutated, mutated_text
from tests.fuzz.test_parsers import seeds

pytestmark = pytest.mark.fortnight

_LISTS = [{"total": 2, "data": seeds(name)[:4], "more": {"x": [1]}} for name in ("pbs/snapshots", "pve/resources")]


def _read(body: bytes, size: int) -> list[Any] | str:
    """The rows, or what is wrong with them."""

    async def chunks() -> AsyncIterator[bytes]:
        for place in range(0, len(body), size):
            yield body[place : place + size]

    try:
        return asyncio.run(json_rows.rows(chunks(), "data", lambda row: row))
    except json_rows.RowsError as error:
        return str(error)


@given(data=st.data(), size=st.sampled_from((1, 3, 64, 1000)))
def test_a_list_is_the_same_in_pieces_of_any_size(data: st.DataObject, size: int) -> None:
    text = json.dumps(data.draw(mutated(data.draw(st.sampled_from(_LISTS)))))
    body = data.draw(mutated_text(text)).encode("utf-8", "surrogatepass")

    whole = _read(body, max(len(body), 1))
    assert repr(_read(body, size)) == repr(whole)
    if isinstance(whole, list):
        with suppress(ValueError, RecursionError):
            document = json.loads(body)
            assert repr(whole) == repr(document["data"])


_QUERIES = (
    "view=calendar&month=2026-11&day=2026-11-23&service=vaultwarden",
    "service=app&background-color=240%208%209&contrast-multiplier=1.2&light=true",
    "from=2026-11-01T00%3A00%3A00Z&to=2026-12-01T00%3A00%3A00%2B01%3A00",
    "since=2026-11-01T00%3A00%3A00.000001Z&skip=12&limit=100",
    "fold=20&title=Backups",
)


@given(data=st.data(), parse=st.sampled_from(("widget", "extension", "calendar", "changes")))
def test_a_query_is_understood_or_refused(data: st.DataObject, parse: str) -> None:
    text = data.draw(mutated_text(data.draw(st.sampled_from(_QUERIES))))
    pairs = parse_qsl(text, keep_blank_values=True, errors="replace")
    with suppress(query.QueryError):
        match parse:
            case "widget":
                query.parse_widget_query(pairs, Theme())
            case "extension":
                query.parse_extension_query(pairs)
            case "changes":
                query.parse_changes_query(pairs)
            case _:
                query.parse_calendar_query(pairs)


@given(data=st.data())
def test_whatever_is_accepted_html_is_sent_or_not(data: st.DataObject) -> None:
    accept = data.draw(mutated_text("text/html,application/xhtml+xml;q=0.9,application/json;q=0.8,*/*;q=0.1"))

    assert prefers_html(accept) in (True, False)


@given(data=st.data())
def test_a_configuration_is_understood_or_refused_with_findings(data: st.DataObject) -> None:
    text = data.draw(mutated_text(WHOLE))
    findings = ["config.yaml"]
    try:
        load.parse(text, "config.yaml").to_settings()
    except ConfigError as error:
        findings = error.findings

    assert findings
    assert all(finding.startswith("config.yaml") for finding in findings)
