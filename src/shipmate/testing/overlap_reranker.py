"""A reranker of no size: the share of the question's words that a text holds."""

from collections.abc import Sequence

from shipmate.text import stems, words

__all__ = ["OverlapReranker"]


class OverlapReranker:
    """A `Reranker` in a few lines; it knows no word that means the same as another."""

    def __init__(self, *, name: str = "overlap") -> None:
        self.name = name

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return the share of the question's stems in each text."""
        asked = frozenset(stems(question))
        if not asked:
            return [0.0] * len(texts)
        return [len(asked.intersection(stems(text))) / len(asked) if words(text) else 0.0 for text in texts]

    async def close(self) -> None:
        """Have nothing to give back."""
