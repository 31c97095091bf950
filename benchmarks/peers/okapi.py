"""BM25 by rank_bm25, over lower-cased words."""

import re
from collections.abc import Sequence

import numpy as np
from rank_bm25 import BM25Okapi

__all__ = ["RankBm25"]

WORD = re.compile(r"\w+")


class RankBm25:
    """An index of whole texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._index = BM25Okapi([WORD.findall(text.lower()) for text in texts])

    def best(self, question: str, limit: int) -> list[int]:
        """Return the numbers of the best texts."""
        scores = self._index.get_scores(WORD.findall(question.lower()))
        best = np.argsort(-scores, kind="stable")[:limit]
        return [int(number) for number in best if scores[number] > 0]
