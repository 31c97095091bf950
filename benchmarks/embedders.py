"""Measure what an embedder costs: CPU milliseconds a passage and a question, and the memory of its process.

    python -m benchmarks.embedders --data DIR [--embedder NAME] [--passages N] [--json]

Passages are those of the corpus in DIR, cut to their first hundred words; questions are asked one by one, as in a turn.

--embedder NAME   `static` (default), the folder of an ONNX encoder, or `torch:FOLDER` for sentence-transformers
"""

import argparse
import asyncio
import resource
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.answer_measures import percentile
from benchmarks.made_collections import embedder_named
from benchmarks.question_sets import Row, lines, read_turns

__all__ = ["main"]

WORDS = 100
AT_ONCE = 64
QUESTIONS = 50


def measure(folder: Path, name: str, count: int) -> dict[str, object]:
    """Return what an embedder takes."""
    embedder = embedder_named(name)
    if embedder is None:
        raise SystemExit("name an embedder")
    rows = list(lines(folder / "corpus.jsonl.gz", Row))[:count]
    texts = [" ".join(f"{row.title or ''} {row.text}".split()[:WORDS]) for row in rows]
    questions = [turn.text for turn in read_turns(folder)[:QUESTIONS]]
    with asyncio.Runner() as runner:
        # Not `run`: it also minds signals each time, which would be measured too.
        loop = runner.get_loop()
        loop.run_until_complete(embedder.embed(texts[:2]))
        batches = [texts[start : start + AT_ONCE] for start in range(0, len(texts), AT_ONCE)]
        passages_ms = sum(_cpu_ms(loop, embedder.embed(batch)) for batch in batches)
        questions_ms = [_cpu_ms(loop, embedder.embed([question])) for question in questions]
    return {
        "embedder": embedder.name,
        "passages": len(texts),
        "passage_ms": round(passages_ms / len(texts), 3),
        "question_ms_p50": round(percentile(questions_ms, 0.5), 3),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _cpu_ms(loop: asyncio.AbstractEventLoop, embedding: Coroutine[Any, Any, object]) -> float:
    started_ns = time.process_time_ns()
    loop.run_until_complete(embedding)
    return (time.process_time_ns() - started_ns) / 1e6


def main() -> None:
    """Print the figures of one embedder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embedder", default="static")
    parser.add_argument("--passages", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = measure(chosen.data, chosen.embedder, chosen.passages)
    if chosen.json:
        print(msgspec.json.encode(result).decode())
    else:
        print("\n".join(f"{name:18}{value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
