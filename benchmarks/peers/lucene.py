"""BM25 by bm25s, with its English stop words and the same stemmer."""

from collections.abc import Sequence

import bm25s
import Stemmer

__all__ = ["Bm25s"]


class Bm25s:
    """An index of whole texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._count = len(texts)
        self._stemmer = Stemmer.Stemmer("english")
        self._index = bm25s.BM25(method="lucene")
        self._index.index(self._tokens(list(texts)), show_progress=False)

    def best(self, question: str, limit: int) -> list[int]:
        """Return the numbers of the best texts."""
        tokens = self._tokens([question])
        if not tokens.vocab:
            return []
        found, scores = self._index.retrieve(tokens, k=min(limit, self._count), show_progress=False)
        return [int(number) for number, score in zip(found[0], scores[0], strict=True) if score > 0]

    def _tokens(self, texts: list[str]) -> "bm25s.tokenization.Tokenized":
        return bm25s.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)
