"""Why a source could not be read, and what is missing of it: the sentences that all sources share, each made here once."""

from __future__ import annotations

from sidecar.core.reports.report import Limit, LimitKind, Problem, ProblemKind
from sidecar.errors import SourceError


def problem_of(error: SourceError, *, cause: str | None = None, action: str | None = None) -> Problem:
    """A failed call as the problem of a scope or a source; ``cause`` and ``action`` describe it better than the call can."""
    return Problem(cause or error.cause, action or error.action, kind=error.kind, culprit=error.culprit)


#: The upstream as a whole could not be asked, whatever it was asked for.
_OF_THE_SOURCE = (
    ProblemKind.UNREACHABLE,
    ProblemKind.TIMED_OUT,
    ProblemKind.UNTRUSTED_CERTIFICATE,
    ProblemKind.CONFIGURATION,
    ProblemKind.REFUSED_CREDENTIALS,
    ProblemKind.LOGIN_IN_FRONT,
    ProblemKind.RATE_LIMITED,
    ProblemKind.REDIRECTED,
)


def is_of_the_source(problem: Problem) -> bool:
    """A call failed in a way in which any other would: it says enough of the whole source. Others concern one list."""
    return problem.kind in _OF_THE_SOURCE


def not_understood(cause: str) -> Problem:
    """An answer that is not what its API documents."""
    return Problem(cause, kind=ProblemKind.NOT_UNDERSTOOD)


# --- limits -----------------------------------------------------------------------------------------------------------


def unreadable_rows(what: str, count: int, total: int | None = None) -> Limit:
    """Rows of a list that could not be read; ``what`` names the list: "jobs", "rows of the list of guests"."""
    of = f" of {total}" if total is not None else ""
    text = f"{count}{of} {what} could not be read"
    return Limit(text=text, kind=LimitKind.UNREADABLE_ROWS, culprit=what, count=count, total=total)


def cut_off(what: str, count: int) -> Limit:
    """A list that is longer than what is read of it."""
    return Limit(text=f"only the newest {count} {what} were read", kind=LimitKind.CUT_OFF, culprit=what, count=count)


def not_read(what: str, problem: Problem | SourceError) -> Limit:
    """Something that could not be read, and that one can do without: "the time zone of its schedules"."""
    return Limit(text=f"{what} could not be read: {problem.cause}", kind=LimitKind.NOT_READ, culprit=what)


def not_visible(text: str, path: str, grantees: tuple[str, ...] = ()) -> Limit:
    """What the token does not see because of a grant that is missing on ``path``, for ``grantees``."""
    return Limit(text=text, kind=LimitKind.NOT_VISIBLE, culprit=path, grantees=grantees)


def old_version(version: str, first: str) -> Limit:
    """A version older than ``first``, the first that is supported."""
    text = f"version {version} is older than {first}, the first that backup-glance supports: update it"
    return Limit(text=text, kind=LimitKind.OLD_VERSION, culprit=version)
