"""The configuration file: it becomes settings, or all findings are reported at once, each with its place and how to fix it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from sidecar.config import load
from sidecar.config.model import Config, Widget
from sidecar.core.model import PartKind, Required
from sidecar.core.settings import ExpectSetting, PartSetting
from sidecar.errors import ConfigError

#: A configuration file with every key.
WHOLE = """\
timezone: Europe/Berlin
week_start: monday
poll_interval: 5m
stale_after: 20m
vault:
  address: https://vault.lan:8200
  ca_file: /etc/backup-glance/vault-ca.pem
  approle: {mount: approle, role_id: {credential: role_id}, secret_id: {credential: secret_id}}
  kv_mount: secret
sources:
  pbs:
    kind: pbs
    url: "https://pbs.lan:8007"
    token_id: {vault: backup-glance/pbs, field: token_id}
    secret: {vault: backup-glance/pbs, field: secret}
    fingerprint: "AA:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99"
    stale_after: 25h
  pve: {kind: pve, url: "https://pve.lan:8006/", token_id: "m@pve!glance", secret: {file: /run/pve}, storages: {pbs-main: pbs}}
  databasement: {kind: databasement, url: "https://db.lan", token: {credential: db}, timezone: Europe/Berlin}
  backrest: {kind: backrest, url: "http://backrest.lan:9898", username: glance, password: {file: /run/b}, poll_interval: 1m}
services:
  - {name: vaultwarden, guests: [101], databases: [mariadb-main/vaultwarden], plans: [vault]}
  - name: archive
    guests: [{ref: "pbs:main/ns/host/nas", expect: {schedule: "sun 06:00", timezone: Europe/Berlin, grace: 12h}}]
    verify_within: 30d
jobs:
  backrest/check/b2: {title: Backrest integrity check, schedule: "0 7 1 * *"}
ignore: {guests: [9000, "tag:no-backup", "pool:lab"], groups: [], databases: ["*/test_*"]}
pauses: [{from: 2026-12-20, to: 2027-01-03, sources: [pbs], reason: holiday}]
offsite: [backrest/b2, databasement/s3]
calendar: [{title: Tape to the safe, schedule: "0 9 1 * *", kind: offsite}]
widget: {frame_ancestors: ["https://glance.lan"], theme: {background-color: "240 8 9", light: false, contrast-multiplier: 1.2}}
proxy: {enabled: false}
tokens: [{name: n8n, token: {file: /run/n8n}, for: [proxy, metrics, calendar, api]}]
alerts:
  receivers:
    - {name: phone, url: {file: /run/phone}, states: [failed, missed, never, unknown], services: ["*"], jobs: true,
       datastores: true, sources: true, quiet: "22:00-07:00", remind_after: null, hold: 2m}
  heartbeat_url: {file: /run/heartbeat}
mutes: [{service: paperless, until: 2026-12-01, reason: moving house}]
"""

SMALL = """\
sources:
  pbs: {kind: pbs, url: "https://pbs.lan:8007", token_id: "a@pbs!b", secret: {file: /run/secret}}
