"""Delivers one message: reads the receiver's address, starts the process that sends, and says in our words what happened."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidecar.core.alerts.message import Message
from sidecar.errors import SecretError
from sidecar.texts.known_secrets import KnownSecrets

from .address import fault
from .job import Failure, Job, Sent

#: Seconds that a message may take. Then its process is killed.
TIME = 20.0

#: Bytes of the process's answer.
_LONGEST_ANSWER = 4096

#: Reads an address; True asks for a fresh value. Raises SecretError.
ReadUrl = Callable[[bool], Coroutine[Any, Any, str]]

#: Where this very package is, for the process to load the same.
_CODE = str(Path(__file__).parents[2])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a receiver's messages go. ``url`` is a secret, read when it is needed."""

    url: ReadUrl
    ca_file: Path | None = None


class Delivery:
    """Sends messages, each in a process of its own that has 64 MiB and 20 s."""

    def __init__(self, known: KnownSecrets, seconds: float = TIME) -> None:
        self._known = known
        self._seconds = seconds

    async def send(self, message: Message, place: Place) -> Sent:
        """What became of it. A login that is refused is tried once more with a fresh address."""
        sent = await self._try(message, place, fresh=False)
        return await self._try(message, place, fresh=True) if sent.failure is Failure.DENIED else sent

    async def _try(self, message: Message, place: Place, *, fresh: bool) -> Sent:
        try:
            url = (await place.url(fresh)).strip()
        except SecretError as error:
            return Sent(Failure.SECRET, detail=str(error))
        if (wrong := fault(url)) is not None:
            return Sent(Failure.ADDRESS, detail=wrong)
        job = Job(
            url=url,
            title=self._known.withheld(message.title),
            body=self._known.withheld(message.body),
            kind=message.kind,
            incidents=message.incidents,
            at=message.at.isoformat(timespec="seconds"),
            link=message.link,
            ca_file=str(place.ca_file) if place.ca_file else None,
        )
        return await self._run(job)

    async def _run(self, job: Job) -> Sent:
        try:
            process = await _started()
        except OSError as error:
            return Sent(Failure.ENDED, detail=f"its process can't be started: {error.strerror}")
        try:
            async with asyncio.timeout(self._seconds):
                answer = await _answer(process, job)
        except TimeoutError:
            return Sent(Failure.TIMED_OUT)
        finally:
            await _ended(process)
        try:
            return Sent.from_bytes(answer)
        except ValueError:
            return Sent(Failure.ENDED, detail=f"its process ended with {process.returncode}")


async def _started() -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-sP",
        "-m",
        "sidecar.notify.child",
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        # No proxies, no credentials directory, no paths of other code than this one.
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONPATH": _CODE, "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
    )


async def _answer(process: Process, job: Job) -> bytes:
    given, answers = process.stdin, process.stdout
    if given is None or answers is None:
        return b""
    with suppress(BrokenPipeError, ConnectionResetError):
        given.write(job.to_bytes())
        await given.drain()
    given.close()
    answer = await answers.read(_LONGEST_ANSWER)
    await process.wait()
    return answer


async def _ended(process: Process) -> None:
    """Nothing stays behind, whatever ended the waiting."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


# --- in words -------------------------------------------------------------------------------------------------------------


#: With the status and the detail, as far as there are any, in brackets or behind a colon.
_WHY: dict[Failure | None, str] = {
    Failure.SECRET: "its url can't be read{detail}",
    Failure.CA_FILE: "its ca_file can't be used{detail}; put the CA's certificate (PEM) there",
    Failure.NO_HOST: "its host name is not known; check the name in its url, and DNS",
    Failure.REFUSED: "its server refused the connection; check host and port in its url, and that it runs",
    Failure.TIMED_OUT: "its server did not answer in time; check that it can be reached from here",
    Failure.UNTRUSTED: "its TLS certificate can't be trusted{detail}; set ca_file to the CA of its server",
    Failure.DENIED: "it refused the login{answered}; check token or password in its url",
    Failure.REDIRECTED: "it redirects elsewhere{answered}; write the final address, with s for TLS",
    Failure.REJECTED: "it refused the message{answered}; check topic, path and options in its url",
    Failure.SERVER_ERROR: "its server has trouble{answered}; read its log",
    Failure.RECIPIENT: "its server refused the recipient{answered}; check to= in its url",
}


def why(sent: Sent) -> str:
    """What went wrong, as a clause, with what to do about it."""
    if sent.failure is Failure.ADDRESS:
        return f"{sent.detail}; correct its url"
    words = _WHY.get(sent.failure, "the message could not be sent{detail}; run backup-glance notify --test")
    return words.format(
        answered=f" (it answered {sent.status})" if sent.status else "",
        detail=f": {sent.detail}" if sent.detail else "",
    )
