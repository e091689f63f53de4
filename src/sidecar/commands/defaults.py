"""The paths that the role uses: defaults of the commands' options."""

from __future__ import annotations

from pathlib import Path

DEFAULT_CONFIG = Path("/etc/backup-glance/config.yaml")

#: Directory of the files that systemd passes to the service as credentials.
DEFAULT_CREDENTIALS = Path("/etc/backup-glance/credentials")
