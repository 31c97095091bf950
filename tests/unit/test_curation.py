"""curation.yml is read with the line of each mistake, and edited without touching what is not meant."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate import config
from shipmate.curation import Block, Change, Curation, Followed, Pin, Place, amended, parsed, read, save
from shipmate.errors import ProjectError, UsageError

WRITTEN = """\
# Kept by the help desk.
version: 1   # of the form

synonyms: [[cancel, terminate], [fee, "price: net"]]   # said by customers

pins:
- question: How do I pay?   # asked each day
  passage: pay.md#10-20


blocks:
    # The old handbook.
    - old.md

    - passage: "a b.md#0-5"
      reason: |
        It names people.
    # The end.
"""
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co", "Zl", "Zp"]), min_size=1)
NAMES = WORDS.filter(lambda name: name.strip() == name and not name.startswith("\ufeff"))
CHANGES = st.one_of(
    st.builds(Change, action=st.just("block"), passage=NAMES, reason=NAMES),
    st.builds(Change, action=st.just("block"), passage=NAMES),
    st.builds(Change, action=st.just("pin"), passage=NAMES, question=NAMES.map("pay {}".format)),
    st.builds(
        Change, action=st.just("join"), words=st.lists(NAMES.map("word{}".format), min_size=2, max_size=3).map(tuple)
    ),
)
UNDOING = {"block": "unblock", "pin": "unpin", "join": "part"}


def undone(change: Change) -> Change:
    return Change(
        action=UNDOING[change.action],  # type: ignore[arg-type]
        passage=change.passage,
        question=change.question,
        words=change.words,
    )


def test_all_kinds_of_repairs_are_read() -> None:
    read_back = parsed(WRITTEN.encode())
    assert read_back.synonyms == (("cancel", "terminate"), ("fee", "price: net"))
    assert read_back.pins == (Pin(question="How do I pay?", passage="pay.md#10-20"),)
    assert [block.passage for block in read_back.blocks] == ["old.md", "a b.md#0-5"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("version: 1\nblocks:\n  - a.md#9-3\n", 3, "ends before it begins"),
        ("version: 1\npins:\n  - question: What is it?\n    passage: a.md\n", 3, "no word that is searched"),
        ("version: 1\nsynonyms:\n  - [fee]\n", 3, "no two words"),
        ("version: 1\nsynonyms:\n  - [fee, the]\n", 3, "Nothing is searched by `the`"),
        ("version: 1\npins:\n  - question: pay\n", 3, "`passage` is missing"),
        ("version: 1\nblock: [a.md]\n", 2, "`block` is not known"),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "curation.yml").write_text(text)
    with pytest.raises(ProjectError) as caught:
        config.load(tmp_path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("curation.yml", line)
    assert what in problem.what


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("a.md", Place("a.md")),
        ("a.md#10-20", Place("a.md", 10, 20)),
        ("a#1.md", Place("a#1.md")),
        ("a#1-2.md#3-4", Place("a#1-2.md", 3, 4)),
        ("https://x.example/a?b#c", Place("https://x.example/a?b#c")),
    ],
)
def test_a_place_is_a_document_or_a_span_of_it(written: str, place: Place) -> None:
    assert Place.of(written) == place


def test_a_span_touches_what_shares_a_character_with_it() -> None:
    place = Place("a.md", 10, 20)
    assert [place.touches(*span) for span in ((0, 10), (0, 11), (19, 30), (20, 30), (12, 13))] == [
        False,
        True,
        True,
        False,
        True,
    ]
    assert Place("a.md").touches(5, 6)


@given(st.lists(CHANGES, max_size=4), CHANGES, st.sampled_from(["\n", "\r\n"]))
def test_a_change_keeps_the_rest_of_the_file_byte_for_byte(before: list[Change], change: Change, newline: str) -> None:
    """A change puts something in at one place; taking it back gives the file as it was."""
    content = WRITTEN.replace("\n", newline).encode()
    for one in before:
        content = attempted(content, one)
    try:
        more = amended(content, change)
    except UsageError as error:
        assert "says so already" in error.what  # noqa: PT017 - most changes are made
        return
    at = next((n for n, (a, b) in enumerate(zip(content, more, strict=False)) if a != b), len(content))
    assert content == more[:at] + more[at + len(more) - len(content) :]
    assert amended(more, undone(change)) == content


def attempted(content: bytes, change: Change) -> bytes:
    try:
        return amended(content, change)
    except UsageError:
        return content


@given(CHANGES)
def test_a_file_is_begun_and_emptied(change: Change) -> None:
    made = amended(b"", change)
    assert parsed(made) != Curation()
    emptied = amended(made, undone(change))
    assert parsed(emptied) == Curation(digest=parsed(emptied).digest)
    assert amended(emptied, change) == made


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version: 1\nblocks: [a.md]\n", "version: 1\nblocks: [a.md, b.md]\n"),
        ("version: 1\nblocks: [a.md, ]\n", "version: 1\nblocks: [a.md,  b.md]\n"),
        ("version: 1\nblocks: []  # none\n", "version: 1\nblocks:  # none\n  - b.md\n"),
        ("version: 1\nblocks:\n", "version: 1\nblocks:\n  - b.md\n"),
        ("version: 1", "version: 1\nblocks:\n  - b.md\n"),
        ("\ufeffversion: 1\nblocks:\n- a.md", "\ufeffversion: 1\nblocks:\n- a.md\n- b.md\n"),
        ("blocks:\n  - a.md # why\n\nversion: 1\n", "blocks:\n  - a.md # why\n  - b.md\n\nversion: 1\n"),
    ],
)
def test_a_block_joins_the_list_as_it_is_written(before: str, after: str) -> None:
    assert amended(before.encode(), Change(action="block", passage="b.md")).decode() == after


@pytest.mark.parametrize(
    "text", ["{version: 1, blocks: [a.md]}\n", "version: 1\n...\n", "version: 1\nblocks: &x [a.md]\n"]
)
def test_a_form_that_cannot_be_edited_is_left_as_it_is(text: str) -> None:
    change = Change(action="block", passage="b.md")
    try:
        assert Block(passage="b.md") in parsed(amended(text.encode(), change)).blocks
    except UsageError as error:
        assert "by hand" in error.do  # noqa: PT017 - either is right: what is not done is said


def test_what_is_not_there_cannot_be_taken_back() -> None:
    with pytest.raises(UsageError, match="no such line"):
        amended(WRITTEN.encode(), Change(action="unblock", passage="new.md"))


def test_a_block_is_taken_back_whatever_its_reason() -> None:
    after = amended(WRITTEN.encode(), Change(action="unblock", passage="a b.md#0-5")).decode()
    assert after == WRITTEN.replace('    - passage: "a b.md#0-5"\n      reason: |\n        It names people.\n', "")


def test_the_file_is_followed_and_a_broken_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    followed = Followed(tmp_path, Curation())
    assert not followed.changed()
    save(tmp_path, amended(read(tmp_path), Change(action="block", passage="a.md")))
    assert followed.changed()
    assert not followed.changed()
    assert followed.curation.blocks == (Block(passage="a.md"),)
    (tmp_path / "curation.yml").write_text("version: 1\nblocks: [a.md\n")
    assert not followed.changed()
    assert "curation.yml:2" in caplog.text
    assert followed.curation.blocks == (Block(passage="a.md"),)
    (tmp_path / "curation.yml").unlink()
    assert followed.changed()
    assert followed.curation == Curation()


def test_the_release_changes_with_the_repairs_and_not_without_them(tmp_path: Path) -> None:
    (tmp_path / "knowledge").mkdir()
    before = config.content_hash(config.load(tmp_path), "index")
    save(tmp_path, amended(b"", Change(action="block", passage="a.md")))
    assert config.content_hash(config.load(tmp_path), "index") != before
    (tmp_path / "curation.yml").unlink()
    assert config.content_hash(config.load(tmp_path), "index") == before
