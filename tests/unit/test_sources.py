"""`sources.yml` names places of every kind, each with its audience; all that is wrong with it is said at once."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from shipmate import config
from shipmate.adapters.system_clock import SystemClock
from shipmate.config import load
from shipmate.errors import ProjectError, UsageError
from shipmate.knowledge.ingest import IngestReport, ingest
from shipmate.listing import listings
from shipmate.sources import DocumentFile, DocumentFolder, GitFolder, Website
from shipmate.testing.memory_index import MemoryIndex

FULL = """\
version: 1
folders:
  - knowledge
  - path: ../staff
    audience: [hr, board]
files:
  - ../price.md
  - path: ../terms.md
    audience: [customers]
tickets:
  - path: ../tickets.csv
    columns: [subject, solution]
git:
  - path: ../product
    below: docs/
websites:
  - url: https://docs.example.com/guide/
    hosts: [blog.example.com]
    most_pages: 10
    requests_per_s: 0.5
"""


@pytest.fixture
def folder(tmp_path: Path, required: Callable[[object, str], None]) -> Path:
    """Return an assistant, and beside it what its sources may name."""
    required(shutil.which("git"), "git")
    files = {
        "assistant/knowledge/a.md": "The gate opens at nine.",
        "staff/pay.md": "---\naudience: hr\n---\nThe pay rises in May.",
        "staff/open.md": "The canteen closes at two.",
        "staff/other.md": "---\naudience: [staff]\n---\nNobody reads this.",
        "price.md": "The price is 12 EUR.",
        "terms.md": "The term is a year.",
        "tickets.csv": "id,mail,subject,solution\n1,ann@example.com,Gate stuck,Call the porter\n",
        "product/docs/b.md": "The pump is blue.",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(tmp_path / "product"), *words], check=True)
    return tmp_path / "assistant"


def ingested(folder: Path, index: MemoryIndex) -> IngestReport:
    places = [one for one in load(folder).documents if not isinstance(one, Website)]
    return ingest(listings(places, folder / ".shipmate", SystemClock()), index)


def test_every_kind_of_place_is_found(folder: Path) -> None:
    (folder / "sources.yml").write_text(FULL)
    knowledge, staff, price, terms, tickets, product, site = load(folder).documents
    assert knowledge == DocumentFolder(path=folder / "knowledge", prefix="")
    assert staff == DocumentFolder(path=folder.parent / "staff", prefix="staff/", audience=("hr", "board"))
    assert (price.prefix, terms.audience) == ("", ("customers",))
    assert isinstance(tickets, DocumentFile)
    assert tickets.columns == ("subject", "solution")
    assert product == GitFolder(path=folder.parent / "product", prefix="product/", below="docs")
    assert isinstance(site, Website)
    assert (site.allow_private, site.hosts, site.most_pages) == (False, ("blog.example.com",), 10)


def test_passages_carry_the_audience_of_their_source_narrowed_by_their_own(folder: Path) -> None:
    (folder / "sources.yml").write_text(FULL)
    index = MemoryIndex()
    report = ingested(folder, index)
    assert {name: index.passages(name)[0].audience for name in index.sources()} == {
        "a.md": (),
        "staff/pay.md": ("hr",),
        "staff/open.md": ("hr", "board"),
        "price.md": (),
        "terms.md": ("customers",),
        "tickets.csv": (),
        "product/b.md": (),
    }
    assert report.reasons == {"audience": 1}
    assert index.passages("tickets.csv")[0].text == "subject: Gate stuck\nsolution: Call the porter"


def test_another_audience_or_other_columns_read_a_document_again(folder: Path) -> None:
    index = MemoryIndex()
    (folder / "sources.yml").write_text(FULL)
    ingested(folder, index)
    (folder / "sources.yml").write_text(
        FULL.replace("[customers]", "[partners]").replace("[subject, solution]", "[subject]")
    )
    assert ingested(folder, index).changed == 2
    assert index.passages("terms.md")[0].audience == ("partners",)
    assert "porter" not in index.passages("tickets.csv")[0].text
    (folder / "sources.yml").unlink()
    ingested(folder, index)
    assert set(index.sources()) == {"a.md"}


@pytest.mark.parametrize("kind", ["folders", "git"])
@pytest.mark.parametrize("name", [".", ".."])
def test_what_the_model_is_told_is_no_document(folder: Path, kind: str, name: str) -> None:
    (folder / "prompts").mkdir()
    (folder / "prompts" / "answer.md").write_text("Never speak of the merger.")
    (folder / "knowledge" / "prompts").mkdir()
    (folder / "knowledge" / "prompts" / "b.md").write_text("The prompter sits below the stage.")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(folder / name), *words], check=True, capture_output=True)
    places = {"folders": [], kind: [{"path": name}]}
    (folder / "sources.yml").write_text(json.dumps({"version": 1, **places}))
    index = MemoryIndex()
    ingested(folder, index)
    names = {source.removeprefix("assistant/") for source in index.sources()}
    assert {"knowledge/a.md", "knowledge/prompts/b.md"} <= names
    assert "prompts/answer.md" not in names


def test_link_to_itself_is_no_folder(folder: Path) -> None:
    (folder / "loop").symlink_to("loop")
    (folder / "sources.yml").write_text("version: 1\nfolders: [loop]\n")
    with pytest.raises(ProjectError, match="There is no folder `loop`"):
        load(folder)


@pytest.mark.parametrize(
    ("below", "kept"),
    [("", ""), (".", ""), ("./", ""), ("./.github", ".github"), (".github/", ".github"), ("docs/.", "docs")],
)
def test_folder_of_a_repository_keeps_its_name(folder: Path, below: str, kept: str) -> None:
    (folder / "sources.yml").write_text(f"version: 1\nfolders: []\ngit: [{{path: ../product, below: '{below}'}}]\n")
    (place,) = load(folder).documents
    assert isinstance(place, GitFolder)
    assert place.below == kept


def test_two_documents_of_one_name_are_told_apart(folder: Path) -> None:
    (folder / "knowledge" / "price.md").write_text("Another price.")
    (folder / "sources.yml").write_text("version: 1\nfolders: [knowledge]\nfiles: [../price.md]\n")
    index = MemoryIndex()
    report = ingested(folder, index)
    assert [problem.reason for problem in report.skipped] == ["same name"]
    assert index.passages("price.md")[0].text == "Another price."


def test_place_that_vanished_empties_nothing(folder: Path) -> None:
    index = MemoryIndex()
    (folder / "sources.yml").write_text("version: 1\nfiles: [../price.md]\n")
    places = load(folder).documents
    ingested(folder, index)
    (folder.parent / "price.md").unlink()
    with pytest.raises(UsageError, match=r"price\.md"):
        listings(places, folder, SystemClock())
    assert "price.md" in index.sources()


def test_all_mistakes_are_told_with_their_lines(folder: Path) -> None:
    (folder / "sources.yml").write_text(
        """\
