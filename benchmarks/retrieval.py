"""Measure what the search finds, leg by leg, through the indexes that an ingest makes.

    python -m benchmarks.retrieval --data DIR [--field text|last_turn|history] [--embedder NAME] [--keep DIR] [--json]

Each document of DIR goes through the house's own chunking (a short one is one passage), into each index; a document
stands where its first passage stands. Percent: recall@k is the share of a question's gold documents among the first k,
ndcg@10 is graded. Questions without gold documents in the set, and those with `gold_complete` false, are left out.

--field text       the question as a person rewrote it (default); where a set has whole conversations, as last_turn
--field last_turn  the last thing said, with what was said before as its history: as an assistant gets it
--field history    everything said, glued together as one question
--embedder NAME    of the dense leg: `static` (default), `none`, or the folder of an ONNX encoder
--keep DIR         leave what was ingested below DIR, and embed nothing twice: `ingest` then tells of no whole one

`legs`: lexical (BM25 and the closer look at the best), dense, graph (seeded by the lexical leg, and alone), hybrid (all
of them, weighted and gated), reranked (hybrid, looked at once more: what an assistant gets). lexical and hybrid are the
order of the same hits without what the reranker added. CPU milliseconds are a leg's own, the embedding of the question
included, and of the whole search for hybrid and reranked, when a question is asked a second time. `peers` index whole documents, title and text. `ingest` is of all
indexes together; `open_s` is wall time, the best of five.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks.answer_measures import mean, percentile
from benchmarks.made_collections import Asking, embedder_named, made, opened
from benchmarks.peers.lucene import Bm25s
from benchmarks.peers.okapi import RankBm25
from benchmarks.question_sets import Row, Said, Turn, lines
from benchmarks.ranking_measures import ndcg, recall
from shipmate.knowledge.blocks import Document
from shipmate.knowledge.chunk import chunk
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.markdown import markdown_blocks
from shipmate.knowledge.siblings import SIBLINGS
from shipmate.messages import Hit, Passage, Question
from shipmate.ports import Embedder

__all__ = ["Asked", "main"]

Figures = dict[str, float]

T = TypeVar("T")

FIELDS = ("text", "last_turn", "history")
DEPTHS = (2, 5, 10)
# So many passages of each leg are looked at: several may be of one document.
LEG_DEPTH = 30
OPENINGS = 5


class Asked(Turn, frozen=True):
    """A question of the set, in all of its forms."""

    last_turn: str = ""
    gold_complete: bool = True

    def form(self, field: str) -> Question:
        """Return the question in one of its forms."""
        if not isinstance(self.history, str):
            return self.question()
        if field == "last_turn":
            earlier = tuple(Said("user", line) for line in self.history.splitlines()[:-1])
            return msgspec.structs.replace(self, text=self.last_turn, history=earlier).question()
        return Question(text=self.text, standalone=self.history if field == "history" else self.text)


class Legs:
    """Asks one question of each leg, and notes what each took."""

    def __init__(self, collection: Collection, embedder: Embedder | None) -> None:
        self._collection = collection
        self._embedder = embedder
        self._words = Asking(Collection(index=collection.index))
        self._all = Asking(collection, embedder=embedder)
        self.cpu_ms: dict[str, float] = {}

    def rankings(self, question: Question) -> dict[str, list[int]]:
        """Return the keys of the passages that each leg finds, best first."""
        hits = self._timed("lexical", partial(self._words.passages, question, LEG_DEPTH))
        legs = {"lexical": _keys(_as_fused(hits))}
        if self._collection.vectors:
            legs["dense"] = self._timed("dense", partial(self._nearest, question))
        if self._collection.graph:
            led = self._timed("graph", partial(self._collection.graph.seek, question.standalone, hits, limit=LEG_DEPTH))
            legs["graph"] = list(led.scores)
        best = self._timed("reranked", partial(self._all.passages, question, LEG_DEPTH))
        self.cpu_ms["hybrid"] = self.cpu_ms["reranked"]
        return {**legs, "hybrid": _keys(_as_fused(best)), "reranked": _keys(best)}

    def close(self) -> None:
        """Give back what is open."""
        self._words.close()
        self._all.close()

    def _nearest(self, question: Question) -> list[int]:
        if self._embedder is None or self._collection.vectors is None:
            return []
        (vector,) = self._all.awaited(self._embedder.embed([question.standalone]))
        return list(self._collection.vectors.search(vector, LEG_DEPTH))

    def _timed(self, leg: str, ask: Callable[[], T]) -> T:
        started_ns = time.process_time_ns()
        answer = ask()
        self.cpu_ms[leg] = (time.process_time_ns() - started_ns) / 1e6
        return answer


def _as_fused(hits: Sequence[Hit]) -> list[Hit]:
    """Return hits in the order that they had before the reranker."""
    return sorted(hits, key=lambda hit: hit.legs.get(SIBLINGS, 0.0) - hit.score)


def _keys(hits: Sequence[Hit]) -> list[int]:
    return [passage_key(hit.passage) for hit in hits]


def measure(folder: Path, field: str, embedder: Embedder | None, keep: Path | None = None) -> dict[str, object]:
    """Return the figures of one set."""
    rows = list(lines(folder / "corpus.jsonl.gz", Row))
    documents = [(row.id, row.id, _passages(row)) for row in rows]
    known = {row.id for row in rows}
    asked = [
        (own.form(field), {document: grade for document, grade in own.gold.items() if document in known})
        for own in lines(folder / "queries.jsonl.gz", Asked)
        if own.gold_complete
    ]
    judged = [(question, gold) for question, gold in asked if gold]
    with tempfile.TemporaryDirectory() as passing:
        place = _place(keep or Path(passing), folder, embedder)
        ingest = _ingest(place, documents, embedder)
        collection = opened(place, embedder)
        sources = {passage_key(passage): source for source, _, passages in documents for passage in passages}
        with closing(Legs(collection, embedder)) as asking:
            legs = _legs(asking, judged, sources)
    texts = [f"{row.title or ''} {row.text}" for row in rows]
    ids = [row.id for row in rows]
    return {
        "set": "/".join(folder.parts[-2:]),
        "passages": sum(len(passages) for _, _, passages in documents),
        "queries": len(judged),
        "legs": legs,
        "peers": {
            "bm25s": _peer(Bm25s(texts).best, judged, ids),
            "rank_bm25": _peer(RankBm25(texts).best, judged, ids),
        },
        "ingest": ingest | {"text_bytes": float(sum(len(text.encode()) for text in texts))},
    }


def _place(root: Path, folder: Path, embedder: Embedder | None) -> Path:
    """Return where the collection of a set lies, of one embedder."""
    place = root.joinpath(*folder.resolve().parts[-2:], embedder.name if embedder else "none")
    place.mkdir(parents=True, exist_ok=True)
    return place


def _passages(row: Row) -> list[Passage]:
    document = Document(source=row.id, title=row.title or "", text=row.text, blocks=markdown_blocks(row.text))
    return chunk(document)


def _ingest(
    folder: Path, documents: Sequence[tuple[str, str, Sequence[Passage]]], embedder: Embedder | None
) -> Figures:
    started = time.process_time()
    made(folder, documents, embedder).close()
    cpu_s = time.process_time() - started
    waits_s = []
    for _ in range(OPENINGS):
        began = time.perf_counter()
        collection = opened(folder, embedder)
        waits_s.append(time.perf_counter() - began)
        collection.close()
    return {
        "docs_per_cpu_s": len(documents) / cpu_s,
        "index_bytes": float(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())),
        "open_s": min(waits_s),
    }


def _legs(
    legs: Legs, judged: Sequence[tuple[Question, dict[str, int]]], sources: Mapping[int, str]
) -> dict[str, Figures]:
    ranked: dict[str, list[list[str]]] = {}
    cpu_ms: dict[str, list[float]] = {}
    for question, _ in judged:
        legs.rankings(question)
        for leg, keys in legs.rankings(question).items():
            ranked.setdefault(leg, []).append(list(dict.fromkeys(sources[key] for key in keys)))
            cpu_ms.setdefault(leg, []).append(legs.cpu_ms[leg])
    gold = [own for _, own in judged]
    return {leg: _figures(rankings, gold, cpu_ms[leg]) for leg, rankings in ranked.items()}


def _peer(
    best: Callable[[str, int], list[int]], judged: Sequence[tuple[Question, dict[str, int]]], ids: Sequence[str]
) -> Figures:
    ranked, cpu_ms = [], []
    for question, _ in judged:
        started_ns = time.process_time_ns()
        numbers = best(question.standalone, max(DEPTHS))
        cpu_ms.append((time.process_time_ns() - started_ns) / 1e6)
        ranked.append([ids[number] for number in numbers])
    return _figures(ranked, [gold for _, gold in judged], cpu_ms)


def _figures(ranked: Sequence[Sequence[str]], gold: Sequence[Mapping[str, int]], cpu_ms: Sequence[float]) -> Figures:
    pairs = list(zip(ranked, gold, strict=True))
    recalls = {f"recall@{depth}": 100 * mean([recall(*pair, depth) for pair in pairs]) for depth in DEPTHS}
    return {
        **recalls,
        "ndcg@10": 100 * mean([ndcg(*pair, 10) for pair in pairs]),
        "cpu_ms_p50": percentile(cpu_ms, 0.5),
        "cpu_ms_p95": percentile(cpu_ms, 0.95),
    }


def _rounded(value: object) -> object:
    """Give percentages one decimal, times three, and counts none."""
    if isinstance(value, dict):
        return {name: _shown(name, own) for name, own in value.items()}
    return value


def _shown(name: str, value: object) -> object:
    if not isinstance(value, float):
        return _rounded(value)
    if name.endswith(("_bytes", "_cpu_s")):
        return round(value)
    return round(value, 3 if "_ms" in name or name.endswith("_s") else 1)


def _table(result: Mapping[str, Mapping[str, Figures]]) -> None:
    rows = {**result["legs"], **result["peers"]}
    columns = list(next(iter(rows.values())))
    print(f"{result['set']}: {result['passages']} passages, {result['queries']} questions")
    print(f"{'':12}" + "".join(f"{column:>12}" for column in columns))
    for name, figures in rows.items():
        print(f"{name:12}" + "".join(f"{figures[column]:12}" for column in columns))
    print("ingest      " + ", ".join(f"{name} {value}" for name, value in result["ingest"].items()))


def main() -> None:
    """Print the figures of one set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--field", choices=FIELDS, default="text")
    parser.add_argument("--embedder", default="static")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = _rounded(measure(chosen.data, chosen.field, embedder_named(chosen.embedder), chosen.keep))
    if chosen.json:
        print(msgspec.json.encode(result).decode())
    else:
        _table(result)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
