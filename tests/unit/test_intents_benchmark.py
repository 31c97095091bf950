"""The benchmark of intents, on a set that is made here."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from benchmarks.intents import Drawing, measure
from shipmate.adapters.static_embedder import StaticEmbedder

SAID = {
    "tea": ("brew a pot of tea", "how long does green tea steep", "a cup of tea please", "tea with milk"),
    "bus": ("when does the bus leave", "which bus goes downtown", "the bus is late", "where is the bus stop"),
    "rent": ("pay the rent", "my rent is due", "how high is the rent", "the landlord raised the rent"),
    "moon": ("is it full moon tonight", "how far is the moon", "when does the moon rise", "who was on the moon"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"text": text, "intent": intent} for intent, texts in SAID.items() for text in texts]
    _write(tmp_path / "train.jsonl.gz", rows)
    _write(tmp_path / "test.jsonl.gz", rows)
    _write(tmp_path / "oos_test.jsonl.gz", [{"text": "integrate the logarithm of x", "intent": "oos"}])
    _write(tmp_path / "domains.jsonl.gz", [{"domain": "all", "intents": list(SAID)}])
    return tmp_path


def _write(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    file.write_bytes(gzip.compress(b"\n".join(map(msgspec.json.encode, rows))))


async def test_messages_that_were_examples_are_read_right_and_strangers_are_told_from_them(folder: Path) -> None:
    figures = await measure(folder, StaticEmbedder(), Drawing(shots=4, seeds=2, intents=0, same_domain=False))
    assert figures["trials"] == 2
    assert (figures["accuracy"], figures["oos_auroc"]) == (100, 1)


async def test_the_domains_other_intents_are_out_of_scope(folder: Path) -> None:
    """Four messages of the fourth intent stand against twelve that were examples."""
    figures = await measure(folder, StaticEmbedder(), Drawing(shots=4, seeds=3, intents=3, same_domain=True))
    assert figures["trials"] == 3
    assert figures["accuracy"] == 100
    assert figures["oos_auroc"] > 0.9


async def test_the_same_seeds_give_the_same_figures(folder: Path) -> None:
    drawing = Drawing(shots=2, seeds=2, intents=3, same_domain=True)
    first, second = [await measure(folder, StaticEmbedder(), drawing) for _ in range(2)]
    for name in ("accuracy", "oos_auroc", "false_oos", "oos_found", "ece"):
        assert first[name] == second[name]
