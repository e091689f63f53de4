"""Jobs that owe nothing to anybody in the table: what their rows say."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from sidecar.core import words
from sidecar.core.ids import JobId, SourceName
from sidecar.core.judgement.judged import Judged
from sidecar.core.model import Cause, SourceKind, State, Verdict
from sidecar.core.parts.expectation import ScheduleInForce
from sidecar.core.parts.unseen import why_unread
from sidecar.core.reports.facts import BackupJob


class IdleJobs:
    """The jobs without members among everything that was judged."""

    def __init__(self, judged: Judged) -> None:
        self._judged = judged

    def verdict(self, schedule: ScheduleInForce) -> Verdict:
        """Rule 2: one that is switched off owes nothing to guests that another job saves, but it still covers them."""
        if (unread := self._unread.get(schedule.job)) is not None:
            return Verdict(state=State.UNKNOWN, reason=words.sentence(unread), cause=Cause.CANNOT_TELL)
        vmids = self._guests.get(schedule.job, ())
        others = {job for vmid in vmids for job in self._saved_by.get((schedule.job.source, str(vmid)), ())}
        if others:
            covers = f"its guests are in {words.listed(sorted(others))}"
        elif vmids:
            covers = "none of the guests that it covers is shown here"
        else:
            covers = "covers nothing"
        if schedule.enabled:
            return Verdict(state=State.WARNING, reason=words.sentence(covers))
        joint = "; " if vmids else ", and "
        return Verdict(state=State.DISABLED, reason=f"Switched off at its source{joint}{covers}.")

    @cached_property
    def _unread(self) -> dict[JobId, str]:
        """Jobs of which it could not be read whom they cover, with the reason."""
        unread = {}
        for source, report in self._judged.inputs.of(SourceKind.PVE):
            guests = report.reading("guests") if report is not None else None
            for job in report.facts(BackupJob) if report is not None else ():
                name = JobId(SourceName(source.name), "backup", job.id)
                if job.guests is None and report is not None:
                    unread[name] = why_unread(report, job.id)
                elif guests is not None and guests.as_of is None and guests.problem is not None:
                    unread[name] = f"can't read the guests of {source.name}: {guests.problem.cause}"
        return unread

    @cached_property
    def _guests(self) -> dict[JobId, tuple[int, ...]]:
        return {
            JobId(SourceName(source.name), "backup", job.id): job.guests or ()
            for source, report in self._judged.inputs.of(SourceKind.PVE)
            for job in (report.facts(BackupJob) if report else ())
        }

    @cached_property
    def _saved_by(self) -> dict[tuple[str, str], set[str]]:
        """By source and guest the jobs that are to back it up."""
        jobs: dict[tuple[str, str], set[str]] = defaultdict(set)
        for part in (part for service in self._judged.services for part in service.parts):
            owing = (judgement.expectation for judgement in part.judgements if judgement.expectation.owes)
            jobs[part.part.source, part.part.ref].update(expectation.job.id for expectation in owing)
        return jobs
