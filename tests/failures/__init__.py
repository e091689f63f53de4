"""Everything that can go wrong, one at a time, with what should be found of it and when: ``python -m tests.failures``."""

from tests.failures.copies import COPIES
from tests.failures.dumps import DUMPS, PLANS
from tests.failures.failure import Failure, Found, measure
from tests.failures.guests import GUESTS
from tests.failures.one_source import ONE_SOURCE
from tests.failures.sources import SOURCES
from tests.failures.task_logs import TASK_LOGS
from tests.failures.upkeep import UPKEEP

FAILURES = (*GUESTS, *DUMPS, *PLANS, *UPKEEP, *SOURCES, *ONE_SOURCE, *TASK_LOGS, *COPIES)

__all__ = ["FAILURES", "Failure", "Found", "measure"]
