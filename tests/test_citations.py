"""Every citation leads somewhere: facts about upstreams by number, rules of judgement by number, files and links by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from sidecar.core.model import State

ROOT = Path(__file__).parent.parent
UPSTREAMS = ROOT / "docs" / "upstreams.md"
VERDICTS = ROOT / "docs" / "verdicts.md"

CODE = ("src", "tests", "roles", "caddy", "molecule", "playbooks", "bench", "scripts")
FOLDERS = (*CODE, "docs", "inventory")
ROOMS = ROOT / "src" / "sidecar"

FACT = r"(?:PBS|PVE|DB|BR|SCHED|GL|OPS)-\d+"
RULES = r"\b[Rr]ules? (\d+(?:(?:,? and |, |,? or | to )\d+)*)"
OLD_FORM = re.compile(
    r"(?:pbs|pve|databasement|databasement_backrest|backrest|glance|deploy|toolchain|libs|design|house|style|peers)"
    r"(?:\.md)?,? §|\(§\d"
)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def text_files(*folders: str) -> Iterator[tuple[str, str]]:
    """The text of every file in ``folders`` and its path; without folders, of the Markdown files at the top."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*")] if folders else ROOT.glob("*.md")
    for path in sorted(paths):
        if path.is_file() and path != Path(__file__) and "__pycache__" not in path.parts:
            try:
                yield str(path.relative_to(ROOT)), path.read_text()
            except UnicodeDecodeError:
                continue  # a picture or a font


def markdown() -> Iterator[tuple[Path, str]]:
    for name, text in (*text_files(), *text_files(*FOLDERS)):
        if name.endswith(".md"):
            yield ROOT / name, without_code_blocks(text)


def without_code_blocks(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def facts() -> list[str]:
    return re.findall(rf"^### ({FACT}): ", UPSTREAMS.read_text(), re.MULTILINE)


def rules() -> list[int]:
    return [int(number) for number in re.findall(r"^### Rule (\d+): ", VERDICTS.read_text(), re.MULTILINE)]


def cited_rules(text: str) -> Iterator[int]:
    for numbers in re.findall(RULES, text):
        yield from (int(number) for number in re.findall(r"\d+", numbers))


def anchors(page: Path) -> set[str]:
    """What a link to a part of the page may name: its headings, as web hosts of repositories write them."""
    headings = HEADING.findall(without_code_blocks(page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- facts about upstreams --------------------------------------------------------------------------------------------


def test_each_fact_is_numbered_once_and_in_order() -> None:
    by_prefix: dict[str, list[int]] = {}
    for fact in facts():
        prefix, number = fact.split("-")
        by_prefix.setdefault(prefix, []).append(int(number))

    assert len(by_prefix) == 7
    assert by_prefix == {prefix: list(range(1, len(numbers) + 1)) for prefix, numbers in by_prefix.items()}


def test_each_citation_of_a_fact_resolves() -> None:
    known = set(facts())
    cited = {
        (name, fact)
        for name, text in (*text_files(*FOLDERS), *text_files())
        for fact in re.findall(rf"\b{FACT}\b", text)
    }

    assert not sorted((name, fact) for name, fact in cited if fact not in known)


def test_each_fact_is_cited_by_code_or_tests() -> None:
    cited = Counter(fact for _, text in text_files(*CODE) for fact in re.findall(rf"\b{FACT}\b", text))

    assert not [fact for fact in facts() if not cited[fact]], "nothing relies on these: remove them"


# --- rules of judgement ---------------------------------------------------------------------------------------------------


def test_the_rules_are_numbered_from_1_to_15() -> None:
    assert rules() == list(range(1, 16))


def test_each_citation_of_a_rule_resolves() -> None:
    known = set(rules())
    cited = {(name, rule) for name, text in (*text_files(*FOLDERS), *text_files()) for rule in cited_rules(text)}

    assert len(cited) > 50
    assert not sorted((name, rule) for name, rule in cited if rule not in known)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("(rule 7)", [7]),
        ("Rules 3, 6 and 7: missed", [3, 6, 7]),
        ("rules 3 to 6", [3, 6]),
        ("as a rule 12", [12]),
        ("ruled 3 times", []),
    ],
)
def test_citations_of_rules_are_found(text: str, numbers: list[int]) -> None:
    assert list(cited_rules(text)) == numbers


@pytest.mark.parametrize("state", State)
def test_each_state_is_explained(state: State) -> None:
    assert f"\n| `{state}` | " in VERDICTS.read_text()


# --- files and links --------------------------------------------------------------------------------------------------------


def test_nothing_cites_a_fact_sheet_that_is_not_here() -> None:
    left = [(name, match[0]) for name, text in text_files(*FOLDERS) for match in OLD_FORM.finditer(text)]

    assert not left


def test_each_document_that_code_names_exists() -> None:
    document = re.compile(r"(?<![\w/.-])(?:docs/[\w-]+\.(?:md|yml)|[A-Z]{5,}\.md)\b")
    of_others = {"docs/themes.md"}  # Glance's
    named = {
        (name, path) for name, text in text_files(*CODE) for path in document.findall(text) if path not in of_others
    }

    assert named
    assert not sorted((name, path) for name, path in named if not (ROOT / path).exists())


def test_each_module_that_code_names_exists() -> None:
    modules = {path.name for folder in CODE for path in (ROOT / folder).rglob("*.py")}
    module = re.compile(r"(?<![\w/.-])\w+\.py\b")
    named = {(name, path) for name, text in text_files(*CODE) for path in module.findall(text)}

    assert named
    assert not sorted((name, path) for name, path in named if path not in modules)


def test_each_link_in_markdown_leads_somewhere() -> None:
    broken = []
    for page, text in markdown():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            target, _, anchor = unquote(link).partition("#")
            if "://" in target:
                continue
            path = page.parent / target if target else page
            if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
                broken.append((str(page.relative_to(ROOT)), link))

    assert not broken


def test_each_path_in_markdown_exists() -> None:
    """A path is a code span that begins with a folder of the repository or a room of the package."""
    rooms = [path.name for path in ROOMS.iterdir() if path.is_dir() and path.name != "__pycache__"]
    span = re.compile(rf"`((?:{'|'.join((*FOLDERS, *rooms))})/[\w./-]*)`")
    named = {(str(page.relative_to(ROOT)), path) for page, text in markdown() for path in span.findall(text)}

    assert len(named) > 20
    assert not sorted((page, path) for page, path in named if not any((top / path).exists() for top in (ROOT, ROOMS)))
