"""The collections of an assistant as they lie in its state: opened to read from, and kept in step with documents.

All documents share one collection, but for those of a source with `separate: true`: each of these has its own, of which
nobody outside its audience can notice anything.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from shipmate.adapters.sqlite.graph import FORMAT as GRAPH
from shipmate.adapters.sqlite.graph import Graph
from shipmate.adapters.tantivy_index import FORMAT as INDEX
from shipmate.adapters.tantivy_index import TantivyIndex, is_made, is_outdated
from shipmate.errors import Damaged
from shipmate.knowledge.collection import Collection
from shipmate.knowledge.vectors import Vectors
from shipmate.messages import Statement
from shipmate.ports import Embedder
from shipmate.sources import Origin

if TYPE_CHECKING:
    from shipmate.knowledge.documents import Listing
    from shipmate.knowledge.ingest import IngestProgress, IngestReport

__all__ = ["Library"]

T = TypeVar("T")

log = logging.getLogger(__name__)

VECTORS = "vectors-1"
SEPARATE = "separate-"


class Library:
    """What lies below an index folder, as the sources of an assistant divide it."""

    def __init__(self, folder: Path, origins: Sequence[Origin]) -> None:
        self._folder = folder
        self._audiences = {self._home(origin): _audience(origin) for origin in origins}
        self._audiences.setdefault(folder, ())
        self._homes = [self._home(origin) for origin in origins]

    @property
    def is_outdated(self) -> bool:
        """Tell whether an earlier version made it, and this one nothing yet."""
        return is_outdated(self._folder) and not is_made(self._folder)

    def opened(self, embedder: Embedder | None = None) -> list[Collection]:
        """Open what was made, to read from it; nothing is written. Raises `Damaged`."""
        return [
            Collection(
                index=TantivyIndex(home),
                graph=Graph.open(home) if (home / GRAPH).exists() else None,
                vectors=_vectors(home, embedder) if embedder else None,
                audience=audience,
            )
            for home, audience in self._audiences.items()
            if is_made(home)
        ]

    def ingest(
        self,
        listings: "Sequence[Listing]",
        embedder: Embedder | None,
        *,
        declared: Sequence[Statement] = (),
        progress: "Callable[[IngestProgress], None]",
    ) -> "IngestReport":
        """Bring all collections in step with what the sources list, one listing for each of them.

        What relations.yml has `declared` belongs to the documents that share one collection.
        What is damaged is made anew, and said in the log. Raises `DiskFull`, `FolderInUse`, `UsageError`, and what the
        embedder raises: then words and graph are in step, and the next run goes on with the vectors.
        """
        from shipmate.knowledge.follow import follow_graph, follow_vectors
        from shipmate.knowledge.ingest import ingest, together

        reports = []
        for home in self._audiences:
            own = [listing for place, listing in zip(self._homes, listings, strict=True) if place == home]
            index = _sound(home / INDEX, partial(TantivyIndex, home))
            reports.append(ingest(own, index, progress=progress))
            with closing(_sound(home / GRAPH, partial(Graph.open, home))) as graph:
                lines = declared if home == self._folder else ()
                follow_graph(index, graph, partial(_tell, progress, "Linking documents"), declared=lines)
        self._sweep()
        if embedder:
            for home in self._audiences:
                vectors = _sound(home / VECTORS, partial(_vectors, home, embedder))
                follow_vectors(TantivyIndex(home), vectors, embedder, partial(_tell, progress, "Embedding passages"))
        return together(reports)

    def _home(self, origin: Origin) -> Path:
        if not origin.separate:
            return self._folder
        return self._folder / f"{SEPARATE}{blake2b(origin.name.encode(), digest_size=8).hexdigest()}"

    def _sweep(self) -> None:
        """Delete the collections of sources that are named no more, or no more apart."""
        for home in self._folder.glob(f"{SEPARATE}*"):
            if home not in self._audiences:
                shutil.rmtree(home)


def _audience(origin: Origin) -> tuple[str, ...]:
    return origin.audience if origin.separate else ()


def _vectors(home: Path, embedder: Embedder) -> Vectors:
    return Vectors(home / VECTORS, embedder=embedder.name, dimensions=embedder.dimensions)


def _sound(folder: Path, opened: Callable[[], T]) -> T:
    """Open a part of a collection; one that is damaged is thrown away first, and so made anew."""
    try:
        return opened()
    except Damaged as error:
        log.warning("%s It is made anew.", error.what)
        shutil.rmtree(folder)
        return opened()


def _tell(progress: "Callable[[IngestProgress], None]", step: str, done: int, total: int) -> None:
    from shipmate.knowledge.ingest import IngestProgress

    progress(IngestProgress(step=step, source="", done=done, total=total, done_bytes=done, total_bytes=total))
