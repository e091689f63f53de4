"""What the links of the demo open: a page of each simulated upstream that says what the real one would show there."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

#: The paths of the upstreams' own pages to which backup-glance links; what comes after # never reaches a server.
_PAGES = frozenset({"/", "/jobs"})


class FrontPage:
    """Stands before a simulated upstream and answers people; programs are passed on."""

    def __init__(self, upstream: ASGIApp, product: str) -> None:
        self._upstream = upstream
        self._product = product

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in _PAGES:
            await HTMLResponse(_PAGE.format(product=escape(self._product)))(scope, receive, send)
            return
        await self._upstream(scope, receive, send)


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{product} of the demo</title>
<h1>{product}, simulated</h1>
<p>In your house this link opens {product} at the place that the row is about. The demo's answers backup-glance only.</p>
</html>
"""
