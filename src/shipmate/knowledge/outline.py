"""What of a passage can be quoted: its sentences, list items and table rows, and what they stand under.

Taking a passage apart is slow, so an index does it once: it keeps what `packed` returns beside the passage and hands
it to `recall` when the passage is read. Indexes keep it for good: whoever changes what `packed` returns changes the
name of their format too.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import msgspec

from shipmate.messages import Passage
from shipmate.text import FENCES, LINE_MARK, content_stems, sentence_spans, stems, words

__all__ = ["Kind", "Outline", "Piece", "outline", "packed", "recall"]

# One takes about 12 kB, and packed 0.3 kB.
OUTLINES_KEPT = 2048
PACKED_KEPT = 8192
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

# How much a piece has to do with words of the heading, question or introduction above it, next to 1 for its own,
UNDER = 0.6
# and with those of the pieces before and behind it.
NEAR = 0.3

LINK_TARGET = re.compile(r"\]\([^)\s]*\)|<?https?://\S+")
# Page furniture that reads like text, in small letters: how it begins, and what stands in it.
FURNITURE_BEGINS = re.compile(
    r"""(?x) \W*(?:skip\ to\b|(?:back|return)\ to\ top\b
    |for\ (?:more|further|additional)\ (?:details|information|help)\W|see\b|learn\ more\b|read\ more\b
    |(?:more|further)\ information\b|click\ here\b|visit\ (?:our|the|https?)\b)"""
)
FURNITURE = re.compile(
    r"""(?x) ©|\bcopyright\b|all\ rights\ reserved|\b(?:accept|manage)\ (?:all\ )?cookies|\bcookie\ (?:notice|settings)
    |(?:enable|supports?)\ javascript|official\ website\ of"""
)
# One of these is in all of it; they are found much faster.
FURNITURE_WORDS = ("©", "copyright", "reserved", "cookie", "javascript", "website")
# Menu entries; in a whole sentence the same words are an instruction.
MENU = re.compile(
    r"\b(?:log|sign) ?(?:in|out|up)\b|subscribe|newsletter|follow us|contact us|site ?map|privacy policy|search"
)
LEANS = re.compile(
    r"(?:also|as (?:a result|an example|an added)|but|consequently|finally|for (?:example|instance)|furthermore"
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

# What an introduction goes on standing above.
LISTED = frozenset((Kind.ITEM, Kind.ROW, Kind.CODE))

# What may stand above what follows; a fragment only when it is short.
HEADS = frozenset((Kind.HEADING, Kind.QUESTION, Kind.FRAGMENT))
# What a piece is by its last sign, be it marked as an item or not.
ENDS = {"?": Kind.QUESTION, ":": Kind.INTRO}

# How a kind and what else holds of a piece are packed into a number, and its worth into another.
KINDS = tuple(Kind)
SIGNS = {kind: sign for sign, kind in enumerate(KINDS)}
QUOTABLE_SIGN, LEADS_SIGN, HEADS_SIGN = 8, 16, 32
WORTH_UNITS = 200


class Piece(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A sentence, list item, table row or heading of a passage."""

    # In the passage's text, without the sign of a heading or item.
    start: int
    end: int
    kind: Kind
    # Its content words, each once.
    stems: tuple[str, ...]
    # It may be quoted.
    quotable: bool
    # A reply may begin with it: nothing has to stand before it.
    leads: bool
    # What follows stands under it.
    heads: bool
    # How well it reads alone, whatever was asked; 1 is as much as holding every word of the question.
    worth: float


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """A passage, taken apart once and kept."""

    pieces: tuple[Piece, ...]
    # The stems of the heading, question or introduction above each piece.
    above: tuple[tuple[str, ...], ...]
    # The stems of all of that.
    said: frozenset[str]
    # What `touched` has found.
    known: dict[str, list[tuple[int, float]]] = msgspec.field(default_factory=dict)

    def holding(self, stem: str) -> list[int]:
        """Return the pieces that hold a stem."""
        return [number for number, piece in enumerate(self.pieces) if stem in piece.stems] if stem in self.said else []

    def stands_under(self, number: int, stem: str) -> bool:
        """Tell whether a piece does not hold a stem, but stands under a heading, question or introduction that does."""
        return stem in self.above[number] and stem not in self.pieces[number].stems

    def touched(self, stem: str) -> Sequence[tuple[int, float]]:
        """Return the pieces that may be quoted and have to do with a stem, and how much: 1 for those that hold it."""
        if stem not in self.said:
            return ()
        found = self.known.get(stem)
        if found is None:
            self.known[stem] = found = self._touched(stem)
        return found

    def _touched(self, stem: str) -> list[tuple[int, float]]:
        own = [
            1.0 if stem in piece.stems else UNDER if stem in above else 0.0
            for piece, above in zip(self.pieces, self.above, strict=True)
        ]
        # Beyond both ends.
        own.append(0.0)
        found = []
        for number, piece in enumerate(self.pieces):
            share = own[number] + NEAR * (own[number - 1] + own[number + 1])
            if share and piece.quotable:
                found.append((number, share))
        return found


