"""Keep graph and vectors in step with an index: whatever it holds and they lack is added, the rest goes.

The index is what counts. A run that was stopped, a leg whose files were lost, a new embedder: the next run finds what
is missing by comparing, and adds that.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

import msgspec
import numpy as np

from shipmate.knowledge.keys import passage_key
from shipmate.knowledge.vectors import Added, Vectors
from shipmate.messages import Passage, Statement
from shipmate.ports import Embedder, GraphStore, PassageIndex
from shipmate.relations import RELATIONS

__all__ = ["follow_graph", "follow_vectors"]

T = TypeVar("T")
# How far it is: done, and of how many.
Told = Callable[[int, int], None]

# So many documents are written to the graph in one commit.
GRAPH_BATCH = 2000
# So many passages are embedded at once, and so many kept by one commit: a slow embedder loses minutes, not hours.
EMBEDDED_AT_ONCE = 256
VECTORS_BATCH = 4096


def follow_graph(
    index: PassageIndex, graph: GraphStore, told: Told = lambda *_: None, *, declared: Sequence[Statement] = ()
) -> None:
    """Write to the graph what has changed in the index, and publish it; `declared` is what relations.yml says."""
    now, known = dict(index.sources()), graph.sources()
    if declared:
        now[RELATIONS] = blake2b(msgspec.json.encode(declared), digest_size=16).hexdigest()
    changed = [source for source, fingerprint in now.items() if known.get(source) != fingerprint]
    gone = sorted(known.keys() - now.keys())
    if gone:
        graph.write([], gone)
    done = 0
    for batch in _batches(changed, GRAPH_BATCH):
        told(done, len(changed))
        replaced = [(source, now[source], index.passages(source)) for source in batch]
        graph.write(replaced, [], declared={RELATIONS: declared})
        done += len(batch)
    # Also what an earlier run wrote and was stopped before it could publish.
    graph.publish()


def follow_vectors(index: PassageIndex, vectors: Vectors, embedder: Embedder, told: Told = lambda *_: None) -> None:
    """Embed the passages that have no vector yet, and forget the vectors of those that are gone.

    Raises what the embedder raises; what was embedded until then is kept.
    """
    by_source = index.keys()
    wanted = {key for keys in by_source.values() for key in keys}
    known = set(vectors.keys.tolist())
    missing = wanted - known
    if gone := known - wanted:
        vectors.write(removed=gone)
    if not missing:
        return
    waiting = (
        passage
        for source, keys in by_source.items()
        if not missing.isdisjoint(keys)
        for passage in index.passages(source)
        if passage_key(passage) in missing
    )
    done = 0
    with asyncio.Runner() as runner:
        for batch in _batches(waiting, VECTORS_BATCH):
            told(done, len(missing))
            done += len(batch)
            vectors.write(runner.run(_embedded(batch, embedder)))


async def _embedded(passages: Sequence[Passage], embedder: Embedder) -> Added:
    rows = [
        await embedder.embed([passage.in_full for passage in part]) for part in _batches(passages, EMBEDDED_AT_ONCE)
    ]
    keys = [passage_key(passage) for passage in passages]
    return Added(keys, [passage.audience for passage in passages], np.concatenate(rows))


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
