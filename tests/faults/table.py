"""The table of faults as a document for people: what they see, and what they do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.faults.cells import Cell, Seen
from tests.simulators.upstream_site import SOURCES

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "faults.md"

_PRODUCTS = {
    "pbs": "Proxmox Backup Server",
    "pve": "Proxmox VE",
    "databasement": "Databasement",
    "backrest": "Backrest",
}

_HEAD = """# When an upstream fails

What backup-glance says when something goes wrong with an upstream, or with what lies before it. Each row was measured with
the real sources against simulated upstreams; `make fortnight` compares this page with what it measures.
`.venv/bin/python -m tests.faults` writes it anew.

The same holds everywhere:

- **At the start**, while nothing was read before, everything that depends on the source is `unknown`, with the reason.
- **After good data** a verdict stands, with its age, until the reading is older than `stale_after`; then it is `unknown`.
  Only a refused token or a missing permission takes effect at once: what was read with it does not count any more.
- Guests need both: Proxmox VE tells who owes them a backup, and that is remembered; Proxmox Backup Server tells what is there.
  So while only Proxmox VE is away, the backups on a backup server are still read and judged.
- The other sources go on as before, and no message has a secret in it.
- When the fault ends, the next refresh shows everything as before: after at most `poll_interval`, or ten times as long as the
  last refresh took.

**In the tables**: "says" is the text in the row of the source, "backups" are the states of what depends on it, at the start,
after good data, and once that is older than `stale_after`. "do" is what the row tells you to do. Times out after 60 s between
two pieces of an answer, and 120 s for a whole one.
"""


def document(cells: Mapping[tuple[str, str], Cell]) -> str:
    """The whole page. ``cells`` by source and outage."""
    parts = [_HEAD]
    for source in SOURCES:
        parts += [f"## {_PRODUCTS[source]}\n", "\n".join(_table(source, cells)) + "\n"]
    return "\n".join(parts)


def _table(source: str, cells: Mapping[tuple[str, str], Cell]) -> Iterator[str]:
    yield "| it … | says | backups: start, after good data, later | do |"
    yield "|---|---|---|---|"
    for (name, outage), cell in cells.items():
        if name == source:
            states = ", ".join((_states(cell.at_start), _states(cell.soon), _states(cell.later)))
            yield f"| {outage} | {_said(cell.at_start)} | {states} | {_action(cell.at_start)} |"


def _states(seen: Seen) -> str:
    return " and ".join(f"`{state}`" for state in sorted(seen.parts)) or "none"


def _said(seen: Seen) -> str:
    """Without what differs from run to run, and with the limits that hold outside of tests."""
    reason = seen.source.reason
    return f"`{seen.source.state}`: {_plain(reason)}" if reason else f"`{seen.source.state}`"


def _action(seen: Seen) -> str:
    return _plain(seen.source.action or "")


def _plain(text: str) -> str:
    text = re.sub(r"https://127\.0\.0\.1:\d+", "its url", text)
    text = re.sub(r"(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}", "…", text)
    text = text.replace("timed out after 0.2 s", "timed out after 60 s").replace(
        "timed out after 0.5 s", "timed out after 120 s"
    )
    text = re.sub(r"(HTTP \d{3}): (?:broken on purpose|slow down|too busy)", r"\1: what it says", text)
    return text.replace("|", "\\|").replace("<", "&lt;")
