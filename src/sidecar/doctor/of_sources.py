"""What is found about one source: how far one gets, what its token sees, misses and has too much, and its clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sidecar.core.judgement.judged import Judged, JudgedPart
from sidecar.core.model import SourceKind, SourceRow, State
from sidecar.core.parts.expectation import Observed
from sidecar.core.reports.clocks import wrong_clock
from sidecar.core.reports.facts import Storage, Zone
from sidecar.core.reports.report import LimitKind, Problem, ProblemKind, Report
from sidecar.sources.permissions import Permissions
from sidecar.upstream.handshake import Handshake, Step

from . import rights
from .findings import Finding, Severity

#: A certificate that ends sooner than this is worth a warning.
RENEW_WITHIN = timedelta(days=21)

#: Problems and limits of one source that are named; a server with a thousand closed namespaces fills no terminal.
_MOST = 20

#: At which step a source stops, by what went wrong.
_STEPS = {
    ProblemKind.CONFIGURATION: "credential",
    ProblemKind.REFUSED_CREDENTIALS: "login",
    ProblemKind.NO_PERMISSION: "rights",
    ProblemKind.UNTRUSTED_CERTIFICATE: "certificate",
    ProblemKind.UNREACHABLE: "connection",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """Everything that was learned about a source.

    Attributes:
        row: how it stands on the board of this round.
        pinned: its certificate is trusted by its fingerprint.
        storages: PVE storage → PBS source, as configured.
        rights: what its token may do; None where it has no such list, or it could not be read.
    """

    row: SourceRow
    url: str
    pinned: bool
    handshake: Handshake
    report: Report
    storages: Mapping[str, str]
    rights: Permissions | None = None

    @property
    def name(self) -> str:
        """As configured."""
        return self.row.name


def findings(facts: SourceFacts, judged: Judged, now: datetime) -> Iterator[Finding]:
    """All that is to be said of it, in the order of the way to it."""
    about = f"source {facts.name}"
    yield from _way(facts, judged, about)
    if facts.handshake.failed is None:
        yield from _certificate(facts, about, now)
    if facts.report.problem is None:
        yield from _clock(facts, about)
        yield from _missing(facts, judged, about)
        yield from _storages(facts, about)
    if facts.rights is not None:
        yield from rights.surplus(facts.rights, facts.report, about)


# --- the way to it ----------------------------------------------------------------------------------------------------


def _way(facts: SourceFacts, judged: Judged, about: str) -> Iterator[Finding]:
    """The first step that does not work, or that all do."""
    shown, problem = facts.handshake, facts.report.problem
    if shown.failed is not None:
        costs = costs_of(problem, facts.name, judged) if problem else ()
        text, action = f"{shown.failed}: {shown.cause}", shown.action or _cure_of_step(facts, shown.failed)
        yield Finding(about=about, severity=Severity.PROBLEM, text=text, action=action, costs=costs)
    elif problem is not None:
        yield Finding(
            about=about,
            severity=Severity.PROBLEM,
            text=f"{_STEPS.get(problem.kind, 'answer')}: {problem.cause}",
            action=problem.action or facts.row.verdict.action,
            costs=costs_of(problem, facts.name, judged),
        )
    else:
        version = f", version {facts.report.version}" if facts.report.version else ""
        steps = (
            "name, connection, certificate, answer and login"
            if shown.fingerprint
            else "name, connection, answer and login"
        )
        yield Finding(about=about, severity=Severity.OK, text=f"answers at {facts.url}{version}: {steps} are in order")


def _cure_of_step(facts: SourceFacts, step: Step) -> str:
    where, product = f"sources.{facts.name}.url ({facts.url})", facts.row.kind.product
    if step is Step.NAME:
        return f"Correct the host in {where}, or the DNS server that this machine asks"
    if step is Step.CONNECTION:
        return f"Check that {product} runs, that no firewall is between, and the host and port in {where}"
    return f"Check that {product} itself answers at {where}"


def _certificate(facts: SourceFacts, about: str, now: datetime) -> Iterator[Finding]:
    ends = facts.handshake.ends
    if facts.handshake.fingerprint is None:
        text = "no TLS: whoever is on the way can read its credential and change its answers"
        yield Finding(about=about, severity=Severity.OK, text=text)
    elif ends is None:
        text = "the certificate does not tell until when it is valid"
        yield Finding(about=about, severity=Severity.UNKNOWN, text=text, action="Look at it on the server")
    else:
        days = (ends - now).days
        how = "is the one whose fingerprint is configured" if facts.pinned else "is signed by a CA that is trusted"
        ending = f"ends in {days} day{'' if days == 1 else 's'} ({ends:%Y-%m-%d})"
        soon = ends - now < RENEW_WITHIN
        pin = f", then update sources.{facts.name}.fingerprint" if facts.pinned else ""
        yield Finding(
            about=about,
            severity=Severity.WARNING if soon else Severity.OK,
            text=f"certificate {how}, and {ending}",
            action=f"Renew it on the server{pin}" if soon else None,
        )


def _clock(facts: SourceFacts, about: str) -> Iterator[Finding]:
    zones = list(facts.report.facts(Zone))
    wrong = wrong_clock(facts.report)
    if wrong is not None:
        action = "Compare both clocks with timedatectl, there and on this machine, and let NTP set them"
        yield Finding(about=about, severity=Severity.WARNING, text=wrong, action=action)
    elif zones:
        names = sorted({zone.timezone for zone in zones})
        text = f"its clock agrees with the one of this machine; its schedules are in {', '.join(names)}"
        yield Finding(about=about, severity=Severity.OK, text=text)


# --- what its token sees ----------------------------------------------------------------------------------------------


def _missing(facts: SourceFacts, judged: Judged, about: str) -> Iterator[Finding]:
    """What it could not read or may not see, each with its cure and with what stays unknown."""
    troubles = (reading.trouble for reading in facts.report.readings)
    told = list(dict.fromkeys(problem for problem in troubles if problem is not None))
    problems = [*told, *_unseen(told, facts.name, judged)]
    for problem in problems[:_MOST]:
        costs = costs_of(problem, facts.name, judged)
        yield Finding(
            about=about,
            severity=Severity.PROBLEM if costs else Severity.WARNING,
            text=problem.cause,
            action=problem.action or facts.row.verdict.action,
            costs=costs,
        )
    limits = facts.report.limits
    for limit in limits[:_MOST]:
        yield Finding(about=about, severity=Severity.WARNING, text=limit.text)
    more = max(len(problems) - _MOST, 0) + max(len(limits) - _MOST, 0)
    if more:
        yield Finding(about=about, severity=Severity.WARNING, text=f"{more} more of its lists could not be read")
    hidden = problems or any(limit.kind is LimitKind.NOT_VISIBLE for limit in limits)
    if facts.rights is not None and not hidden:
        text = f"{facts.rights.token} has every right that backup-glance can use"
        yield Finding(about=about, severity=Severity.OK, text=text)


def costs_of(problem: Problem, source: str, judged: Judged) -> tuple[str, ...]:
    """The services and jobs that are unknown because of it: their evidence has this very problem, or waits for the source."""
    unknown = (
        *((service.service.name, part) for service in judged.services for part in service.parts),
        *((part.part.name, part) for part in judged.upkeep),
    )
    names = (name for name, part in unknown if part.verdict.state is State.UNKNOWN and _rests_on(part, problem, source))
    return tuple(dict.fromkeys(names))


def _rests_on(part: JudgedPart, problem: Problem, source: str) -> bool:
    evident = (each.evidence.problem for each in _observed(part) if each.evidence.source == source)
    blocking = [judgement.expectation.blocked_by for judgement in part.judgements]
    return any(_is_same(each, problem) for each in (*evident, *blocking)) or any(
        each is not None and each.kind is ProblemKind.NOT_READ_YET and each.culprit == source for each in blocking
    )


def _unseen(told: Iterable[Problem], source: str, judged: Judged) -> Iterator[Problem]:
    """What unknown services need of a source that it tells nothing of: a datastore that its token may not see."""
    known = {(problem.kind, problem.culprit) for problem in told}
    parts = (part for service in judged.services for part in service.parts if part.verdict.state is State.UNKNOWN)
    for evidence in (each.evidence for part in parts for each in _observed(part)):
        problem = evidence.problem
        if evidence.source == source and problem is not None and (problem.kind, problem.culprit) not in known:
            known.add((problem.kind, problem.culprit))
            yield problem


def _observed(part: JudgedPart) -> Iterator[Observed]:
    yield part.part.observed
    yield from (judgement.expectation.observed for judgement in part.judgements)


def _is_same(found: Problem | None, problem: Problem) -> bool:
    return found is not None and (found.kind, found.culprit) == (problem.kind, problem.culprit)


def _storages(facts: SourceFacts, about: str) -> Iterator[Finding]:
    """Storages that the configuration joins, and that the cluster does not have."""
    reading = facts.report.reading("storages")
    if facts.row.kind is not SourceKind.PVE or reading is None or reading.as_of is None:
        return
    known = {storage.name for storage in reading.of(Storage)}
    for name in _not_in(facts.storages, known):
        text = f"sources.{facts.name}.storages names {name}, which Proxmox VE does not show"
        listed = ", ".join(sorted(known)[:_MOST]) or "none"
        yield Finding(about=about, severity=Severity.WARNING, text=text, action=f"Use one of its storages: {listed}")


def _not_in(names: Iterable[str], known: set[str]) -> list[str]:
    return [name for name in names if name not in known]
