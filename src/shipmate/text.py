"""Words, stems and sentences, with their exact offsets."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from sys import intern
from typing import TypeVar

import Stemmer

__all__ = [
    "FENCES",
    "LINE_MARK",
    "STOP_WORDS",
    "WORD",
    "Kept",
    "asked_stems",
    "content_stems",
    "fold",
    "indexed_stems",
    "sentence_spans",
    "stem",
    "stems",
    "tokens",
    "words",
]

Span = tuple[int, int]
T = TypeVar("T")

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
LINK_TARGET = re.compile(r"\]\([^)\s]*\)")
# A word of the title or of a heading counts as so many in the text.
HEAD_WEIGHT = 3
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be been but by can could did do does doing for from had has have
    he her here him his how i if in into is it its just may me might more most my no not of on or our out over she
    should so some such than that the their them then there these they this those to too under up us was we were what
    when where which while who whom whose why will with would you your""".split()
)
# "Back up", "backing up" and "backup": the verb, whatever its ending, and the particle also count as one word.
PARTED_VERBS = tuple("back clean log roll set shut sign start time".split())
VERB_ENDINGS = tuple("d ed ged ging ing s ting".split())
PARTED = {
    verb: re.compile(rf"{verb}(?<!\w{verb})(?:{'|'.join(VERB_ENDINGS)})?[ -](back|down|in|off|out|up)\b")
    for verb in PARTED_VERBS
}
_stemmer = Stemmer.Stemmer("english")
# What stands in no word becomes a space, as far as it is ASCII; an apostrophe may stand in one.
SPACED = bytes(code if code > 127 or chr(code).isalnum() or chr(code) == "'" else ord(" ") for code in range(256))
WORDS_KEPT = 65536

# What stands before a line's own words: a heading's, item's, quotation's, table row's or code fence's sign.
LINE_MARK = re.compile(r"#{1,6}\s+|[-*+•·‣–]\s+|\(?(?:\d{1,3}|[a-z])[.)]\s+|>\s+|_{2,}\s+|\|\s*|```+|~~~+")
LINE = re.compile(r"\S(?:[^\n]*\S)?")
FENCES = ("```", "~~~")
# Its first sign comes first: what begins with a set of signs is looked for ten times as fast.
SENTENCE_END = re.compile(r"[.!?<](?:(?<!<)['\")\]”’]*(?=\s+['\"(\[“‘]?[A-Z0-9])|(?<=<)br\s*/?>\s*(?:<br\s*/?>\s*)*)")
ABBREVIATIONS = frozenset(
    """al apr approx aug cf co col corp dec dept dr ed eds e.g est feb ft gen gov hon i.e inc jan jr jul jun lt ltd mr
    mrs ms mt nov oct ph.d prof rep rev sen sep sept sgt sr st u.k u.s vs""".split()
)
# These abbreviate before a number only: "No. 7", but "No. It is not."
NUMBERED = frozenset("art fig figs no nos pp sec vol".split())
NUMBER_BEHIND = re.compile(r"\s*\d")
# A line that ends with one of these is not complete.
INCOMPLETE = STOP_WORDS - frozenset(
    "all also her him it me more most out over them then there they too up us you".split()
)
# Lines of such a width are taken for wrapped text; longer ones are whole paragraphs, shorter ones are lists.
NARROW, WIDE = 50, 130


def fold(text: str) -> str:
    """Lower the case and take compatibility forms and accents away; offsets are not kept."""
    if text.isascii():
        return text.lower()
    # Twice: small letters of compatibility forms have compatibility forms of their own.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


@lru_cache(maxsize=WORDS_KEPT)
def stem(word: str) -> str:
    """Return the stem of one word; there is no space in it, though a ligature of a whole saying has some in its fold."""
    stemmed: str = _stemmer.stemWord(fold(word).replace("’", "'").replace(" ", "").removesuffix("'s"))
    return stemmed


class Kept(dict[str, T]):
    """What is found of words, kept until there are too many; as a dictionary it is asked a hundred at a time."""

    def __init__(self, find: Callable[[str], T]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, word: str) -> T:
        if len(self) >= WORDS_KEPT:
            self.clear()
        found = self[word] = self._find(word)
        return found


def _content_stem(word: str) -> str:
    """Return the stem of a content word; nothing for a stop word."""
    return "" if word.lower() in STOP_WORDS else intern(stem(word))


_content = Kept(_content_stem)
# By the stem of a form of it.
VERB_OF = {stem(verb + ending): verb for verb in PARTED_VERBS for ending in ("", *VERB_ENDINGS)}
PARTED_STEMS = frozenset(VERB_OF)


def tokens(text: str) -> list[str]:
    """Return what the signs of ASCII part, but for apostrophes: no word has a part in two of these.

    It is ten times as fast as a pattern.
    """
    return text.encode("utf-8", "surrogatepass").translate(SPACED).decode("utf-8", "surrogatepass").split()


def words(text: str) -> list[str]:
    """Return the words in order, as they are written."""
    parted = tokens(text)
    if text.isascii() and "'" not in text:
        return parted
    found: list[str] = []
    for token in parted:
        if token.isalnum():
            found.append(token)
        else:
            found += WORD.findall(token)
    return found


