"""JSON documents of megabytes: the same value as Python's own parser gives, in short steps, or an error."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.upstream import json_document
from sidecar.upstream.json_document import DocumentError, TooManyPartsError, document
from tests.event_loop import longest_step
from tests.upstream.test_json_rows import ANY_JSON

SIZE = 600_000


def filled(part: str) -> str:
    count = min(SIZE // (len(part) + 1), json_document.MOST_PARTS // (json_document.parts(part) + 1) - 4)
    return f'{{"a":[{",".join([part] * count)}]}}'


@pytest.mark.parametrize("long", [1, 8])
@given(value=ANY_JSON, space=st.sampled_from([None, 1, "\t"]))
def test_it_is_what_json_says_it_is(long: int, value: Any, space: int | str | None) -> None:
    text = f" {json.dumps(value, indent=space)}\n"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_document, "_AT_ONCE", long)
        assert asyncio.run(document(text)) == value


@pytest.mark.parametrize("long", [2, 32 * 1024])
@given(text=st.text(alphabet='{}[]",:\\ 1eé\x00', max_size=60))
def test_any_text_gives_what_json_gives_or_an_error(long: int, text: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_document, "_AT_ONCE", long)
        with suppress(DocumentError):
            assert asyncio.run(document(text)) == json.loads(text)


@pytest.mark.fortnight
@pytest.mark.parametrize(
    "part",
    ["[]", "{}", "1", '{"":0}', "1e-320", "9" * 4300, '"\\n\\u00e9"', '{"a":[{"b":"' + "x" * 90_000 + '"}]}'],
    ids=["lists", "objects", "numbers", "members", "tiny numbers", "digits", "escapes", "long ones in each other"],
)
def test_a_long_document_leaves_time_for_other_tasks(part: str) -> None:
    text = filled(part)

    values = []

    async def read(_: int) -> None:
        values.append(await document(text))

    assert asyncio.run(longest_step(read, 0.05)) < 0.05
    assert values[0] == json.loads(text)


@pytest.mark.parametrize("before", ["", '"k": ', " " * 300_000, "1, " * 100_000])
def test_a_string_may_be_as_long_whatever_stands_before_it(before: str) -> None:
    longest = '"' + "x" * (json_document._LONGEST_STRING - 2) + '"'
    text = f"{{{before}{longest}}}" if before.startswith('"') else f"[{before}{longest}]"

    assert asyncio.run(document(text)) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[" * 100_000, DocumentError),
        ("[" * 65 + "1" * 40_000 + "]" * 65, DocumentError),
        ("[" + "1," * json_document.MOST_PARTS + "1]", TooManyPartsError),
        (json.dumps(dict.fromkeys(range(10_001))), TooManyPartsError),
        (f'["{"x" * 600_000}"]', TooManyPartsError),
        ('["' + '\\"' * SIZE, TooManyPartsError),
        ('["' + "x" * 100_000 + "\\", DocumentError),
        ('["' + "x" * 100_000, DocumentError),
        ("[" + "1" * 1_000_000 + "]", DocumentError),
        (f'[{" " * 40_000}"a" 1]', DocumentError),
        (f"{{{' ' * 40_000}1:2}}", DocumentError),
        (f'{{{" " * 40_000}"a",2}}', DocumentError),
        (f"[{' ' * 40_000}1,]", DocumentError),
        (f"[{' ' * 40_000}1] 1", DocumentError),
        (f"[{' ' * 40_000}1]]", DocumentError),
    ],
)
def test_what_no_upstream_would_send_is_an_error(text: str, error: type[DocumentError]) -> None:
    with pytest.raises(DocumentError) as caught:
        asyncio.run(document(text))

    assert type(caught.value) is error