"""


def read(text: str) -> Config:
    return load.parse(text, "config.yaml")


def findings(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value.findings


@pytest.mark.parametrize("place", ["s3", "pve", "pve/nas", "pbs/", "databasement", "elsewhere/b2", "backrest/"])
def test_an_off_site_place_is_one_that_a_source_can_have(place: str) -> None:
    (finding,) = findings(WHOLE.replace("offsite: [backrest/b2", f"offsite: [{place}"))

    assert "offsite" in finding
    assert finding.endswith(
        "is not a place that can be off-site; write databasement/VOLUME, backrest/REPOSITORY, pbs and pbs/REMOTE"
    )


@pytest.mark.parametrize("place", ["pbs", "pbs/cloud", "databasement/s3", "backrest/b2"])
def test_off_site_are_volumes_repositories_backup_servers_and_their_remotes(place: str) -> None:
    text = WHOLE.replace("offsite: [backrest/b2, databasement/s3]", f"offsite: [{place}]")

    assert read(text).to_settings().offsite == (place,)


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("{copies: 2, offsite: true}", Required(2, offsite=True)),
        ("{copies: 1}", Required(1)),
        ("{offsite: true}", Required(0, offsite=True)),
    ],
)
def test_a_service_says_how_many_copies_it_requires(text: str, required: Required) -> None:
    given = WHOLE.replace("verify_within: 30d", f"require: {text}")

    assert [service.require for service in read(given).to_settings().services] == [None, required]


@pytest.mark.parametrize("text", ["{}", "{copies: 0}", "{copies: -1}", "{copies: 21}", "{copies: many}", "{place: x}"])
def test_what_is_required_is_something_that_can_be(text: str) -> None:
    (finding,) = findings(WHOLE.replace("verify_within: 30d", f"require: {text}"))

    assert "require" in finding


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("2", "require: must be a section; write copies: 2, offsite: true, or both"),
        ("true", "require: must be a section; write copies: 2, offsite: true, or both"),
        ("", "require: is empty; write its value, or remove it"),
        ("{copies: true}", "require.copies: must be a whole number; write it in digits"),
        ("{copies: two}", "require.copies: must be a whole number; write it in digits"),
        ("{copies: 21}", "require.copies: is too large; write at most 20"),
        ("{offsite: 1}", "require.offsite: is a number, but must be true or false; write one of these words"),
        ("{offsite: }", "require.offsite: is empty; write its value, or remove it"),
    ],
)
def test_what_is_wrong_with_what_is_required_is_told_in_our_words(text: str, finding: str) -> None:
    (found,) = findings(f"{SMALL}services:\n- name: a\n  guests: [101]\n  require: {text}\n")

    assert found == f"config.yaml:6: services.0.{finding}"


#: What may be written by mistake, where something else belongs.
MISTAKES = (2, True, "x", [1], {"x": 1}, datetime(2026, 12, 1, 10))


def test_whatever_stands_in_the_place_of_a_value_is_told_in_our_words() -> None:
    """Findings in pydantic's words end with a page to read instead of what to write."""
    whole = yaml.safe_load(WHOLE)
    found = [
        (place, mistake, finding)
        for place in places_of(whole)
        for mistake in MISTAKES
        for finding in findings_with(whole, place, mistake)
    ]

    assert len(found) > 400
    assert [each for each in found if each[2].endswith("see docs/configuration.md") or ";" not in each[2]] == []


