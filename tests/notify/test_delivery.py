"""Messages reach real servers of ours through Apprise, and what goes wrong is said in words that hold no address."""

from __future__ import annotations

import asyncio
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sidecar.core.alerts.message import Kind, Message
from sidecar.errors import SecretError
from sidecar.notify.delivery import Delivery, Place, ReadUrl, why
from sidecar.notify.job import Failure, Job, Sent
from sidecar.texts.known_secrets import KnownSecrets
from tests.alert_memory import PROBLEM
from tests.notify.receivers import MailServer, WebServer, mail_server, web_server
from tests.processes import free_port
from tests.simulators.certificates import Pair, make_certificates

SECRET = "fake-secret-of-a-url"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_certificates(tmp_path_factory.mktemp("certificates"))["pve"]


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


def sent(url: str, message: Message = PROBLEM, ca_file: Path | None = None, seconds: float = 20.0) -> Sent:
    async def read(_: bool) -> str:
        return url

    return asyncio.run(Delivery(KnownSecrets(), seconds).send(message, Place(read, ca_file)))


def test_ntfy_gets_title_priority_tags_click_and_sequence(web: WebServer) -> None:
    assert sent(f"ntfy://glance:{SECRET}@127.0.0.1:{web.port}/backups?tags=floppy_disk") == Sent()

    (call,) = web.calls
    assert call.json == {"topic": "backups", "title": PROBLEM.title, "message": PROBLEM.body}
    expected = {
        "X-Priority": "high",
        "X-Tags": "floppy_disk,rotating_light",
        "X-Click": "https://pve.lan:8006/",
        "X-Sequence-ID": PROBLEM.incident,
    }
    assert {name: call.headers[name] for name in expected} == expected
    assert "X-Icon" not in call.headers
    assert "X-Markdown" not in call.headers


def test_nothing_of_the_address_gets_into_arguments_environment_or_output(
    web: WebServer, capfd: pytest.CaptureFixture[str]
) -> None:
    web.answers = ["hang"]
    seen: list[str] = []

    async def watched() -> None:
        sending = asyncio.create_task(
            Delivery(KnownSecrets()).send(PROBLEM, Place(reader(f"ntfy://glance:{SECRET}@127.0.0.1:{web.port}/t")))
        )
        await asyncio.to_thread(web.waiting.wait, 30)
        seen.extend(await asyncio.to_thread(visible_of_children))
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    asyncio.run(watched())
    output = capfd.readouterr()
    assert any("sidecar.notify.child" in each for each in seen)
    assert any(re.search(r"^Max data size +67108864 +67108864 ", each, re.MULTILINE) for each in seen)
    assert not [each for each in [*seen, output.out, output.err] if SECRET in each or str(web.port) in each]
    assert children() == []


def visible_of_children() -> list[str]:
    """What everybody on this machine may see of them."""
    names = ("cmdline", "environ", "limits")
    return [Path(f"/proc/{child}/{name}").read_bytes().decode() for child in children() for name in names]


def reader(url: str) -> ReadUrl:
    async def read(_: bool) -> str:
        return url

    return read


def children() -> list[int]:
    """Processes that send, started by this one."""
    return processes_that_send(os.getpid())


def processes_that_send(parent: int | None = None) -> list[int]:
    """Those that are there; ``parent``: only those that it started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            started_by = int(stat.read_text().rpartition(")")[2].split()[1])
            is_one = b"sidecar.notify.child" in (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if is_one and parent in (None, started_by):
            found.append(int(stat.parent.name))
    return found


@pytest.mark.fortnight
def test_a_server_that_hangs_costs_its_time_and_no_more(web: WebServer) -> None:
    web.answers = ["hang"]

    assert sent(f"json://127.0.0.1:{web.port}/", seconds=3).failure is Failure.TIMED_OUT
    assert children() == []


@pytest.mark.fortnight
def test_an_answer_without_end_is_read_for_a_little_while_only(web: WebServer) -> None:
    web.answers = ["endless"]

    assert sent(f"json://127.0.0.1:{web.port}/") == Sent()


# --- what takes a process each ----------------------------------------------------------------------------------------


@pytest.mark.fortnight
def test_gotify_gets_title_text_priority_and_click(web: WebServer) -> None:
    assert sent(f"gotify://127.0.0.1:{web.port}/{SECRET}") == Sent()

    (call,) = web.calls
    assert (call.path, call.headers["X-Gotify-Key"]) == ("/message", SECRET)
    assert call.json == {
        "title": PROBLEM.title,
        "message": PROBLEM.body,
        "priority": 8,
        "extras": {"client::notification": {"click": {"url": PROBLEM.link}}},
    }


@pytest.mark.fortnight
def test_a_webhook_gets_what_a_program_needs(web: WebServer) -> None:
    recovery = replace(PROBLEM, kind=Kind.RECOVERY, link=None, others=("0ther1nc1dent000",))
    assert sent(f"json://127.0.0.1:{web.port}/hook?+X-Key=fake&:team=home", recovery) == Sent()

    (call,) = web.calls
    assert (call.path, call.headers["X-Key"]) == ("/hook", "fake")
    assert call.json == {
        "version": "1.0",
        "title": PROBLEM.title,
        "message": PROBLEM.body,
        "attachments": [],
        "type": "success",
        "team": "home",
        "kind": "recovery",
        "incident": PROBLEM.incident,
        "incidents": [PROBLEM.incident, "0ther1nc1dent000"],
        "at": "2026-11-22T06:00:00+00:00",
        "link": None,
    }


_AT_ANOTHER_ADDRESS = """
import sys
from importlib import import_module
from sidecar.notify.job import Job
from sidecar.notify.sending import send

