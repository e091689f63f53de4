"""Connections to Vault: which certificates are trusted, which redirects are followed, and what a network failure means.

The environment is ignored.
"""

from __future__ import annotations

import io
import json
import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from sidecar.errors import SecretError
from sidecar.texts.known_secrets import KnownSecrets
from sidecar.upstream import tls

#: Bytes of an answer. An entry of KV may be 1 MiB (docs of Vault: max_entry_size), an answer repeats it once.
_LONGEST_ANSWER = 4 * 1024 * 1024

#: A standby names the active server, which may have become a standby meanwhile.
_MOST_REDIRECTS = 2

#: What a standby answers (OPS-8). The other redirects change the method, or are those of a proxy.
_TEMPORARY_REDIRECT = 307

#: Scheme, host and port of a whole address, without a name or a password.
_SERVER = re.compile(r"https?://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?(?=/|$)")

#: Commas, colons and opening brackets of an answer. An entry has some dozens.
_MOST_PARTS = 50_000


def connections(ca_file: Path | None) -> requests.Session:
    """HTTPS that trusts ``ca_file``, or the system's CAs without one; no proxies, .netrc or CA bundles of the environment.

    With a ``ca_file`` a standby's redirect to the active server is followed, which repeats the request with its token and body:
    only to the same call, over https, at a server whose certificate that file proves. The system's CAs prove every server of
    the internet, so without a ``ca_file`` no redirect is followed.

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
    session.mount("https://", _ContextAdapter(context, most_redirects=_MOST_REDIRECTS if ca_file is not None else 0))
    return session


class RedirectError(requests.RequestException):
    """A redirect that is not followed, or to a server that does not answer.

    Attributes:
        server: scheme, host and port that it names; "" if it names none.
        cause: why that server did not answer; None: it was not asked.
    """

    def __init__(self, server: str, cause: requests.RequestException | None = None) -> None:
        super().__init__()
        self.server = server
        self.cause = cause


def explain(error: requests.RequestException) -> str:
    """A failure of the network or of TLS, as the end of a sentence that begins with "Vault ADDRESS"."""
    if isinstance(error, RedirectError):
        to = f" to {error.server}" if error.server else ""
        if error.cause is not None:
            return f"is a standby and redirects{to}, which {explain(error.cause)}"
        return (
            f"redirects{to}; only a standby's redirect is followed, to the same call at an https:// server that "
            "vault.ca_file proves: set vault.ca_file, or set vault.address to the active server or to a load balancer "
            "that checks /v1/sys/health"
        )
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
        """Raises ValueError for an answer that Vault would not send, RedirectError for a redirect."""
        response = self._answer(request, *args, **kwargs)
        if response.is_redirect:
            raise RedirectError(_server(response.headers["Location"], request))
        return response

    def _answer(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
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

    def __init__(self, context: ssl.SSLContext, *, most_redirects: int) -> None:
        self._context = context
        self._most_redirects = most_redirects
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: the context has all settings."""

    def _answer(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The answer of the active server, where a standby names it: it is dialled with the same context."""
        response = super()._answer(request, *args, **kwargs)
        for _ in range(self._most_redirects):
            server = _active_server(response, request)
            if server is None:
                break
            request = request.copy()
            request.url = f"{server}{request.path_url}"
            try:
                response = super()._answer(request, *args, **kwargs)
            except requests.RequestException as error:
                raise RedirectError(server, error) from error
        return response


def _active_server(response: requests.Response, request: requests.PreparedRequest) -> str | None:
    """The server that a standby names for the same call (OPS-8), as https://HOST:PORT; None for any other answer."""
    if response.status_code != _TEMPORARY_REDIRECT:
        return None
    location = response.headers.get("Location", "")
    server = _server(location, request)
    if not server.startswith("https://"):
        return None
    here, there = urlsplit(str(request.url)), urlsplit(location)
    same_call = (unquote(there.path), there.query, there.fragment) == (unquote(here.path), here.query, "")
    return server if same_call else None


def _server(location: str, request: requests.PreparedRequest) -> str:
    """Scheme, host and port of a Location; "" if it is another text. Its path may hold a secret and is never shown.

    Also "" if the request's own secret stands in the place of the host: it would get into messages, and into DNS.
    """
    match = _SERVER.match(location)
    if match is None or KnownSecrets(_secrets(request)).withheld(match[0]) != match[0]:
        return ""
    return match[0]


def _secrets(request: requests.PreparedRequest) -> list[str]:
    body = json.loads(request.body) if isinstance(request.body, str | bytes) else {}
    return [str(request.headers.get("X-Vault-Token", "")), *(str(body.get(key, "")) for key in ("secret_id", "token"))]