def places_of(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and item of a configuration."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*place, key)
        yield from places_of(child, (*place, key))


def findings_with(whole: Any, place: tuple[Any, ...], mistake: object) -> list[str]:
    """Those of the sections that are needed."""
    changed = copy.deepcopy({key: whole[key] for key in ("sources", "vault", place[0])})
    section = changed
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = mistake
    try:
        read(json.dumps(changed, default=str))
    except ConfigError as error:
        return error.findings
    return []


@pytest.mark.parametrize("key", ["services", "vault", "ignore", "timezone", "light_interval", "alerts", "offsite"])
def test_a_key_with_nothing_behind_it_is_refused(key: str) -> None:
    assert findings(f"{SMALL}{key}:\n") == [f"config.yaml:3: {key}: is empty; write its value, or remove it"]


def test_the_word_null_stands_for_the_default() -> None:
    assert read(f"{SMALL}vault: null\nlight_interval: ~\n").vault is None


@pytest.mark.parametrize("text", ["0", "86400", "2026-12-01 00:00:00", '"0"', "2026-1-1", '"2026-02-30"', "true"])
def test_a_day_is_written_as_one(text: str) -> None:
    (finding,) = findings(f"{SMALL}mutes: [{{service: a, until: {text}}}]\n")

    assert finding.endswith("mutes.0.until: is not a day; write YYYY-MM-DD, for example 2026-12-24")


def test_a_name_that_yaml_reads_as_a_number_is_told() -> None:
    assert findings("sources: {5: {kind: backrest, url: http://b}}\n") == [
        "config.yaml:1: sources.5: is not text, and a name must be; write it in quotes"
    ]


@pytest.mark.parametrize("key", ["5", "22:00", "on", "2026-12-01", "null"])
@pytest.mark.parametrize(("above", "place"), [("", ""), ("jobs:\n  ", "jobs."), ("ignore:\n  ", "ignore.")])
def test_a_key_that_is_not_text_is_named_with_its_line(above: str, place: str, key: str) -> None:
    assert findings(f"{SMALL}{above}{key}: {{}}\n") == [
        f"config.yaml:{4 if above else 3}: {place}{key}: is not text, and a name must be; write it in quotes"
    ]


def test_a_key_that_is_taken_over_from_another_section_is_named_where_it_is_written() -> None:
    text = (
        "sources:\n  a:\n    <<:\n      - {foo: 1}\n      - {timeout: 9}\n      - {secret: {file: /s}}\n"
        "    kind: pbs\n    url: https://pbs\n    token_id: a@pbs!b\n"
    )

    assert findings(text) == [
        "config.yaml:4: sources.a.foo: is an unknown key; did you mean for?",
        "config.yaml:5: sources.a.timeout: is not a duration; write a number and s, m, h or d, for example 90s, 5m, 25h, 30d",
    ]


def test_what_a_section_writes_itself_is_named_there_and_not_where_it_would_be_taken_over() -> None:
    pbs = "{kind: pbs, url: https://pbs, token_id: a@pbs!b, secret: {file: /s}}"

    assert findings(f"sources:\n  a: &a {pbs}\n  b:\n    <<: *a\n    timeout: 5\n    url: pbs\n") == [
        "config.yaml:5: sources.b.timeout: is not a duration; write a number and s, m, h or d, for example 90s, 5m, 25h, 30d",
        "config.yaml:6: sources.b.url: is not a web address; write https://HOST:PORT",
    ]


@pytest.mark.parametrize(
    ("reference", "finding"),
    [
        ("{vault: path}", "field: is missing; add it"),
        ("{vault: path, field: x, foo: x}", "foo: is an unknown key; did you mean for?"),
        ("{credential: x, path: y}", "path: is an unknown key; remove it; docs/configuration.md lists the keys"),
        ("{vault: [x], field: y}", "vault: must be text; write it in quotes"),
    ],
)
def test_what_is_wrong_with_a_reference_to_a_secret_is_named_by_its_key(reference: str, finding: str) -> None:
    text = SMALL.replace("{file: /run/secret}", reference)

    assert findings(text) == [f"config.yaml:2: sources.pbs.secret.{finding}"]


@pytest.mark.parametrize("written", ["9999-12-31", "1969-12-31", '"9999-12-31"', "0001-01-01"])
def test_a_day_that_cannot_be_counted_on_from_is_a_finding(written: str) -> None:
    found = findings(
        f"{SMALL}mutes: [{{service: a, until: {written}}}]\npauses: [{{from: {written}, to: {written}}}]\n"
    )

    assert len(found) == 3
    assert all(each.endswith("is too early or too late; write a day from 1970-01-01 to 9998-12-31") for each in found)


def test_the_last_day_that_can_be_written_can_be_counted_on_from() -> None:
    assert read(f"{SMALL}mutes: [{{service: a, until: 9998-12-31}}]\n").to_settings().mutes[0].until == date(9999, 1, 1)


@pytest.mark.parametrize("key", ["remember_for", "stale_after", "poll_interval", "light_interval"])
def test_a_duration_that_cannot_be_counted_back_is_a_finding(key: str) -> None:
    assert findings(f"{SMALL}{key}: 999999d\n") == [f"config.yaml:3: {key}: is too long; write at most 36500d"]


def test_every_key_of_the_design_is_understood() -> None:
    settings = read(WHOLE).to_settings()

    assert [(source.name, source.kind, source.stale_after) for source in settings.sources] == [
        ("pbs", "pbs", timedelta(hours=25)),
        ("pve", "pve", timedelta(minutes=20)),
        ("databasement", "databasement", timedelta(minutes=20)),
        ("backrest", "backrest", timedelta(minutes=20)),
    ]
    assert settings.services[0].parts == (
        PartSetting(PartKind.GUEST, "101"),
        PartSetting(PartKind.DATABASE, "mariadb-main/vaultwarden"),
        PartSetting(PartKind.PLAN, "vault"),
    )
    expected = ExpectSetting("sun 06:00", "Europe/Berlin", timedelta(hours=12))
    assert settings.services[1].parts == (PartSetting(PartKind.GUEST, "pbs:main/ns/host/nas", expected),)
    assert settings.jobs["backrest/check/b2"].title == "Backrest integrity check"
    assert settings.ignore.guests == ("9000", "tag:no-backup", "pool:lab")
    pve = settings.sources[1]
    assert (pve.url, dict(pve.storages)) == ("https://pve.lan:8006", {"pbs-main": "pbs"})


def test_both_days_of_a_pause_belong_to_it() -> None:
    (pause,) = read(WHOLE).to_settings().pauses

    assert (pause.first, pause.until) == (date(2026, 12, 20), date(2027, 1, 4))


def test_one_source_is_enough() -> None:
    assert [source.name for source in read(SMALL).to_settings().sources] == ["pbs"]


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        ("tmezone: UTC\n", "config.yaml:3: tmezone: is an unknown key; did you mean timezone?"),
        ("xyzzy: 1\n", "config.yaml:3: xyzzy: is an unknown key; remove it; docs/configuration.md lists the keys"),
        (
            "timezone: Europe/Berln\n",
            "config.yaml:3: timezone: 'Europe/Berln' is not a time zone; write an IANA name such as Europe/Berlin",
        ),
        (
            "poll_interval: 5\n",
            "config.yaml:3: poll_interval: is not a duration; write a number and s, m, h or d, for example 90s, 5m, 25h, 30d",
        ),
        (
            "poll_interval: 0s\n",
            "config.yaml:3: poll_interval: is not a duration; write a number and s, m, h or d, for example 90s, 5m, 25h, 30d",
        ),
        (
            "services: [{name: a}]\n",
            "config.yaml:3: services.0: has no parts that protect it; add guests, databases or plans",
        ),
        (
            "services: [{name: a, guests: [9]}]\n",
            (
                "config.yaml:3: services.0.guests.0: '9' is not a guest or backup group; write a guest id (101, pve2:101) "
                "or datastore[/namespace]/vm|ct|host/id (pbs:main/host/nas)"
            ),
        ),
        (
            "services: [{name: a, plans: [x]}, {name: a, plans: [y]}]\n",
            "config.yaml:3: services.1.name: 'a' appears twice; give each service its own name",
        ),
        (
            "jobs: {prune: {}}\n",
            "config.yaml:3: jobs.prune: is not the name of a job; write SOURCE/KIND/ID with one of the sources pbs",
        ),
        (
            "pauses: [{from: 2026-12-20, to: 2026-12-19}]\n",
            "config.yaml:3: pauses.0.to: is before from; swap them",
        ),
        (
            "pauses: [{from: 2026-12-20, to: 2026-12-21, sources: [pb]}]\n",
            "config.yaml:3: pauses.0.sources: there is no source 'pb'; use pbs",
        ),
        (
            "timezone: UTC\ntimezone: UTC\n",
            "config.yaml:4: timezone: appears twice, and the first one would be ignored; keep one",
        ),
    ],
)
def test_a_finding_names_its_place_and_how_to_fix_it(wrong: str, finding: str) -> None:
    assert findings(SMALL + wrong) == [finding]


