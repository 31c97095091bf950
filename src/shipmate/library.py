"""The collections of an assistant as they lie in its state: opened to read from, and kept in step with documents.

All documents share one collection, but for those of a source with `separate: true`: each of these has its own, of which
nobody outside its audience can notice anything.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from shipmate.knowledge.vectors import MANIFEST, Vectors
from shipmate.knowledge.vectors_snapshot import check_vectors
from shipmate.messages import Passage, Statement
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

    @classmethod
    def built(cls, folder: Path, audiences: Mapping[str, tuple[str, ...]]) -> "Library":
        """Return the collections of a release by their names, with the groups that may know of each."""
        library = cls(folder, ())
        library._audiences = {folder / name: audience for name, audience in audiences.items()}
        return library

    @property
    def audiences(self) -> dict[str, tuple[str, ...]]:
        """Return which groups may know of each collection that was made; the one that most share has no name."""
        return {self._name(home): audience for home, audience in self._audiences.items() if is_made(home)}

    @property
    def is_complete(self) -> bool:
        """Tell whether every collection was made by this version; raise `Damaged` for vectors that do not open."""
        for home in self._audiences:
            if (home / VECTORS / MANIFEST).exists():
                check_vectors(home / VECTORS)
        return all(is_made(home) and (home / GRAPH).exists() for home in self._audiences)

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
        from shipmate.knowledge.ingest import ingest, together

        reports = []
        for home in self._audiences:
            index = _sound(home / INDEX, partial(TantivyIndex, home))
            reports.append(ingest(self._own(home, listings), index, progress=progress))
            self._link(home, index, declared, progress)
        self._sweep()
        self._embed(embedder, progress)
        return together(reports)

    def unread(self, listings: "Sequence[Listing]") -> list[str]:
        """Return the documents that the next ingest would read or forget; nothing is written."""
        from shipmate.knowledge.ingest import ingest

        names: list[str] = []
        for home in self._audiences:
            known = TantivyIndex(home).sources() if is_made(home) else {}
            ingest(self._own(home, listings), _Unwritten(known, names))
        return sorted(names)

    def follow(
        self,
        embedder: Embedder | None,
        documents: "Mapping[str, Iterable[tuple[str, str, Sequence[Passage]]]] | None" = None,
        *,
        declared: Sequence[Statement] = (),
    ) -> None:
        """Make the index of each collection of these documents, if there are any, and bring graph and vectors in step.

        Raises `DiskFull`, and what the embedder raises.
        """
        for home in self._audiences:
            index = TantivyIndex(home)
            if documents is not None:
                index.write(documents[self._name(home)], ())
            self._link(home, index, declared, _untold)
        self._embed(embedder, _untold)

    def _name(self, home: Path) -> str:
        return "" if home == self._folder else home.name

    def _own(self, home: Path, listings: "Sequence[Listing]") -> "list[Listing]":
        return [listing for place, listing in zip(self._homes, listings, strict=True) if place == home]

    def _link(
        self,
        home: Path,
        index: TantivyIndex,
        declared: Sequence[Statement],
        progress: "Callable[[IngestProgress], None]",
    ) -> None:
        from shipmate.knowledge.follow import follow_graph

        with closing(_sound(home / GRAPH, partial(Graph.open, home))) as graph:
            lines = declared if home == self._folder else ()
            follow_graph(index, graph, partial(_tell, progress, "Linking documents"), declared=lines)

    def _embed(self, embedder: Embedder | None, progress: "Callable[[IngestProgress], None]") -> None:
        from shipmate.knowledge.follow import follow_vectors

        if embedder:
            for home in self._audiences:
                vectors = _sound(home / VECTORS, partial(_vectors, home, embedder))
                follow_vectors(TantivyIndex(home), vectors, embedder, partial(_tell, progress, "Embedding passages"))

    def _home(self, origin: Origin) -> Path:
        if not origin.separate:
            return self._folder
        return self._folder / f"{SEPARATE}{blake2b(origin.name.encode(), digest_size=8).hexdigest()}"

    def _sweep(self) -> None:
        """Delete the collections of sources that are named no more, or no more apart."""
        for home in self._folder.glob(f"{SEPARATE}*"):
            if home not in self._audiences:
                shutil.rmtree(home)


class _Unwritten:
    """An index that notes what would be written to it."""

    def __init__(self, known: Mapping[str, str], names: list[str]) -> None:
        self._known = known
        self._names = names

    def sources(self) -> Mapping[str, str]:
        return self._known

    def write(self, replaced: Iterable[tuple[str, str, Sequence[Passage]]], removed: Iterable[str]) -> None:
        self._names += [source for source, _, _ in replaced]
        self._names += removed


def _untold(_: object) -> None:
    """Tell nobody how far it is."""


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
