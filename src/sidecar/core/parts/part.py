"""A part: one member that protects a service, with all that is expected of it.

``guests.py``, ``databases.py``, ``backrest_plans.py``, ``backup_groups.py`` and ``upkeep.py`` make parts from the reports.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime

from sidecar.core.ids import JobId, MemberId, MemberKind, SourceName
from sidecar.core.model import Copy, Link, PartKind, RestoreTest, Run
from sidecar.core.reports.facts import LeftOutVolume
from sidecar.core.value import value

from .expectation import Evidence, Expectation, Observed, PauseWindow, latest
from .stored import Stored

_MEMBER_KINDS = {kind: MemberKind(kind.value) for kind in PartKind}


@value(kw_only=True)
class Actions:
    """What to do, in the words of the part's upstream, by what went wrong. None: nothing sensible to suggest."""

    failed: str | None = None
    missed: str | None = None
    never: str | None = None
    uncovered: str | None = None
    concerned: str | None = None
    unreadable: str | None = None


@value()
class RestoreTests:
    """The restore tests of a database. ``evidence``: what is known of them rests on it; None where none is ever told."""

    evidence: Evidence | None
    tests: tuple[RestoreTest, ...] = ()


@value(kw_only=True)
class Part:
    """Everything the judgement needs to know of one member.

    Attributes:
        ref: how configuration names it without its source: "101", "mariadb-main/vaultwarden", "vault".
        name: what the upstream calls it; the name of its service when no configured service has it.
        source: the source that knows it.
        observed: what was seen of it at all destinations together.
        expectations: what jobs owe it, those in force first.
        noun: what its runs leave: a backup, a dump; upkeep only runs.
        kept_on: the sources that keep its backups, beside ``source``.
        pauses: when nothing is expected of it.
        copies: its copies at off-site places; for a plan its repository's name, if that is one, stands in ``offsite``.
        restore_tests: of a database.
        stored: the places where its backups lie, or should, each once (rule 15).
        left_out: the volumes of a guest that jobs save it without, each with the job (rule 13).
        gone: since when its source doesn't show it any more although it is still expected (rule 11).
        task: the page that lists the tasks which back it up, where a failure is explained; None: ``link`` is that page.
        called: what its upstream shows it as, where ``ref`` alone says little: "CT 104 on pve1".
        oldest_trace: the oldest sign of it anywhere: no due time before that is known (rule 1).
        starts_seen: starts of its runs can be seen, whichever job begins them (rule 4).
        absent: configuration names it, and its server, which could be read, has nothing of it.
        note: why there is nothing to judge: a reference that matches nothing, a source that is not configured.
    """

    kind: PartKind
    ref: str
    name: str
    source: str
    observed: Observed
    expectations: tuple[Expectation, ...] = ()
    oldest_trace: datetime | None = None
    starts_seen: bool = True
    noun: str = "backup"
    link: Link | None = None
    task: Link | None = None
    called: str | None = None
    actions: Actions = field(default_factory=Actions)
    note: str | None = None
    kept_on: tuple[str, ...] = ()
    pauses: tuple[PauseWindow, ...] = ()
    gone: datetime | None = None
    absent: bool = False
    copies: tuple[Copy, ...] = ()
    stored: tuple[Stored, ...] = ()
    left_out: tuple[tuple[JobId, LeftOutVolume], ...] = ()
    offsite: str | None = None
    restore_tests: RestoreTests | None = None

    @property
    def evidence(self) -> Evidence:
        """How old the readings about it are."""
        return self.observed.evidence

    @property
    def full_ref(self) -> str:
        """The reference with its source, as configuration may write it."""
        return f"{self.source}:{self.ref}"

    @property
    def member(self) -> MemberId:
        """Its name in the memory."""
        return MemberId(_MEMBER_KINDS[self.kind], SourceName(self.source), self.ref)

    @property
    def expected(self) -> bool:
        """Some job is for it, switched on or not."""
        return any(expectation.schedule is not None for expectation in self.expectations)


def weakest(evidences: Iterable[Evidence], now: datetime) -> Evidence:
    """The one that carries least: what was never read, then what is stale, then the oldest. Needs at least one."""
    every = tuple(evidences)
    weak = min(every, key=lambda each: (each.as_of is not None, not each.stale(now), each.as_of or now))
    return replace(
        weak,
        newest=max((each.newest or each.as_of for each in every if each.as_of), default=None),
        gap=latest(each.gap for each in every),
        starts_gap=latest(each.starts_gap for each in every),
    )


def newest_first(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The runs in the order in which parts keep them."""
    return tuple(sorted(runs, key=lambda run: run.start, reverse=True))
