"""Glance at the demo's time: its clock, its calendar and the ages in extensions are counted by the reader's browser."""

from __future__ import annotations

import json
import re
from datetime import timedelta

#: Runs before Glance's own scripts. Only what asks for the present time gets another one.
_SCRIPT = """<script>
{
  const ahead = %d;
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...given) { if (given.length) super(...given); else super(Real.now() + ahead); }
    static now() { return Real.now() + ahead; }
  };
}
</script>"""

_HEAD = re.compile(r"^(  head: )'([^'\n]*)'$", re.MULTILINE)


def at_another_time(pages: str, ahead: timedelta) -> str:
    """A glance.yml whose pages show a clock that is ``ahead`` of the real one. It must have a ``document.head`` in quotes."""
    script = " ".join(line.strip() for line in (_SCRIPT % round(ahead.total_seconds() * 1000)).splitlines())
    changed, number = _HEAD.subn(lambda found: f"{found[1]}{json.dumps(found[2] + script)}", pages)
    if number != 1:
        raise ValueError("the page has no document.head to add to")
    return changed
