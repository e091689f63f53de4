"""A client that every upstream lets in, for tests that look at the upstreams themselves."""

from __future__ import annotations

import base64
import ssl

import httpx

from tests.simulators.rack import Rack


def visitor(rack: Rack, source: str, *, authorised: bool = True) -> httpx.Client:
    """An HTTP client with the right trust and, unless another is given, the right credential."""
    context = ssl.create_default_context(cafile=rack.ca_file(source))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if source == "pbs":
        context.check_hostname = False  # Its certificate names no address; a client pins it.
    headers = authorization(rack, source) if authorised else {}
    return httpx.Client(base_url=rack.url(source), verify=context, headers=headers | {"Accept": "application/json"})


def authorization(rack: Rack, source: str) -> dict[str, str]:
    """The header with the credential that is accepted now; Backrest also takes Basic."""
    name, secret = rack.token_id(source), rack.token(source)
    if source == "backrest":
        return {"Authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}
    text = {
        "pbs": f"PBSAPIToken={name}:{secret}",
        "pve": f"PVEAPIToken={name}={secret}",
        "databasement": f"Bearer {secret}",
    }
    return {"Authorization": text[source]}


def ask(rack: Rack, source: str, path: str) -> httpx.Response:
    """A GET with the right credential."""
    with visitor(rack, source) as client:
        return client.get(path)


def tell(rack: Rack, method: str, body: object) -> httpx.Response:
    """A call to Backrest: ``tell(rack, "Backrest/GetOperations", {"selector": {}})``."""
    with visitor(rack, "backrest") as client:
        return client.post(f"/v1.{method}", json=body)
