"""Sends one message through Apprise, within the process that does only that.

Apprise reports no more than whether it worked, and its log says why, with the address in it. So its connections are made
by classes of ours, which also see that TLS is checked as everywhere else, that no redirect is followed and no proxy,
``.netrc`` or other file of the environment is used, and that little of an answer is read.
"""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
from collections.abc import Mapping
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

import requests
from apprise import AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins.base import NotifyBase
from requests.adapters import HTTPAdapter

from sidecar.upstream import tls

from .address import SEVERAL, fault, fault_of, plain_scheme
from .job import Failure, Job, Sent

#: Seconds to connect, and between two pieces of an answer.
_CONNECT, _READ = 8.0, 8.0

#: Bytes of an answer that are read.
_LONGEST_ANSWER = 64 * 1024

#: Apprise's module and class for each scheme. Only this one is loaded; all of them would take 60 MB.
_PLUGINS = {
    "ntfy": ("ntfy", "NotifyNtfy"),
    "gotify": ("gotify", "NotifyGotify"),
    "discord": ("discord", "NotifyDiscord"),
    "tgram": ("telegram", "NotifyTelegram"),
    "mailto": ("email", "NotifyEmail"),
    "json": ("custom_json", "NotifyJSON"),
}

_TYPES = {"problem": "failure", "update": "failure", "reminder": "warning", "recovery": "success"}

#: ntfy's words for how urgent a message is, and its tags, which it shows as pictures.
_PRIORITIES = {"problem": "high", "update": "high"}
_TAGS = {
    "problem": "rotating_light",
    "update": "rotating_light",
    "reminder": "hourglass",
    "recovery": "white_check_mark",
    "summary": "clipboard",
    "test": "test_tube",
}
_GOTIFY_PRIORITIES = {"problem": 8, "update": 8}

_DENIED = (401, 403, 407)


class _Connections:
    """How connections are made for one job, and what went wrong on them: the last trouble counts."""

    def __init__(self, job: Job, scheme: str) -> None:
        self.job = job
        self.scheme = scheme
        self.context = tls.from_ca_file(Path(job.ca_file) if job.ca_file else None)
        self.trouble: Sent | None = None

    def note(self, error: BaseException) -> None:
        """Why there was no answer."""
        self.trouble = _trouble(error)

    def answered(self, status: int) -> None:
        """What the server's answer says, if it is not a yes."""
        self.trouble = _by_status(status)


# --- HTTP -----------------------------------------------------------------------------------------------------------------


