"""Collections made as an ingest makes them, for benchmarks that search."""

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from shipmate.adapters.onnx import OnnxEmbedder
from shipmate.adapters.sentence_transformer import TorchEmbedder
from shipmate.adapters.sqlite.graph import Graph
from shipmate.adapters.static_embedder import StaticEmbedder
from shipmate.adapters.tantivy_index import TantivyIndex
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.follow import follow_graph, follow_vectors
from shipmate.knowledge.search import Search
from shipmate.knowledge.vectors import Vectors
from shipmate.messages import Hit, Passage, Question
from shipmate.ports import Embedder

__all__ = ["Asking", "embedder_named", "made", "opened"]

T = TypeVar("T")
Documents = Sequence[tuple[str, str, Sequence[Passage]]]
BATCH = 2000


def embedder_named(name: str) -> Embedder | None:
    """Return `static`, nothing for `none`, the ONNX encoder in a folder, or sentence-transformers' in `torch:FOLDER`."""
    if name == "none":
        return None
    if name.startswith("torch:"):
        return TorchEmbedder(Path(name.removeprefix("torch:")))
    return StaticEmbedder() if name == "static" else OnnxEmbedder(Path(name))


def opened(folder: Path, embedder: Embedder | None) -> Collection:
    """Open the collection that lies in a folder."""
    return Collection(
        index=TantivyIndex(folder),
        graph=Graph.open(folder),
        vectors=Vectors(folder / "vectors", embedder=embedder.name, dimensions=embedder.dimensions)
        if embedder
        else None,
    )


def made(folder: Path, documents: Documents, embedder: Embedder | None) -> Collection:
    """Take documents (name, fingerprint, passages) into a collection of their own."""
    collection = opened(folder, embedder)
    for start in range(0, len(documents), BATCH):
        collection.index.write(documents[start : start + BATCH], [])
    follow(collection, embedder)
    return collection


def follow(collection: Collection, embedder: Embedder | None) -> None:
    """Bring graph and vectors in step with the index."""
    if collection.graph is not None:
        follow_graph(collection.index, collection.graph)
    if isinstance(collection.vectors, Vectors) and embedder:
        follow_vectors(collection.index, collection.vectors, embedder)


class Asking:
    """A search, asked from code that does not await."""

    def __init__(self, *collections: Collection, embedder: Embedder | None = None) -> None:
        self._collections = collections
        self._embedder = embedder
        self._runner = asyncio.Runner()
        self.renew()

    def renew(self) -> None:
        """Bring graph and vectors in step with the index, and search what it holds now."""
        for collection in self._collections:
            collection.refresh()
            follow(collection, self._embedder)
        self.search = Search(*self._collections, embedder=self._embedder)

    def passages(self, question: Question, limit: int = 8) -> list[Hit]:
        """Return the best passages."""
        return self.awaited(self.search.passages(question, limit))

    def awaited(self, answer: Coroutine[Any, Any, T]) -> T:
        """Wait for an answer, without what a runner does about signals each time: it would be measured too."""
        return self._runner.get_loop().run_until_complete(answer)

    def close(self) -> None:
        """Give back the collections too."""
        self._runner.close()
        for collection in self._collections:
            collection.close()
