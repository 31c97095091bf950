"""Find the names that a text holds, and what else a title may be called."""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from shipmate.knowledge.keys import text_key
from shipmate.text import STOP_WORDS, Kept, fold

__all__ = [
    "Called",
    "Run",
    "Shape",
    "begins_sentence",
    "called",
    "name_key",
    "name_words",
    "nearest_names",
    "runs",
    "short_titles",
    "symbol_key",
    "symbols",
]

# Words that stand within names: "Bishop of Elmham", "Atang de la Rama".
JOINING = "al bin da de del den der des di do du el en et ibn la las le les los of the van vom von y zu zum zur".split()
# These may too, "Into the Air and Out", but mostly they stand between two.
PARTING = frozenset("a an and at by for from in is no on or to und with".split())
ARTICLES = ("the", "a", "an")
# Longer names are not looked for.
MOST_WORDS = 12
# Of a longer run of capitals, which is a headline, parts of so many words are tried.
MOST_PART_WORDS = 6
NAMES_KEPT = 1 << 17
# How much two names are written alike, from where on one may be meant for the other.
LIKENESS = 0.5


def _capitals() -> str:
    """Return the ranges of letters with which a name may begin, for a character class."""
    found = [code for code in range(0x2FFF) if chr(code).isupper() or chr(code).istitle()]
    starts = [code for before, code in pairwise([-2, *found]) if code != before + 1]
    ends = [code for code, after in pairwise([*found, sys.maxunicode]) if after != code + 1]
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


CAPITAL = f"[{_capitals()}]"
TAIL = r"[^\W_]*(?:['’.&\-–][^\W_]+)*"
# An initial's full stop belongs to the name: "H. Bruce Humberstone".
REST = rf"(?:\.(?=[ \n])|{TAIL})"
NAME_WORD = rf"{CAPITAL}{REST}"
GAP = r"(?: |\n(?!\n))"
# The capital comes first, then that no letter stands before it: what begins with a set of signs is found much faster.
RUN = re.compile(
    rf"{CAPITAL}(?<![^\W_].){REST}"
    rf"(?:{GAP}(?:{NAME_WORD}|\d{TAIL})|(?:{GAP}(?:{'|'.join(sorted({*JOINING, *PARTING}))})(?![^\W_])){{1,3}}{GAP}{NAME_WORD})*"
)
WORD = re.compile(r"[^\W_]+")
POSSESSIVE = re.compile(r"['’]s(?![^\W_])", re.IGNORECASE)
BRACKET = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")
# A symbol of code stands in back-ticks, is an option, or is a word with a `_`, a `.` or a capital in it.
MARKED = re.compile(r"[`-](?:(?<=`)([^`\n]{2,60})`|(?<![\w-]-)(-[a-z][\w-]+))")
INNER_SIGN = re.compile(r"[_.A-Z](?:(?<=[^\W_]_)(?=\w)|(?<=[^\W_]\.)(?=[a-z_])|(?<=[a-z][A-Z]))")
CODE_WORD = re.compile(r"[^\W\d_](?:[\w.]*\w)?")
SENTENCE_ENDS = frozenset(".!?:\n")


class Shape(NamedTuple):
    """What a run of capitals names, by key, and what else it may name, if something is called so."""

    wholes: tuple[int, ...]
    parts: tuple[int, ...]
    # How each of the wholes is written, without an article before it.
    written: tuple[str, ...]


class Run(NamedTuple):
    """A name in a text, at [start, end)."""

    text: str
    start: int
    end: int
    shape: Shape


class Called(NamedTuple):
    """What a question may call by name: its words [first, end), or a symbol of code."""

    first: int
    end: int
    key: int
    words: tuple[str, ...]


def name_words(text: str) -> tuple[str, ...]:
    """Return the words that make a name what it is: no case, accents, possessive or leading article."""
    words = tuple(WORD.findall(fold(POSSESSIVE.sub("", text))))
    return words[1:] if len(words) > 1 and words[0] in ARTICLES else words


@lru_cache(maxsize=NAMES_KEPT)
def name_key(text: str) -> int:
    """Return the key of the entity that a text names; 0 for no name."""
    words = name_words(text)
    return text_key(" ".join(words)) if words else 0


def symbol_key(text: str) -> int:
    """Return the key of a symbol of code, in which every sign counts."""
    return text_key("`" + text.removesuffix("()").lower())


def symbols(text: str) -> Iterator[str]:
    """Yield the symbols of code that a text names."""
    for quoted, option in MARKED.findall(text):
        yield quoted.strip() if quoted else f"-{option}"
    end = 0
    for sign in INNER_SIGN.finditer(text):
        if sign.start() < end:
            continue
        beginning = max(text.rfind(" ", end, sign.start()), text.rfind("\n", end, sign.start())) + 1
        for word in CODE_WORD.finditer(text, beginning):
            end = word.end()
            if end > sign.start():
                if word.start() < sign.start():
                    yield word[0]
                break


