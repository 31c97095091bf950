"""Measure the search and the ingest of many passages: a bar at 100,000, a report at a million.

    python -m benchmarks.scale --data DIR [--passages N] [--json]

The passages are made of the sets found below DIR: each is a document of its own with four of their sentences, a title
and a heading, all drawn with a fixed seed. So are the questions, half of which warm up; the others are asked once. It
runs on one core, and times are CPU time, but for `open_s`: wall time of opening all indexes, the best of five.

`lexical` is BM25 and the closer look at the best; `dense` embeds the question, looks for the nearest and compares what
the words have found; `vector` is the look for the nearest ten alone, and its recall@10 is against all vectors;
`hybrid` is all legs and their fusion. `ingest` begins with a document's text and ends when all indexes can be asked,
stage by stage in microseconds a document. The lexical index is what is searched; the passages' own texts, which it
gives back, are in `stored`. Both are shares of the bytes of the texts.
"""

import argparse
import asyncio
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.answer_measures import mean, percentile, sentences
from benchmarks.made_collections import follow, opened
from benchmarks.question_sets import Row, Turn, lines
from benchmarks.retrieval import Figures, Legs
from shipmate.adapters.static_embedder import StaticEmbedder
from shipmate.knowledge.blocks import Document
from shipmate.knowledge.chunk import chunk
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.markdown import markdown_blocks
from shipmate.knowledge.vectors import Vectors
from shipmate.messages import Passage, Question
from shipmate.ports import Embedder

__all__ = ["main"]

Written = tuple[str, str, Sequence[Passage]]

SEED = 7
SENTENCES_EACH = 4
QUESTIONS = 1000
NEAREST = 10
# Comparing all vectors takes long: so many questions tell the recall.
RECALLED = 200
BATCH = 2000
OPENINGS = 5
# Shorter ones are crumbs, longer ones lists.
SENTENCE_BYTES = range(40, 400)
HEADING_BYTES = range(8, 80)
# What a passage's stored texts are kept in, in the folder of the lexical index.
STORED = ".store"


class Parts(msgspec.Struct, frozen=True):
    """What passages are made of."""

    titles: Sequence[str]
    headings: Sequence[str]
    sentences: Sequence[str]


class Stages:
    """CPU seconds by what they were spent on."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}
        self._since = time.process_time()

    def end(self, stage: str) -> None:
        """Count what has passed since the last stage's end for this one."""
        now = time.process_time()
        self.cpu_s[stage] = self.cpu_s.get(stage, 0.0) + now - self._since
        self._since = now


def read_parts(folder: Path) -> Parts:
    """Return the titles, headings and sentences of all sets below a folder, each once."""
    titles: dict[str, None] = {}
    pieces: dict[str, None] = {}
    for file in sorted(folder.rglob("corpus.jsonl.gz")):
        for row in lines(file, Row):
            titles[row.title or ""] = None
            pieces.update(dict.fromkeys(sentences(row.text)))
    titles.pop("", None)
    ends = (".", "!", "?")
    said = [piece for piece in pieces if piece.endswith(ends) and len(piece) in SENTENCE_BYTES and "\n" not in piece]
    headings = [piece for piece in pieces if piece[-1].isalnum() and piece[0].isupper() and len(piece) in HEADING_BYTES]
    return Parts(list(titles), [" ".join(heading.split()) for heading in headings] or list(titles), said)


def read_questions(folder: Path) -> list[Question]:
    """Return questions of all sets below a folder, those that stand beside a corpus."""
    files = sorted(folder.rglob("queries.jsonl.gz"))
    asked = dict.fromkeys(turn.text for file in files for turn in lines(file, Turn))
    drawn = random.Random(SEED).sample(list(asked), min(QUESTIONS, len(asked)))
    return [Question(text=text, standalone=text) for text in drawn]


def documents(parts: Parts, count: int) -> Iterator[Document]:
    """Yield so many documents of a heading and four sentences."""
    drawn = random.Random(SEED)
    for number in range(count):
        said = " ".join(drawn.choices(parts.sentences, k=SENTENCES_EACH))
        text = f"## {drawn.choice(parts.headings)}\n\n{said}\n"
        title = drawn.choice(parts.titles)
        yield Document(source=f"{number % 100}/{number}.md", title=title, text=text, blocks=())


