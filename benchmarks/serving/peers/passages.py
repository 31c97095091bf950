"""The retrieval that all peers share."""

from dataclasses import dataclass
from pathlib import Path

import tantivy

__all__ = ["TOP", "Found", "Passages"]

TOP = 4


@dataclass(frozen=True, slots=True)
class Found:
    """A passage for a question."""

    source: str
    text: str
    score: float


class Passages:
    """A tantivy index on disk."""

    def __init__(self, folder: Path) -> None:
        self._index = tantivy.Index.open(str(folder))
        self._searcher = self._index.searcher()

    def search(self, question: str) -> list[Found]:
        """Return the best passages, best first."""
        query, _ = self._index.parse_query_lenient(question, ["text"])
        found = []
        for score, address in self._searcher.search(query, TOP).hits:
            fields = self._searcher.doc(address).to_dict()
            found.append(Found(source=fields["source"][0], text=fields["text"][0], score=score))
        return found
