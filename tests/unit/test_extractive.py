"""Answers made of quotes."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipmate.answer.quotes.extractive import Extractive
from shipmate.messages import Draft, Hit, Passage, Question, ReplyKind
from shipmate.text import sentence_spans, stems

HARBOUR = """\
# The harbour

Skip to content

The office is open from 8 to 18 on weekdays. On Sundays it is closed. The harbour master is Ada Lund.

## What does a berth cost?

A berth for a boat of up to ten metres costs 30 euros a night. Larger boats pay 45 euros. \
Prices include water, power and the showers in the red house.

## Arriving

To moor your boat, follow these steps:

1. Call the office on channel 12.
2. Wait for a berth number.
3. Tie up with two lines.
4. Pay at the office.

A tide is the rise and fall of the sea. The tide table hangs at the office.

© 2026 Harbour of Lund. All rights reserved.
"""
FUEL = """\
# Fuel

The dock sells diesel and petrol. Petrol is not sold after 18. Guests can bring a dog aboard.
For more information, see [the price list](https://harbour.example/prices).

| Fuel | Price |
|---|---|
| diesel | 1.80 euros a litre |
| petrol | 1.95 euros a litre |
"""


class Words:
    """How common words are in some passages."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passage_count = len(passages)
        self._counts = Counter(stem for passage in passages for stem in set(stems(passage.text)))

    def document_frequency(self, stem: str) -> int:
        return self._counts[stem]


def passage(text: str, source: str = "harbour.md") -> Passage:
    return Passage(source=source, title="", text=text, start=0, end=len(text))


PASSAGES = [passage(HARBOUR), passage(FUEL, "fuel.md")]


def ask(text: str, passages: Sequence[Passage] = PASSAGES, **limits: int) -> Draft:
    hits = [Hit(passage=found, score=10.0 - rank) for rank, found in enumerate(passages)]
    question = Question(text=text, standalone=text)
    return Extractive(Words(passages)).draft(question, hits, confidence=0.7, **limits)


def said(draft: Draft) -> list[str]:
    return [sentence.text for sentence in draft.sentences]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When is the office open?", "The office is open from 8 to 18 on weekdays."),
        ("Who is the harbour master?", "The harbour master is Ada Lund."),
        ("What does a berth cost?", "A berth for a boat of up to ten metres costs 30 euros a night."),
        ("What is a tide?", "A tide is the rise and fall of the sea."),
        ("Which fuel does the dock sell?", "The dock sells diesel and petrol."),
    ],
)
def test_the_reply_begins_with_the_piece_that_answers(question: str, expected: str) -> None:
    assert said(ask(question))[0].startswith(expected)


def test_a_reply_is_an_answer_of_the_given_confidence() -> None:
    draft = ask("When is the office open?")
    assert (draft.kind, draft.confidence) == (ReplyKind.ANSWER, 0.7)


QUESTIONS = st.lists(
    st.sampled_from(
        "what when who how does is a the berth boat office cost tide fuel petrol water steps moor 18".split()
    ),
    min_size=1,
    max_size=8,
).map(" ".join)


@given(QUESTIONS, st.integers(1, 5), st.integers(1, 4))
def test_every_sentence_is_the_exact_text_at_its_citation(question: str, sentences: int, citations: int) -> None:
    texts = {found.source: found.text for found in PASSAGES}
    draft = ask(question, max_sentences=sentences, max_citations=citations)
    for sentence in draft.sentences:
        for citation in sentence.citations:
            assert texts[citation.source][citation.start : citation.end] == citation.quote
        assert sentence.citations
        assert sentence.text in {citation.quote for citation in sentence.citations} | {"Yes.", "No."}


@given(QUESTIONS, st.integers(1, 5), st.integers(1, 4))
def test_a_reply_keeps_its_limits_and_says_nothing_twice(question: str, sentences: int, citations: int) -> None:
    draft = ask(question, max_sentences=sentences, max_citations=citations)
    pieces = [text[start:end] for text in said(draft) for start, end in sentence_spans(text)]
    assert len(pieces) <= sentences
    assert len({citation for sentence in draft.sentences for citation in sentence.citations}) <= citations
    assert len(set(pieces)) == len(pieces)


def test_the_same_question_gets_the_same_reply() -> None:
    assert ask("What does a berth cost?") == ask("What does a berth cost?")


def test_signs_of_items_and_rows_are_no_part_of_a_quote() -> None:
    quotes = " ".join(said(ask("What is the price of diesel a litre?")))
    assert "diesel | 1.80 euros a litre |" in quotes
    assert not quotes.startswith("|")


def test_an_introduction_brings_its_list_along() -> None:
    assert said(ask("How do I moor my boat?"))[0] == (
        "To moor your boat, follow these steps:\n\n"
        "1. Call the office on channel 12.\n2. Wait for a berth number.\n3. Tie up with two lines."
    )


def test_page_furniture_is_never_quoted() -> None:
    quotes = " ".join(said(ask("Copyright of Lund harbour: skip to content, rights reserved, price list information?")))
    assert not any(furniture in quotes for furniture in ("©", "Skip to", "For more information"))


def test_a_heading_counts_for_what_stands_below_it() -> None:
    text = "## Refunds\n\nWrite to the office within ten days.\n\n## Deliveries\n\nWrite to the office at noon."
    assert said(ask("How do refunds work?", [passage(text)], max_sentences=1)) == [
        "Write to the office within ten days."
    ]


def test_doubles_in_other_passages_are_said_once() -> None:
    text = "The dock sells diesel and petrol."
    assert said(ask("What does the dock sell?", [passage(text, "a.md"), passage(text, "b.md")])) == [text]


def test_what_shares_no_word_with_the_question_is_not_quoted() -> None:
    assert ask("Xylophone?").sentences == ()
    assert ask("When?", []).sentences == ()


def test_a_quote_from_a_webpage_is_placed_in_the_file() -> None:
    file = "<p>The <b>dock</b> sells diesel.</p>"
    runs = ((0, 3), (4, 10), (8, 18))
    page = Passage(source="dock.html", title="", text="The dock sells diesel.", start=3, end=32, runs=runs)
    [sentence] = ask("What does the dock sell?", [page]).sentences
    [citation] = sentence.citations
    assert file[citation.start : citation.end] == "The <b>dock</b> sells diesel."


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Can guests bring a dog?", "Yes."),
        ("Is petrol sold after 18?", "No."),
        ("Petrol is not sold after 18, right?", "Yes, that is so."),
        ("I heard that petrol is sold after 18.", "No, that is not so."),
    ],
)
def test_a_quote_that_decides_comes_behind_its_yes_or_no(question: str, word: str) -> None:
    first, second, *_ = ask(question).sentences
    assert first.text == word
    assert first.citations == second.citations


def test_the_yes_counts_as_a_sentence() -> None:
    assert len(said(ask("Can guests bring a dog?", max_sentences=2))) == 2
    assert "Yes." not in said(ask("Can guests bring a dog?", max_sentences=1))
