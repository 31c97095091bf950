"""Make a document of a PDF's pages: lines become paragraphs, bookmarks become headings, running heads go."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from shipmate.knowledge.blocks import Block, BlockKind, Document
from shipmate.knowledge.parsers import Bookmark

__all__ = ["paged_document"]

# How PDFium writes the hyphen of a word that goes on in the next line.
HYPHEN = re.compile("[\x02\ufffe]\n?")
DIGITS = re.compile(r"\d+")
EDGES = re.compile(r"^\d+\b|\b\d+$")
ITEM = re.compile(r"[-*•◦▪‣–]\s|\(?(?:\d{1,3}|[a-z])[.)]\s")
ENDS = (".", "!", "?", ":")
# A line so much shorter than the page's longest, behind a full stop, ends a paragraph.
SHORT = 0.8
# From so many pages on, what most of them begin or end with belongs to none.
RUNNING_PAGES = 4

# A line, which of its numbers counts the pages, and from where.
Frame = tuple[str, int, int]


def paged_document(source: str, title: str, pages: Sequence[str], outline: Iterable[Bookmark]) -> Document:
    """Return the document that pages of text make; each page's passages carry its number."""
    lines = [_lines(page) for page in pages]
    running = _running(lines)
    bookmarks: dict[tuple[int, str], int] = {}
    for bookmark in outline:
        bookmarks.setdefault((bookmark.page, _alike(bookmark.title)), bookmark.level)
    text = _Text()
    for number, own in enumerate(lines):
        text.begin_page()
        kept = [line for line in own if line not in (own[0], own[-1]) or running.isdisjoint(_frames(line, number))]
        width = max(map(len, kept), default=0)
        for line, following in zip_longest(kept, kept[1:], fillvalue=""):
            level = bookmarks.pop((number, _alike(line)), 0)
            text.add(line, level=level, ends=_ends(line, following, width))
        text.end_block()
    return Document(
        source=source, title=title, text=text.text(), blocks=tuple(text.blocks), pages=tuple(text.page_starts)
    )


class _Text:
    """The text as it grows; blocks stand apart by an empty line."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.page_starts: list[int] = []
        self._parts: list[str] = []
        self._size = 0
        self._open: list[str] = []

    def begin_page(self) -> None:
        self.page_starts.append(self._size)

    def add(self, line: str, *, level: int, ends: bool) -> None:
        """Append a line: a heading when it has a level, else of the open paragraph."""
        if level:
            self.end_block()
        self._open.append(line)
        if level or ends:
            self.end_block(level)

    def end_block(self, level: int = 0) -> None:
        if not self._open:
            return
        words = "\n".join(self._open)
        kind = BlockKind.HEADING if level else BlockKind.PROSE
        self.blocks.append(Block(kind, self._size, self._size + len(words), level, words if level else ""))
        self._parts += words, "\n\n"
        self._size += len(words) + 2
        self._open = []

    def text(self) -> str:
        return "".join(self._parts)


def _lines(page: str) -> list[str]:
    whole = HYPHEN.sub("", page.replace("\r\n", "\n").replace("\r", "\n")).replace("\0", "")
    return [" ".join(line.split()) for line in whole.split("\n") if line.strip()]


def _running(pages: Sequence[Sequence[str]]) -> set[Frame]:
    """Return the heads and feet that stand on most pages."""
    if len(pages) < RUNNING_PAGES:
        return set()
    found = Counter(
        frame
        for number, own in enumerate(pages)
        if own
        for frame in {*_frames(own[0], number), *_frames(own[-1], number)}
    )
    return {frame for frame, count in found.items() if 2 * count > len(pages)}


def _frames(line: str, page: int) -> Iterator[Frame]:
    """Yield as what a line may come again: as it is, or with a number that counts the pages, in it or at its edge."""
    yield line, -1, 0
    pattern = DIGITS.sub("0", line)
    for place, number in enumerate(DIGITS.findall(line)):
        yield pattern, place, int(number[:9]) - page
    for number in EDGES.findall(line):
        yield "", 0, int(number[:9]) - page


def _alike(title: str) -> str:
    return "".join(title.split()).casefold()


def _ends(line: str, following: str, width: int) -> bool:
    """Tell whether a paragraph ends with this line."""
    return ITEM.match(following) is not None or (line.endswith(ENDS) and len(line) < SHORT * width)
