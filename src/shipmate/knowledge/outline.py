"""What of a passage can be quoted: its sentences, list items and table rows, and what they stand under."""

import re
from array import array
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from sys import intern

import msgspec

from shipmate.messages import Passage
from shipmate.text import FENCES, LINE_MARK, STOP_WORDS, sentence_spans, stems, words

__all__ = ["Kind", "Outline", "Piece", "outline"]

# One takes about 12 kB.
OUTLINES_KEPT = 2048
# A piece with fewer words says nothing alone.
LEAST_WORDS = 3
# What speaks for a piece whatever was asked: being long enough to say something ...
SUBSTANCE = 0.2
ENOUGH_WORDS = 40
# ... and against it: standing loose on the page; beginning with a word that leans on something said before; being so
# long that it is no sentence any more; and having so few small words that it is a list of names rather than language.
LOOSE = 0.25
LEANING = 0.1
LONG = 0.4
LONG_WORDS = 70
STIFF = 0.3
STIFF_WORDS = 8
LEAST_SMALL_SHARE = 0.2
# A line without a full stop is taken for the heading of what follows when it is as short as this.
HEADING_WORDS = 10

LINK_TARGET = re.compile(r"\]\([^)\s]*\)|<?https?://\S+")
# Page furniture that reads like text.
FURNITURE = re.compile(
    r"""(?ix) ©|\bcopyright\b|all\ rights\ reserved|\b(?:accept|manage)\ (?:all\ )?cookies|\bcookie\ (?:notice|settings)
    |(?:enable|supports?)\ javascript|^\W*skip\ to\b|official\ website\ of|^\W*(?:back|return)\ to\ top\b
    |^\W*(?:for\ (?:more|further|additional)\ (?:details|information|help)\W|see\b|learn\ more\b|read\ more\b
    |(?:more|further)\ information\b|click\ here\b|visit\ (?:our|the|https?)\b)"""
)
# Menu entries; in a whole sentence the same words are an instruction.
MENU = re.compile(
    r"(?i)\b(?:log|sign) ?(?:in|out|up)\b|subscribe|newsletter|follow us|contact us|site ?map|privacy policy|search"
)
LEANS = re.compile(
    r"(?i)(?:also|as (?:a result|an example|an added)|but|consequently|finally|for (?:example|instance)|furthermore"
    r"|hence|he|her|his|however|in (?:addition|contrast|other words|this case)|instead|it|its|moreover|next|otherwise|she"
    r"|no|similarly|such|that|the (?:above|former|latter)|their|then|therefore|these|they|this|those|thus|yes)\b"
)


class Kind(Enum):
    """What a piece is on the page."""

    PROSE = "prose"
    ITEM = "item"
    ROW = "row"
    # Ends with a colon: what follows belongs to it.
    INTRO = "intro"
    # A line without a full stop: a heading, a menu entry, or an item whose sign was lost.
    FRAGMENT = "fragment"
    HEADING = "heading"
    QUESTION = "question"
    CODE = "code"


QUOTABLE = frozenset((Kind.PROSE, Kind.ITEM, Kind.ROW, Kind.INTRO, Kind.FRAGMENT))


