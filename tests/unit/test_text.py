"""Words, stems and sentences."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shipmate.text import WORD, fold, sentence_spans, stem, stems, words

TEXTS = st.text(alphabet=st.sampled_from("aAbz1 .,:;?!-*#|`\n\t'\"()é<br>"), max_size=120) | st.text(max_size=120)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@given(TEXTS)
def test_spans_ascend_do_not_overlap_and_are_trimmed(text: str) -> None:
    spans = sentence_spans(text)
    assert all(start < end for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)


@given(TEXTS)
def test_no_word_is_lost_between_the_spans(text: str) -> None:
    bare = text.replace("<br", "").replace(">", "")
    assert words(" ".join(sentences(bare))) == words(bare)


@given(TEXTS)
@example("The dogs' owner's dog's o'clock's, don’t_stop ½ naïve\u2003word")
def test_words_are_what_their_pattern_finds(text: str) -> None:
    assert words(text) == WORD.findall(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It opens at 8. It closes at 18.", ["It opens at 8.", "It closes at 18."]),
        ("Really? Yes! Good.", ["Really?", "Yes!", "Good."]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("Ask Dr. Okoro of the U.S. Forest Service.", ["Ask Dr. Okoro of the U.S. Forest Service."]),
        ("Gordon D. Schaber built it, e.g. Hall No. 7.", ["Gordon D. Schaber built it, e.g. Hall No. 7."]),
        ("Is it free? No. It costs 5.", ["Is it free?", "No.", "It costs 5."]),
        ("Version 1.2 is out.", ["Version 1.2 is out."]),
    ],
)
def test_sentences_end_where_they_end_and_abbreviations_do_not(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_wrapped_line_goes_on() -> None:
    text = "The office is open from 8 to 18 on weekdays, and on\nSundays it is closed. A key\nopens the side door."
    assert [s.replace("\n", " ") for s in sentences(text)] == [
        "The office is open from 8 to 18 on weekdays, and on Sundays it is closed.",
        "A key opens the side door.",
    ]


def test_lines_of_equal_width_are_wrapped_text() -> None:
    text = (
        "Every berth has water and power. Guests pay for both at the office before\n"
        "Friday noon. Whoever leaves earlier gets back what was not used, less the\n"
        "Harbour Fee."
    )
    assert len(sentences(text)) == 3


def test_headings_items_and_rows_stand_alone() -> None:
    text = (
        "# Fees\nPay at the office:\n- one night\n- one week\n  in summer\n\n| Boat | Fee |\n|---|---|\n| small | 30 |"
    )
    assert sentences(text) == [
        "# Fees",
        "Pay at the office:",
        "- one night",
        "- one week\n  in summer",
        "| Boat | Fee |",
        "|---|---|",
        "| small | 30 |",
    ]


def test_short_lines_are_a_list_and_no_sentence() -> None:
    assert sentences("Home\nContact us\nSite map") == ["Home", "Contact us", "Site map"]


def test_a_block_of_code_is_one_span() -> None:
    text = "Run this:\n```\nmake demo. Then\n\nmake test\n```\nIt takes a minute."
    assert sentences(text) == ["Run this:", "```\nmake demo. Then\n\nmake test\n```", "It takes a minute."]


def test_a_line_break_in_a_table_cell_ends_a_sentence() -> None:
    assert sentences("Available in Oslo<br><br>With it you can row.") == ["Available in Oslo", "With it you can row."]


def test_stems_leave_out_stop_words_and_join_forms() -> None:
    assert stems("The policies of a policy's owner") == ["polici", "polici", "owner"]
    assert stem("Café") == stem("cafe")


def test_a_verb_with_its_particle_is_also_one_word() -> None:
    assert set(stems("backing up the disk")) >= set(stems("disk backup"))
    assert set(stems("How do I log in?")) >= set(stems("login"))
    assert stems("Log back in, or BACKING up") == ["log", "back", "back", "logback", "backup"]
    assert stems("a blog in time zones") == ["blog", "time", "zone"]


@given(st.text(max_size=60))
@example("ﷺ")
def test_no_stem_has_a_space_in_it(text: str) -> None:
    """An index parts its terms by spaces."""
    assert not any(char.isspace() for found in stems(text) for char in found)


@example("𝑨")
@example("İ")
@given(st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("abbreviated", ["U.S. ", "A. ", "e.g. 7 ", "No. 7 ", "Dr. ('A. "])
def test_endless_abbreviations_take_no_longer_than_words(abbreviated: str) -> None:
    text = abbreviated * (300_000 // len(abbreviated))
    started = time.process_time()
    assert sentence_spans(text) == [(0, len(text.rstrip()))]
    assert time.process_time() - started < 3
