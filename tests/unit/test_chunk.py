"""Passages are the document's own text, cut where it allows it, and together they hold all of it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.blocks import BlockKind, Document
from shipmate.knowledge.chunk import LONGEST, chunk
from shipmate.knowledge.markdown import markdown_blocks, text_blocks

LINE = st.one_of(
    st.sampled_from(
        [
            "",
            "# One",
            "## Two",
            "### Three",
            "- item",
            "1. step",
            "```",
            "| a | b |",
            "|---|---|",
            "---",
            "===",
            "<!-- x",
            "-->",
        ]
    ),
    st.text(),
    st.lists(st.sampled_from(["word", "Größe", "🦓", "End.", "日本語", "x" * 1600]), max_size=400).map(" ".join),
)
TEXTS = st.builds(str.join, st.sampled_from(["\n", "\r\n", "\r", "\n\n"]), st.lists(LINE, max_size=12))


def _markdown(text: str, *, title: str = "Guide") -> Document:
    return Document(source="a.md", title=title, text=text, blocks=markdown_blocks(text))


def _plain(text: str) -> Document:
    return Document(source="a.txt", title="a", text=text, blocks=text_blocks(text))


@given(TEXTS)
def test_every_passage_is_the_text_at_its_offsets(text: str) -> None:
    for document in (_markdown(text), _plain(text)):
        for passage in chunk(document):
            assert passage.text == text[passage.start : passage.end]
            assert passage.text.strip()
            assert len(passage.text) <= LONGEST
            assert passage.runs == ()


@given(TEXTS)
def test_passages_follow_each_other_and_leave_nothing_out(text: str) -> None:
    document = _markdown(text)
    passages = chunk(document)
    assert all(one.end <= two.start for one, two in pairwise(passages))
    covered = {offset for passage in passages for offset in range(passage.start, passage.end)}
    for block in document.blocks:
        inside = {offset for offset in range(block.start, block.end) if text[offset].strip()}
        if block.kind in {BlockKind.PROSE, BlockKind.LINES}:
            assert inside <= covered
        elif block.kind is BlockKind.HIDDEN:
            assert not inside & covered


def test_headings_lead_to_their_passages() -> None:
    text = "# Guide\n\nintro\n\n## Setup\n\nfirst\n\n### Linux\n\nsecond\n\n## Use\n\nthird\n"
    found = [(passage.headings, passage.text) for passage in chunk(_markdown(text))]
    assert found == [((), "intro"), (("Setup",), "first"), (("Setup", "Linux"), "second"), (("Use",), "third")]


def test_title_that_is_no_heading_leaves_the_path_whole() -> None:
    (passage,) = chunk(_markdown("# Chapter\n\ntext", title="Book"))
    assert (passage.title, passage.headings) == ("Book", ("Chapter",))


def test_heading_with_nothing_under_it_can_still_be_found() -> None:
    found = [
        (passage.headings, passage.text) for passage in chunk(_markdown("# Guide\n\n## Open 9 to 5\n\n## Closed\n\nx"))
    ]
    assert found == [((), "## Open 9 to 5"), (("Closed",), "x")]


def test_long_section_is_cut_into_equal_parts_between_its_blocks() -> None:
    paragraph = "This is a sentence of the guide. " * 12
    passages = chunk(_markdown("\n\n".join([paragraph.strip()] * 10)))
    lengths = [len(passage.text) for passage in passages]
    assert len(passages) == 4
    assert min(lengths) > LONGEST / 2
    assert all(passage.text.startswith("This") and passage.text.endswith("guide.") for passage in passages)


def test_long_paragraph_is_cut_between_sentences_and_long_code_between_lines() -> None:
    prose = chunk(_markdown("This is a sentence of the guide. " * 200))
    assert all(passage.text.endswith("guide.") for passage in prose)
    code = chunk(_markdown("```\n" + "x = compute(1, 2, 3)\n" * 200 + "```"))
    assert all(set(passage.text.splitlines()) <= {"```", "x = compute(1, 2, 3)"} for passage in code)