class Piece(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A sentence, list item, table row or heading of a passage."""

    # In the passage's text, without the sign of a heading or item.
    start: int
    end: int
    kind: Kind
    # Its content words, each once.
    stems: tuple[str, ...]
    words: int
    # It may be quoted.
    quotable: bool
    # How well it reads alone, whatever was asked.
    worth: float
    # A reply may begin with it: nothing has to stand before it.
    leads: bool


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """A passage, taken apart once and kept."""

    pieces: tuple[Piece, ...]
    # The pieces that hold a stem.
    holding: dict[str, tuple[int, ...]]
    # The pieces that do not hold a stem, but stand under a heading, question or introduction that does.
    under: dict[str, tuple[int, ...]]
    # The pieces that may be quoted, and the worth of each: compact, because every question goes through them.
    quotable: "array[int]"
    worth: "array[float]"


@lru_cache(maxsize=OUTLINES_KEPT)
def outline(passage: Passage) -> Outline:
    """Take a passage apart; the outlines that were used last are kept."""
    text = passage.text
    pieces: list[Piece] = []
    holding: dict[str, tuple[int, ...]] = {}
    under: dict[str, tuple[int, ...]] = {}
    context = _Context(" ".join(passage.headings[-1:]))
    for start, end in sentence_spans(text):
        piece = _piece(text, start, end, context)
        at = (len(pieces),)
        for stem in piece.stems:
            holding[stem] = holding.get(stem, ()) + at
        for stem in context.above(piece).difference(piece.stems):
            under[stem] = under.get(stem, ()) + at
        pieces.append(piece)
        context.follow(piece)
    quotable = [number for number, piece in enumerate(pieces) if piece.quotable]
    return Outline(
        pieces=tuple(pieces),
        holding=holding,
        under=under,
        quotable=array("I", quotable),
        worth=array("d", [pieces[number].worth for number in quotable]),
    )


class _Context:
    """What stands above the piece that comes next."""

    def __init__(self, heading: str) -> None:
        self._heading = frozenset(map(intern, stems(heading)))
        self._intro: frozenset[str] = frozenset()
        self.in_list = False
        self.in_table = False

    def above(self, piece: Piece) -> frozenset[str]:
        """Return the stems that a piece stands under."""
        return frozenset() if piece.kind in (Kind.HEADING, Kind.QUESTION) else self._heading | self._intro

    def follow(self, piece: Piece) -> None:
        """Go on behind a piece."""
        titles = piece.kind is Kind.FRAGMENT and piece.words <= HEADING_WORDS
        if piece.words and (piece.kind in (Kind.HEADING, Kind.QUESTION) or titles):
            self._heading = frozenset(piece.stems)
        if piece.kind is Kind.INTRO:
            self._intro = frozenset(piece.stems)
        elif piece.kind not in (Kind.ITEM, Kind.CODE, Kind.ROW):
            self._intro = frozenset()
        self.in_list = bool(self._intro)


def _piece(text: str, start: int, end: int, context: _Context) -> Piece:
    kind, start = _kind(text, start, end, context)
    body = LINK_TARGET.sub(" ", text[start:end])
    written = words(body)
    furniture = FURNITURE.search(body) or (kind is Kind.FRAGMENT and MENU.search(body))
    return Piece(
        start=start,
        end=end,
        kind=kind,
        stems=tuple(dict.fromkeys(map(intern, stems(body)))),
        words=len(written),
        quotable=kind in QUOTABLE and len(written) >= LEAST_WORDS and not furniture,
        worth=_worth(kind, body, written),
        leads=kind is Kind.PROSE and not LEANS.match(body),
    )


def _kind(text: str, start: int, end: int, context: _Context) -> tuple[Kind, int]:
    """Return what the piece is, and where its own words begin."""
    if text.startswith(FENCES, start):
        return Kind.CODE, start
    mark = LINE_MARK.match(text, start, end)
    marked = mark is not None and mark.end() < end
    first, last = text[start], text[end - 1]
    in_table, context.in_table = context.in_table, first == "|"
    kinds = (
        # The first row of a table names its columns.
        (first == "|", Kind.ROW if in_table else Kind.HEADING),
        (first == "#" and marked, Kind.HEADING),
        (last == "?", Kind.QUESTION),
        (last == ":", Kind.INTRO),
        (marked, Kind.ITEM),
        (last in ".!;" or not _own_line(text, start, end), Kind.PROSE),
        (context.in_list, Kind.ITEM),
    )
    kind = next((kind for holds, kind in kinds if holds), Kind.FRAGMENT)
    return kind, mark.end() if mark and marked else start


def _own_line(text: str, start: int, end: int) -> bool:
    """Tell whether nothing else stands on the lines of the piece."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    stop = text.find("\n", end)
    behind = text[end : stop if stop >= 0 else len(text)]
    return not before.strip() and not behind.strip()


def _worth(kind: Kind, body: str, written: Sequence[str]) -> float:
    count = len(written)
    worth = SUBSTANCE * min(count, ENOUGH_WORDS) / ENOUGH_WORDS
    if kind is Kind.FRAGMENT:
        worth -= LOOSE
    if kind is Kind.PROSE and LEANS.match(body):
        worth -= LEANING
    if count > LONG_WORDS:
        worth -= LONG
    if count >= STIFF_WORDS and sum(word.lower() in STOP_WORDS for word in written) < LEAST_SMALL_SHARE * count:
        worth -= STIFF
    return worth
