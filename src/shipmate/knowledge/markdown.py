"""Read Markdown and plain text: the text stays the file, character by character; only its blocks are found."""

import re
from array import array
from collections.abc import Iterator
from itertools import islice

from shipmate.knowledge.blocks import MOST_BLOCKS, Block, BlockKind

__all__ = ["markdown_blocks", "text_blocks"]

# Of many empty lines in a row, one is enough.
LINE_END = re.compile(r"\r\n(?:(?:\r\n)+(?=\r\n))?|\r|\n(?:\n+(?=\n))?")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
HEADING = re.compile(r" {0,3}(#{1,6})(?![^ \t])")
CLOSING = re.compile(r"(?:^|[ \t])#+[ \t]*$")
UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
TABLE_RULE = re.compile(r"[ \t]*+\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+$")
COMMENT = re.compile(r" {0,3}<!--")
LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
MARKS = re.compile(r"[*`]|(?<!\w)_|_(?!\w)|\{#[^}]*\}|<[^>]*>")
# Of an endless heading, this much is its title.
LONGEST_TITLE = 300


def markdown_blocks(text: str, start: int = 0) -> tuple[Block, ...]:
    """Return the blocks of a Markdown text from `start` on, where its front matter ends."""
    return tuple(islice(_Markdown(text, start).blocks(), MOST_BLOCKS + 1))


def text_blocks(text: str) -> tuple[Block, ...]:
    """Return the paragraphs of a plain text."""
    lines = _Lines(text, 0)
    blocks: list[Block] = []
    at = 0
    while at < len(lines) and len(blocks) <= MOST_BLOCKS:
        stop = at + 1
        if lines[at].strip():
            while stop < len(lines) and lines[stop].strip():
                stop += 1
            blocks.append(lines.block(BlockKind.PROSE, at, stop))
        at = stop
    return tuple(blocks)


class _Lines:
    """The lines of a text without their ends, and blocks made of them."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        # Machine integers: a file may hold millions of lines.
        self._starts = array("I", [start])
        self._starts.extend(match.end() for match in LINE_END.finditer(text, start))
        self._starts.append(len(text))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> str:
        return self._text[self._starts[number] : self._starts[number + 1]].rstrip("\r\n")

    def block(self, kind: BlockKind, first: int, stop: int, *, level: int = 0, title: str = "") -> Block:
        """Return a block of the lines [first, stop), without blank ones at its end."""
        start = self._starts[first]
        end = start + len(self._text[start : self._starts[stop]].rstrip())
        return Block(kind, start, end, level, title)


class _Markdown:
    """Walks down the lines; each method takes the block that begins at a line, and says where the next may begin."""

    def __init__(self, text: str, start: int) -> None:
        self._lines = _Lines(text, start)

    def blocks(self) -> Iterator[Block]:
        at = 0
        while at < len(self._lines):
            line = self._lines[at]
            if not line.strip() or RULE.match(line):
                at += 1
                continue
            block, at = self._block(line, at)
            yield block

    def _block(self, line: str, at: int) -> tuple[Block, int]:
        if fence := FENCE.match(line):
            return self._until(BlockKind.LINES, at, re.compile(rf" {{0,3}}{fence[1]}+[ \t]*$"), at + 1)
        if COMMENT.match(line):
            return self._until(BlockKind.HIDDEN, at, re.compile(r".*-->"), at)
        if heading := HEADING.match(line):
            title = _plain(line[heading.end() : heading.end() + LONGEST_TITLE])
            return self._lines.block(BlockKind.HEADING, at, at + 1, level=len(heading[1]), title=title), at + 1
        if self._is_table(at):
            return self._table(at)
        return self._prose(at)

    def _until(self, kind: BlockKind, at: int, closing: re.Pattern[str], first: int) -> tuple[Block, int]:
        """Take the lines up to the closing one, which is looked for from line `first`; without one, all."""
        stop = first
        while stop < len(self._lines) and not closing.match(self._lines[stop]):
            stop += 1
        stop = min(stop + 1, len(self._lines))
        return self._lines.block(kind, at, stop), stop

    def _is_table(self, at: int) -> bool:
        if "|" not in self._lines[at] or at + 1 == len(self._lines):
            return False
        return "|" in self._lines[at + 1] and TABLE_RULE.match(self._lines[at + 1]) is not None

    def _table(self, at: int) -> tuple[Block, int]:
        stop = at + 2
        while stop < len(self._lines) and "|" in self._lines[stop]:
            stop += 1
        return self._lines.block(BlockKind.LINES, at, stop), stop

    def _prose(self, at: int) -> tuple[Block, int]:
        """Take a paragraph or list item; one that is underlined is a heading."""
        stop = at + 1
        is_item = ITEM.match(self._lines[at]) is not None
        while stop < len(self._lines):
            line = self._lines[stop]
            if not is_item and (underline := UNDERLINE.match(line)):
                level = 1 if underline[1][0] == "=" else 2
                block = self._lines.block(BlockKind.HEADING, at, stop)
                title = _plain(" ".join(self._lines[number] for number in range(at, stop))[:LONGEST_TITLE])
                return Block(BlockKind.HEADING, block.start, block.end, level, title), stop + 1
            if not line.strip() or self._begins(line, stop):
                break
            stop += 1
        return self._lines.block(BlockKind.PROSE, at, stop), stop

    def _begins(self, line: str, at: int) -> bool:
        """Tell whether a line ends the paragraph above it."""
        starts = any(pattern.match(line) for pattern in (FENCE, HEADING, RULE, ITEM, COMMENT))
        return starts or self._is_table(at)


def _plain(heading: str) -> str:
    return " ".join(MARKS.sub("", LINK.sub(r"\1", CLOSING.sub("", heading))).split())
