"""The process that sends one message and ends: ``python -m sidecar.notify.child``. The only place that loads Apprise.

It reads a Job from standard input and writes a Sent to standard output. Nothing of the address gets into arguments, the
environment or a log: everything that Apprise prints or logs is dropped. It has little memory and ends by itself.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys

from .job import Failure, Job, Sent

#: Bytes that it may allocate. Loading Apprise's module for one scheme takes half of that.
MEMORY = 64 * 1024 * 1024

#: Seconds until it ends itself, should nobody be there any more to end it.
LIFETIME = 25

#: Bytes of a job.
_LONGEST_JOB = 64 * 1024


def main() -> int:
    """Sends what standard input asks for."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(LIFETIME)
    answers = os.fdopen(os.dup(1), "wb")
    _be_silent()
    answers.write(_sent(sys.stdin.buffer.read(_LONGEST_JOB)).to_bytes())
    answers.close()
    return 0


def _be_silent() -> None:
    """Apprise logs addresses, and its libraries may print them."""
    logging.disable(logging.CRITICAL)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _sent(data: bytes) -> Sent:
    try:
        job = Job.from_bytes(data)
        # Only here: it takes 30 MB.
        from .sending import send

        return send(job)
    except Exception as error:  # noqa: BLE001 (its words may hold the address)
        return Sent(Failure.OTHER, detail=f"internal error: {type(error).__name__}")


if __name__ == "__main__":
    sys.exit(main())
