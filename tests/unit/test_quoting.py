"""Where a passage says something is the sentence that says most of it, at its place in the file."""

from hypothesis import given
from hypothesis import strategies as st

from shipmate.knowledge.graph.quoting import Quoting
from shipmate.messages import Passage

TEXT = "It rains in Ulm. The contract of Anna Berg needs a signature.\n\n```sh\nrun --dry-run\nstop\n```"


def passage(text: str, **more: object) -> Passage:
    return Passage(source="a.md", title="The Long Tide", text=text, start=10, end=10 + len(text), **more)  # type: ignore[arg-type]


def test_the_sentence_with_most_of_the_names_is_quoted() -> None:
    where = Quoting(passage(TEXT)).where(["Signature", "Anna Berg"])
    assert where.quote == "The contract of Anna Berg needs a signature."
    assert TEXT[where.start - 10 : where.end - 10] == where.quote


def test_of_code_the_line_is_quoted() -> None:
    assert Quoting(passage(TEXT)).where(["--dry-run"]).quote == "run --dry-run"


def test_what_stands_above_the_passage_is_quoted_from_there() -> None:
    above = Quoting(passage(TEXT, headings=("Terms of Bonn", "More")))
    assert above.where(["Bonn"]).quote == "Terms of Bonn"
    where = above.where(["Long Tide"])
    assert (where.quote, where.start, where.end) == ("The Long Tide", 10, 10 + len(TEXT))


def test_a_name_within_a_longer_word_is_no_name() -> None:
    assert Quoting(passage("Bergamo is far. Berg is near.")).where(["Berg"]).quote == "Berg is near."


def test_an_endless_sentence_is_quoted_in_part() -> None:
    where = Quoting(passage("Ulm " + "word " * 5000)).where(["Ulm"])
    assert len(where.quote) == where.end - where.start == 400


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=3), st.integers(0, 400), st.integers(0, 400))
def test_any_text_can_be_quoted(text: str, names: list[str], start: int, end: int) -> None:
    quoting = Quoting(passage(text))
    where = quoting.where(names)
    assert where.quote in text or where.quote in "The Long Tide"
    first, last = quoting.marked(start, end)
    assert 0 <= first <= last <= len(text)
