"""Where a reader can act: pages of the upstreams."""

from __future__ import annotations

from urllib.parse import quote

from sidecar.core.model import Link
from sidecar.core.settings import SourceSetting


def datastore_page(source: SourceSetting, datastore: str) -> Link:
    """The datastore's page on its backup server."""
    return Link(f"{source.url}/#DataStore-{datastore}", "Datastore in Proxmox Backup Server")


def tasks_page(source: SourceSetting, node: str) -> Link:
    """The task history of a node: Proxmox VE has no page of its own for one task."""
    return Link(
        f"{source.url}/#v1:0:=node%2F{quote(node, safe='', errors='replace')}:4:=tasks",
        f"Tasks of {node} in Proxmox VE",
    )