class _Adapter(HTTPAdapter):
    """Trusts what the context trusts, and nothing that ``requests`` brings along."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, *_: Any) -> None:
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None


def _session_class(connections: _Connections) -> type[requests.Session]:
    class Session(requests.Session):
        """Every call of Apprise goes through one of these."""

        def __init__(self) -> None:
            super().__init__()
            self.trust_env = False
            self.mount("https://", _Adapter(connections.context))

        def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
            fixed = {"allow_redirects": False, "verify": True, "stream": True, "timeout": (_CONNECT, _READ)}
            try:
                answer = super().request(method, url, *args, **{**_with_more(connections, kwargs), **fixed})
                # What is not read here would be read as a whole as soon as Apprise looks at it.
                vars(answer)["_content"] = answer.raw.read(_LONGEST_ANSWER, decode_content=True)
            except Exception as error:
                connections.note(error)
                raise
            connections.answered(answer.status_code)
            return answer

    return Session


def _with_more(connections: _Connections, kwargs: dict[str, Any]) -> dict[str, Any]:
    """What Apprise has no option for: see ``_more``."""
    job, data = connections.job, kwargs.get("data")
    if connections.scheme == "ntfy":
        headers = {**(kwargs.get("headers") or {}), "X-Sequence-ID": job.incidents[0]}
        return {**kwargs, "headers": headers}
    more = _more(connections.scheme, job)
    if not more or not isinstance(data, str | bytes):
        return kwargs
    document = json.loads(data)
    return {**kwargs, "data": json.dumps({**document, **more})} if isinstance(document, dict) else kwargs


def _more(scheme: str, job: Job) -> Mapping[str, Any]:
    """Nobody is called by a hostile name; a click leads to the page; a program can tell messages apart."""
    if scheme == "discord":
        return {"allowed_mentions": {"parse": []}}
    if scheme == "gotify" and job.link:
        return {"extras": {"client::notification": {"click": {"url": job.link}}}}
    if scheme == "json":
        about = {"incident": job.incidents[0], "incidents": job.incidents}
        return {"kind": job.kind, **about, "at": job.at, "link": job.link}
    return {}


# --- mail -----------------------------------------------------------------------------------------------------------------


def _controller_class(connections: _Connections) -> type[Any]:
    from apprise.plugins.email.smtp import AppriseSMTPController

    class Controller(AppriseSMTPController):  # type: ignore[misc, unused-ignore]
        """A connection to a mail server that tells why it did not work."""

        def __enter__(self) -> Any:
            try:
                return super().__enter__()
            except Exception as error:
                connections.note(error)
                raise

        def sendmail(self, from_addr: str, to_addrs: list[str], message: str) -> bool:
            connection: Any = self._socket
            try:
                refused = connection.sendmail(from_addr, to_addrs, message)
            except (OSError, smtplib.SMTPException, RuntimeError) as error:
                connections.note(error)
                return False
            if refused:
                connections.trouble = Sent(Failure.RECIPIENT, next(iter(refused.values()))[0])
            return not refused

    return Controller


# --- what went wrong ------------------------------------------------------------------------------------------------------


def _by_status(status: int) -> Sent | None:
    if status in _DENIED:
        return Sent(Failure.DENIED, status)
    if 300 <= status < 400:
        return Sent(Failure.REDIRECTED, status)
    if status >= 500:
        return Sent(Failure.SERVER_ERROR, status)
    return Sent(Failure.REJECTED, status) if status >= 400 else None


def _trouble(error: BaseException) -> Sent:
    """From what is known about it to what is only of a kind. Messages of libraries may hold the address."""
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Sent(Failure.UNTRUSTED, detail=str(cause.verify_message))
        if isinstance(cause, smtplib.SMTPAuthenticationError):
            return Sent(Failure.DENIED, cause.smtp_code)
        if isinstance(cause, smtplib.SMTPRecipientsRefused):
            return Sent(Failure.RECIPIENT, next((code for code, _ in cause.recipients.values()), None))
        if isinstance(cause, smtplib.SMTPResponseException):
            return Sent(Failure.REJECTED if cause.smtp_code >= 500 else Failure.SERVER_ERROR, cause.smtp_code)
        if isinstance(cause, smtplib.SMTPNotSupportedError):
            return Sent(Failure.UNTRUSTED, detail="the server offers no TLS or no login")
        if isinstance(cause, socket.gaierror):
            return Sent(Failure.NO_HOST)
        if isinstance(cause, ConnectionRefusedError):
            return Sent(Failure.REFUSED)
        if isinstance(cause, TimeoutError | requests.Timeout):
            return Sent(Failure.TIMED_OUT)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Sent(Failure.UNTRUSTED, detail="the server speaks no TLS here")
    return Sent(Failure.UNREACHABLE)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it was made of, the innermost first."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < 50:
        each = waiting.pop()
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            waiting += [*each.args, each.__cause__, each.__context__, getattr(each, "reason", None)]
    return found[::-1]


# --- sending --------------------------------------------------------------------------------------------------------------


def send(job: Job) -> Sent:
    """Sends it, or says why not."""
    scheme = job.url.partition("://")[0].lower()
    plain = plain_scheme(scheme)
    wrong = fault(job.url)
    if wrong is not None or plain is None:
        return Sent(Failure.ADDRESS, detail=wrong)
    try:
        connections = _Connections(job, plain)
    except OSError as error:
        return Sent(Failure.CA_FILE, detail=tls.ca_file_fault(error))
    plugin = _plugin(job, scheme, plain)
    if isinstance(plugin, Sent):
        return plugin
    _take_over(connections, plain)
    kind = NotifyType(_TYPES.get(job.kind, "info"))
    title, body = _literal(job.title, plain), _body(job, plain)
    went = plugin.notify(body=body, title=title, notify_type=kind, body_format=NotifyFormat.TEXT)
    return Sent() if went else connections.trouble or Sent(Failure.OTHER)


def _take_over(connections: _Connections, plain: str) -> None:
    requests.sessions.Session = _session_class(connections)  # type: ignore[misc]
    if plain == "mailto":
        base: Any = import_module("apprise.plugins.email.base")
        smtp: Any = import_module("apprise.plugins.email.smtp")
        base.AppriseSMTPController = _controller_class(connections)
        smtp.ssl.create_default_context = lambda *_, **__: connections.context


def _plugin(job: Job, scheme: str, plain: str) -> NotifyBase | Sent:
    """Apprise's sender for the address, with our options; what is wrong with the address where it makes none of it."""
    module, name = _PLUGINS[plain]
    made: type[NotifyBase] = getattr(import_module(f"apprise.plugins.{module}"), name)
    results = made.parse_url(job.url)
    if not results:
        return _NOT_UNDERSTOOD
    # What Apprise itself has read out of the address.
    read = [*results.get("qsd", {}).items(), *((f"+{key}", "") for key in _own_fields(results))]
    wrong = fault_of(scheme, read)
    if wrong is not None:
        return Sent(Failure.ADDRESS, detail=wrong)
    results |= {"asset": _asset(), "verify": True, "redirect": False, "format": "text", "overflow": "truncate"}
    results |= _options(job, plain, results)
    try:
        plugin = made(**results)
    except TypeError as error:
        # AppriseImproperlyConfigured is one; its message holds parts of the address.
        return _NOT_UNDERSTOOD if type(error) is not TypeError else Sent(Failure.OTHER, detail="internal error")
    return plugin if _reached(plugin) <= 1 else Sent(Failure.ADDRESS, detail=SEVERAL)


