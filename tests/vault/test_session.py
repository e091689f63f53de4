"""The login at Vault: what was read stays in use whatever happens to Vault, and refused calls are not repeated too soon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import SecretError
from sidecar.logs import Redacting
from sidecar.vault.client import Server
from sidecar.vault.session import Account, VaultSession, Waits, is_near_its_end, renewal_after, retry_after
from tests.vault.server import AppRole, Bao, running

PBS = "backup-glance/pbs"
SOON = Waits(first=0.05, longest=0.1)


def session(
    bao: Bao, role: AppRole, *, secret_id: Callable[[], str] | None = None, waits: Waits = SOON, hide: Any = None
) -> VaultSession:
    account = Account("approle", "secret", lambda: role.role_id, secret_id or (lambda: role.secret_id))
    return VaultSession(Server(bao.address, bao.ca_file), account, hide or (lambda _: None), waits)


@asynccontextmanager
async def alive(vault: VaultSession) -> Any:
    """Runs its loop until the block ends."""
    loop = asyncio.create_task(vault.keep_alive())
    try:
        yield
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop


async def within(seconds: float, attempt: Callable[[], Coroutine[Any, Any, str]], wanted: str) -> None:
    """Waits until the attempt gives what is wanted; before that it may be refused."""
    async with asyncio.timeout(seconds):
        while True:
            with suppress(SecretError):
                if await attempt() == wanted:
                    return
            await asyncio.sleep(0.05)


# --- when ---


@pytest.mark.parametrize(("lease", "after"), [(0.0, 86_400.0), (1e-9, 0.5), (1.0, 2 / 3), (3600.0, 2400.0)])
def test_a_lease_is_renewed_when_a_third_of_it_is_left(lease: float, after: float) -> None:
    assert renewal_after(lease) == pytest.approx(after)


@pytest.mark.parametrize(("first", "lease", "near"), [(20, 20, False), (20, 10, False), (20, 9, True), (20, 0, True)])
def test_a_token_near_its_maximal_ttl_is_recognised(first: float, lease: float, near: bool) -> None:
    assert is_near_its_end(first, lease) is near


@given(failures=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_back_off_grows_to_its_limit_and_never_hits_all_at_once(failures: int, jitter: float) -> None:
    waits = Waits(first=1, longest=60)
    wait = retry_after(failures, jitter, waits)

    assert 0.5 <= wait <= 60
    assert wait == pytest.approx(min(60, 2.0 ** min(failures - 1, 100)) * (1 - jitter / 2))
    assert retry_after(failures + 1, jitter, waits) >= wait


def test_a_refused_login_is_not_repeated_while_vault_still_counts_it() -> None:
    assert Waits().refused > 15 * 60


# --- reading ---


def test_an_entry_is_read_once_for_all_its_fields_and_then_served_from_memory(bao: Bao) -> None:
    role = bao.role(token_num_uses=1)  # a second call with this token would be refused
    hidden: set[str] = set()

    async def story() -> None:
        vault = session(bao, role, hide=hidden.add)
        for _ in range(3):
            assert await vault.read(PBS, "token_id", fresh=False) == "monitor@pbs!glance"
            assert await vault.read(PBS, "secret", fresh=False) == "first-secret-of-pbs"

    asyncio.run(story())
    assert {"monitor@pbs!glance", "first-secret-of-pbs"} < hidden


def test_many_that_read_at_once_share_one_login(bao: Bao) -> None:
    role = bao.role()

    async def story() -> None:
        vault = session(bao, role)
        async with alive(vault):
            read = await asyncio.gather(*(vault.read(PBS, "secret", fresh=True) for _ in range(8)))
        assert set(read) == {"first-secret-of-pbs"}

    asyncio.run(story())
    assert bao.logins(role) == 1


def test_both_fields_of_a_fresh_read_come_from_one_version(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.vault.session._SAME_VERSION", 0.6)
    bao.write("backup-glance/rotated", token_id="id-1", secret="secret-1")
    role = bao.role()

    async def story() -> None:
        vault = session(bao, role)
        assert await vault.read("backup-glance/rotated", "token_id", fresh=False) == "id-1"
        bao.write("backup-glance/rotated", token_id="id-2", secret="secret-2")
        assert await vault.read("backup-glance/rotated", "secret", fresh=False) == "secret-1"
        assert await vault.read("backup-glance/rotated", "token_id", fresh=True) == "id-2"
        bao.write("backup-glance/rotated", token_id="id-3", secret="secret-3")
        assert await vault.read("backup-glance/rotated", "secret", fresh=True) == "secret-2"
        await asyncio.sleep(0.65)
        assert await vault.read("backup-glance/rotated", "secret", fresh=True) == "secret-3"
        assert await vault.read("backup-glance/rotated", "token_id", fresh=False) == "id-3"

    asyncio.run(story())


@pytest.mark.parametrize("value", ["", 7, None, ["a"]])
def test_a_field_that_is_missing_or_no_text_is_named(bao: Bao, value: object) -> None:
    bao.write("backup-glance/odd", odd=value)
    role = bao.role()

    async def story() -> None:
        vault = session(bao, role)
        for field in ("odd", "absent"):
            with pytest.raises(SecretError, match=f"secret/backup-glance/odd has no text in field {field}"):
                await vault.read("backup-glance/odd", field, fresh=False)

    asyncio.run(story())


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_newline_of_a_file_that_was_stored_is_no_part_of_the_secret(bao: Bao, ending: str) -> None:
    bao.write("backup-glance/from-a-file", secret=f"token\nof two lines{ending}", empty=ending)
    role = bao.role()

    async def story() -> None:
        vault = session(bao, role)
        assert await vault.read("backup-glance/from-a-file", "secret", fresh=False) == "token\nof two lines"
        with pytest.raises(SecretError, match="no text in field empty"):
            await vault.read("backup-glance/from-a-file", "empty", fresh=False)

    asyncio.run(story())


def test_an_entry_that_was_deleted_or_forbidden_is_an_error_when_a_fresh_value_is_read(bao: Bao) -> None:
    bao.write("backup-glance/leaving", secret="leaving")
    role = bao.role()

    async def story() -> None:
        vault = session(bao, role)
        await vault.read("backup-glance/leaving", "secret", fresh=False)
        bao.call("DELETE", "secret/data/backup-glance/leaving")
        with pytest.raises(SecretError, match="only deleted versions"):
            await vault.read("backup-glance/leaving", "secret", fresh=True)
        with pytest.raises(SecretError, match='path "secret/data/elsewhere/pbs"'):
            await vault.read("elsewhere/pbs", "secret", fresh=False)

    asyncio.run(story())
    assert bao.logins(role) == 1, "a missing permission is not a reason to log in again"


# --- while Vault is away ---


def test_sealed_at_start_is_an_error_until_it_is_unsealed(bao: Bao) -> None:
    role = bao.role()
    bao.seal()

    async def story() -> None:
        vault = session(bao, role)
        async with alive(vault):
            with pytest.raises(SecretError, match="is sealed"):
                await vault.read(PBS, "secret", fresh=False)
            bao.unseal()
            await within(3, lambda: vault.read(PBS, "secret", fresh=False), "first-secret-of-pbs")

    asyncio.run(story())


def test_what_was_read_stays_in_use_while_vault_is_sealed(bao: Bao) -> None:
    bao.write("backup-glance/served", secret="before")
    role = bao.role()

    async def story() -> None:
        vault = session(bao, role)
        async with alive(vault):
            assert await vault.read("backup-glance/served", "secret", fresh=False) == "before"
            bao.seal()
            assert await vault.read("backup-glance/served", "secret", fresh=False) == "before"
            assert await vault.read("backup-glance/served", "secret", fresh=True) == "before"
            with pytest.raises(SecretError, match="is sealed"):
                await vault.read(PBS, "secret", fresh=False)
            bao.unseal()
            bao.write("backup-glance/served", secret="after")
            await within(3, lambda: vault.read("backup-glance/served", "secret", fresh=True), "after")

    asyncio.run(story())


def test_what_was_read_stays_in_use_during_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, "raft") as lasting:
        lasting.write(PBS, secret="kept")
        role = lasting.role()

        async def story() -> None:
            vault = session(lasting, role)
            async with alive(vault):
                assert await vault.read(PBS, "secret", fresh=False) == "kept"
                lasting.stop()
                assert await vault.read(PBS, "secret", fresh=True) == "kept"
                with pytest.raises(SecretError, match="connection refused"):
                    await vault.read("backup-glance/other", "secret", fresh=False)
                lasting.start()
                lasting.unseal()
                lasting.write(PBS, secret="new")
                await within(15, lambda: vault.read(PBS, "secret", fresh=True), "new")

        asyncio.run(story())
        assert lasting.logins(role) == 1, "the token outlives the restart"


def test_while_vault_is_away_it_is_called_no_more_often_than_the_back_off_allows(
    bao: Bao, caplog: pytest.LogCaptureFixture
) -> None:
    role = bao.role()
    bao.seal()

    async def story() -> None:
        vault = session(bao, role, waits=Waits(first=60))
        for _ in range(20):
            with pytest.raises(SecretError, match="is sealed"):
                await vault.read(PBS, "secret", fresh=False)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(story())
    assert sum("POST /v1/auth/approle/login" in line for line in caplog.messages) == 1
    assert sum("is sealed" in line for line in caplog.messages) == 1, "logged once, not at each try"


def test_a_vault_that_never_ends_its_answer_is_an_error_and_blocks_nothing(bao: Bao) -> None:
    """Each byte comes in time, so a limit between two pieces of an answer does not help."""

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(30):  # long enough: a second and a half
                writer.write(b" ")
                await asyncio.sleep(0.05)
        finally:
            writer.transport.abort()

    async def story() -> None:
        server = await asyncio.start_server(drip, "127.0.0.1", 0, ssl=bao.tls())
        port = server.sockets[0].getsockname()[1]
        account = Account("approle", "secret", lambda: "role", lambda: "secret_id")
        waits = Waits(first=0.01, longest=0.01, answer=0.1)
        vault = VaultSession(Server(f"https://127.0.0.1:{port}", bao.ca_file), account, lambda _: None, waits)
        async with server:
            for _ in range(6):  # more than there are threads for Vault
                with pytest.raises(SecretError, match="timed out"):
                    async with asyncio.timeout(1):
                        await vault.read(PBS, "secret", fresh=False)
                await asyncio.sleep(0.02)

    asyncio.run(story())


# --- the token ---


def test_a_token_is_renewed_before_it_ends_and_replaced_where_it_cannot_be(bao: Bao) -> None:
    async def tokens_of(wanted: int, **settings: object) -> int:
        """How many tokens it took until there were that many, but at least for a life of the longest."""
        seen: set[str] = set()
        vault = session(bao, bao.role(**settings), hide=seen.add)

        def tokens() -> int:
            return len([secret for secret in seen if secret.startswith(("s.", "b."))])

        async with alive(vault), asyncio.timeout(30):
            await asyncio.sleep(3.4)
            while tokens() < wanted:  # noqa: ASYNC110  # nothing tells; a busy machine is late
                await asyncio.sleep(0.1)
            assert await vault.read(PBS, "secret", fresh=True) == "first-secret-of-pbs"
            return tokens()

    async def story() -> tuple[int, ...]:
        return tuple(
            await asyncio.gather(
                tokens_of(1, token_period="3s"),
                tokens_of(2, token_ttl="3s", token_max_ttl="3s"),
                tokens_of(2, token_ttl="1s", token_max_ttl="2s"),
                tokens_of(3, token_type="batch", token_ttl="1s"),
            )
        )

    periodic, ending, _capped, _batch = asyncio.run(story())
    # A new one when the maximal TTL is reached, and where it can't be renewed at all, was waited for.
    assert periodic == 1, "it is renewed for ever"
    assert ending <= 3, "a new one as soon as renewing gives less than half, and not at each renewal"


def test_a_revoked_token_is_replaced_at_the_next_read(bao: Bao) -> None:
    role = bao.role()
    tokens: list[str] = []

    async def story() -> None:
        vault = session(bao, role, hide=tokens.append)
        await vault.read(PBS, "secret", fresh=False)
        (token,) = [secret for secret in tokens if secret.startswith("s.")]
        bao.call("POST", "auth/token/revoke", {"token": token})
        assert await vault.read(PBS, "secret", fresh=True) == "first-secret-of-pbs"

    asyncio.run(story())
    assert bao.logins(role) == 1


def test_a_rotated_secret_id_is_used_at_the_next_login(bao: Bao) -> None:
    role = bao.role(token_ttl="1s", token_max_ttl="1s")
    present = [role.secret_id]

    async def story() -> None:
        vault = session(bao, role, secret_id=lambda: present[0])
        await vault.read(PBS, "secret", fresh=False)
        present[0] = bao.secret_id(role.name)["secret_id"]
        bao.destroy(role.name, role.secret_id_accessor)
        await asyncio.sleep(1.2)
        assert await vault.read(PBS, "secret", fresh=True) == "first-secret-of-pbs"

    asyncio.run(story())


# --- refused logins ---


def test_a_refused_login_is_an_error_and_is_not_repeated(bao: Bao) -> None:
    """Five would lock the role for all its users."""
    role = bao.role()

    async def story() -> None:
        vault = session(bao, role, secret_id=lambda: "wrong-secret-id-of-this-test")
        async with alive(vault):
            for _ in range(10):
                with pytest.raises(SecretError, match="refuses role_id and secret_id") as caught:
                    await vault.read(PBS, "secret", fresh=False)
                assert "wrong-secret-id" not in str(caught.value)
        assert await session(bao, role).read(PBS, "secret", fresh=False) == "first-secret-of-pbs"

    asyncio.run(story())


@pytest.mark.parametrize("read", [True, False], ids=["when an entry is read", "by itself"])
def test_a_replaced_secret_id_is_tried_without_a_pause(bao: Bao, caplog: pytest.LogCaptureFixture, read: bool) -> None:
    role = bao.role()
    present = ["wrong-secret-id-of-this-test"]

    async def story() -> None:
        vault = session(bao, role, secret_id=lambda: present[0])
        async with alive(vault):
            with pytest.raises(SecretError, match="refuses role_id and secret_id"):
                await vault.read(PBS, "secret", fresh=False)
            present[0] = role.secret_id
            if read:
                assert await vault.read(PBS, "secret", fresh=False) == "first-secret-of-pbs"
            else:
                await asyncio.sleep(1)

    with caplog.at_level(logging.INFO):
        asyncio.run(story())
    assert bao.logins(role) == 1
    assert "Vault answers again" in caplog.text


def test_a_secret_id_that_cannot_be_read_any_more_is_not_another_one(bao: Bao) -> None:
    role, tries = bao.role(), 0

    def secret_id() -> str:
        nonlocal tries
        tries += 1
        if tries > 1:
            raise SecretError("credential secret_id: No such file or directory")
        return "wrong-secret-id-of-this-test"

    async def story() -> None:
        vault = session(bao, role, secret_id=secret_id)
        for _ in range(2):
            with pytest.raises(SecretError, match="refuses role_id and secret_id"):
                await vault.read(PBS, "secret", fresh=False)

    asyncio.run(story())


def test_a_locked_out_role_is_not_tried_even_when_it_might_work_again(bao: Bao) -> None:
    role = bao.role()
    wrong = AppRole(role.name, role.role_id, "wrong-secret-id-of-this-test", "")

    async def story() -> None:
        for _ in range(5):
            with pytest.raises(SecretError):
                await session(bao, wrong).read(PBS, "secret", fresh=False)
        vault = session(bao, role, waits=Waits(first=0.05, longest=0.1, refused=0.6))
        async with alive(vault):
            with pytest.raises(SecretError, match="locked this role"):
                await vault.read(PBS, "secret", fresh=False)
            bao.unlock(role.role_id)
            await asyncio.sleep(0.3)
            assert bao.logins(role) == 0
            await within(3, lambda: vault.read(PBS, "secret", fresh=False), "first-secret-of-pbs")

    asyncio.run(story())


def test_a_token_is_used_until_it_expires_when_the_next_login_is_refused(bao: Bao) -> None:
    role = bao.role(token_ttl="2s", token_max_ttl="2s")

    async def story() -> None:
        vault = session(bao, role)
        async with alive(vault):
            await vault.read(PBS, "secret", fresh=False)
            bao.destroy(role.name, role.secret_id_accessor)
            await asyncio.sleep(1.5)
            bao.write("backup-glance/late", secret="read with the old token")
            assert await vault.read("backup-glance/late", "secret", fresh=False) == "read with the old token"
            await asyncio.sleep(1.3)
            assert await vault.read(PBS, "secret", fresh=True) == "first-secret-of-pbs"
            with pytest.raises(SecretError, match="refuses role_id and secret_id"):
                await vault.read("backup-glance/other", "secret", fresh=False)

    asyncio.run(story())


# --- no secret anywhere ---


def test_no_secret_is_logged_at_any_level(bao: Bao, caplog: pytest.LogCaptureFixture) -> None:
    role = bao.role()
    formatter = Redacting()
    seen: list[str] = []

    def hide(secret: str) -> None:
        seen.append(secret)
        formatter.hide(secret)

    async def story() -> None:
        vault = session(bao, role, hide=hide)
        async with alive(vault):
            await vault.read(PBS, "secret", fresh=False)
            bao.seal()
            with pytest.raises(SecretError):
                await vault.read("backup-glance/other", "secret", fresh=True)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(story())
    assert len(seen) == 2, "the token and the field"
    assert any("/v1/secret/data/backup-glance/pbs" in line for line in caplog.messages)
    for secret in (*seen, role.role_id, role.secret_id):
        assert secret not in caplog.text
    line = formatter.format(logging.LogRecord("a", logging.INFO, "b", 1, "%s", (" ".join(seen),), None))
    assert line == "INFO a: [withheld] [withheld]"
