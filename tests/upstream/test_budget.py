"""What one refresh may cost: calls, time, rows and characters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
import pytest

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError
from sidecar.upstream.budget import Budget, spending
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Upstream
from tests.replies import Replies

LIST, DOCUMENT = Call("GET", "/list"), Call("GET", "/document")


async def no_login(_fresh: bool) -> Mapping[str, str]:
    return {}


def upstream() -> Upstream:
    answers = Replies(lambda _: httpx.Response(200, text='{"data":[1,2,3,4]}'))
    return Upstream("pbs", "http://lab.invalid", Trust(), (LIST, DOCUMENT), no_login, transport=answers)


def spent(budget: Budget, *calls: Call) -> str:
    """What the calls end with, all made at once: "" when each is answered."""

    async def make_all() -> str:
        asked = upstream()
        with spending(budget):
            made = (asked.rows(call) if call is LIST else asked.get(call) for call in calls)
            results = await asyncio.gather(*made, return_exceptions=True)
        errors = [error for error in results if isinstance(error, SourceError)]
        assert all(error.kind is ProblemKind.TOO_LARGE for error in errors)
        return errors[-1].cause if errors else ""

    return asyncio.run(make_all())


def test_so_many_calls_are_made_and_no_more() -> None:
    assert spent(Budget(calls=2), LIST, DOCUMENT) == ""
    assert spent(Budget(calls=2), LIST, DOCUMENT, LIST) == "not asked: reading this source took 2 calls already"


def test_after_some_time_no_call_is_made() -> None:
    now = iter((0.0, 900.0, 900.1))
    budget = Budget(clock=lambda: next(now))

    assert spent(budget, LIST) == ""
    assert spent(budget, LIST) == "not asked: reading this source took 15 minutes already"


def test_so_many_rows_are_read_in_all_lists_together() -> None:
    assert spent(Budget(rows=8), LIST, LIST) == ""
    assert spent(Budget(rows=8), LIST, LIST, LIST) == "the lists of this source have more than 8 rows together"


@pytest.mark.parametrize("call", [LIST, DOCUMENT])
def test_so_many_characters_are_read_in_all_answers_together(call: Call) -> None:
    assert spent(Budget(characters=18), call) == ""
    assert spent(Budget(characters=35), call, call) == "its answers are larger than 0 MiB together"


def test_a_call_by_itself_has_the_limits_of_its_answer() -> None:
    assert asyncio.run(upstream().rows(LIST)) == [1, 2, 3, 4]
    with pytest.raises(SourceError, match="its list has more than 3 rows"):
        asyncio.run(upstream().rows(LIST, most=3))
