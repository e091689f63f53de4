"""Notifies systemd that the service is ready or stopping (Type=notify): one datagram to $NOTIFY_SOCKET, if it is set."""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)

#: A board exists and the socket answers.
READY = "READY=1"

#: The service is about to end.
STOPPING = "STOPPING=1"


def notify(state: str) -> None:
    """Sends the state to the service manager, if there is one. A failure is only logged: systemd ends a start without READY."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    # A leading @ stands for the zero byte of an abstract socket (sd_notify(3)).
    address = f"\0{path[1:]}" if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd can't be notified of %s: %s", state, error)
