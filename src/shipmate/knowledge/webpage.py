"""Read HTML: the text that a reader of the page sees, and where in the file each run of it stands.

The scanner is our own because the standard library's takes quadratic time on some broken pages, and because it must
know the exact offset of every character. It only ever jumps forward, so its time is linear whatever the page holds.
"""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from shipmate.knowledge.blocks import MOST_BLOCKS, MOST_RUNS, Block, BlockKind, Growing

__all__ = ["Webpage", "read_webpage"]

OPENING = re.compile(r"<(?:!--|[!?]|(/?)([a-zA-Z][a-zA-Z0-9:-]*))")
# A quoted value may hold ">", but a stray quote in a tag must not swallow the page.
TAG_END = re.compile(r"(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?+)*+>")
MAIN_OPENING = re.compile(r"<main[\s>]", re.IGNORECASE)
# A page that leads into itself, or runs a script, leads nowhere.
HREF = re.compile(r"\shref\s*=\s*(?:\"([^\"#][^\"]*)\"|'([^'#][^']*)'|([^\s\"'#>][^\s>]*))", re.IGNORECASE)
CONCEALED = re.compile(
    r"aria-hidden\s*=\s*[\"']?true|role\s*=\s*[\"']?navigation|display\s*:\s*none|\shidden(?=[\s=/>])", re.IGNORECASE
)
PIECE = re.compile(
    r"(?P<word>(?:[^\s&]+(?: (?=[^\s&]))?)+)|(?P<space>\s+)|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?|&"
)