version: 1
folders:
  - path: nowhere
  - pth: ../staff
files:
  - ../nothing.md
"""
    )
    with pytest.raises(ProjectError) as caught:
        load(folder)
    assert [(p.line, p.what) for p in caught.value.problems] == [
        (4, "`pth` is not known in an item of `folders`."),
        (4, "`path` is missing in an item of `folders`."),
    ]
    (folder / "sources.yml").write_text(
        """\
version: 1
folders:
  - path: nowhere
files:
  - ../nothing.md
  - ../staff/pay.md
  - ../staff/pay.md
git:
  - path: ../staff
  - path: ../product
    below: ../..
websites:
  - url: https://example.com/
  - url: https://example.com/
"""
    )
    with pytest.raises(ProjectError) as caught:
        load(folder)
    assert [(p.line, p.what) for p in caught.value.problems] == [
        (3, "There is no folder `nowhere`."),
        (5, "There is no file `../nothing.md`."),
        (7, "`../staff/pay.md` and `../staff/pay.md` hold the same documents."),
        (9, "`../staff` and `../staff/pay.md` hold the same documents."),
        (9, "`../staff` is no git repository."),
        (10, "`../..` does not lie in the repository."),
        (14, "https://example.com/ is named twice."),
    ]
    assert all(problem.do for problem in caught.value.problems)


@pytest.mark.parametrize(
    "url",
    ["ftp://a.test/", "https://user:pw@a.test/", "https://a.test/?q=1", "https://a.test/#x", "a.test", "file:///etc"],
)
def test_only_plain_addresses_are_websites(folder: Path, url: str) -> None:
    (folder / "sources.yml").write_text(f"version: 1\nwebsites:\n  - url: {json.dumps(url)}\n")
    with pytest.raises(ProjectError) as caught:
        load(folder)
    (problem,) = caught.value.problems
    assert problem.line == 3
    assert "https://docs.example.com/guide/" in problem.do


def test_the_schema_takes_what_the_record_takes() -> None:
    import yaml

    schema = config.schemas()["sources.yml"]
    jsonschema.validate(yaml.safe_load(FULL), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1, "websites": [{"url": "ftp://a"}]}, schema)
