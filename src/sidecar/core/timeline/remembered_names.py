"""Of how many expectations the process remembers where they stand: of as many as the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from sidecar.core.history.verdict_log import MOST_EXPECTATIONS, ExpectationKey, RememberedVerdicts

#: Of so many that are gone the process remembers where they stood; the ledger remembers more.
MOST_GONE = 1_000

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def within_bounds(
    remembered: RememberedVerdicts, current: Iterable[ExpectationKey]
) -> tuple[RememberedVerdicts, frozenset[ExpectationKey]]:
    """What there is room for, and which of ``current`` may be remembered.

    An upstream may make up new names all the time. Those that exist stay as they are; of those that are gone the ones go
    first of which nothing was decided for longest; new ones come in while there is room.
    """
    now = dict.fromkeys(current)
    known = remembered.states.keys() | remembered.decided.keys()
    missing = known - now.keys()
    if len(missing) <= MOST_GONE and len(missing) + len(now) <= MOST_EXPECTATIONS:
        return remembered, frozenset(now)
    in_order = [*(key for key in now if key in known), *(key for key in now if key not in known)]
    admitted = frozenset(islice(in_order, MOST_EXPECTATIONS))
    gone = sorted(missing, key=lambda key: (remembered.decided.get(key, _LONG_AGO), key), reverse=True)
    kept = {*admitted, *gone[: min(MOST_EXPECTATIONS - len(admitted), MOST_GONE)]}
    return RememberedVerdicts(
        states={key: state for key, state in remembered.states.items() if key in kept},
        decided={key: due for key, due in remembered.decided.items() if key in kept},
        gaps=remembered.gaps,
    ), admitted
