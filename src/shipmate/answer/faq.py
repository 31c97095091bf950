"""Verbatim answers: what a person wrote for a question, word for word."""

from collections.abc import Sequence

from shipmate.router import Nearest, Topic

__all__ = ["Faq"]

# As good as the same question: it is answered from the FAQ without looking further.
SAME_QUESTION = 0.85
# Near enough to be better than nothing when the model has failed and no quote answers.
NEAR_QUESTION = 0.5


class Faq:
    """The assistant's verbatim answers; each topic's reply is one, its examples are the ways to ask for it."""

    def __init__(self, entries: Sequence[Topic]) -> None:
        self._nearest = Nearest(entries)

    def same(self, question: str) -> str:
        """Return the answer written for this very question, or nothing."""
        return self._at_least(question, SAME_QUESTION)

    def near(self, question: str) -> str:
        """Return the answer written for a question much like this one, or nothing."""
        return self._at_least(question, NEAR_QUESTION)

    def _at_least(self, question: str, likeness: float) -> str:
        entry, found = self._nearest.find(question)
        return entry.reply if entry and found >= likeness else ""