class Cut(NamedTuple):
    """A piece without its stems: where it is, its kind and what holds of it, its worth."""

    start: int
    end: int
    signs: int
    worth: int

    @property
    def kind(self) -> Kind:
        return KINDS[self.signs % QUOTABLE_SIGN]

    def piece(self, text: str) -> Piece:
        """Return the piece with what its words say."""
        return Piece(
            start=self.start,
            end=self.end,
            kind=self.kind,
            stems=tuple(dict.fromkeys(stems(_body(text, self.start, self.end)))),
            quotable=self.signs & QUOTABLE_SIGN > 0,
            leads=self.signs & LEADS_SIGN > 0,
            heads=self.signs & HEADS_SIGN > 0,
            worth=self.worth / WORTH_UNITS,
        )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, ...]).decode
_packed: dict[Passage, bytes] = {}


def recall(passage: Passage, data: bytes) -> None:
    """Take over what `packed` returned for the passage once, so that it need not be taken apart again."""
    if len(_packed) >= PACKED_KEPT:
        del _packed[next(iter(_packed))]
    _packed[passage] = data


def packed(passage: Passage) -> bytes:
    """Take a passage apart and return what to keep of it: four numbers of each piece, but no words, which it holds."""
    numbers: list[int] = []
    behind = 0
    for start, end, signs, worth in _Cutter(passage.text).cuts():
        numbers += (start - behind, end - start, signs, worth)
        behind = end
    return _encode(numbers)


@lru_cache(maxsize=OUTLINES_KEPT)
def outline(passage: Passage) -> Outline:
    """Take a passage apart, or recall how it was; the outlines that were used last are kept."""
    data = _packed.get(passage)
    cuts = _Cutter(passage.text).cuts() if data is None else _unpacked(data)
    pieces = tuple([cut.piece(passage.text) for cut in cuts])
    context = _Context(passage)
    above = tuple([context.pass_by(piece) for piece in pieces])
    said = frozenset(chain.from_iterable([*(piece.stems for piece in pieces), *above]))
    return Outline(pieces=pieces, above=above, said=said)


def _unpacked(data: bytes) -> Iterator[Cut]:
    numbers = iter(_decode(data))
    end = 0
    for gap, length, signs, worth in zip(numbers, numbers, numbers, numbers, strict=True):
        start = end + gap
        end = start + length
        yield Cut(start, end, signs, worth)


class _Context:
    """What stands above the piece that comes next."""

    def __init__(self, passage: Passage) -> None:
        self._heading = _heading_stems(" ".join(passage.headings[-1:]))
        self._intro: tuple[str, ...] = ()
        self._both = self._heading

    def pass_by(self, piece: Piece) -> tuple[str, ...]:
        """Return the stems that a piece stands under, and go on behind it."""
        kind = piece.kind
        above = () if kind is Kind.HEADING or kind is Kind.QUESTION else self._both
        heading, intro = self._heading, self._intro
        if piece.heads:
            self._heading = piece.stems
        if kind is Kind.INTRO:
            self._intro = piece.stems
        elif intro and kind not in LISTED:
            self._intro = ()
        if self._heading is not heading or self._intro is not intro:
            self._both = tuple(dict.fromkeys(self._heading + self._intro))
        return above


