"""Connections to Vault: which certificates are trusted, and what a network failure means. The environment is ignored."""

from __future__ import annotations

import io
import ssl
from pathlib import Path
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from sidecar.errors import SecretError
from sidecar.upstream import tls

#: Bytes of an answer. An entry of KV may be 1 MiB (docs of Vault: max_entry_size), an answer repeats it once.
_LONGEST_ANSWER = 4 * 1024 * 1024

#: Commas, colons and opening brackets of an answer. An entry has some dozens.
_MOST_PARTS = 50_000


def connections(ca_file: Path | None) -> requests.Session:
    """HTTPS that trusts ``ca_file``, or the system's CAs without one; no proxies, .netrc or CA bundles of the environment.

    Raises:
        SecretError: the CA file can't be used.
    """
    try:
        context = tls.from_ca_file(ca_file)
    except OSError as error:
        raise SecretError(
            f"vault.ca_file {ca_file} can't be used: {tls.ca_file_fault(error)}; put the CA's certificate (PEM) there"
        ) from None
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _BoundedAdapter())
    session.mount("https://", _ContextAdapter(context))
    return session


def explain(error: requests.RequestException) -> str:
    """A failure of the network or of TLS, as the end of a sentence that begins with "Vault ADDRESS"."""
    if isinstance(error, requests.exceptions.Timeout):
        return "can't be reached: timed out"
    inner = tls.innermost(error)
    cause = tls.cause_of(inner) if inner else tls.BROKEN
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"can't be trusted: {cause}; put the CA that signed its certificate into vault.ca_file"
    return f"can't be reached: {cause}; start it, or correct vault.address"


class _BoundedAdapter(HTTPAdapter):
    """Reads no more of an answer than _LONGEST_ANSWER, none that is compressed, and none of _MOST_PARTS: requests has no
    limit itself, and while JSON is parsed no other thread works."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Raises ValueError for an answer that Vault would not send."""
        request.headers["Accept-Encoding"] = "identity"
        response = super().send(request, *args, **kwargs | {"stream": True})
        with response.raw as arriving:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ValueError("compressed, which was not asked for")
            body = _read(arriving)
        response.raw = io.BytesIO(body)
        return response


def _read(arriving: urllib3.HTTPResponse) -> bytes:
    try:
        body: bytes = arriving.read(_LONGEST_ANSWER + 1, decode_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ConnectionError(error) from error
    if len(body) > _LONGEST_ANSWER or sum(map(body.count, b",:[{")) > _MOST_PARTS:
        raise ValueError("too long")
    return body


class _ContextAdapter(_BoundedAdapter):
    """Trusts what its TLS context trusts and nothing else: requests would add the CAs of certifi."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: the context has all settings."""
