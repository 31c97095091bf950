"""What people declare is read line by line, and what declares nothing is named with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate import config
from shipmate.errors import ProjectError
from shipmate.knowledge.front_matter import front_matter
from shipmate.messages import Statement
from shipmate.relations import declared

FILE = "version: 1\nrelations:\n  - Contract requires Signature\n  - Signature signed_by Client\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "knowledge").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("line", "statement"),
    [
        ("Contract requires Signature", Statement("Contract", "requires", "Signature")),
        ("Signature signed_by Client", Statement("Signature", "signed_by", "Client")),
        ("Service Contract is part of Frame Contract", Statement("Service Contract", "is_part_of", "Frame Contract")),
        ('"night shift" belongs to "late work"', Statement("night shift", "belongs_to", "late work")),
    ],
)
def test_a_line_declares_a_relation(line: str, statement: Statement) -> None:
    assert declared(line) == statement


@given(st.text(max_size=400))
def test_a_line_without_a_verb_declares_nothing_and_any_line_can_be_read(line: str) -> None:
    assert declared("Contract Signature") is None
    found = declared(line)
    assert found is None or (found.subject and found.relation and found.object)


def test_the_file_is_read_with_the_line_of_each_relation_and_each_counts_once(folder: Path) -> None:
    (folder / "relations.yml").write_text(FILE + "  - Contract requires Signature\n")
    assert config.load(folder).relations == (
        Statement("Contract", "requires", "Signature", 3),
        Statement("Signature", "signed_by", "Client", 4),
    )


def test_without_the_file_nothing_is_declared(folder: Path) -> None:
    assert config.load(folder).relations == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (FILE + "  - Contract Signature\n", 5, "no relation: `Contract Signature`"),
        (FILE + "  - ''\n", 5, "no relation"),
        (FILE + f"  - A needs {'B' * 400}\n", 5, "no relation"),
        ("version: 1\nrelations:\n  - {Contract: Signature}\n", 3, "a mapping of keys to values"),
        ("version: 1\nrelation: []\n", 2, "`relation` is not known"),
        ("relations: []\n", 1, "`version` is missing"),
    ],
)
def test_what_is_no_relation_is_named_with_its_line(folder: Path, text: str, line: int, said: str) -> None:
    (folder / "relations.yml").write_text(text)
    with pytest.raises(ProjectError) as refused:
        config.load(folder)
    (problem,) = refused.value.problems
    assert (problem.file, problem.line) == ("relations.yml", line)
    assert said in problem.what
    assert problem.do


def test_the_file_is_watched_and_part_of_the_release(folder: Path) -> None:
    before = config.load(folder).digest
    (folder / "relations.yml").write_text(FILE)
    assert folder / "relations.yml" in config.watched(folder)
    assert config.load(folder).digest != before


@pytest.mark.parametrize(
    ("front", "line"),
    [
        ("---\ntitle: It\nrelations:\n  - Contract requires Signature\n---\n", 4),
        ("---\nrelations: Contract requires Signature\n---\n", 2),
        ("---\nRelations: [Contract requires Signature]\n---\n", 2),
    ],
)
def test_front_matter_declares_too(front: str, line: int) -> None:
    read = front_matter(front + "words")
    assert read.relations == (Statement("Contract", "requires", "Signature", line),)
    assert read.misread == ()


def test_a_line_of_front_matter_that_declares_nothing_is_named_and_keeps_nobody_out() -> None:
    read = front_matter("---\nrelations:\n  - Contract requires Signature\n  - nothing\n---\nwords")
    assert [line for line, _, _ in read.misread] == [4]
    assert len(read.relations) == 1
    assert read.flaw is None


def test_what_other_programs_mean_by_relations_is_left_alone() -> None:
    read = front_matter("---\nrelations:\n  - slug: other-page\n---\nwords")
    assert (read.relations, read.misread, read.flaw) == ((), (), None)