@pytest.mark.parametrize("schedule", ["so oft es geht", "0 25 * * *", "22:00 mon"])
def test_a_configured_schedule_that_cannot_be_read_is_a_finding(schedule: str) -> None:
    (finding,) = findings(f'{SMALL}jobs: {{pbs/verify/v1: {{schedule: "{schedule}"}}}}\n')

    assert finding.startswith("config.yaml:3: jobs.pbs/verify/v1.schedule: unable to read schedule")
    assert finding.endswith("write five cron fields, @daily, or a Proxmox calendar event such as mon..fri 22:00")


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ('{kind: pbs, url: "http://pbs.lan:8007", token_id: a, secret: {file: /x}}', "url: must start with https://"),
        (
            '{kind: pbs, url: "https://u:p@pbs.lan", token_id: a, secret: {file: /x}}',
            "url: contains a user or password",
        ),
        ('{kind: pbs, url: "pbs.lan", token_id: a, secret: {file: /x}}', "url: is not a web address"),
        ('{kind: pbs, url: "https://pbs.lan", token_id: a, secret: hunter2}', "secret: is not a reference to a secret"),
        ('{kind: pbs, url: "https://pbs.lan", token_id: a}', "secret: is missing; add it"),
        (
            '{kind: pbs, url: "https://pbs.lan", token_id: a, secret: {vault: x, field: y}}',
            "secret: refers to Vault, but there is no vault: section",
        ),
        (
            '{kind: pbs, url: "https://pbs.lan", token_id: a, secret: {file: /x}, fingerprint: abc}',
            "fingerprint: is not a SHA-256 fingerprint; write its 32 pairs of hexadecimal digits",
        ),
        ('{kind: backrest, url: "http://b.lan", username: me}', "needs username and password together"),
        (
            '{kind: backrest, url: "http://b.lan", username: me, password: {file: /x}, basic_auth: {file: /y}}',
            "has both username and basic_auth",
        ),
        (
            '{kind: pbs, url: "https://pbs.lan", token_id: a, secret: {file: /x}, basic_auth: {file: /y}}',
            "basic_auth: can't be used here: a call carries only one login",
        ),
        (
            '{kind: databasement, url: "https://db.lan", token: {file: /x}, basic_auth: {file: /y}}',
            "the proxy in front must let this path pass",
        ),
        (
            '{kind: databasement, url: "https://db.lan", token: {file: /x}, username: me}',
            "username: is an unknown key; it belongs elsewhere",
        ),
        ("{kind: pbss}", "has an unknown kind"),
        ("{}", "is missing the key kind"),
    ],
)
def test_what_is_wrong_with_a_source_is_a_finding(source: str, finding: str) -> None:
    lines = findings(f"sources:\n  main: {source}\n")

    assert any(finding in line and line.startswith("config.yaml:2: sources.main") for line in lines), lines


