"""The headers that keep a browser safe. They are set here once, and Caddy passes them on."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The only path with a form: it searches, and leads to itself.
WITH_FORM = "/widget"


class SecurityHeaders:
    """Adds the headers to every answer, errors included. A handler may set its own Cache-Control."""

    def __init__(self, app: ASGIApp, frame_ancestors: Sequence[str]) -> None:
        self._app = app
        self._headers = _headers(content_security_policy(frame_ancestors))
        self._with_form = _headers(content_security_policy(frame_ancestors, forms="'self'"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._with_form if scope["path"] == WITH_FORM else self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def content_security_policy(frame_ancestors: Sequence[str], forms: str = "'none'") -> str:
    """Only our own files and nothing inside the page itself; it asks nobody but us; framed only by ``frame_ancestors``.

    ``forms``: where a form may lead.

    Raises ValueError for an ancestor that would end the directive or start another.
    """
    for ancestor in frame_ancestors:
        if not ancestor or not ancestor.isascii() or any(c.isspace() or c in ";," for c in ancestor):
            raise ValueError(f"frame_ancestors: {ancestor!r} is not one origin such as https://glance.lan")
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "font-src": "'self'",
        "connect-src": "'self'",
        "frame-ancestors": " ".join(frame_ancestors) or "'none'",
        "base-uri": "'none'",
        "form-action": forms,
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        # There is no X-Frame-Options: it can't name another origin, and frame-ancestors replaces it.
    }
