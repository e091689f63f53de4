"""MonthReport → public JSON. Every field is always there, null where it is not known; openapi_schemas.py describes it."""

from __future__ import annotations

from importlib.metadata import version

from sidecar.core.history.verdict_log import service_in
from sidecar.core.past.incidents import Incident
from sidecar.core.past.longest_gap import LongestGap
from sidecar.core.past.month import MonthReport, Observation, Row
from sidecar.core.past.tally import OccurrenceState, Tally

from .views import VERSION, Json, timestamp


def report_json(report: MonthReport, *, stale: bool) -> Json:
    """The whole report. ``stale``: nothing has been judged for so long that what was due lately is not in it."""
    return {
        "version": VERSION,
        "generated_at": timestamp(report.at),
        "generator": f"backup-glance {version('backup-glance')}",
        "month": str(report.month),
        "timezone": report.zone.key,
        "from": timestamp(report.start),
        "to": timestamp(report.end),
        "is_over": report.is_over,
        "is_stale": stale,
        "known_since": timestamp(report.known_since),
        "backups": counts_json(report.backups if not report.is_blank else None),
        "upkeep": counts_json(report.upkeep if not report.is_blank else None),
        "rows": [_row(row) for row in report.rows],
        "incidents": [_incident(incident, report) for incident in report.incidents.listed],
        "incidents_not_listed": report.incidents.beyond,
        "short_incidents": report.incidents.short,
        "sources": [_observation(each) for each in report.observations],
    }


#: The sum of the next six; what is paused or skipped was not promised.
PROMISED = "promised"
_STATES = (
    OccurrenceState.KEPT,
    OccurrenceState.KEPT_LATE,
    OccurrenceState.MISSED,
    OccurrenceState.FAILED,
    OccurrenceState.NOT_OBSERVED,
    OccurrenceState.OPEN,
    OccurrenceState.PAUSED,
    OccurrenceState.SKIPPED,
)
COUNTED = (PROMISED, *(state.value for state in _STATES))


def counts_json(counts: Tally | None) -> Json:
    """What became of due times; null, and not 0, where nobody looked."""
    if counts is None:
        return dict.fromkeys(COUNTED)
    return {PROMISED: counts.promised, **{state.value: counts.of(state) for state in _STATES}}


def _row(row: Row) -> Json:
    stood = row.stood
    return {
        "kind": row.kind.value,
        "name": row.name,
        "members": list(row.members),
        "known_since": timestamp(row.known_since),
        **counts_json(row.counts),
        "longest_gap": _gap(row.gap),
        "stood_on": stood.day.isoformat() if stood else None,
        "restore_points": stood.count if stood else None,
        "verified": stood.verified if stood else None,
        "copies": stood.copies if stood else None,
        "size": stood.size if stood else None,
    }


def _gap(gap: LongestGap | None) -> Json | None:
    if gap is None:
        return None
    return {
        "from": timestamp(gap.start),
        "to": timestamp(gap.end),
        "seconds": int(gap.length.total_seconds()),
        "began_before": gap.began_before,
        "lasts": gap.lasts,
    }


def _incident(incident: Incident, report: MonthReport) -> Json:
    return {
        "from": timestamp(incident.start),
        "to": timestamp(incident.end),
        "began_before": incident.began_before,
        "states": [state.value for state in incident.states],
        "services": list(_services(incident, report)),
        "members": list(incident.members),
        "job": incident.job or None,
        "source": incident.source or None,
        "cause": incident.cause,
        "reason": incident.reason,
    }


def _services(incident: Incident, report: MonthReport) -> dict[str, None]:
    """Also one that is gone: its name is known where what it required is remembered."""
    gone = {member: (name,) for member in incident.members if (name := service_in(member)) is not None}
    names = gone | dict(report.names)
    return dict.fromkeys(name for member in incident.members for name in names.get(member, ()))


def _observation(each: Observation) -> Json:
    return {
        "source": each.source,
        "known_since": timestamp(each.looked_since),
        "unobserved_seconds": int(each.unobserved.total_seconds()),
        "gaps": [{"from": timestamp(start), "to": timestamp(until)} for start, until in each.gaps],
    }