@pytest.mark.parametrize(
    ("written", "number", "meant"), [("21:00", 1260, "21:00"), ("5:05", 305, "5:05"), ("21:30:00", 77400, "21:30:00")]
)
def test_a_time_without_quotes_is_told_as_what_yaml_makes_of_it(written: str, number: int, meant: str) -> None:
    (finding,) = findings(f"{SMALL}jobs: {{pbs/verify/v1: {{schedule: {written}}}}}\n")

    assert f'is the number {number}, for YAML reads {meant} without quotes so; write "{meant}" in quotes' in finding


def test_a_bare_number_is_still_a_minute() -> None:
    jobs = read(f"{SMALL}jobs: {{pbs/verify/v1: {{schedule: 30}}}}\n").jobs

    assert jobs["pbs/verify/v1"].schedule == "30"


def test_an_address_of_vault_without_encryption_is_refused_in_words_of_vault() -> None:
    (finding,) = findings(f'{SMALL}vault: {{address: "http://vault.lan:8200"}}\n')

    assert finding.startswith("config.yaml:3: vault.address: must start with https://")
    assert "set vault.allow_http to true" in finding
    assert "Proxmox" not in finding


@pytest.mark.parametrize("address", ["http://127.0.0.1:8200", "http://localhost:8200", "http://vault.lan:8200"])
def test_vault_without_encryption_needs_the_explicit_word_on_loopback_too(address: str) -> None:
    vault = f'{SMALL}vault: {{address: "{address}", allow_http: WORD}}\n'

    assert "vault.address: must start with https://" in findings(vault.replace("WORD", "false"))[0]
    allowed = read(vault.replace("WORD", "true")).vault
    assert allowed is not None
    assert allowed.address == address


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "right/Europe/Berlin", "posix/Europe/Berlin", "Factory"])
def test_what_is_no_zone_of_its_own_is_a_finding(zone: str) -> None:
    (finding,) = findings(f"{SMALL}timezone: {zone}\n")

    assert "is not a time zone; write an IANA name such as Europe/Berlin" in finding


