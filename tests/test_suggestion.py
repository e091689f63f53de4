"""`backup-glance suggest`: what it prints is a map that the configuration takes, and a board of exactly these services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sidecar.cli import main, parser
from sidecar.commands import suggest
from sidecar.config import load
from sidecar.core.history.history import EMPTY
from sidecar.core.judgement.judged import Judged, JudgedPart, JudgedService
from sidecar.core.model import Board, PartKind, SourceKind, State, Verdict
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import Part
from sidecar.core.parts.services import GROUPED, Service
from sidecar.core.settings import Settings, SourceSetting
from sidecar.suggestion import suggestion
from tests.core.factories import at, part, run
from tests.product import MORNING, Product
from tests.simulators import demo_faults

SOURCES = """
sources:
  pve: {kind: pve, url: "https://pve.lan:8006", token_id: "a@pve!b", secret: {file: /x}}
  pbs: {kind: pbs, url: "https://pbs.lan:8007", token_id: "a@pbs!b", secret: {file: /x}}
  databasement: {kind: databasement, url: "https://db.lan", token: {file: /x}}
  backrest: {kind: backrest, url: "https://br.lan"}
"""


def suggested(product: Product, capsys: pytest.CaptureFixture[str], **changed: Any) -> tuple[int, str, str]:
    config = product.rack.write_config(product.config, changed)
    code = suggest.run(parser().parse_args(["suggest", "--config", str(config)]), lambda: product.now)
    out, err = capsys.readouterr()
    return code, out, err


def by_name(board: Board) -> dict[str, set[tuple[str, str]]]:
    return {row.name: {(str(part.kind), part.ref) for part in row.parts} for row in board.services}


def verdicts(board: Board) -> dict[tuple[str, str, str], Verdict]:
    return {(part.kind, part.source, part.ref): part.verdict for row in board.services for part in row.parts}


@pytest.mark.fortnight
def test_the_demo_gets_the_map_that_its_owner_wrote(product: Product, capsys: pytest.CaptureFixture[str]) -> None:
    code, text, err = suggested(product, capsys)
    block = {entry["name"]: entry for entry in yaml.safe_load(text)["services"]}

    assert (code, err) == (0, "")
    assert block["vaultwarden"] == {
        "name": "vaultwarden",
        "guests": [101],
        "databases": ["mariadb-main/vaultwarden"],
    }
    assert block["home-assistant"]["databases"] == ["mariadb-main/homeassistant"]
    assert block["vault"] == {"name": "vault", "guests": [102], "plans": ["vault"]}


@pytest.mark.fortnight
def test_with_the_block_the_board_has_these_services_and_without_it_the_same(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    _, text, _ = suggested(product, capsys)
    without = product.board(services=False)
    written = product.board(changed=yaml.safe_load(text))

    assert by_name(written) == by_name(without)
    assert verdicts(written) == verdicts(without)
    assert without.notes.count(GROUPED) == 1
    assert GROUPED not in written.notes


@pytest.mark.fortnight
def test_grouping_changes_no_verdict(product: Product) -> None:
    product.remember_the_evening_before()
    product.rack.faults = demo_faults()
    product.rack.settle()
    grouped = product.board(services=False)
    # One service of the owner's: nothing is grouped any more.
    alone = product.board(changed={"services": [{"name": "x", "guests": [101]}]})

    assert verdicts(grouped) == verdicts(alone)
    assert max(len(row.parts) for row in grouped.services) > 1
    assert max(len(row.parts) for row in alone.services) == 1


@pytest.mark.fortnight
def test_what_has_no_backup_is_a_comment_with_why_and_a_source_that_is_away_is_named(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    product.rack.faults = demo_faults()
    product.rack.settle()
    code, text, err = suggested(product, capsys)

    assert code == 1
    assert "suggest: backrest could not be read; backup-glance doctor says why" in err
    assert "# backrest could not be read: what it knows is missing here." in text.splitlines()
    assert any(line.startswith("# - n8n, database databasement:postgres-main/n8n: ") for line in text.splitlines())
    assert {"name": "vault", "guests": [102]} in yaml.safe_load(text)["services"]


def test_a_configuration_that_cannot_be_used_ends_with_two(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("tmezone: UTC\n")
    assert main(["suggest", "--config", str(tmp_path / "config.yaml")]) == 2


# --- hostile names ----------------------------------------------------------------------------------------------------


def house(*parts: Part, good: bool = True) -> Judged:
    """Everything stands alone in it."""
    sources = tuple(
        SourceSetting(name=str(kind), kind=kind, url="https://x.lan", stale_after=at("24 00:00") - at("23 00:00"))
        for kind in SourceKind
    )
    settings = Settings(timezone=ZoneInfo("Europe/Berlin"), sources=sources)
    return Judged(
        inputs=Inputs({}, settings, MORNING, EMPTY),
        services=tuple(
            JudgedService(
                Service(each.name, (each,)),
                (
                    JudgedPart(
                        part=each,
                        verdict=Verdict(state=State.OK if good else State.NEVER, reason=each.name),
                        judgements=(),
                        good=run("22 04:00") if good else None,
                        next=None,
                    ),
                ),
            )
            for each in parts
        ),
        upkeep=(),
        left_out=0,
        notes=(),
    )


_KINDS = {PartKind.GUEST: ("pve", "pbs"), PartKind.DATABASE: ("databasement",), PartKind.PLAN: ("backrest",)}
_TEXTS = st.text(min_size=1, max_size=30) | st.sampled_from(
    [
        "a*",
        "a?",
        "[a]",
        "pve:101",
        "x: y",
        "- a",
        "#",
        "'",
        '"',
        "null",
        "true",
        "1e3",
        "0x1F",
        "~",
        "&a",
        "*a",
        "!!x",
        "%",
        "\n#",
    ]
)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    kind = draw(st.sampled_from(list(_KINDS)))
    source = draw(st.sampled_from(_KINDS[kind]))
    ref = draw(_TEXTS)
    if kind is PartKind.GUEST:
        ref = f"main/host/{ref}" if source == "pbs" else str(draw(st.integers(1, 999_999_999)))
    elif kind is PartKind.DATABASE:
        ref = f"{draw(_TEXTS)}/{ref}"
    return replace(part(read="23 07:25"), kind=kind, source=source, ref=ref, name=draw(_TEXTS))


@given(st.lists(parts(), max_size=12, unique_by=lambda each: (each.kind, each.full_ref)), st.booleans())
def test_whatever_things_are_called_it_is_a_map_that_the_configuration_takes(every: list[Part], good: bool) -> None:
    made = suggestion(house(*every, good=good), "Made for a test.")
    config = load.parse(f"{SOURCES}{made.text}", "suggested")
    named = [setting for service in config.to_settings().services for setting in service.parts]
    written = {(each.kind, each.ref) for each in every} if good else set()

    assert len(named) + made.text.count("\n# - ") >= len(every)
    assert len({service.name for service in config.services}) == len(config.services)
    for setting in named:
        found = list(meant(setting.kind, setting.ref, every, config.to_settings()))
        assert len(found) == 1
    assert not written or len(named) <= len(written)
    assert set(yaml.safe_load(made.text)) == {"services"}


def meant(kind: PartKind, ref: str, every: list[Part], settings: Settings) -> Iterator[Part]:
    """What a reference means, by the rules that the documentation gives: only a group's path may be no pattern."""
    source, pattern = settings.split(ref)
    is_literal = kind is PartKind.GUEST and "/" in pattern and not set("*?") & set(pattern)
    for each in every:
        same = each.ref == pattern if is_literal else fnmatchcase(each.ref, pattern)
        if each.kind is kind and source in (None, each.source) and same:
            yield each
