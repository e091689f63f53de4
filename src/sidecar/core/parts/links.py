"""Where a reader can act: pages of the upstreams."""

from __future__ import annotations

from sidecar.core.model import Link
from sidecar.core.settings import SourceSetting


def datastore_page(source: SourceSetting, datastore: str) -> Link:
    """The datastore's page on its backup server."""
    return Link(f"{source.url}/#DataStore-{datastore}", "Datastore in Proxmox Backup Server")
