"""The hold-back buffer gives out whole sentences, the same ones however the text was cut, and loses nothing."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shipmate.answer.check.hold_back import SENTENCE_CHARS, HoldBack

ANSWER = """Yes. It is free. [2] The plan costs $3.50 a month.[1] See https://a.example/b.html?c=1. Mr. Smith of \
Acme Inc. said so, e.g. in May.
Here are the steps:
1. Open it. Then wait.
2. Close it
- one thing
  that goes on
```python
x = 1.
print("Hi. There")
```
After it! [1, 3] "Quoted." Next one… 你好。[1]再见。No. 5 is it [see below]. The end [2"""

# Words, ends, markers, line breaks and signs, so that every kind of end comes beside every other.
SIGNS = """Yes no it is The plan 3.50 e.g. Mr. Acme No. 5 Inc. U.S. a . ! ? … 。 [1] [2, 3] [ ] [12 ( ) " ' ``` ~~~ - * 1. |
# https://a.example/b.c""".split()
SPACES = [" ", "  ", "\n", "\n\n", "\t", "\r\n", "\xa0", "\u2028", " " * 50, "\n" * 90]
LONG = ["x" * 700, "!" * 30, "[1]" * 9, "[" + "1" * 30, "9" * 300]
PARTS = st.sampled_from([*SIGNS, *SPACES, *LONG, "\U0001f642", "\ud83d"])
TEXTS = st.lists(PARTS | st.text(max_size=5), max_size=60).map("".join)


def sentences(pieces: list[str]) -> list[str]:
    held = HoldBack()
    given_out = [sentence for piece in pieces for sentence in held.feed(piece)]
    rest = held.flush()
    return [*given_out, rest] if rest else given_out


def cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted({at % (len(text) + 1) for at in cuts})
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def test_an_answer_falls_into_its_sentences() -> None:
    assert sentences([ANSWER]) == [
        "Yes. It is free. [2]",
        " The plan costs $3.50 a month.[1]",
        " See https://a.example/b.html?c=1.",
        " Mr. Smith of Acme Inc. said so, e.g. in May.",
        "\nHere are the steps:",
        "\n1. Open it.",
        " Then wait.",
        "\n2. Close it",
        "\n- one thing\n  that goes on",
        '\n```python\nx = 1.\nprint("Hi. There")\n```',
        "\nAfter it! [1, 3]",
        ' "Quoted."',
        " Next one…",
        " 你好。[1]",
        "再见。",
        "No. 5 is it [see below].",
        " The end [2",
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("it does! sometimes it is a sport. it is old.", 2),
        ("The fee (approx. five dollars) is due. Pay it.", 2),
        ("J. K. Rowling wrote it. She lives.", 2),
        ("The answer is no. Ask again.", 2),
        ("Version 2.4.1 is out. Use it.", 2),
        ("It works at 5 p.m. on Mondays. Come.", 2),
        ("It is true. It does. You can go.", 2),
    ],
)
def test_full_stops_that_end_nothing_are_known(text: str, count: int) -> None:
    assert len(sentences([text])) == count


@given(TEXTS)
@example(ANSWER)
def test_joined_what_comes_out_is_what_went_in(text: str) -> None:
    assert "".join(sentences([text])) == text


@settings(max_examples=400)
@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=30))
@example(ANSWER, list(range(len(ANSWER))))
def test_the_sentences_do_not_depend_on_how_the_text_was_cut(text: str, cuts: list[int]) -> None:
    assert sentences(cut(text, cuts)) == sentences([text])


@given(TEXTS)
def test_no_sentence_is_longer_than_the_bound(text: str) -> None:
    assert all(len(sentence) <= SENTENCE_CHARS for sentence in sentences([text]))


@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=30))
def test_nothing_leaves_in_part(text: str, cuts: list[int]) -> None:
    """What has come out at any time is a run of whole sentences of the text."""
    whole = sentences([text])
    held = HoldBack()
    out: list[str] = []
    for piece in cut(text, cuts):
        out += held.feed(piece)
        assert out == whole[: len(out)]


def test_the_time_grows_with_the_length_alone() -> None:
    """Ten times the text in single characters takes about ten times as long, not a hundred times."""

    def seconds(text: str) -> float:
        started = time.process_time()
        sentences(list(text))
        return time.process_time() - started

    for unit in ("word ", "[1", "\n", "e.g. ", "```"):
        short = min(seconds(unit * (2_000 // len(unit))) for _ in range(3))
        assert seconds(unit * (20_000 // len(unit))) < 40 * max(short, 0.002)