# --- stale_after and poll_interval ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "counts"),
    [
        ("", timedelta(minutes=20)),
        ("poll_interval: 10m\n", timedelta(minutes=20)),
        ("poll_interval: 1h\n", timedelta(hours=2)),
        ("poll_interval: 1h\nstale_after: 90m\n", timedelta(hours=2)),
        ("poll_interval: 1h\nstale_after: 25h\n", timedelta(hours=25)),
    ],
)
def test_nothing_is_too_old_before_the_next_but_one_reading_and_that_is_said(keys: str, counts: timedelta) -> None:
    config = read(SMALL + keys)
    concerned = counts > config.stale_after

    assert config.to_settings().sources[0].stale_after == counts
    assert [place for place, _ in config.concerns()] == (["stale_after"] if concerned else [])
    assert len(config.to_settings().concerns) == int(concerned)


def test_a_source_of_its_own_pace_is_named() -> None:
    source = '{kind: pbs, url: "https://pbs.lan", token_id: a, secret: {file: /x}, poll_interval: 6h, stale_after: 1h}'
    (concern,) = read(f"sources:\n  nas: {source}\n").to_settings().concerns

    assert concern == (
        "Configuration, sources.nas.stale_after: 1h is too short for nas, read every 6h: 12h counts instead; "
        "set stale_after to that or longer, or poll_interval lower."
    )


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ("tokens: [{name: n8n, token: SECRET, for: [api]}]", "tokens.0.token"),
        ("alerts: {receivers: [{name: phone, url: SECRET}]}", "alerts.receivers.0.url"),
        ("alerts: {heartbeat_url: SECRET}", "alerts.heartbeat_url"),
    ],
)
def test_a_secret_of_a_program_or_receiver_in_vault_needs_a_vault_section(section: str, place: str) -> None:
    (finding,) = findings(SMALL + section.replace("SECRET", "{vault: x, field: y}") + "\n")

    assert finding == f"config.yaml:3: {place}: refers to Vault, but there is no vault: section; add one"


@pytest.mark.parametrize(
    ("section", "finding"),
    [
        (
            "tokens: [{name: a, token: {file: /x}, for: [api]}, {name: a, token: {file: /y}, for: [api]}]",
            "tokens.1.name: 'a' appears twice; give each its own name",
        ),
        (
            "alerts: {receivers: [{name: a, url: {file: /x}}, {name: a, url: {file: /y}}]}",
            "alerts.receivers.1.name: 'a' appears twice; give each its own name",
        ),
        ("tokens: [{name: a, token: {file: /x}, for: []}]", "tokens.0.for: is empty; name at least one"),
        ("tokens: [{name: a, token: {file: /x}, for: [everything]}]", "tokens.0.for.0: "),
        (
            "alerts: {receivers: [{name: a, url: {file: /x}, quiet: late}]}",
            'alerts.receivers.0.quiet: is not a time of day from and to; write it in quotes, for example "22:00-07:00"',
        ),
        ("alerts: {receivers: [{name: a, url: {file: /x}, states: [late]}]}", "alerts.receivers.0.states.0: "),
        ("alerts: {receivers: [{name: a, url: https://x}]}", "alerts.receivers.0.url: is not a reference to a secret"),
    ],
)
def test_what_is_wrong_with_programs_and_receivers_is_told_with_its_place(section: str, finding: str) -> None:
    (found,) = findings(f"{SMALL}{section}\n")

    assert found.startswith(f"config.yaml:3: {finding}")


def test_quiet_hours_and_hold_are_understood() -> None:
    (receiver,) = read(WHOLE).alerts.receivers

    assert receiver.quiet == (time(22), time(7))
    assert receiver.hold == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("service", "place", "message"),
    [
        ("databases: [a/b]", "databases", "there is no source of kind databasement; add one, or remove them"),
        ("plans: [photos]", "plans", "there is no source of kind backrest; add one, or remove them"),
        ('guests: ["pbs2:main/host/nas"]', "guests", "there is no source 'pbs2'; use pbs"),
        ('guests: [{ref: "pve2:101", expect: {schedule: daily}}]', "guests", "there is no source 'pve2'; use pbs"),
        ('guests: ["pbs:main/host/nas", 101]', None, None),
    ],
)
def test_parts_that_no_source_can_know_are_told(service: str, place: str | None, message: str | None) -> None:
    config = read(f"{SMALL}services: [{{name: a, {service}}}]\n")

    expected = [(f"services.0.{place}", message)] if place else []
    assert list(config.concerns()) == expected
    assert all(f"Configuration, services.0.{place}: {message}." in config.to_settings().concerns for _ in expected)


