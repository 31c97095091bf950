"""Words, stems and sentences, with their exact offsets."""

import re
import unicodedata
from functools import lru_cache

import Stemmer

__all__ = ["STOP_WORDS", "fold", "sentence_spans", "stem", "stems", "words"]

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])|\n\s*\n|\n(?=\s*(?:[-*+]|\d+[.)])\s)|\n")
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be been but by can could did do does doing for from had has have
    he her here him his how i if in into is it its just may me might more most my no not of on or our out over she
    should so some such than that the their them then there these they this those to too under up us was we were what
    when where which while who whom whose why will with would you your""".split()
)
_stemmer = Stemmer.Stemmer("english")


def fold(text: str) -> str:
    """Lower the case and take compatibility forms and accents away; offsets are not kept."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return the stem of one word."""
    return _stemmer.stemWord(fold(word).replace("’", "'").removesuffix("'s"))


def words(text: str) -> list[str]:
    """Return the words in order, as they are written."""
    return WORD.findall(text)


def stems(text: str) -> list[str]:
    """Return the stems of the content words in order; stop words are left out."""
    return [stem(word) for word in WORD.findall(text) if word.lower() not in STOP_WORDS]


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return [start, end) of each sentence, in order, without the white space around it."""
    spans = []
    start = 0
    for cut in [*(match.span() for match in SENTENCE_END.finditer(text)), (len(text), len(text))]:
        piece = text[start : cut[0]]
        left = start + len(piece) - len(piece.lstrip())
        right = start + len(piece.rstrip())
        if right > left:
            spans.append((left, right))
        start = cut[1]
    return spans
