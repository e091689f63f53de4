"""Rows as upstreams send them, changed in a few places: each becomes a fact that the ledger can keep, or is unreadable."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.reports.facts import Fact
from sidecar.ledger.facts_json import facts_from_text, facts_to_text
from sidecar.sources import backrest_log, backrest_parse, databasement_parse, pbs_parse, pve_parse
from sidecar.sources.fields import UnreadableError
from tests.fuzz.mutation import mutated

pytestmark = pytest.mark.fortnight

SAMPLES = Path(__file__).parents[1] / "simulators" / "samples"


def _operations(body: Any) -> None:
    rows = backrest_log.parse_operations(body)
    backrest_log.guids(rows)
    backrest_log.instance(rows)
    backrest_log.crowded(rows)
    list(backrest_log.queue_holders(rows))


PARSERS: dict[str, Callable[[Any], object]] = {
    "pbs/version": pbs_parse.parse_version,
    "pbs/node_time": pbs_parse.parse_zone,
    "pbs/admin_datastore": pbs_parse.parse_datastore,
    "pbs/datastore_usage": pbs_parse.parse_usage,
    "pbs/namespace": pbs_parse.parse_namespace,
    "pbs/snapshots": partial(pbs_parse.parse_snapshot, store="store1"),
    "pbs/admin_prune": partial(pbs_parse.parse_job, kind="prune"),
    "pbs/admin_verify": partial(pbs_parse.parse_job, kind="verify"),
    "pbs/admin_sync": partial(pbs_parse.parse_job, kind="sync"),
    "pbs/admin_gc": pbs_parse.parse_gc,
    "pbs/tasks": pbs_parse.parse_task,
    "pve/version": pve_parse.parse_version,
    "pve/resources": pve_parse.parse_guest,
    "pve/jobs": pve_parse.parse_job,
    "pve/included_volumes": pve_parse.parse_members,
    "pve/storages": pve_parse.parse_storage,
    "pve/content": partial(pve_parse.parse_archive, storage="nas"),
    "pve/nodes": pve_parse.parse_node,
    "pve/node_time": partial(pve_parse.parse_zone, node="pve1"),
    "pve/tasks": partial(pve_parse.parse_task, node="pve1"),
    "databasement/database-servers": databasement_parse.parse_server,
    "databasement/jobs": partial(databasement_parse.parse_job, servers={}),
    "databasement/snapshots": databasement_parse.parse_snapshot,
    "databasement/volumes": databasement_parse.parse_volume,
    "databasement/envelope": databasement_parse.parse_page,
    "backrest/dashboard": backrest_parse.parse_dashboard,
    "backrest/operations": _operations,
}


def seeds(name: str) -> list[Any]:
    """The rows of an answer, or the whole answer where it is no list of rows."""
    source, call = name.split("/")
    answers = json.loads((SAMPLES / f"{source}.json").read_text(encoding="utf-8"))[call]
    found = []
    for answer in answers:
        data = answer.get("data", answer) if call != "envelope" else answer
        found += data if isinstance(data, list) else [data]
    return found


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
def test_a_row_that_is_nearly_right_is_a_fact_or_unreadable(name: str, data: st.DataObject) -> None:
    row = data.draw(mutated(data.draw(st.sampled_from(seeds(name)))))
    try:
        fact = PARSERS[name](row)
    except UnreadableError:
        return
    if isinstance(fact, typing.get_args(Fact)):
        facts = (typing.cast("Fact", fact),)
        assert facts_from_text(facts_to_text(facts)) == facts
