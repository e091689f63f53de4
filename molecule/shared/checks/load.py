"""Readers who ask for a page at a steady rate while something is done."""

from __future__ import annotations

import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

PER_SECOND = 30
#: Of a reader who tries once more.
RETRY_AFTER = 1.0
#: The share of readers who may have to: who opens a connection in the moment in which Caddy reloads or restarts. Go's server,
#: which Caddy rests on, closes an HTTP/1.1 connection that has not asked yet when another configuration takes over.
MOST_AGAIN = 0.03


class Load:
    """Requests for one address, and what became of them."""

    def __init__(self, url: str, *, retries: bool = False, login: str = "") -> None:
        self.ended = threading.Event()
        self.failures: list[str] = []
        self.sent = self.retried = 0
        self.seconds = self.slowest = 0.0
        self._page = urllib.request.Request(url, headers={"Authorization": login} if login else {})
        self._retries = retries
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
        )

    def send(self) -> None:
        """Requests at a steady rate until it is ended; those under way are waited for."""
        began = time.monotonic()
        with ThreadPoolExecutor(40) as pool:
            while not self.ended.wait(max(0.0, began + self.sent / PER_SECOND - time.monotonic())):
                pool.submit(self._request)
                self.sent += 1
            self.seconds = time.monotonic() - began

    def _request(self) -> None:
        began = time.monotonic()
        try:
            self._ask()
        except OSError as error:
            if self._retries:
                self._request_again()
            else:
                self.failures.append(str(error))
        self.slowest = max(self.slowest, time.monotonic() - began)

    def _request_again(self) -> None:
        self.retried += 1
        time.sleep(RETRY_AFTER)
        try:
            self._ask()
        except OSError as error:
            self.failures.append(str(error))

    def _ask(self) -> None:
        with self._opener.open(self._page, timeout=20) as answer:
            answer.read()


@contextmanager
def under_load(what: str, url: str, *, retries: bool = False, login: str = "") -> Iterator[Load]:
    """Sends requests while something is done, and expects that none fails; with ``retries`` not even the second time.

    ``login`` is the readers' Authorization header.
    """
    load = Load(url, retries=retries, login=login)
    sending = threading.Thread(target=load.send)
    sending.start()
    try:
        yield load
    finally:
        load.ended.set()
        sending.join()
    assert not load.failures, f"{what}: {len(load.failures)} of {load.sent} requests failed: {load.failures[:5]}"
    assert load.retried <= load.sent * MOST_AGAIN, f"{what}: {load.retried} of {load.sent} had to ask a second time"
    assert load.sent / load.seconds >= 20, f"{what}: only {load.sent} requests in {load.seconds:.0f} s"
    again = f", {load.retried} answered at the second attempt" if retries else ""
    print(
        f"{what}: {load.sent} requests in {load.seconds:.0f} s, 0 failed{again}, the slowest {load.slowest:.1f} s",
        flush=True,
    )
