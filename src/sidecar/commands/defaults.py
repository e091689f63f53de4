"""The paths that the role uses: defaults of the commands' options."""

from __future__ import annotations

from pathlib import Path

DEFAULT_CONFIG = Path("/etc/backup-glance/config.yaml")

#: Directory of the files that systemd passes to the service as credentials.
DEFAULT_CREDENTIALS = Path("/etc/backup-glance/credentials")

#: The sidecar's socket, and where it keeps what must survive a restart.
DEFAULT_SOCKET = Path("/run/backup-glance/http.sock")
DEFAULT_STATE = Path("/var/lib/backup-glance")

#: The file from which Caddy reads its key on each request.
DEFAULT_CADDY_KEY = Path("/etc/backup-glance/caddy/key")

#: Beside the directory of the credentials: what ``enrol`` records of the secret_id, nothing of which is secret.
RECORD = "secret_id.json"
