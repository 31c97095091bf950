"""A text, and what was read of it: the stems, what it claims, denies and turns, each once and when it is asked for."""

from functools import cached_property, lru_cache

from shipmate.answer.check.claims import Claims, read
from shipmate.answer.check.signs import Signs
from shipmate.answer.check.vocabulary import content, run_of
from shipmate.text import fold, words

__all__ = ["Reading", "reading"]


class Reading:
    """A text that `plain` has gone over: a sentence to be checked, or a piece of evidence."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = words(text)
        self.stems = content(found)
        self.signs = Signs(text, found, self.stems)

    @cached_property
    def claims(self) -> Claims:
        """What can be right or wrong by the letter."""
        return read(self.text)

    @cached_property
    def run(self) -> str:
        """The words as `run_of` writes them."""
        return run_of(self.text)

    @cached_property
    def folded(self) -> str:
        """The text in lower case, with single spaces."""
        return " ".join(fold(self.text).split())


# An entry of which all was read takes about 6 KB.
@lru_cache(maxsize=2048)
def reading(text: str) -> Reading:
    """Return what was read of a text until now."""
    return Reading(text)