def ingest(folder: Path, embedder: Embedder, texts: Iterator[Document]) -> tuple[Figures, int]:
    """Take documents into a collection as the house does; return the figures, and the bytes of what was read."""
    collection = opened(folder, embedder)
    stages = Stages()
    count = text_bytes = 0
    while batch := _batch(texts):
        count += len(batch)
        text_bytes += sum(len(document.text.encode()) for document in batch)
        stages.end("made")
        written = [_cut(document) for document in batch]
        stages.end("cut")
        collection.index.write(written, [])
        stages.end("lexical")
    follow(replace(collection, vectors=None), embedder)
    stages.end("graph")
    follow(replace(collection, graph=None), embedder)
    stages.end("vectors")
    collection.close()
    del stages.cpu_s["made"]
    figures = {f"{stage}_us": 1e6 * cpu_s / count for stage, cpu_s in stages.cpu_s.items()}
    return {"docs_per_cpu_s": count / sum(stages.cpu_s.values()), **figures}, text_bytes


def _batch(made: Iterator[Document]) -> list[Document]:
    return [document for document, _ in zip(made, range(BATCH), strict=False)]


def _cut(document: Document) -> Written:
    blocks = markdown_blocks(document.text)
    return document.source, document.source, chunk(msgspec.structs.replace(document, blocks=blocks))


def ask(collection: Collection, embedder: Embedder, questions: Sequence[Question]) -> dict[str, Figures]:
    """Return what each leg takes for a question, the first half of which warm up; then close the collection."""
    legs = Legs(collection, embedder)
    cpu_ms: dict[str, list[float]] = {}
    for number, question in enumerate(questions):
        legs.rankings(question)
        if 2 * number >= len(questions):
            for leg, took_ms in legs.cpu_ms.items():
                cpu_ms.setdefault(leg, []).append(took_ms)
    legs.close()
    return {leg: _spread(took_ms) for leg, took_ms in cpu_ms.items()}


def nearest(collection: Collection, embedder: Embedder, questions: Sequence[Question]) -> Figures:
    """Return what the look for the nearest vectors takes, and what share of them it finds."""
    vectors = collection.vectors
    if not isinstance(vectors, Vectors):
        return {}
    keys = vectors.keys
    took_ms, found = [], []
    asked = asyncio.run(embedder.embed([question.standalone for question in questions]))
    for number, vector in enumerate(asked):
        started_ns = time.process_time_ns()
        near = vectors.search(vector, NEAREST)
        took_ms.append((time.process_time_ns() - started_ns) / 1e6)
        if number < RECALLED and near:
            cosines = np.fromiter(vectors.cosines(vector, keys).values(), np.float64)
            bound = np.partition(cosines, -NEAREST)[-NEAREST:].min() - 1e-6
            found.append(mean([float(cosine >= bound) for cosine in near.values()]))
    return {**_spread(took_ms), "recall@10": mean(found)}


def _spread(took_ms: Sequence[float]) -> Figures:
    return {"cpu_ms_p50": percentile(took_ms, 0.5), "cpu_ms_p95": percentile(took_ms, 0.95)}


def sizes(folder: Path, text_bytes: int) -> Figures:
    """Return what the lexical index and the texts that it stores take of the disk, as a share of the text."""
    files = [file for file in folder.glob("passages-*/*") if file.is_file()]
    stored = sum(file.stat().st_size for file in files if file.suffix == STORED)
    whole = sum(file.stat().st_size for file in files)
    return {
        "text_bytes": float(text_bytes),
        "lexical_share": (whole - stored) / text_bytes,
        "stored_share": stored / text_bytes,
    }


def open_s(folder: Path, embedder: Embedder) -> float:
    """Return the wall time of opening all indexes, the best of five."""
    waits_s = []
    for _ in range(OPENINGS):
        began = time.perf_counter()
        collection = opened(folder, embedder)
        waits_s.append(time.perf_counter() - began)
        collection.close()
    return min(waits_s)


def measure(data: Path, count: int) -> dict[str, object]:
    """Return the figures of so many passages."""
    parts = read_parts(data)
    questions = read_questions(data)
    embedder = StaticEmbedder()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        took, text_bytes = ingest(folder, embedder, documents(parts, count))
        ingested = {**took, **sizes(folder, text_bytes), "open_s": open_s(folder, embedder)}
        collection = opened(folder, embedder)
        vector = nearest(collection, embedder, questions[len(questions) // 2 :])
        legs = ask(collection, embedder, questions)
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"passages": count, "legs": {**legs, "vector": vector}, "ingest": ingested, "rss_mb_max": rss_mb}


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(own) for name, own in value.items()}
    if isinstance(value, float):
        return round(value) if value >= 1000 else round(value, 3)
    return value


def main() -> None:
    """Print the figures of so many passages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    result = _rounded(measure(chosen.data, chosen.passages))
    written = msgspec.json.encode(result)
    print((written if chosen.json else msgspec.json.format(written)).decode())


if __name__ == "__main__":
    main()
