"""What is said of a source without a network: its certificate's days, and hostile amounts of what it could not show."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sidecar.core.history.history import EMPTY
from sidecar.core.judgement.judged import judged
from sidecar.core.model import SourceKind, SourceRow, State, Verdict
from sidecar.core.reports.report import Limit, Problem, ProblemKind, Reading, Report
from sidecar.core.settings import Settings, SourceSetting
from sidecar.doctor.findings import Finding, Severity
from sidecar.doctor.of_sources import SourceFacts, findings
from sidecar.upstream.handshake import Handshake
from tests.core.factories import BERLIN, at

NOW = at("23 07:30")
SETTINGS = Settings(
    timezone=BERLIN,
    sources=(
        SourceSetting(name="pbs", kind=SourceKind.PBS, url="https://pbs.lan:8007", stale_after=timedelta(hours=1)),
    ),
)
PRINT = ":".join(["ab"] * 32)


def found(handshake: Handshake, *, pinned: bool = True, **report: object) -> list[Finding]:
    told = Report(source="pbs", kind=SourceKind.PBS, at=NOW, **report)  # type: ignore[arg-type]
    row = SourceRow(name="pbs", kind=SourceKind.PBS, verdict=Verdict(state=State.OK), as_of=NOW, version=None)
    facts = SourceFacts(
        row=row, url="https://pbs.lan:8007", pinned=pinned, handshake=handshake, report=told, storages={}
    )
    return list(findings(facts, judged({"pbs": told}, EMPTY, SETTINGS, NOW), NOW))


@pytest.mark.parametrize(
    ("left", "severity", "says"),
    [
        (timedelta(days=400), Severity.OK, "ends in 400 days"),
        (timedelta(days=21), Severity.OK, "ends in 21 days"),
        (timedelta(days=20, hours=23), Severity.WARNING, "ends in 20 days"),
        (timedelta(days=1, hours=3), Severity.WARNING, "ends in 1 day ("),
        (timedelta(hours=3), Severity.WARNING, "ends in 0 days"),
    ],
)
def test_a_certificate_that_ends_within_three_weeks_is_a_warning(
    left: timedelta, severity: Severity, says: str
) -> None:
    _, certificate = found(Handshake(fingerprint=PRINT, ends=NOW + left))

    assert (certificate.severity, says in certificate.text) == (severity, True)
    assert (certificate.action is not None) is (severity is Severity.WARNING)


def test_who_signed_it_or_pins_it_is_told_with_what_to_update() -> None:
    ends = NOW + timedelta(days=3)
    _, pinned = found(Handshake(fingerprint=PRINT, ends=ends))
    _, signed = found(Handshake(fingerprint=PRINT, ends=ends), pinned=False)

    assert pinned.action == "Renew it on the server, then update sources.pbs.fingerprint"
    assert signed.action == "Renew it on the server"
    assert "signed by a CA" in signed.text


def test_no_certificate_at_all_is_said() -> None:
    _, without = found(Handshake())
    assert without.text.startswith("no TLS: ")


def test_a_thousand_closed_namespaces_are_named_up_to_a_limit() -> None:
    problems = [Problem(f"the token may not see {number}", kind=ProblemKind.NO_PERMISSION) for number in range(1000)]
    readings = tuple(Reading(("snapshots", "main", str(n)), None, (), each) for n, each in enumerate(problems))
    limits = tuple(Limit(text=f"limit {number}") for number in range(30))
    every = found(Handshake(fingerprint=PRINT, ends=NOW + timedelta(days=90)), readings=readings, limits=limits)

    assert len(every) == 2 + 20 + 20 + 1
    assert every[-1].text == "990 more of its lists could not be read"
