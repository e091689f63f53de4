"""Decides who may see the page, as a service for `forward_auth` does: ``outpost.py ADDRESS PORT``. One cookie is a session."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Outpost(BaseHTTPRequestHandler):
    """Answers 200 with the session, and 401 without."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Decides by the cookie."""
        known = self.headers.get("Cookie") == "session=open-sesame"
        body = b"" if known else b"Log in at the outpost"
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Outpost).serve_forever()
