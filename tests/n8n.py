"""As much of n8n as the workflow of docs/recipes/ needs: nodes one after the other, their requests, their expressions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

WORKFLOW = Path(__file__).parent.parent / "docs" / "recipes" / "n8n-morning-report.json"
HERE = Path(__file__).parent

Item = Mapping[str, Any]
#: Evaluates an expression (JavaScript) with this item as ``$json``.
Evaluate = Callable[[str, Item], Any]


def workflow() -> dict[str, Any]:
    """The file as it is."""
    return dict(json.loads(WORKFLOW.read_text()))


def schema() -> dict[str, Any]:
    """What n8n needs to import a workflow; tried out with n8n 2.41."""
    return dict(json.loads((HERE / "n8n_workflow.schema.json").read_text()))


def targets(output: list[dict[str, Any]]) -> list[str]:
    """The nodes that this output leads to."""
    return [str(connection["node"]) for connection in output]


@dataclass(frozen=True, kw_only=True)
class N8n:
    """Executes the workflow. ``send`` sends its requests; ``header`` is the credential of the kind "Header Auth"."""

    header: tuple[str, str]
    send: Callable[[httpx.Request], httpx.Response]
    evaluate: Evaluate

    def execute(self, start: str) -> list[tuple[str, Item]]:
        """The nodes that were reached from the trigger ``start``, each with what came out of it."""
        done = workflow()
        nodes = {node["name"]: node for node in done["nodes"]}
        return list(self._from(start, {}, nodes, done["connections"]))

    def _from(self, name: str, item: Item, nodes: Item, connections: Item) -> Iterator[tuple[str, Item]]:
        output, item = self._run(nodes[name], item)
        yield name, item
        outputs = connections.get(name, {"main": []})["main"]
        for target in targets(outputs[output] if output < len(outputs) else []):
            yield from self._from(target, item, nodes, connections)

    def _run(self, node: Item, item: Item) -> tuple[int, Item]:
        """Through which of its outputs the node goes on, with what."""
        parameters = node["parameters"]
        match node["type"].removeprefix("n8n-nodes-base."):
            case "scheduleTrigger" | "manualTrigger" | "noOp":
                return 0, item
            case "httpRequest":
                return self._ask(parameters, item)
            case "if":
                (condition,) = parameters["conditions"]["conditions"]
                assert condition["operator"] == {"type": "boolean", "operation": "false", "singleValue": True}
                return int(self._value(condition["leftValue"], item) is not False), item
            case "set":
                fields = parameters["assignments"]["assignments"]
                return 0, {field["name"]: self._value(field["value"], item) for field in fields}
            case other:
                raise AssertionError(f"{other} is not known here")

    def _ask(self, parameters: Item, item: Item) -> tuple[int, Item]:
        """Its second output is for errors: no answer, a status that is none of success, and what is not JSON."""
        assert (parameters["authentication"], parameters["genericAuthType"]) == (
            "genericCredentialType",
            "httpHeaderAuth",
        )
        request = httpx.Request(parameters["method"], self._value(parameters["url"], item), headers=[self.header])
        try:
            return 0, dict(self.send(request).raise_for_status().json())
        except (httpx.HTTPError, ValueError) as error:
            return 1, {"error": str(error)}

    def _value(self, parameter: str, item: Item) -> Any:
        """A text that begins with "=" is an expression."""
        if not parameter.startswith("="):
            return parameter
        expression = re.fullmatch(r"=\{\{(.*)\}\}", parameter)
        assert expression is not None, parameter
        return self.evaluate(expression[1].strip(), item)
