"""What every reader makes of a file: its text, and the blocks that stand in it."""

from enum import StrEnum

import msgspec

from shipmate.errors import Problem
from shipmate.messages import Statement

__all__ = ["MOST_BLOCKS", "MOST_RUNS", "Block", "BlockKind", "Document", "Growing"]

# A reader stops behind these: who has more blocks is no document, and would take gigabytes.
MOST_BLOCKS = 250_000
MOST_RUNS = 1_000_000


class BlockKind(StrEnum):
    """What a block is, as far as cutting it matters."""

    HEADING = "heading"
    # Sentences: a paragraph or a list item.
    PROSE = "prose"
    # Lines that mean something each: code, a table.
    LINES = "lines"
    # Of a table of records, one: a passage of its own, under its title if it has one.
    RECORD = "record"
    # A comment in the file: never shown, so never quoted.
    HIDDEN = "hidden"


class Block(msgspec.Struct, frozen=True):
    """One paragraph, heading, list item, table or piece of code; `text[start:end]` of its document."""

    kind: BlockKind
    start: int
    end: int
    # Of a heading: 1-6 and its words without markup; a record may have a title too.
    level: int = 0
    title: str = ""


class Growing:
    """A text as it grows, with its blocks, and with its runs as `Document` has them."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.runs: list[tuple[int, int]] = []
        self._parts: list[str] = []
        self._size = 0

    def text(self) -> str:
        """Return all that was added."""
        return "".join(self._parts)

    def _run(self, at: int) -> None:
        """Begin a run; where one begins already, nothing was said since, and this one replaces it."""
        if self.runs and self.runs[-1][0] == self._size:
            self.runs.pop()
        self.runs.append((self._size, at))

    def _insert(self, words: str) -> None:
        self._parts.append(words)
        self._size += len(words)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A source as it was read."""

    # Path below the knowledge folder, with forward slashes, or a web page's address.
    source: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    # As in `Passage`: where each verbatim run of the text stands in the file; empty when the text is the file.
    runs: tuple[tuple[int, int], ...] = ()
    # Where in the text a link begins, and where it leads; empty when the text shows it.
    links: tuple[tuple[int, str], ...] = ()
    # Where in the text each page begins.
    pages: tuple[int, ...] = ()
    # As in `Passage`.
    audience: tuple[str, ...] = ()
    date: str = ""
    relations: tuple[Statement, ...] = ()
    # What was passed over in it.
    notes: tuple[Problem, ...] = ()
