"""Cut a document into passages: along its headings, then its blocks, and only then within them."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import zip_longest
from operator import itemgetter

import msgspec

from shipmate.knowledge.blocks import Block, BlockKind, Document
from shipmate.messages import Passage
from shipmate.text import sentence_spans

__all__ = ["CHUNKING", "chunk"]

# Part of every fingerprint: raise it when the same file would be cut differently or kept out, and all are read anew.
CHUNKING = 4

# About 250 words; characters, because not every script puts spaces between words.
LONGEST = 1500
LINE = re.compile(r"[^\n]*\n?")
WORD = re.compile(r"\S+\s*")

Span = tuple[int, int]


class Section(msgspec.Struct, frozen=True):
    """Blocks that stand together under one heading, on one page."""

    headings: tuple[str, ...]
    blocks: list[Block]
    page: int


def chunk(document: Document) -> list[Passage]:
    """Return the passages in document order; together they hold every block that may be shown."""
    passages = [
        _passage(document, section, start, end)
        for section in _sections(document)
        for start, end in _packed([piece for block in section.blocks for piece in _pieces(document.text, block)])
    ]
    if passages and document.relations:
        passages[0] = msgspec.structs.replace(passages[0], relations=document.relations)
    return passages


def _sections(document: Document) -> Iterator[Section]:
    path: list[Block] = []
    section: list[Block] = []
    page = 0
    for block, following in zip_longest(document.blocks, document.blocks[1:]):
        page_before, page = page, bisect_right(document.pages, block.start)
        if block.kind is BlockKind.HEADING:
            yield Section(_titles(document, path), section, page_before)
            path = [*(above for above in path if above.level < block.level), block]
            section = []
            if _is_bare(block, following):
                yield Section(_titles(document, path[:-1]), [block], page)
        elif block.kind is BlockKind.HIDDEN:
            yield Section(_titles(document, path), section, page_before)
            section = []
        elif block.kind is BlockKind.RECORD:
            yield Section(_titles(document, path), section, page_before)
            yield Section(_titles(document, [*path, block]), [block], page)
            section = []
        else:
            if page != page_before:
                yield Section(_titles(document, path), section, page_before)
                section = []
            section.append(block)
    yield Section(_titles(document, path), section, page)


def _is_bare(heading: Block, following: Block | None) -> bool:
    """Tell whether nothing stands under a heading: then it is a passage itself, or it could never be found."""
    return following is None or (following.kind is BlockKind.HEADING and following.level <= heading.level)


def _titles(document: Document, path: list[Block]) -> tuple[str, ...]:
    titles = tuple(block.title for block in path if block.title)
    return titles[1:] if titles[:1] == (document.title,) else titles


def _pieces(text: str, block: Block) -> list[Span]:
    """Return the block, cut as gently as possible where it is too long for one passage."""
    if block.end - block.start <= LONGEST:
        return [(block.start, block.end)]
    inner = text[block.start : block.end]
    if block.kind is BlockKind.LINES:
        spans = [match.span() for match in LINE.finditer(inner) if match[0].strip()]
    else:
        spans = sentence_spans(inner)
    return [piece for start, end in spans for piece in _shortened(text, block.start + start, block.start + end)]


def _shortened(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield what is too long for one passage word by word, and an endless word in equal parts."""
    if end - start <= LONGEST:
        yield _stripped(text, start, end)
        return
    for word in WORD.finditer(text, start, end):
        for part in range(word.start(), word.end(), LONGEST):
            stop = min(part + LONGEST, word.end())
            if text[part:stop].strip():
                yield _stripped(text, part, stop)


def _stripped(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    return start, start + len(piece.rstrip())


def _packed(pieces: list[Span]) -> Iterator[Span]:
    """Yield passages of about equal length, so that no section leaves a crumb behind."""
    if not pieces:
        return
    start, end = pieces[0]
    fair = (pieces[-1][1] - start) / _least(pieces)
    goal = start + fair
    for piece_start, piece_end in pieces[1:]:
        if piece_end - start > LONGEST or goal - end < piece_end - goal:
            yield start, end
            start = piece_start
            goal += fair
        end = piece_end
    yield start, end


def _least(pieces: list[Span]) -> int:
    """Return the least number of passages that hold the pieces."""
    count = 1
    start = pieces[0][0]
    for piece_start, piece_end in pieces:
        if piece_end - start > LONGEST:
            count += 1
            start = piece_start
    return count


def _passage(document: Document, section: Section, start: int, end: int) -> Passage:
    passage = Passage(
        source=document.source,
        title=document.title,
        headings=section.headings,
        text=document.text[start:end],
        start=start,
        end=end,
        runs=_runs(document.runs, start, end),
        audience=document.audience,
        links=_links(document.links, start, end),
        page=section.page,
        date=document.date,
    )
    if not passage.runs:
        return passage
    in_file = passage.in_source(0, end - start)
    return msgspec.structs.replace(passage, start=in_file[0], end=in_file[1])


def _runs(runs: tuple[Span, ...], start: int, end: int) -> tuple[Span, ...]:
    """Return the runs of `text[start:end]`, counted from its own beginning."""
    if not runs:
        return ()
    first = max(bisect_right(runs, start, key=itemgetter(0)) - 1, 0)
    stop = bisect_right(runs, end, key=itemgetter(0))
    in_text, in_file = runs[first]
    return (0, in_file + start - in_text), *((at - start, to) for at, to in runs[first + 1 : stop])


def _links(links: tuple[tuple[int, str], ...], start: int, end: int) -> tuple[str, ...]:
    """Return where the links lead that begin in `text[start:end]`, each once."""
    first = bisect_left(links, start, key=itemgetter(0))
    stop = bisect_left(links, end, key=itemgetter(0))
    return tuple(dict.fromkeys(target for _, target in links[first:stop]))
