"""What answers are measured with."""

import gzip
import json
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.answer_measures import auroc, best_cover, contains, content, oracle_share, percentile, rouge_l
from benchmarks.answers import main

EQUAL: dict[str, float] = defaultdict(lambda: 1.0)
SETS = st.lists(st.frozensets(st.sampled_from("abcdefgh")), max_size=7)
SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(st.frozensets(st.sampled_from("abcdefgh")), SETS)
def test_the_best_cover_is_the_best_of_all_triples(wanted: frozenset[str], choices: list[frozenset[str]]) -> None:
    weights = {letter: 1.0 + at / 10 for at, letter in enumerate("abcdefgh")}
    triples = combinations([*choices, *[frozenset[str]()] * 3], 3)
    expected = max(sum(weights[letter] for letter in wanted & (a | b | c)) for a, b, c in triples)
    assert best_cover(wanted, choices, weights) == pytest.approx(expected)


def test_the_share_is_what_is_said_of_what_three_sentences_could_say() -> None:
    sources = ["Red boats sail. Green boats row. Blue boats rest. White boats leak."]
    reference = "red green blue white"
    assert oracle_share("Red things.", reference, sources, EQUAL) == pytest.approx(1 / 3)
    assert oracle_share("red green blue white", reference, sources, EQUAL) == 1.0
    assert oracle_share("anything", "nothing in common", sources, EQUAL) == 0.0


def test_the_addresses_of_links_are_no_content() -> None:
    assert content("see [the guide](https://example.org/harbour/fees)") == content("see the guide")


def test_an_answer_is_contained_as_whole_words() -> None:
    assert contains("It is 6.213 km long, they say.", "6.213 KM")
    assert not contains("Nobody knows.", "no")


@given(SCORES, SCORES)
def test_auroc_turns_round_with_its_sides(positive: list[float], negative: list[float]) -> None:
    assert auroc(positive, negative) + auroc(negative, positive) == pytest.approx(1)


def test_auroc_is_1_when_all_positives_lie_above() -> None:
    assert auroc([0.9, 0.8], [0.1]) == 1
    assert auroc([0.5], [0.5]) == 0.5


def test_rouge_l_counts_the_words_in_the_same_order() -> None:
    assert rouge_l("the boat sails north", "The boat, it sails!") == pytest.approx(2 * 3 / (4 + 4))
    assert rouge_l("", "anything") == 0


@given(SCORES, st.floats(0, 1))
def test_a_percentile_is_one_of_the_values(values: list[float], share: float) -> None:
    assert percentile(values, share) in values


@pytest.fixture
def harbour(tmp_path: Path) -> Path:
    folder = tmp_path / "sets" / "harbour"
    folder.mkdir(parents=True)
    passages = [
        {"id": "hours", "title": "Hours", "text": "The harbour office is open from 8 to 18. It is closed on Sundays."},
        {"id": "fees", "title": "Fees", "text": "A berth costs 30 euros a night. Larger boats pay 45 euros."},
        {"id": "fuel", "title": "Fuel", "text": "The dock sells diesel and petrol. Fill the tank before you leave."},
    ]
    turns = [
        {"id": "1", "text": "What does a berth cost a night?", "answer": "30 euros", "gold": {"fees": 1}},
        {"id": "2", "text": "When is the harbour office open?", "answer": "From 8 to 18.", "gold": {"hours": 1}},
        {"id": "3", "text": "Who painted the ceiling?", "answer": "Unknown.", "gold": {}},
    ]
    for name, rows in (("corpus", passages), ("queries", turns)):
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    return folder


def test_a_set_is_measured_with_the_pieces_of_a_turn(harbour: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(harbour), "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["turns"] == 2
    assert figures["cite_hit1"] == figures["quotes_exact"] == 100
    assert figures["oracle_share"] > 60
    assert figures["answerable_auroc"] > 0.5


def test_given_gold_says_nothing_of_confidence(harbour: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(harbour), "--given-gold", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["answerable_auroc"] is None
    assert figures["cite_precision3"] == 100


def test_several_sets_are_averaged(harbour: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(harbour), "--data", str(harbour), "--foreign", str(harbour)])
    shown = capsys.readouterr().out
    assert "mean" in shown
    assert "foreign_declined" in shown
