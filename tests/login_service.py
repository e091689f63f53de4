"""A service for forward_auth whose own pages lie on the protected host, as those of oauth2-proxy and of authentik's outpost."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

PASSWORD, SESSION = "open-sesame", "session-of-a-reader"
#: The path at which Caddy asks, and the one below which its pages lie.
DECIDES, PAGES = "/oauth2/auth", "/oauth2"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for one of its pages, as it arrived there."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class LoginService:
    """Lets in who has its session, and gives one to who knows the password. It answers every path, and notes all of them."""

    #: Answers decisions with this status; 0: as it should.
    broken: int = 0
    decided: list[dict[str, str]] = field(default_factory=list)
    pages: list[Asked] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await self._answer(request, await request.body())(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Response:
        headers = dict(request.headers)
        target = request.scope["raw_path"].decode("latin-1")
        if target == DECIDES and "x-forwarded-uri" in headers:
            self.decided.append({**headers, "query": request.url.query})
            return self._decision(headers)
        self.pages.append(Asked(request.method, target, headers, body))
        path, query = request.url.path, parse_qs(request.url.query)
        if path == f"{PAGES}/sign_in" and request.method == "POST":
            fields = parse_qs(body.decode())
            known = fields.get("password") == [PASSWORD]
            back = f"{PAGES}/callback?code=4/0-short-code&state=x&rd={quote(query.get('rd', ['/'])[0])}"
            return RedirectResponse(back, 302) if known else HTMLResponse("<p>a wrong password</p>", 403)
        if path == f"{PAGES}/callback":
            answer = RedirectResponse(query.get("rd", ["/"])[0], 302)
            answer.set_cookie("session", SESSION, httponly=True)
            return answer
        if path == f"{PAGES}/sign_out":
            answer = RedirectResponse(f"{PAGES}/sign_in", 302)
            answer.delete_cookie("session")
            return answer
        return HTMLResponse("<p>a page of the login service</p>")

    def _decision(self, headers: dict[str, str]) -> Response:
        if self.broken:
            return PlainTextResponse("broken inside", self.broken)
        cookie = SimpleCookie(headers.get("cookie", "")).get("session")
        if cookie is not None and cookie.value == SESSION:
            return PlainTextResponse("", 202)
        uri = headers["x-forwarded-uri"]
        if "text/html" not in headers.get("accept", ""):
            return PlainTextResponse("", 401)
        answer = RedirectResponse(f"{PAGES}/sign_in?rd={quote(urlsplit(uri).path)}", 302)
        answer.set_cookie("csrf", "for-one-login", httponly=True)
        return answer