# Their content is no markup.
RAW = {"iframe", "noscript", "object", "script", "style", "svg", "template", "textarea", "title"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
BOILERPLATE = {"aside", "button", "dialog", "footer", "header", "nav", "select"}
HEADINGS = {f"h{level}": level for level in range(1, 7)}
CELLS = {"td", "th"}
INLINE = set(
    """a abbr acronym b bdi bdo big br cite code data del dfn em font i img input ins kbd label mark q s samp small span
    strike strong sub sup time tt u var wbr""".split()
)


class Webpage(NamedTuple):
    """The readable part of a page; `runs` as in `Passage`, `links` as in `Document`."""

    title: str
    text: str
    blocks: tuple[Block, ...]
    runs: tuple[tuple[int, int], ...]
    links: tuple[tuple[int, str], ...]


class Tag(NamedTuple):
    """A tag or comment and what no reader sees behind it: `file[start:end]`."""

    name: str
    closes: bool
    start: int
    end: int


def read_webpage(file: str) -> Webpage:
    """Return what a reader sees, of `<main>` alone where there is one; never navigation, scripts or concealed text."""
    if MAIN_OPENING.search(file):
        page = _Reader(file, only_main=True).read()
        if page.blocks:
            return page
    return _Reader(file, only_main=False).read()


def _tags(file: str) -> Iterator[Tag]:
    at = 0
    while opening := OPENING.search(file, at):
        name = (opening[2] or "").lower()
        closes = opening[1] == "/"
        if name:
            tag_end = TAG_END.match(file, opening.end())
            at = tag_end.end() if tag_end else len(file)
        else:
            mark = "-->" if opening[0] == "<!--" else ">"
            found = file.find(mark, opening.end())
            at = found + len(mark) if found >= 0 else len(file)
        if name in RAW and not closes:
            closing = re.compile(rf"</{name}(?![\w-])", re.IGNORECASE).search(file, at)
            yield Tag(name, closes, opening.start(), closing.start() if closing else len(file))
            at = closing.start() if closing else len(file)
        else:
            yield Tag(name, closes, opening.start(), at)


class _Text(Growing):
    """The readable text of a page, with its links."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[int, str]] = []
        # The open block: where its parts begin, and its start in the text.
        self._first_part = 0
        self._start = 0
        self._kind = BlockKind.PROSE
        self._level = 0
        # Where in the file white space stands that counts as one blank once a word follows.
        self._blank_at = -1

    @property
    def is_inside(self) -> bool:
        """Tell whether the open block has begun."""
        return len(self._parts) > self._first_part

    @property
    def is_full(self) -> bool:
        """Tell whether there is more than a document may hold."""
        return len(self.blocks) > MOST_BLOCKS or max(len(self.runs), len(self.links)) > MOST_RUNS

    def begin(self, kind: BlockKind, level: int = 0) -> None:
        """End the open block; what follows belongs to a new one."""
        if self.is_inside:
            words = "".join(self._parts[self._first_part :]).rstrip()
            title = " ".join(words.split()) if self._kind is BlockKind.HEADING else ""
            if words:
                self.blocks.append(Block(self._kind, self._start, self._start + len(words), self._level, title))
            self._insert("\n\n")
        self._first_part = len(self._parts)
        self._start = self._size
        self._kind, self._level = kind, level
        self._blank_at = -1

    def blank(self, at: int) -> None:
        """Note white space in the file."""
        if self.is_inside and self._blank_at < 0:
            self._blank_at = at

    def link(self, target: str) -> None:
        """Note that what follows leads somewhere."""
        self.links.append((self._size + (self._blank_at >= 0), target))

    def separate(self, sign: str) -> None:
        """Put a sign that is not in the file, such as the tabulator between cells."""
        if self.is_inside:
            self._insert(sign)
            self._blank_at = -1

    def add(self, words: str, at: int) -> None:
        """Append what stands verbatim in the file."""
        self._fill_blank()
        last = self.runs[-1] if self.runs else None
        if last is None or self._size - last[0] != at - last[1]:
            self._run(at)
        self._insert(words)

    def add_entity(self, sign: str, at: int, end: int) -> None:
        """Append what the file writes as an entity: a run of its own, and one behind it, so that its end is known."""
        self._fill_blank()
        self._run(at)
        self._insert(sign)
        self._run(end)

    def _fill_blank(self) -> None:
        if self._blank_at >= 0:
            at, self._blank_at = self._blank_at, -1
            self.add(" ", at)


class _Reader:
    """Walks over the tags and keeps what is read between them."""

    def __init__(self, file: str, *, only_main: bool) -> None:
        self._file = file
        self._only_main = only_main
        self._text = _Text()
        self._title = ""
        self._main_depth = 0
        self._article_depth = 0
        self._pre_depth = 0
        # The element that is being skipped, and how often it is open within itself.
        self._skipped = ""
        self._skipped_depth = 0

    def read(self) -> Webpage:
        at = 0
        for tag in _tags(self._file):
            if self._text.is_full:
                break
            self._between(at, tag.start)
            self._tag(tag)
            at = tag.end
        else:
            self._between(at, len(self._file))
        self._text.begin(BlockKind.PROSE)
        blocks = tuple(self._text.blocks)
        return Webpage(self._title, self._text.text(), blocks, tuple(self._text.runs), tuple(self._text.links))

    def _between(self, start: int, end: int) -> None:
        if start == end or self._skipped or (self._only_main and not self._main_depth):
            return
        if self._pre_depth:
            self._preformatted(start, end)
            return
        for piece in PIECE.finditer(self._file, start, end):
            if piece["space"]:
                self._text.blank(piece.start())
            elif piece["word"]:
                self._text.add(piece[0], piece.start())
            elif self._text.is_full:
                return
            else:
                self._entity(piece)

    def _preformatted(self, start: int, end: int) -> None:
        at = start
        for piece in PIECE.finditer(self._file, start, end):
            if piece.lastgroup is None:
                if at < piece.start():
                    self._text.add(self._file[at : piece.start()], at)
                self._entity(piece)
                at = piece.end()
        if not self._text.is_inside:
            while at < end and self._file[at] in "\r\n":
                at += 1
        if at < end:
            self._text.add(self._file[at:end], at)

    def _entity(self, piece: re.Match[str]) -> None:
        sign = html.unescape(piece[0])
        if sign == piece[0]:
            self._text.add(sign, piece.start())
        elif sign.isspace():
            self._text.blank(piece.start())
        elif sign:
            self._text.add_entity(sign, piece.start(), piece.end())

    def _tag(self, tag: Tag) -> None:
        if self._skipped:
            if tag.name == self._skipped:
                self._skipped_depth += -1 if tag.closes else 1
                self._skipped = self._skipped if self._skipped_depth else ""
        elif tag.name == "title" and not tag.closes:
            self._title = self._title or self._title_of(tag)
        elif not tag.closes and self._is_concealed(tag):
            self._skipped, self._skipped_depth = tag.name, 1
        elif tag.name and tag.name not in RAW:
            self._structure(tag)

    def _is_concealed(self, tag: Tag) -> bool:
        if tag.name in VOID or tag.name in RAW:
            return False
        if tag.name in BOILERPLATE:
            return tag.name != "header" or not (self._main_depth or self._article_depth)
        return CONCEALED.search(self._file, tag.start, tag.end) is not None

    def _structure(self, tag: Tag) -> None:
        step = -1 if tag.closes else 1
        if tag.name == "main":
            self._main_depth = max(self._main_depth + step, 0)
        elif tag.name == "article":
            self._article_depth = max(self._article_depth + step, 0)
        elif tag.name == "pre":
            self._pre_depth = max(self._pre_depth + step, 0)
        if tag.name == "a" and not tag.closes:
            self._link(tag)
        elif tag.name == "br":
            self._text.separate("\n")
        elif tag.name in CELLS:
            self._text.separate("" if tag.closes else "\t")
        elif tag.name not in INLINE:
            level = 0 if tag.closes else HEADINGS.get(tag.name, 0)
            self._text.begin(self._kind(level), level)

    def _link(self, tag: Tag) -> None:
        href = HREF.search(self._file, tag.start, tag.end)
        target = html.unescape(href[1] or href[2] or href[3]).strip() if href else ""
        if target and not target.lower().startswith("javascript:") and (self._main_depth or not self._only_main):
            self._text.link(target)

    def _kind(self, level: int) -> BlockKind:
        if level:
            return BlockKind.HEADING
        return BlockKind.LINES if self._pre_depth else BlockKind.PROSE

    def _title_of(self, tag: Tag) -> str:
        inside = self._file[tag.start : tag.end].partition(">")[2]
        return " ".join(html.unescape(inside).split())
