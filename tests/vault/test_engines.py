"""KV version 1 where version 2 is expected: named with its mount and what to do, and no secret is taken from it."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.vault.client import Server, Trouble
from tests.vault.server import AppRole, Bao
from tests.vault.test_client import refusal

VERSION_1 = "has KV version 1 at kv1, and backup-glance reads version 2 only: mount a new engine"
PATH = "backup-glance/pbs"

#: What an entry of version 1 may look like at the path where version 2 has its data.
ENTRIES: dict[str, dict[str, Any]] = {
    "plain": {"secret": "hunter2"},
    "a field called data": {"data": {"secret": "hunter2"}},
    "as written for version 2": {"data": {"secret": "hunter2"}, "options": {"cas": 0}},
    "a field called metadata": {"data": {"secret": "hunter2"}, "metadata": "x"},
    "without a version": {"data": {"secret": "hunter2"}, "metadata": {"version": None}},
}


@pytest.fixture(scope="module")
def policies(shared_bao: Bao) -> Bao:
    """A server with other engines, and policies as for version 2, for version 1, and for nothing there."""
    shared_bao.call("POST", "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
    shared_bao.call("POST", "sys/mounts/transit", {"type": "transit"})
    for name, path in (("as-2", "kv1/data/*"), ("as-1", "kv1/backup-glance/*"), ("engine", "transit/*")):
        shared_bao.call("PUT", f"sys/policies/acl/{name}", {"policy": f'path "{path}" {{ capabilities = ["read"] }}'})
    return shared_bao


def logged_in(bao: Bao, policy: str) -> tuple[Server, str]:
    role: AppRole = bao.role(token_policies=policy, token_no_default_policy=True)
    server = Server(bao.address, bao.ca_file)
    return server, server.log_in("approle", role.role_id, role.secret_id).token


@pytest.mark.parametrize("entry", sorted(ENTRIES))
def test_no_secret_is_taken_from_an_entry_without_a_version(bao: Bao, policies: Bao, entry: str) -> None:
    bao.call("POST", f"kv1/data/{PATH}", ENTRIES[entry])
    server, token = logged_in(bao, "as-2")

    error = refusal(lambda: server.read(token, "kv1", PATH))

    assert error.trouble is Trouble.MISSING
    assert VERSION_1 in str(error)
    assert "vault kv enable-versioning kv1" in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("policy", ["as-2", "as-1"])
def test_where_nothing_is_or_nothing_is_allowed_version_1_is_named_as_the_cause(
    bao: Bao, policies: Bao, policy: str
) -> None:
    """Otherwise somebody would write a policy or an entry that can't help."""
    server, token = logged_in(bao, policy)

    assert VERSION_1 in str(refusal(lambda: server.read(token, "kv1", "backup-glance/unwritten")))


def test_an_engine_of_another_kind_is_named(bao: Bao, policies: Bao) -> None:
    server, token = logged_in(bao, "engine")

    error = str(refusal(lambda: server.read(token, "transit", PATH)))

    assert "has an engine of another kind at transit, not KV version 2: correct vault.kv_mount" in error


def test_of_a_mount_where_the_token_may_do_nothing_the_policy_is_named(bao: Bao, policies: Bao) -> None:
    server, token = logged_in(bao, "engine")

    error = refusal(lambda: server.read(token, "kv1", PATH))

    assert error.trouble is Trouble.DENIED
    assert 'path "kv1/data/backup-glance/pbs"' in str(error)
    server.check_engine(token, "kv1")
    server.check_engine(token, "nowhere")
