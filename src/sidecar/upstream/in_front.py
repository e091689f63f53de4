"""What stands in front of an upstream: a proxy that asks for a login of its own, a login page, a redirect elsewhere."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError

from .error_text import clean

_CURE = "Let what is in front of it pass these calls from here: a call carries only one login."

#: A refusal may be that of a proxy.
_REFUSALS = (401, 403, 407)

_PORTS = {"http": 80, "https": 443}

#: An address with its scheme. What begins with two slashes is more likely a path that was put together wrongly.
_WHOLE = re.compile(r"\s*https?://", re.IGNORECASE)

#: A name or an address of a host. Anything else may be part of a path that is written oddly.
_HOST = re.compile(r"[a-z0-9._-]{1,200}|[0-9a-f:.]{2,45}")


def asks(status: int, schemes: str, body: bytes) -> bool:
    """A proxy refused: no upstream asks for HTTP basic auth itself, and none refuses a call with a page for people.

    ``schemes``: the header WWW-Authenticate.
    """
    if status not in _REFUSALS:
        return False
    schemes = schemes.lower()
    return schemes.startswith("basic") or ", basic " in schemes or is_page(body)


def is_page(body: bytes) -> bool:
    """A page for people, where JSON is expected."""
    return body.lstrip()[:1] == b"<"


def login(status: int, path: str) -> SourceError:
    """A proxy in front asks for a login of its own. ``path``: of the call."""
    return SourceError(
        f"a proxy in front of it asks for a login of its own (HTTP {status})",
        kind=ProblemKind.LOGIN_IN_FRONT,
        culprit=clean(path),
        action=_CURE,
        status=status,
        in_front=True,
    )


def page(path: str) -> SourceError:
    """It answered with a page: most often a login that something in front of it asks for."""
    return SourceError(
        "a web page came instead of an answer; something in front of it may ask for a login",
        kind=ProblemKind.LOGIN_IN_FRONT,
        culprit=clean(path),
        action=f"Check its url. {_CURE}",
    )


def redirect(status: int, location: str, asked: str) -> SourceError:
    """It redirects. Another host is named, a path never: it may hold a secret.

    A page for logging in at the same address is the upstream's own: it refuses the token (DB-3).
    """
    try:
        here, there = urlsplit(asked), urlsplit(urljoin(asked, location))
        elsewhere = None if _address(here) == _address(there) else _shown(there) if _WHOLE.match(location) else ""
    except ValueError:
        elsewhere = ""
    if elsewhere == "":
        return _redirected(status, "an address that can't be read", ProblemKind.REDIRECTED)
    is_login = "login" in there.path.lower()
    if elsewhere is None:
        kind = ProblemKind.REFUSED_CREDENTIALS if is_login else ProblemKind.REDIRECTED
        return _redirected(status, "its login page" if is_login else "another page of its own", kind)
    kind = ProblemKind.LOGIN_IN_FRONT if is_login else ProblemKind.REDIRECTED
    return _redirected(status, f"a login at {elsewhere}" if is_login else elsewhere, kind, elsewhere)


def _redirected(status: int, where: str, kind: ProblemKind, culprit: str | None = None) -> SourceError:
    action = f"Check its url. {_CURE}"
    return SourceError(f"HTTP {status}: redirects to {where}", kind=kind, culprit=culprit, action=action, status=status)


def _address(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _shown(parts: SplitResult) -> str:
    """Scheme, host and port: neither a name nor a password before the host, nor a path behind it.

    "" for anything else: what is taken for a scheme or a host may be part of a path that is written oddly.
    """
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
        return ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"
