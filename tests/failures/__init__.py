"""Everything that can go wrong, one at a time, with what should be found of it and when: ``python -m tests.failures``."""

from .dumps import DUMPS, PLANS
from .failure import Failure, Found, measure
from .guests import GUESTS
from .sources import SOURCES
from .upkeep import UPKEEP

FAILURES = (*GUESTS, *DUMPS, *PLANS, *UPKEEP, *SOURCES)

__all__ = ["FAILURES", "Failure", "Found", "measure"]