module, name, url = sys.argv[1:]
getattr(import_module(f"apprise.plugins.{module}"), name).notify_url = url
sys.stdout.buffer.write(send(Job.from_bytes(sys.stdin.buffer.read())).to_bytes())
"""


def sent_to(url: str, instead: tuple[str, str, str], title: str, body: str) -> Sent:
    """Through a service whose address Apprise knows by heart, which is another one for this test."""
    job = Job(url=url, title=title, body=body, kind="problem", incidents=("1",), at="now", link=PROBLEM.link)
    command = [sys.executable, "-c", _AT_ANOTHER_ADDRESS, *instead]
    done = subprocess.run(command, input=job.to_bytes(), capture_output=True, check=True)
    assert SECRET not in done.stderr.decode()
    return Sent.from_bytes(done.stdout)


@pytest.mark.fortnight
def test_discord_interprets_nothing_and_calls_nobody(web: WebServer) -> None:
    instead = ("discord", "NotifyDiscord", f"http://127.0.0.1:{web.port}/api/webhooks")
    assert sent_to(f"discord://123456/{SECRET}", instead, "*web*: failed", "@everyone <@1> [x](y) `z`") == Sent()

    (call,) = web.calls
    assert call.json["allowed_mentions"] == {"parse": []}
    assert "embeds" not in call.json
    assert call.json["content"].splitlines() == [
        r"\*web\*: failed",
        r"\@everyone \<\@1\> \[x\]\(y\) \`z\`",
        "<https://pve.lan:8006/>",
    ]


@pytest.mark.fortnight
def test_telegram_interprets_nothing(web: WebServer) -> None:
    instead = ("telegram", "NotifyTelegram", f"http://127.0.0.1:{web.port}/bot")
    hostile = "<a href='x'>*y*</a> &amp;"
    assert sent_to("tgram://123456789:abcdefghijklmnopqrstuvwxyz/12315544/", instead, "<b>web</b>", hostile) == Sent()

    (call,) = web.calls
    shown = call.json["text"].replace("<b>&lt;b&gt;web&lt;/b&gt;</b>", "TITLE")
    assert call.json["parse_mode"] == "HTML"
    assert shown.splitlines() == ["TITLE", "&lt;a href='x'&gt;*y*&lt;/a&gt; &amp;amp;", "https://pve.lan:8006/"]


@pytest.mark.fortnight
def test_a_server_with_a_private_ca_is_trusted_by_ca_file_only(pair: Pair) -> None:
    """Its CA is made like Proxmox VE's, which Python 3.13 refuses by itself."""
    with web_server(pair) as web:
        url = f"jsons://localhost:{web.port}/"
        assert sent(url, ca_file=pair.ca) == Sent()
        assert len(web.calls) == 1
        refused = sent(url)
        assert refused.failure is Failure.UNTRUSTED
        assert "self-signed certificate in certificate chain" in why(refused) or "unable to get" in why(refused)
        assert len(web.calls) == 1


@pytest.mark.fortnight
def test_a_ca_file_that_is_not_there_is_told() -> None:
    refused = sent("jsons://localhost:1/", ca_file=Path("/nowhere/ca.pem"))

    assert why(refused) == (
        "its ca_file can't be used: No such file or directory; put the CA's certificate (PEM) there"
    )


@pytest.mark.fortnight
@pytest.mark.parametrize(
    ("answer", "failure", "says"),
    [
        (500, Failure.SERVER_ERROR, "its server has trouble (it answered 500)"),
        (404, Failure.REJECTED, "it refused the message (it answered 404)"),
        ("redirect", Failure.REDIRECTED, "it redirects elsewhere (it answered 302)"),
        ("cut off", Failure.UNREACHABLE, "the message could not be sent"),
    ],
)
def test_what_a_server_answers_is_told(web: WebServer, answer: int | str, failure: Failure, says: str) -> None:
    web.answers = [answer]
    refused = sent(f"ntfy://glance:{SECRET}@127.0.0.1:{web.port}/backups")

    assert refused.failure is failure
    assert says in why(refused)
    assert SECRET not in why(refused)
    assert [call.path for call in web.calls] == ["/"]


