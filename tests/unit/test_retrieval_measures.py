"""What rankings are measured with, and what the retrieval benchmark prints."""

import gzip
import json
import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import retrieval, scale
from benchmarks.made_collections import embedder_named, opened
from benchmarks.ranking_measures import ndcg, recall

DOCUMENTS = st.permutations("abcdefgh")
GOLD = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3), min_size=1)
LEG = {"recall@2", "recall@5", "recall@10", "ndcg@10", "cpu_ms_p50", "cpu_ms_p95"}


@given(DOCUMENTS, GOLD, st.integers(1, 8))
def test_a_ranking_is_worth_more_the_deeper_one_looks_and_all_when_the_gold_leads(
    ranked: list[str], gold: dict[str, int], depth: int
) -> None:
    assert 0 <= recall(ranked, gold, depth) <= recall(ranked, gold, 8) == 1
    best = sorted("abcdefgh", key=lambda document: -gold.get(document, 0))
    assert ndcg(ranked, gold, 8) <= ndcg(best, gold, 8) == pytest.approx(1)


def test_the_second_rank_is_worth_less_than_the_first() -> None:
    assert ndcg(["a", "b"], {"b": 2}, 10) == pytest.approx(1 / math.log2(3))
    assert recall(["a", "b"], {"b": 2, "c": 1}, 1) == 0
    assert recall(["a", "b"], {"b": 2, "c": 1}, 2) == 0.5


@pytest.fixture
def small_set(tmp_path: Path) -> Path:
    rows = [
        {"id": "tide", "title": "The Long Tide", "text": "The Long Tide is a drama directed by Anna Berg in Kiel."},
        {"id": "berg", "title": "Anna Berg", "text": "Anna Berg grew up in Ulm, where she learned to paint."},
        {"id": "ulm", "title": "Roses", "text": "A director of gardens prunes the roses before they bloom."},
    ]
    asked = [
        {"text": "Where did the director of The Long Tide grow up?", "gold": {"tide": 1, "berg": 1}},
        {
            "text": "Who prunes roses?",
            "gold": {"ulm": 1},
            "last_turn": "And when?",
            "history": "Who prunes roses?\nAnd when?",
        },
        {"text": "Not complete", "gold": {"ulm": 1}, "gold_complete": False},
        {"text": "Of another set", "gold": {"elsewhere": 1}},
    ]
    for name, kept in (("corpus", rows), ("queries", asked)):
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in kept)
    return tmp_path


@pytest.mark.parametrize("field", retrieval.FIELDS)
def test_the_benchmark_prints_each_leg_peer_and_the_ingest(
    small_set: Path, field: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["retrieval", "--data", str(small_set), "--field", field, "--embedder", "none", "--json"]
    monkeypatch.setattr("sys.argv", command)
    retrieval.main()
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["set", "passages", "queries", "legs", "peers", "ingest"]
    assert (printed["passages"], printed["queries"]) == (3, 2)
    assert list(printed["legs"]) == ["lexical", "graph", "hybrid", "reranked"]
    assert list(printed["peers"]) == ["bm25s", "rank_bm25"]
    assert all(set(figures) == LEG for figures in (*printed["legs"].values(), *printed["peers"].values()))
    assert set(printed["ingest"]) == {"docs_per_cpu_s", "index_bytes", "text_bytes", "open_s"}


def test_the_hybrid_finds_the_page_behind_the_one_that_is_named(
    small_set: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["retrieval", "--data", str(small_set), "--embedder", "none", "--json"])
    retrieval.main()
    legs = json.loads(capsys.readouterr().out)["legs"]
    assert legs["hybrid"]["recall@2"] == 100


def test_passages_at_scale_are_the_same_in_every_run_and_each_leg_is_measured(small_set: Path) -> None:
    parts = scale.read_parts(small_set)
    assert list(scale.documents(parts, 5)) == list(scale.documents(parts, 5))
    measured = json.loads(msgspec.json.encode(scale.measure(small_set, 40)))
    assert measured["passages"] == 40
    assert {"lexical", "dense", "graph", "hybrid", "vector"} <= set(measured["legs"])
    assert measured["legs"]["vector"]["recall@10"] == 1
    assert measured["ingest"]["docs_per_cpu_s"] > 0


def test_what_was_kept_gives_the_same_figures_again(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["retrieval", "--data", str(small_set), "--keep", str(tmp_path / "kept"), "--json"]
    monkeypatch.setattr("sys.argv", command)
    found = []
    for _ in range(2):
        retrieval.main()
        legs = json.loads(capsys.readouterr().out)["legs"]
        found.append({leg: [figures["recall@5"], figures["ndcg@10"]] for leg, figures in legs.items()})
    assert found[0] == found[1]
    assert list(found[0]) == ["lexical", "dense", "graph", "hybrid", "reranked"]
    kept = opened(retrieval._place(tmp_path / "kept", small_set, embedder_named("static")), None)
    assert kept.index.statistics.passage_count == 3
    kept.close()