def runs(text: str) -> Iterator[Run]:
    """Yield the runs of capitalised words, from left to right."""
    for match in RUN.finditer(text):
        run = match[0]
        shape = _shape[run]
        if shape is not NOTHING:
            start, end = match.span()
            yield Run(run, start, end, shape)


def begins_sentence(text: str, start: int) -> bool:
    """Tell whether a capital at `start` says nothing, because there a sentence begins."""
    before = text[max(0, start - 3) : start].rstrip(" \"'“‘(*")
    return not before or before[-1] in SENTENCE_ENDS


def _shape_of(text: str) -> Shape:
    written = text.split()
    if len(written) == 1 and text.lower() in STOP_WORDS:
        return NOTHING
    # "In Paris" names Paris, and perhaps a film that is called so; "Bonn and Paris" two of them.
    pieces = [written] if len(written) == 1 else _pieces(written)
    wholes = {name: POSSESSIVE.sub("", " ".join(piece)) for piece in pieces if (name := _name(piece))}
    parts = set(_parts(written)).difference(wholes) if len(written) > 1 else ()
    if not wholes and not parts:
        return NOTHING
    keys = {text_key(name): shown for name, shown in wholes.items()}
    return Shape(tuple(sorted(keys)), tuple(sorted(map(text_key, parts))), tuple(keys[key] for key in sorted(keys)))


NOTHING = Shape((), (), ())
_shape = Kept(_shape_of)


def _pieces(written: list[str]) -> Iterator[list[str]]:
    """Yield what stands between words that part names."""
    piece: list[str] = []
    for word in written:
        if word in PARTING or (not piece and word.lower() in STOP_WORDS):
            yield piece
            piece = []
        else:
            piece.append(word)
    yield piece


def _name(written: list[str]) -> str:
    """Return a name's words as its key knows them, or nothing for what is no name."""
    words = [word for token in written for word in _words(token)]
    if len(words) > 1 and words[0] in ARTICLES:
        del words[0]
    return "" if not words or _is_no_name(words) else " ".join(words)


def _parts(written: list[str]) -> Iterator[str]:
    """Yield the names of several words within a run: each begins and ends with a capital."""
    words = [_words(token) for token in written]
    ends = [at for at, token in enumerate(written) if not token.islower()]
    spans = [(first, last) for at, first in enumerate(ends) for last in ends[at + 1 : at + MOST_PART_WORDS]]
    for first, last in dict.fromkeys((*spans, (0, len(written) - 1))):
        part = [word for token in words[first : last + 1] for word in token]
        if part and part[0] in ARTICLES:
            del part[0]
        if 1 < len(part) <= MOST_PART_WORDS or (part and last - first + 1 == len(written)):
            yield " ".join(part)


@lru_cache(maxsize=NAMES_KEPT)
def _words(token: str) -> tuple[str, ...]:
    """Return the words of one token of a text, as a name has them."""
    return tuple(WORD.findall(fold(POSSESSIVE.sub("", token))))


def short_titles(title: str) -> list[str]:
    """Return what a titled thing is also called: without the bracket, before and after the comma."""
    bare = BRACKET.sub("", title)
    found = [bare] if bare != title else []
    before, comma, after = bare.partition(",")
    if comma:
        found += [before, after]
    return [name for name in found if name_words(name)]


def nearest_names(name: str, known: Iterable[str], limit: int) -> list[str]:
    """Return the known names that are written most like this one, whatever their case and accents."""
    written: dict[str, str] = {}
    for own in sorted(known):
        written.setdefault(" ".join(name_words(own)) or own, own)
    wanted = " ".join(name_words(name)) or name
    return [written[own] for own in get_close_matches(wanted, written, n=limit, cutoff=LIKENESS)]


@lru_cache(maxsize=NAMES_KEPT)
def called(text: str) -> tuple[Called, ...]:
    """Return what a question, or a run of names, may call by name: at each word the longest first.

    Where it writes capitals at all, a name has one; who types none may mean any words.
    """
    words: list[str] = []
    capital: list[bool] = []
    for match in WORD.finditer(POSSESSIVE.sub("", text)):
        folded = WORD.findall(fold(match[0]))
        is_name = not match[0].islower() and not (match.start() == 0 and folded and folded[0] in STOP_WORDS)
        words += folded
        capital += [is_name] * len(folded)
    if any(capital):
        usable = list(range(len(words)))
    else:
        usable = [at for at, word in enumerate(words) if word not in STOP_WORDS]
        capital = [True] * len(words)
    ends = frozenset(usable)
    spans = (
        (first, last + 1)
        for first in usable
        for last in range(min(first + MOST_WORDS, len(words)) - 1, first - 1, -1)
        if last in ends and any(capital[first : last + 1]) and not _is_no_name(words[first : last + 1])
    )
    named = [Called(first, end, text_key(" ".join(words[first:end])), tuple(words[first:end])) for first, end in spans]
    return (*named, *(Called(0, 0, symbol_key(symbol), ()) for symbol in symbols(text)))


def _is_no_name(name: Sequence[str]) -> bool:
    return len(name) == 1 and (len(name[0]) < 2 or name[0] in STOP_WORDS)