def stems(text: str) -> list[str]:
    """Return the stems of the content words in order; stop words are left out, and "back up" adds "backup" at the end."""
    found = content_stems(words(text))
    return found + _joined_stems(text, found)


@lru_cache(maxsize=64)
def asked_stems(question: str) -> tuple[str, ...]:
    """Return `stems`, which search, confidence and quotes want of the same question one after the other."""
    return tuple(stems(question))


def content_stems(written: Iterable[str]) -> list[str]:
    """Return the stems of the content words among words."""
    return list(filter(None, map(_content.__getitem__, written)))


def _joined_stems(text: str, found: Iterable[str]) -> list[str]:
    """Return the stems of what a text writes in two words, such as "backup" for "back up"; `found` are its own."""
    said = PARTED_STEMS.intersection(found)
    if not said:
        return []
    low = text.lower()
    places = sorted(
        (*match.span(), verb + match[1])
        for verb in {VERB_OF[one] for one in said}
        for match in PARTED[verb].finditer(low)
    )
    joined = []
    reached = 0
    for start, end, word in places:
        # In "log back in", only "log back".
        if start >= reached:
            joined.append(stem(word))
            reached = end
    return joined


def indexed_stems(head: str, text: str) -> list[str]:
    """Return the stems under which a passage is found: the head's several times, and no link's target, which nobody reads."""
    return stems(head) * HEAD_WEIGHT + stems(LINK_TARGET.sub("]", text) if "](" in text else text)


def sentence_spans(text: str) -> list[Span]:
    """Return [start, end) of each sentence, in order, without the white space around it.

    A heading, a table row and a fenced block of code count as one; a line break inside a wrapped sentence ends
    nothing. The sign before a heading or list item is part of the span (`LINE_MARK` matches it).
    """
    return [span for block in _blocks(text) for span in _sentences(text, *block)]


def _blocks(text: str) -> Iterator[Span]:
    """Yield each paragraph, heading, list item, table row and fenced block of code."""
    for lines in _line_runs(text):
        if text.startswith(FENCES, lines[0][0]):
            yield lines[0][0], lines[-1][1]
            continue
        width = _wrap_width(lines)
        start, end = lines[0]
        last = lines[0]
        for line in lines[1:]:
            if not _goes_on(text, last, line, width):
                yield start, end
                start = line[0]
            end = line[1]
            last = line
        yield start, end


def _line_runs(text: str) -> Iterator[list[Span]]:
    """Yield lines that stand together without a blank one between; fenced code is one run."""
    run: list[Span] = []
    fenced = False
    for match in LINE.finditer(text):
        start, end = match.span()
        fence = text.startswith(FENCES, start)
        if run and not fenced and (fence or text.count("\n", run[-1][1], start) > 1):
            yield run
            run = []
        run.append((start, end))
        if fenced and fence:
            yield run
            run = []
        fenced ^= fence
    if run:
        yield run


def _wrap_width(lines: list[Span]) -> int:
    """Return the width at which an editor has wrapped these lines, or 0 when they are not wrapped."""
    lengths = [end - start for start, end in lines]
    full = lengths[:-1]
    width = max(lengths)
    if len(full) < 2 or not NARROW <= width <= WIDE:
        return 0
    return width if 2 * sum(length >= 0.8 * width for length in full) > len(full) else 0


def _goes_on(text: str, line: Span, following: Span, width: int) -> bool:
    """Tell whether a line's sentence goes on in the following line."""
    start, end = line
    next_start, next_end = following
    if text[end - 1] in ".!?:;|" or text[start] in "#|" or LINE_MARK.match(text, next_start):
        return False
    # "Opening hours | City Library" is a page's title.
    if " | " in text[start:end]:
        return False
    if text[next_start].islower() or text[next_start] in "(,&" or text[end - 1] == ",":
        return True
    last_word = text[start:end].rsplit(None, 1)[-1]
    if last_word in INCOMPLETE:
        return True
    first_word = text[next_start:next_end].split(None, 1)[0]
    return end - start + 1 + len(first_word) > width > 0


def _sentences(text: str, start: int, end: int) -> Iterator[Span]:
    if text.startswith(FENCES, start):
        yield start, end
        return
    since = start
    for match in SENTENCE_END.finditer(text, start, end):
        # A line break in a table's cell is no part of the sentence before it.
        cut = match.start() if text[match.start()] == "<" else match.end()
        behind, since = since, match.end()
        if text[match.start()] == "." and _abbreviates(text, start, behind, match):
            continue
        yield from _trimmed(text, start, cut)
        start = match.end()
    yield from _trimmed(text, start, end)


def _abbreviates(text: str, start: int, behind: int, stop: re.Match[str]) -> bool:
    """Tell whether the full stop ends an abbreviation, an initial or the number of a list item.

    The sentence has begun at `start`. What stands before the stop in it that ended at `behind` is not looked at again:
    else a text of nothing but abbreviations would take quadratic time.
    """
    before = text[behind : stop.start()].split()
    if not before:
        return False
    word = before[-1].lstrip("(\"'[“‘").lower()
    if word in NUMBERED:
        return NUMBER_BEHIND.match(text, stop.end()) is not None
    if word in ABBREVIATIONS or (len(word) == 1 and word.isalpha()):
        return True
    return behind == start and len(before) == 1 and word.isdigit()


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the span without the white space around it, unless nothing is left."""
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    if left < right:
        yield left, right