def test_a_secret_in_the_wrong_place_is_never_quoted() -> None:
    lines = findings('sources:\n  main: {kind: pbs, url: "https://pbs.lan", token_id: a, secret: hunter2hunter2}\n')

    assert "hunter2" not in "\n".join(lines)


@pytest.mark.parametrize("place", ["secret", "url", "token_id"])
@pytest.mark.parametrize(
    "written",
    [
        "!hunter2",
        "!hun'ter2 hunter2",
        "!!python/object:hunter2 x",
        "!<hunter2> x",
        "{hunter2}",
        "{hunter2, hunter2x}",
        '"https://u:hunter2@h\u2100"',
        "https://pbs.lan:hunter2",
        '"https://[hunter2"',
    ],
)
def test_a_secret_is_not_quoted_however_it_is_written(place: str, written: str) -> None:
    keys = {"kind": "pbs", "url": "https://pbs", "token_id": "{file: /i}", "secret": "{file: /s}", place: written}
    text = "sources:\n  pbs:\n" + "".join(f"    {key}: {value}\n" for key, value in keys.items())
    if place == "token_id" and "https" in written:
        return

    found = findings(text)

    assert found
    assert all("hunter2" not in each and ";" in each for each in found)
    assert all(
        each.startswith(f"config.yaml:{text[: text.index(f'{place}: ')].count(chr(10)) + 1}: ") for each in found
    )


@pytest.mark.parametrize(
    "written",
    ["https://h:99999", "https://h:port", '"https://h\nx"', "https://h x", '"https://h\u202ex"', '"https://[h"'],
)
def test_what_is_no_web_address_is_a_finding(written: str) -> None:
    assert findings(SMALL.replace('"https://pbs.lan:8007"', written)) == [
        "config.yaml:2: sources.pbs.url: is not a web address; write https://HOST:PORT"
    ]


def test_all_findings_are_reported_at_once() -> None:
    lines = findings("timezone: Nowhere\nsources:\n  pbs: {kind: pbs}\nservices: [{name: a}]\nfoo: 1\n")

    assert len(lines) == 6


def test_yaml_that_is_not_valid_is_named_with_its_line() -> None:
    (finding,) = findings(f"{SMALL}a: b: c\n")

    assert finding.startswith("config.yaml:3: is not valid YAML: ")
    assert finding.endswith("; fix this line")


@pytest.mark.parametrize("text", ["", "[]", "just text", "a: [", "a: b: c", "\t- x", "sources: {}"])
def test_what_is_not_a_configuration_is_a_finding_with_a_fix(text: str) -> None:
    assert all(finding.startswith("config.yaml") and ";" in finding for finding in findings(text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give the right path with --config"):
        load.load(tmp_path / "nothing.yaml")


def test_the_schema_knows_every_section() -> None:
    assert {"timezone", "sources", "services", "vault", "jobs"} <= set(Config.model_json_schema()["properties"])


def test_the_schema_tells_how_a_text_is_written() -> None:
    """An editor shows it while somebody writes."""
    known = json.dumps(Config.model_json_schema())

    assert all(json.dumps(pattern) in known for pattern in (r"^[A-Za-z0-9_.-]+$", r"^[^\x00-\x1f\x7f]+$"))
    assert "[0-9a-fA-F]{2}){31}" in known


@pytest.mark.parametrize("title", ["", "   ", "x" * 101, "Back\nups", "Back\x7fups"])
def test_a_title_is_a_short_line(title: str) -> None:
    with pytest.raises(ValidationError):
        Widget(title=title)


def test_a_title_can_stand_in_a_header() -> None:
    """A server refuses to send one that begins or ends with a space."""
    assert Widget(title=" Nightly backups \t").title == "Nightly backups"


def test_only_what_stands_at_the_foot_can_be_hidden() -> None:
    assert Widget.model_validate({"hide": ["jobs", "datastores", "jobs"]}).hide == {"jobs", "datastores"}
    with pytest.raises(ValidationError):
        Widget.model_validate({"hide": ["services"]})
