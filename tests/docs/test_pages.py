"""The pages hold together: links lead somewhere, named commands exist, and nothing tells of one machine alone."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipmate.cli.app import COMMANDS
from tests.docs.pages import PAGES, ROOT, prose

LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
REFERENCE = sorted((ROOT / "docs" / "reference").glob("*.md"))
DEMO = sorted((ROOT / "examples").glob("*/knowledge/**/*.md"))
ELSEWHERE = ("http://", "https://", "mailto:")
# Written so that this file does not name them itself.
ONE_MACHINE = re.compile(r"/(?:work|root|opt|home/[a-z]+)/(?=[A-Za-z.])")
REGISTRY = re.compile(r"pypi[.]org|python(?:)hosted|npmjs[.]com|index-url[ ]=")


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [*PAGES, *REFERENCE], ids=names)
def test_every_link_leads_somewhere(page: Path) -> None:
    for number, line in prose(page):
        for target in LINK.findall(line):
            if target.startswith(ELSEWHERE):
                continue
            path, _, anchor = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            assert linked.exists(), f"{names(page)}:{number} links to {target}"
            if anchor:
                assert anchor in anchors(linked), f"{names(page)}:{number} links to {target}"


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub makes them."""
    heads = (line.lstrip("#").strip().lower() for _, line in prose(page) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", head).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", [*PAGES, *DEMO], ids=names)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {command.name for command in COMMANDS} | {"COMMAND"}
    assert set(re.findall(r"`shipmate ([a-z][a-z-]*)", text)) <= known
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= targets


def test_the_readme_names_two_commands_and_three_steps() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^make (\w+)", text, re.MULTILINE) == ["demo", "test"]
    assert len(re.findall(r"^\d\. \[", text, re.MULTILINE)) == 3


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=names)
def test_a_decision_begins_with_its_invariant_and_fits_on_a_page(page: Path) -> None:
    title, _, invariant, *rest = page.read_text(encoding="utf-8").splitlines()
    assert re.match(rf"# {int(page.name[:4])}\. ", title)
    assert re.match(r"\*\*Invariant: .+\*\*$", invariant)
    assert len(rest) < 50


def test_the_tour_names_files_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for name in re.findall(r"`(src/[\w/.]+|docs/[\w/.]+|tests/[\w/.]+)`", text):
        assert (ROOT / name).exists(), name


def test_the_tour_draws_the_floors_that_the_house_has() -> None:
    drawn = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```\ncli")[1].split("```")[0]
    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    assert [floor.strip() for floor in f"cli{drawn}".split("→")] == built[0]["layers"]


def test_no_file_tells_of_one_machine_or_of_a_registry() -> None:
    told = {}
    for path in sources():
        text = path.read_bytes().decode("utf-8", "ignore")
        found = [*ONE_MACHINE.findall(text), *REGISTRY.findall(text)]
        if found:
            told[names(path)] = found
    assert told == {}


def sources() -> Iterator[Path]:
    """Yield the project's own files."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    found = [ROOT / name for name in listed.stdout.decode().split("\0") if name] if listed.returncode == 0 else []
    for path in found or ROOT.rglob("*"):
        hidden = any(part.startswith(".") and part != ".ci" for part in path.relative_to(ROOT).parts)
        if path.is_file() and not hidden and path.suffix not in {".gguf", ".gz", ".png"}:
            yield path
