"""Where the role puts what the commands read, unless they are told otherwise."""

from __future__ import annotations

from pathlib import Path

DEFAULT_CONFIG = Path("/etc/backup-glance/config.yaml")

#: What systemd hands over to the service as credentials.
DEFAULT_CREDENTIALS = Path("/etc/backup-glance/credentials")
