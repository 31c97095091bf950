"""Find the passages that a question needs."""

from shipmate.messages import Hit, Question
from shipmate.ports import PassageIndex
from shipmate.text import stems

__all__ = ["Search"]


class Search:
    """Lexical search over one index."""

    def __init__(self, index: PassageIndex) -> None:
        self._index = index

    def passages(self, question: Question, limit: int = 8) -> list[Hit]:
        """Return the best passages for the question, best first."""
        return self._index.search(dict.fromkeys(stems(question.standalone), 1.0), limit)
