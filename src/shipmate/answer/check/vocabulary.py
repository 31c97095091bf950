"""The words of a text: which of them tell something, which are ordinary, and how they compare."""

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files

from shipmate.answer.check.numerals import same_word
from shipmate.text import STOP_WORDS, fold, stem

__all__ = ["content", "content_stem", "ordinary", "run_of"]

RUN = re.compile(r"[^\W\d_]+|\d+")
NOTHING = frozenset({""})


def content(found: Iterable[str]) -> frozenset[str]:
    """Return the words that tell something, as `content_stem` writes them."""
    return frozenset(map(content_stem, found)) - NOTHING


@lru_cache(maxsize=8192)
def content_stem(word: str) -> str:
    """Return the stem of a word, a number or unit in short ("ten" is "10"), and nothing for a stop word."""
    lowered = word.lower()
    return "" if lowered.partition("'")[0] in STOP_WORDS or lowered == "one" else same_word(lowered) or stem(word)


@lru_cache(maxsize=8192)
def ordinary(word: str) -> bool:
    """Tell whether a word is a common English one rather than a name."""
    return stem(word) in _ordinary_stems() or fold(word) in STOP_WORDS


@cache
def _ordinary_stems() -> frozenset[str]:
    listed = files("shipmate.answer.check").joinpath("ordinary_words.txt").read_text(encoding="utf-8")
    return frozenset(map(stem, listed.split()))


def run_of(text: str) -> str:
    """Return the words in lower case, letters and digits apart, with a space before, between and behind them."""
    if text.isascii() and text.isalpha():
        return f" {text.lower()} "
    return f" {' '.join(RUN.findall(fold(text)))} "
