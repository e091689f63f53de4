"""What is known of the namespace that a storage of PVE leads to, and in which words it isn't (rules 1 and 6)."""

from __future__ import annotations

from dataclasses import replace

from sidecar.core.model import State, Verdict
from sidecar.core.reports.facts import Datastore, Namespace
from sidecar.core.reports.report import Limit, LimitKind, Problem, ProblemKind, Reading, Report, keep_what_failed
from tests.core.factories import at
from tests.core.sample_reports import STORAGE, Scopes, group, judged, pbs, pve, row, service, settings, vzdump

NIGHT = vzdump("22 04:00", "22 04:20")
IN_A = replace(STORAGE, namespace="a")
CLOSED = Problem("datastore main is in maintenance: offline", "End it", kind=ProblemKind.MAINTENANCE, culprit="main")


def verdict(server: Report, now: str = "22 12:00") -> Verdict:
    return row(judged(now, pve(now, NIGHT, storages=(IN_A,)), server), "vaultwarden").verdict


def whole(read: str) -> Report:
    extra: Scopes = {
        ("namespaces", "main"): (Namespace("main", ""), Namespace("main", "a")),
        ("snapshots", "main", "a"): (group("22 04:05", namespace="a"),),
    }
    return pbs(read, extra=extra)


def closed(read: str) -> Report:
    """As a source that was just started says it: it knows no namespace but the root."""
    scopes = (("namespaces", "main"), ("snapshots", "main", ""))
    rest = tuple(reading for reading in pbs(read).readings if reading.scope not in scopes)
    return replace(pbs(read), readings=(*rest, *(Reading(scope, None, (), CLOSED) for scope in scopes)))


def test_a_store_that_closed_and_a_restart_take_nothing_away() -> None:
    merged = keep_what_failed(closed("22 12:00"), whole("22 11:50"))

    assert verdict(merged).state is State.OK


def test_when_that_is_too_old_it_is_unknown_and_names_the_maintenance() -> None:
    merged = keep_what_failed(closed("22 12:00"), whole("22 11:00"))

    assert verdict(merged).state is State.UNKNOWN
    assert "main is in maintenance: offline" in (verdict(merged).reason or "")


def test_a_namespace_that_is_listed_and_was_not_read_is_not_empty() -> None:
    server = pbs("22 12:00", extra={("namespaces", "main"): (Namespace("main", ""), Namespace("main", "a"))})

    assert verdict(server).state is State.UNKNOWN


def test_a_datastore_that_the_token_may_not_see_is_named_with_the_grant() -> None:
    limit = Limit(
        text="only some datastores are visible",
        kind=LimitKind.NOT_VISIBLE,
        culprit="/datastore",
        grantees=("m@pbs!g", "m@pbs"),
    )
    found = verdict(without_main(limits=(limit,)))

    assert found.state is State.UNKNOWN
    assert "the token may not see /datastore/main/a" in (found.reason or "")
    for who in ("m@pbs!g", "m@pbs"):
        assert f"acl update /datastore/main/a DatastoreAudit --auth-id '{who}'" in (found.action or "")


def test_a_datastore_that_does_not_exist_is_said_not_to() -> None:
    found = verdict(without_main())

    assert (found.state, found.reason) == (State.UNKNOWN, "Can't read pbs: it has no datastore main.")


def test_a_group_that_a_service_names_where_the_token_may_not_see_is_not_called_unknown_to_the_server() -> None:
    limit = Limit(text="only some datastores are visible", kind=LimitKind.NOT_VISIBLE, culprit="/datastore")
    given = settings(services=(service("nas", "pbs:main/a/host/nas"),))
    found = judged("22 12:00", without_main(limits=(limit,)), pve("22 12:00"), given=given)

    assert row(found, "nas").verdict.state is State.UNKNOWN
    assert "the token may not see /datastore/main/a" in (row(found, "nas").verdict.reason or "")
    assert not [note for note in found.notes if "does not know" in note]


def test_a_guest_that_the_token_may_not_see_is_named_with_the_grant() -> None:
    limit = Limit(text="only some guests are visible (pveum …)", kind=LimitKind.NOT_VISIBLE, culprit="/vms")
    given = settings(services=(service("vpn", "140"),))
    found = judged("22 12:00", pve("22 12:00", NIGHT, limits=(limit,)), whole("22 12:00"), given=given)

    assert row(found, "vpn").verdict.reason == (
        "140 is not among what pve shows: only some guests are visible (pveum …)."
    )


def without_main(**changes: tuple[Limit, ...]) -> Report:
    other = Datastore(name="other", maintenance=None, total=1000, used=600, avail=400)
    scopes: dict[tuple[str, ...], tuple[Datastore, ...]] = {("datastores",): (other,)}
    made = pbs("22 12:00", extra=scopes)
    readings = tuple(reading for reading in made.readings if "main" not in reading.scope)
    return replace(made, readings=readings, at=at("22 12:00"), **changes)  # type: ignore[arg-type]