def _reached(plugin: NotifyBase) -> int:
    """How many get each message, as Apprise counts them; copies of mails it does not count."""
    return len(plugin) + len(getattr(plugin, "cc", ())) + len(getattr(plugin, "bcc", ()))


_NOT_UNDERSTOOD = Sent(
    Failure.ADDRESS, detail="Apprise does not understand its address; compare it with docs/alerts.md"
)


def _own_fields(results: Mapping[str, Any]) -> list[str]:
    return [key for fields in ("qsd+", "qsd-", "qsd:") for key in results.get(fields, {})]


def _asset() -> AppriseAsset:
    """No files, no code of others, no pictures from elsewhere."""
    return AppriseAsset(
        app_id="backup-glance",
        app_desc="backup-glance",
        app_url="",
        image_url_mask="",
        image_path_mask="",
        plugin_paths=[],
        storage_mode="memory",
    )


def _options(job: Job, plain: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the receiver shows beside title and text, where the address says nothing else."""
    if plain == "ntfy":
        own = given.get("xtags") or []
        return {
            "click": job.link,
            "xtags": [_TAGS[job.kind], *([own] if isinstance(own, str) else own)],
            "priority": given.get("priority") or _PRIORITIES.get(job.kind, "default"),
            "include_image": False,
        }
    if plain == "gotify" and "priority" not in given:
        return {"priority": _GOTIFY_PRIORITIES.get(job.kind, 5)}
    return {}


def _body(job: Job, plain: str) -> str:
    text = _literal(job.body, plain)
    if not job.link or plain not in _WITHOUT_CLICK:
        return text
    return f"{text}\n{f'<{job.link}>' if plain == 'discord' else _literal(job.link, plain)}"


#: These show the page's address in the text; the others have a field for it.
_WITHOUT_CLICK = frozenset({"discord", "tgram", "mailto"})


def _literal(text: str, plain: str) -> str:
    """A text of which nothing is taken for markup: Discord and Telegram would read every text as theirs."""
    if plain == "tgram":
        return escape(text, quote=False)
    if plain != "discord":
        return text
    return "".join(f"\\{letter}" if letter in _DISCORD_MARKUP else letter for letter in text)


_DISCORD_MARKUP = frozenset("\\*_~`|>#[]()<@")
