"""The place where everything stands: homelab, clock, what goes wrong, and whose tokens open which upstream."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulators.acl import PBS_FULL, PVE_FULL, PVE_LISTING, Acl
from tests.simulators.faults import Fault
from tests.simulators.homelab import UPSTREAMS, Homelab
from tests.simulators.story import Moment, Story

SOURCES = UPSTREAMS
"""The four upstreams, in the order in which they are started."""

_NAMES = {"pbs": "monitor@pbs!glance", "pve": "monitor@pve!glance", "databasement": "17", "backrest": "glance"}


@dataclass
class Access:
    """The one credential that an upstream accepts, and what it may see. Change the fields while it runs.

    Attributes:
        name: token id; for Databasement the number before the bar; for Backrest the user.
        secret: a new one for every site, so that a test can look for it where it must not be.
        acl: for PBS and PVE.
        refused: the credential was revoked.
    """

    name: str
    secret: str
    acl: Acl = field(default_factory=Acl)
    refused: bool = False


class Site:
    """Everything that the simulated upstreams share."""

    def __init__(self, homelab: Homelab, clock: Callable[[], datetime], faults: Iterable[Fault] = ()) -> None:
        self.homelab = homelab
        self.clock = clock
        self.access = {source: Access(_NAMES[source], _new_secret(source)) for source in SOURCES}
        self.access["pbs"].acl = PBS_FULL
        self.access["pve"].acl = PVE_FULL if "pbs" in homelab.sources else PVE_LISTING
        self.ahead: dict[str, timedelta] = {}
        self.pbs_fingerprint = ":".join(["00"] * 32)
        self._story = Story(homelab, faults)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What goes wrong; may be set while the upstreams run."""
        return self._story.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self._story = Story(self.homelab, faults)

    def moment(self, source: str = "") -> Moment:
        """The homelab now, by the clock of that upstream."""
        return self._story.at(self.clock() + self.ahead.get(source, timedelta()))

    def has_changed(self, since: datetime) -> bool:
        """Whether anything has begun or ended in the homelab since then; see Story."""
        return self._story.has_changed(since, self.clock())

    def is_busy(self, start: datetime, end: datetime) -> bool:
        """Whether anything is due or under way between these moments."""
        return self._story.is_busy(start, end)

    def rotate(self, source: str) -> None:
        """Give an upstream's credential a new secret; the old one is refused from now on."""
        self.access[source].secret = _new_secret(source)


def _new_secret(source: str) -> str:
    return secrets.token_hex(24) if source in ("databasement", "backrest") else str(uuid.uuid4())