@pytest.mark.fortnight
def test_a_refused_login_is_tried_once_more_with_a_fresh_address(web: WebServer) -> None:
    web.answers = [401, 200]
    asked: list[bool] = []

    async def read(fresh: bool) -> str:
        asked.append(fresh)
        return f"ntfy://glance:{'new' if fresh else 'old'}@127.0.0.1:{web.port}/backups"

    assert asyncio.run(Delivery(KnownSecrets()).send(PROBLEM, Place(read))) == Sent()
    assert asked == [False, True]
    assert len({call.headers["Authorization"] for call in web.calls}) == 2
    assert len({call.headers["X-Sequence-ID"] for call in web.calls}) == 1


@pytest.mark.fortnight
@pytest.mark.parametrize(
    ("url", "failure"),
    [
        ("ntfy://127.0.0.1:{port}/backups", Failure.REFUSED),
        ("ntfys://no-such-host.invalid/backups", Failure.NO_HOST),
        ("mailto://127.0.0.1:{port}?from=a@lan.test&to=b@lan.test", Failure.REFUSED),
        ("gotify://127.0.0.1:{port}/", Failure.ADDRESS),
    ],
)
def test_who_can_not_be_reached_is_told(url: str, failure: Failure) -> None:
    refused = sent(url.format(port=free_port()))

    assert refused.failure is failure


def test_what_only_apprise_takes_for_several_targets_is_refused_too() -> None:
    # No host name: a topic at ntfy.sh, as the second one is.
    assert sent("ntfy://-host-/backups") == Sent(
        Failure.ADDRESS, detail="its address names several targets; write one receiver for each"
    )


@pytest.mark.fortnight
def test_mail_arrives_as_plain_text() -> None:
    hostile = replace(PROBLEM, title="<b>x</b>: failed", body="<img src=x onerror=alert(1)> *a* @everyone")
    with mail_server() as mail:
        assert sent(f"mailto://127.0.0.1:{mail.port}?from=glance@lan.test&to=me@lan.test", hostile) == Sent()

    assert mail.recipients == ["me@lan.test"]
    first = mail.mails[0]
    assert first["Subject"] == hostile.title
    parts = [part for part in first.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain"]
    assert bytes(parts[0].get_payload(decode=True)).decode().splitlines() == [hostile.body, str(PROBLEM.link)]


@pytest.mark.fortnight
def test_mail_over_tls_with_a_login(pair: Pair) -> None:
    with mail_server(pair) as mail:
        assert sent(_mails(mail, "open"), ca_file=pair.ca) == Sent()
        assert sent(_mails(mail, SECRET), ca_file=pair.ca).failure is Failure.DENIED
        assert sent(_mails(mail, "open")).failure is Failure.UNTRUSTED
        assert sent(_mails(mail, "open", to="nobody@lan.test"), ca_file=pair.ca).failure is Failure.RECIPIENT

    assert len(mail.mails) == 1


def _mails(mail: MailServer, password: str, to: str = "me@lan.test") -> str:
    return f"mailtos://localhost:{mail.port}?user=glance&pass={password}&from=glance@lan.test&to={to}&mode=starttls"


@pytest.mark.fortnight
def test_a_secret_in_a_message_is_withheld(web: WebServer) -> None:
    known = KnownSecrets()
    known.add("a-fake-token-of-pbs")
    place = Place(reader(f"json://127.0.0.1:{web.port}/"))
    asyncio.run(Delivery(known).send(replace(PROBLEM, body="login with a-fake-token-of-pbs failed"), place))

    assert "a-fake-token-of-pbs" not in web.calls[0].body.decode()


def test_a_secret_that_can_not_be_read_is_told() -> None:
    async def read(_: bool) -> str:
        raise SecretError("credential ntfy_url: No such file or directory")

    refused = asyncio.run(Delivery(KnownSecrets()).send(PROBLEM, Place(read)))
    assert why(refused) == "its url can't be read: credential ntfy_url: No such file or directory"


def test_the_message_that_the_roll_out_sends_from_the_sandbox_is_one() -> None:
    path = Path(__file__).parent.parent.parent / "molecule" / "shared" / "checks" / "sending.py"
    sending = runpy.run_path(str(path))

    assert Job(**sending["JOB"]).url == "json://127.0.0.1:9/"
