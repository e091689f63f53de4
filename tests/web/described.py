"""Holds an answer against /openapi.json: its status, its media type, its headers and its shape."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker

from sidecar.web import openapi

#: What any path may answer, and so no path says of itself: paths and methods that there are not, and what went wrong.
_ANYWHERE = (404, 405, 500)

_DOCUMENT = openapi.document()


def assert_as_described(answer: httpx.Response) -> None:
    """The answer is one that the description has, in the shape that it has there."""
    request = answer.request
    responses = _responses(request.url.path)
    described = responses.get(str(answer.status_code))
    if described is None:
        assert answer.status_code in _ANYWHERE, f"{request.url.path}: {answer.status_code} is not described"
        described = _DOCUMENT["components"]["responses"]["ProblemPage"]
    _assert_headers(answer, described.get("headers", {}))
    if "content" in described:
        _assert_content(answer, described["content"])
    else:
        assert not answer.content


@cache
def _responses(path: str) -> dict[str, Any]:
    """By status, of the path that serves this one; nothing of what there is not."""
    for template, operations in _DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\\{\w+\\}", ".+", re.escape(template)), path):
            return {status: _followed(response) for status, response in operations["get"]["responses"].items()}
    return {"401": _DOCUMENT["components"]["responses"]["Problem"]}


def _followed(response: dict[str, Any]) -> dict[str, Any]:
    name = response.get("$ref", "").rpartition("/")[2]
    return _DOCUMENT["components"]["responses"][name] if name else response


def _assert_headers(answer: httpx.Response, headers: dict[str, Any]) -> None:
    if answer.status_code in _ANYWHERE:
        return
    for name, header in headers.items():
        Draft202012Validator(header["schema"]).validate(answer.headers.get(name))


def _assert_content(answer: httpx.Response, content: dict[str, Any]) -> None:
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in content or "*/*" in content, f"{answer.request.url.path}: {media_type} is not described"
    if media_type.endswith("json") and answer.content:
        _validator(str(content[media_type]["schema"])).validate(answer.json())


@cache
def _validator(schema: str) -> Draft202012Validator:
    """Of a schema in the form of a text, so that it is made once."""
    found = next(each for each in _schemas() if str(each) == schema)
    return Draft202012Validator({**found, "components": _DOCUMENT["components"]}, format_checker=FormatChecker())


def _schemas() -> list[dict[str, Any]]:
    paths = [operations["get"]["responses"] for operations in _DOCUMENT["paths"].values()]
    responses = [_followed(response) for by_status in paths for response in by_status.values()]
    return [media["schema"] for response in responses for media in response.get("content", {}).values()]
