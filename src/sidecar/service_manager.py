"""Tells systemd where the service is in its life (Type=notify): one datagram to $NOTIFY_SOCKET, and nothing without it."""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)

#: A board exists and the socket answers.
READY = "READY=1"

#: The service has begun to end.
STOPPING = "STOPPING=1"


def tell(state: str) -> None:
    """Tells the service manager, if there is one. Trouble is logged: systemd itself ends a start that it hears nothing of."""
    where = os.environ.get("NOTIFY_SOCKET")
    if not where:
        return
    # A leading @ stands for the zero byte of an abstract socket (sd_notify(3)).
    address = f"\0{where[1:]}" if where.startswith("@") else where
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd can't be told %s: %s", state, error)
