"""Names of sources, jobs, members and backup groups as values: here they become text and are read from text, nowhere else.

The written forms stand in configuration, in the ledger, in the API and in links, so they stay as they are. Whatever an
upstream calls its things comes last in each form and may hold the separator; what comes before never does.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NewType, Self

from sidecar.core.value import value

#: A source as the configuration names it: small letters, digits, "-" and "_".
SourceName = NewType("SourceName", str)


class MemberKind(StrEnum):
    """What a member is. A backup group that stands for itself is a guest, with its path as reference."""

    GUEST = "guest"
    DATABASE = "database"
    PLAN = "plan"
    UPKEEP = "upkeep"


@value(order=True)
class JobId:
    """A job: "pve/backup/backup-critical", "pbs/gc/main", "databasement/dump/Daily", "backrest/plan/photos".

    Attributes:
        kind: our word for what it does: backup, dump, plan, prune, gc, verify, sync or check.
        id: what its upstream calls it; never empty, and may hold slashes.
    """

    source: SourceName
    kind: str
    id: str

    def __hash__(self) -> int:
        # The ids of jobs differ nearly always, and boards look up thousands.
        return hash(self.id)

    def __str__(self) -> str:
        return f"{self.source}/{self.kind}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The job that is written like this. Raises ValueError when the text does not name one."""
        source, _, rest = text.partition("/")
        kind, _, id_ = rest.partition("/")
        if not (source and kind and id_):
            raise ValueError(f"{text!r} is not the name of a job: SOURCE/KIND/ID")
        return cls(SourceName(source), kind, id_)


@value(order=True)
class MemberId:
    """A member: "guest:pve:101", "database:databasement:pg/crm", "plan:backrest:photos", "upkeep:pbs:prune/daily".

    Attributes:
        source: the source that knows it.
        ref: how configuration names it without its source; never empty, and may hold colons.
    """

    kind: MemberKind
    source: SourceName
    ref: str

    def __hash__(self) -> int:
        return hash(self.ref)

    def __str__(self) -> str:
        return f"{self.kind}:{self.source}:{self.ref}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The member that is written like this. Raises ValueError when the text does not name one."""
        kind, _, rest = text.partition(":")
        source, _, ref = rest.partition(":")
        if kind not in _MEMBER_KINDS or not source or not ref:
            raise ValueError(f"{text!r} is not the name of a member: KIND:SOURCE:REF")
        return cls(MemberKind(kind), SourceName(source), ref)

    @classmethod
    def of_upkeep(cls, job: JobId) -> Self:
        """An upkeep job is a member of its own."""
        return cls(MemberKind.UPKEEP, job.source, f"{job.kind}/{job.id}")


_MEMBER_KINDS = frozenset(MemberKind)


@value(order=True)
class GroupKey:
    """A backup group of a backup server.

    Attributes:
        namespace: "" for the root; may hold slashes.
        type: vm, ct or host.
    """

    datastore: str
    namespace: str
    type: str
    id: str

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return self.path

    @property
    def path(self) -> str:
        """How references name it: "main/host/nas", "main/ns/ct/101"."""
        between = f"{self.namespace}/" if self.namespace else ""
        return f"{self.datastore}/{between}{self.type}/{self.id}"

    @classmethod
    def parse(cls, path: str) -> Self:
        """The group with this path. Raises ValueError when the text is not such a path."""
        steps = path.split("/")
        if len(steps) < 3 or not all(steps):
            raise ValueError(f"{path!r} is not the path of a backup group: DATASTORE[/NAMESPACE]/TYPE/ID")
        return cls(steps[0], "/".join(steps[1:-2]), steps[-2], steps[-1])


def shared_name(service: str) -> str:
    """What it is called without what keeps services of one name apart: "vaultwarden" of "vaultwarden (pve:101)"."""
    name, apart, reference = service.rpartition(" (")
    return name if apart and reference.endswith(")") and ":" in reference else service