@lru_cache(maxsize=OUTLINES_KEPT)
def _heading_stems(heading: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stems(heading)))


class _Cutter:
    """Takes a text apart from its beginning to its end, and knows whether a list or a table goes on."""

    def __init__(self, text: str) -> None:
        self._text = text
        low = text.lower()
        self._may_be_furniture = any(word in low for word in FURNITURE_WORDS)
        self._in_list = False
        self._in_table = False

    def cuts(self) -> Iterator[Cut]:
        """Yield the pieces in order."""
        for start, end in sentence_spans(self._text):
            yield self._cut(start, end)

    def _cut(self, beginning: int, end: int) -> Cut:
        kind, start = self._kind(beginning, end)
        body = _body(self._text, start, end)
        low = body.lower()
        written = words(body)
        count, content = len(written), len(content_stems(written))
        leans = kind is Kind.PROSE and LEANS.match(low) is not None
        signs = SIGNS[kind]
        if kind in QUOTABLE and count >= LEAST_WORDS and not self._is_furniture(kind, low):
            signs |= QUOTABLE_SIGN
        if kind is Kind.PROSE and not leans:
            signs |= LEADS_SIGN
        if kind in HEADS and 0 < count <= (HEADING_WORDS if kind is Kind.FRAGMENT else count):
            signs |= HEADS_SIGN
        if kind is Kind.INTRO:
            self._in_list = content > 0
        elif kind not in LISTED:
            self._in_list = False
        return Cut(start, end, signs, round(_worth(kind, count, content, leans=leans) * WORTH_UNITS))

    def _kind(self, start: int, end: int) -> tuple[Kind, int]:
        """Return what the piece is, and where its own words begin."""
        text = self._text
        if text.startswith(FENCES, start):
            return Kind.CODE, start
        first, last = text[start], text[end - 1]
        # No sign before a line's own words is a capital.
        mark = None if first.isupper() else LINE_MARK.match(text, start, end)
        marked = mark is not None and mark.end() < end
        in_table, self._in_table = self._in_table, first == "|"
        if first == "|":
            # The first row of a table names its columns.
            kind = Kind.ROW if in_table else Kind.HEADING
        elif first == "#" and marked:
            kind = Kind.HEADING
        elif last in ENDS:
            kind = ENDS[last]
        elif marked:
            kind = Kind.ITEM
        elif last in ".!;" or not self._own_line(start, end):
            kind = Kind.PROSE
        else:
            kind = Kind.ITEM if self._in_list else Kind.FRAGMENT
        return kind, mark.end() if mark and marked else start

    def _own_line(self, start: int, end: int) -> bool:
        """Tell whether nothing else stands on the lines of the piece."""
        text = self._text
        before = text[text.rfind("\n", 0, start) + 1 : start]
        stop = text.find("\n", end)
        behind = text[end : stop if stop >= 0 else len(text)]
        return not before.strip() and not behind.strip()

    def _is_furniture(self, kind: Kind, low: str) -> bool:
        return (
            FURNITURE_BEGINS.match(low) is not None
            or (self._may_be_furniture and FURNITURE.search(low) is not None)
            or (kind is Kind.FRAGMENT and MENU.search(low) is not None)
        )


def _body(text: str, start: int, end: int) -> str:
    """Return what a piece says, without where its links lead."""
    body = text[start:end]
    return LINK_TARGET.sub(" ", body) if "](" in body or "://" in body else body


def _worth(kind: Kind, count: int, content: int, *, leans: bool) -> float:
    worth = SUBSTANCE * min(count, ENOUGH_WORDS) / ENOUGH_WORDS
    if kind is Kind.FRAGMENT:
        worth -= LOOSE
    if leans:
        worth -= LEANING
    if count > LONG_WORDS:
        worth -= LONG
    if count >= STIFF_WORDS and count - content < LEAST_SMALL_SHARE * count:
        worth -= STIFF
    return worth
