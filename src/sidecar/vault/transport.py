"""The way to Vault: whom TLS trusts, what of the environment is ignored, and what a network failure means."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from sidecar.errors import SecretError
from sidecar.upstream import tls


def connections(ca_file: Path | None) -> requests.Session:
    """HTTPS to whom ``ca_file`` (without: the system) trusts; no proxies, .netrc or CA bundles from the environment.

    Raises:
        SecretError: the CA file can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise SecretError(
            f"vault.ca_file {ca_file} can't be used: {reason}; put the CA's certificate (PEM) there"
        ) from None
    # Python 3.13 asks for extensions that many a private CA lacks; all other checks stay.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _Trusting(context))
    return session


def words(error: requests.RequestException) -> str:
    """A failure of the network or of TLS, after "Vault ADDRESS". requests and urllib3 wrap it: the innermost one tells it."""
    if isinstance(error, requests.exceptions.Timeout):
        return "can't be reached: timed out"
    inner = [
        one for one in _chain(error) if isinstance(one, OSError) and not isinstance(one, requests.RequestException)
    ]
    cause = tls.cause_of(inner[-1]) if inner else "the connection broke"
    if inner and isinstance(inner[-1], ssl.SSLCertVerificationError):
        return f"can't be trusted: {cause}; put the CA that signed its certificate into vault.ca_file"
    return f"can't be reached: {cause}; start it, or correct vault.address"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _Trusting(HTTPAdapter):
    """Trusts what its TLS context trusts and nothing else: requests would add the CAs of certifi."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Everything is in the context."""
