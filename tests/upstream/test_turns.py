"""Long work in the event loop goes by short steps, and of several pieces of such work one step at a time."""

from __future__ import annotations

import asyncio

from sidecar.upstream.turns import Turns


async def look_around(steps: list[str], times: int) -> None:
    """Something that is done in each round of the loop."""
    for _ in range(times):
        steps.append("|")
        await asyncio.sleep(0)


async def work(steps: list[str], name: str, times: int) -> None:
    turns = Turns(0)
    for _ in range(times):
        steps.append(name)
        await turns.pass_on()


def test_between_two_rounds_of_the_loop_one_of_them_works() -> None:
    async def run() -> list[str]:
        steps: list[str] = []
        await asyncio.gather(*(work(steps, name, 5) for name in "abc"), look_around(steps, 60))
        return steps

    first, *rest = "".join(asyncio.run(run())).split("|")
    assert first == "abc", "each begins at once"
    assert max(len(steps) for steps in rest) == 1
    assert "".join(rest) == "abc" * 4, "one after the other"


def test_alone_it_works_in_every_round() -> None:
    async def run() -> list[str]:
        steps: list[str] = []
        await asyncio.gather(work(steps, "a", 5), look_around(steps, 5))
        return steps

    assert "".join(asyncio.run(run())) == "a|a|a|a|a|"


def test_one_that_is_cancelled_while_it_waits_holds_nobody_up() -> None:
    async def run() -> list[str]:
        steps: list[str] = []
        tasks = [asyncio.create_task(work(steps, name, 5)) for name in "abc"]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return steps

    assert "".join(asyncio.run(run())) == "abc" + "c" * 4


def test_each_loop_has_a_line_of_its_own() -> None:
    for _ in range(3):
        test_between_two_rounds_of_the_loop_one_of_them_works()
